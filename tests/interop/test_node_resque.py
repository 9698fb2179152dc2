"""node-resque and this engine on one Redis: each performs, sees and tells of the other's jobs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Push, StartWorker
from tests.engine.direct import PATIENCE_S, Direct, eventually

from resque import Resque
from resque.state import failures, snapshot
from resque.state.failures import Requeued
from resque.wire.address import parse_url
from resque.wire.keys import Keys
from resque.wire.stores import Store

pytestmark = pytest.mark.node

HERE = Path(__file__).parent
KEYS = Keys()

Node = Callable[..., Any]
StartNode = Callable[..., subprocess.Popen[str]]

#: Arguments that both sides must understand alike.
ARGUMENTS: list[Any] = [1, -2.5, 'é日😀 "\\ \n', None, True, [1, [2]], {"k": {"n": []}}]


@pytest.fixture(scope="module")
def node_program() -> str:
    """Node and the packages. Without them: skipped here, failed in CI."""
    program = shutil.which("node")
    missing = "node is not installed" if program is None else ""
    if not (HERE / "node_modules" / "node-resque").is_dir():
        missing = missing or "tests/interop/node_modules is missing: run `make test`"
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    assert program is not None
    return program


@pytest.fixture
def start_node(node_program: str, redis_url: str) -> Iterator[StartNode]:
    """Starts a command of node-resque's on the same Redis."""
    started: list[subprocess.Popen[str]] = []
    path = parse_url(redis_url).path
    assert path is not None

    def start(command: str, value: object = None) -> subprocess.Popen[str]:
        text = "" if value is None else json.dumps(value)
        process = subprocess.Popen(
            [node_program, str(HERE / "node_side.cjs"), path, command, text],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answer_of(process: subprocess.Popen[str]) -> Any:
    """What a command of node-resque's said at its end."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.fixture
def node(start_node: StartNode) -> Node:
    """Runs a command of node-resque's to its end."""
    return lambda command, value=None: answer_of(start_node(command, value))


@pytest.fixture
def resque(redis_url: str) -> Iterator[Resque]:
    client = Resque(redis_url)
    yield client
    client.close()


def test_our_worker_performs_their_jobs(
    direct: Direct, node: Node, start_worker: StartWorker
) -> None:
    jobs = [["theirs", "Echo", ARGUMENTS], ["theirs", "Echo", []], ["more", "Note", ["x"]]]
    assert node("enqueue", jobs) == 3
    worker = start_worker("*", INTERVAL="0")
    assert worker.wait() == 0
    # Byte order of queues: `more` comes first.
    first, second, third = direct("LRANGE", "trace", 0, -1)
    assert first == b"x"
    assert json.loads(second) == ARGUMENTS
    assert json.loads(third) == []
    assert direct("GET", "resque:stat:processed") == b"3"
    assert direct("EXISTS", "resque:failed") == 0


def test_their_worker_performs_our_jobs(direct: Direct, node: Node, resque: Resque) -> None:
    resque.enqueue_to("ours", "Py::Add", *ARGUMENTS)
    resque.enqueue_to("ours", "py.mail")
    performed = node("work", {"queues": ["ours"], "jobs": 2})
    assert performed == [["Py::Add", *ARGUMENTS], ["py.mail"]]
    assert direct("GET", "resque:stat:processed") == b"2"
    assert resque.info().pending == 0


def test_our_failure_is_theirs_to_read(node: Node, push: Push, start_worker: StartWorker) -> None:
    push("FailJob", "é boom", 1, queue="ours")
    worker = start_worker("ours", INTERVAL="0")
    assert worker.wait() == 0
    seen = node("look")
    [failure] = seen["failed"]
    assert (failure["exception"], failure["error"]) == ("RuntimeError", "é boom")
    assert failure["payload"] == {"class": "FailJob", "args": ["é boom", 1]}
    assert (failure["queue"], failure["worker"]) == ("ours", worker.id)
    assert failure["backtrace"][0].endswith(":in `perform'")
    assert seen["stats"]["failed"] == "1"


def test_their_failure_is_ours_to_read_and_to_requeue(
    direct: Direct, node: Node, resque: Resque, store: Store
) -> None:
    resque.enqueue_to("ours", "Broken", "no use", 1)
    before = datetime.now(UTC)
    node("work", {"queues": ["ours"], "jobs": 1})
    _, [failure] = store.run(failures.newest(KEYS, limit=9))
    assert failure.problem is None
    assert (failure.exception, failure.error) == ("TypeError", "no use")
    assert (failure.class_name, failure.args) == ("Broken", ["no use", 1])
    assert failure.queue == "ours"
    assert failure.backtrace
    assert failure.failed_at is not None
    assert abs((failure.failed_at - before).total_seconds()) < 600
    assert store.run(failures.requeue(KEYS, failure)) == Requeued(done=True)
    assert direct("LRANGE", "resque:queue:ours", 0, -1) == [
        b'{"class":"Broken","args":["no use",1]}'
    ]
    assert node("look")["failed"] == []


def test_their_busy_worker_is_in_our_snapshot(
    direct: Direct, start_node: StartNode, resque: Resque, store: Store
) -> None:
    resque.enqueue_to("ours", "Held", {"deep": [1]})
    process = start_node("work", {"queues": ["ours", "more"], "jobs": 1})
    eventually(lambda: not direct("EXISTS", "resque:queue:ours"), "node-resque takes the job")
    seen = store.run(snapshot.take(KEYS, tails={}, failures_limit=1))
    [worker] = seen.workers
    assert worker.identity.pid == process.pid
    assert worker.identity.queues == ("ours", "more")
    assert worker.started is not None
    assert not worker.has_heartbeat
    assert worker.record is not None
    assert (worker.record.class_name, worker.record.args) == ("Held", [{"deep": [1]}])
    assert worker.record.queue == "ours"
    assert worker.record.run_at is not None
    direct("SET", "let go", "1")
    assert answer_of(process) == [["Held", {"deep": [1]}]]
    assert store.run(snapshot.take(KEYS, tails={}, failures_limit=1)).workers == ()


def test_our_busy_worker_is_in_their_list(
    push: Push, node: Node, start_worker: StartWorker
) -> None:
    push("SlowJob", 600, queue="ours")
    worker = start_worker("ours,more")
    worker.await_child()
    seen = node("look")
    assert seen["workers"] == {worker.host_pid: "ours,more"}
    # Under its record's `worker`, which only node-resque writes; of others' it sees the content.
    [working] = [each for each in seen["working"].values() if isinstance(each, dict)]
    assert working["payload"] == {"class": "SlowJob", "args": [600]}
    assert working["queue"] == "ours"


def test_our_worker_leaves_theirs_alone(
    direct: Direct, start_node: StartNode, resque: Resque, start_worker: StartWorker
) -> None:
    resque.enqueue_to("ours", "Held")
    process = start_node("work", {"queues": ["ours"], "jobs": 1})
    eventually(lambda: not direct("EXISTS", "resque:queue:ours"), "node-resque takes the job")
    worker = start_worker("*")
    worker.await_ready()
    assert direct("SCARD", "resque:workers") == 2
    assert direct("EXISTS", "resque:failed") == 0
    direct("SET", "let go", "1")
    assert answer_of(process) == [["Held"]]
