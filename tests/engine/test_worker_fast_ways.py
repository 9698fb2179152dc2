"""The ways that a forking worker takes to be quick lead where the long ones do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from queuecore import address, lean
from queuecore.address import parse_url
from queuecore.exchange import Call, Script
from resque.errors import BadUrl
from resque.store.workers import read_record
from resque.worker import reserve


def record(item: bytes, queue: bytes = b'"q"') -> bytes:
    """As `work.lua` writes it."""
    return b'{"queue":%s,"run_at":"2026-11-23T17:00:00Z","payload":%s}' % (queue, item)


@pytest.mark.parametrize(
    "item",
    [
        b'{"class":"A","args":[1,2.50,"\xff"]}',
        b' \t{ "class" : "A" , "args":[] }\r\n ',
        b'{"class":"A"}',
        b'{"class":"A","args":{"payload":1},"more":"\\",\\"payload\\":"}',
        b'{"class":"A","class":"B","args":[]}',
        b'{"class":null,"args":[]}',
        b'{"class":"A","args":[NaN]}',
        b'{"args":[]}',
        b"{}",
        b"{",
        b'{"class":"A","args":["' + b"x" * 2**20 + b'"]}',
    ],
)
@pytest.mark.parametrize("queue", [b'"q"', json.dumps('",\\"payload":').encode()])
def test_a_job_read_the_quick_way_is_what_it_is_the_long_way(item: bytes, queue: bytes) -> None:
    raw = record(item, queue)
    quick = reserve.read_at_once(raw)
    assert quick is None or repr(quick) == repr(read_record(raw))


def test_the_usual_job_is_read_the_quick_way() -> None:
    raw = record(b'{"class":"A","args":[1]}')
    assert reserve.read_at_once(raw) == read_record(raw)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://Example.COM:1/",
        "redis://10.0.0.1:65535/12",
        "redis://localhost:0/0",
        "redis://a-b.c:6379/7",
    ],
)
def test_a_plain_url_is_read_the_quick_way_as_the_long_way(url: str) -> None:
    assert address._parse_plain(url) == address._parse_any(url) == parse_url(url)


@pytest.mark.parametrize("url", ["redis://h:65536/0", "redis://h:123456", "redis://h/x"])
def test_a_plain_url_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        parse_url(url)


def run_program(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; macOS takes the package")
def test_the_title_is_set_without_the_package_that_sets_it() -> None:
    program = (
        "import sys; from resque.worker import title; title.set_title('resque: a\\ud800\\0b'); "
        "print('setproctitle' in sys.modules, open('/proc/self/cmdline').read().strip('\\0'))"
    )
    assert run_program(program) == "False resque: a??b\n"


@pytest.mark.parametrize("args", [(), ("",), (b"a\r\n*1\r\n", 5, "\xe9", b"\xff")])
@pytest.mark.parametrize("keys", [(), (b"resque:queue:q", b"\r\n$1")])
def test_a_call_packed_the_quick_way_is_the_same_command(
    keys: tuple[bytes, ...], args: tuple[bytes | str | int, ...]
) -> None:
    call = Call(Script("one", b"return 1"), keys, args)
    other = Call(Script("other", b"return 2"), keys, args)
    for each in (call, other, call):
        assert lean._pack_call(each) == lean._pack(each.by_sha())


def test_a_plain_host_is_reached_without_the_rules_of_international_names() -> None:
    program = """
import sys
from resque.errors import Unreachable
from queuecore.address import parse_url
from queuecore.exchange import single
from queuecore.lean import LeanStore

for host in ("127.0.0.1", "localhost", "\uff11\uff12\uff17.0.0.1"):
    store = LeanStore(parse_url(f"redis://{host}:1/0"), timeout_s=1, client_name="x")
    try:
        store.run(single(("PING",), lambda reply: reply))
    except Unreachable:
        print("encodings.idna" in sys.modules)
"""
    assert run_program(program).split() == ["False", "False", "True"]


def test_warming_up_adapts_the_code_that_only_children_run_and_nothing_else() -> None:
    program = """
import dis, os
from resque import perform
from queuecore import times
from resque.worker.warm_up import warm_up
from resque.worker.signals import SignalState
from tests.support.worker_claims import context

def adapted():
    raw = [step.opname for step in dis.get_instructions(perform.perform)]
    return raw != [step.opname for step in dis.get_instructions(perform.perform, adaptive=True)]

def state():
    return vars(wishes).copy(), len(os.listdir("/dev/fd"))

wishes = SignalState()
before = state()
print(adapted())
warm_up(context(None, wishes))
print(adapted(), state() == before)
"""
    assert run_program(program).split() == ["False", "True", "True"]
