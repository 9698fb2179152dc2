"""node-resque and this engine on one Redis: each performs, lists and reports the other's jobs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.known import known
from tests.support.node import Node, StartNode, answer_of
from tests.support.waiting import eventually

from queuecore.bulk import Result
from queuecore.stores import Store
from resque import Resque
from resque.keys import Keys
from resque.store import failures, snapshot

pytestmark = pytest.mark.node

KEYS = Keys()

#: Arguments that both sides must understand alike.
ARGUMENTS: list[Any] = [1, -2.5, 'é日😀 "\\ \n', None, True, [1, [2]], {"k": {"n": []}}]


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


def test_they_can_read_our_failure(node: Node, push: Push, start_worker: StartWorker) -> None:
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


def test_we_can_read_and_requeue_their_failure(
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
    mark = list_actions.ref_of(failure)
    assert store.run(list_actions.requeue(KEYS, [mark])) == Result(done=1)
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
    seen = store.run(snapshot.take(KEYS, failures_limit=1))
    [worker] = known(seen.processes)
    assert worker.pid == process.pid
    assert worker.listed == ("ours", "more")
    assert worker.started is not None
    assert not worker.has_beat
    (job,) = known(worker.jobs)
    assert (job.class_name, job.args) == ("Held", [{"deep": [1]}])
    assert job.queue == "ours"
    assert job.since is not None
    direct("SET", "let go", "1")
    assert answer_of(process) == [["Held", {"deep": [1]}]]
    assert store.run(snapshot.take(KEYS, failures_limit=1)).processes == ()


def test_our_busy_worker_is_in_their_list(
    push: Push, node: Node, start_worker: StartWorker
) -> None:
    push("SlowJob", 600, queue="ours")
    worker = start_worker("ours,more")
    worker.await_child()
    seen = node("look")
    assert seen["workers"] == {worker.host_pid: "ours,more"}
    # The name is in its record's `worker`, which only node-resque writes; for other workers it
    # shows the content.
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
