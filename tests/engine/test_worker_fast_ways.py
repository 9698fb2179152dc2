"""The ways that a forking worker takes to be quick lead where the long ones do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from resque.errors import BadUrl
from resque.state.workers import read_record
from resque.wire import address
from resque.wire.address import parse_url
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


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; macOS takes the package")
def test_the_title_is_set_without_the_package_that_sets_it() -> None:
    program = (
        "import sys; from resque.worker import title; title.set_title('resque: a\\ud800\\0b'); "
        "print('setproctitle' in sys.modules, open('/proc/self/cmdline').read().strip('\\0'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False resque: a??b\n"
