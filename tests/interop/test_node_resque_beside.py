"""node-resque and this engine beside each other: delayed jobs, retries, each other's workers."""

from __future__ import annotations

import json
import time
from collections import Counter
from signal import SIGKILL
from typing import Any

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.known import known
from tests.support.node import Node, StartNode, answer_of
from tests.support.waiting import eventually
from tests.support.worker_results import failed, forget

from queuecore.stores import Store
from resque import Resque
from resque.keys import Keys
from resque.scheduler.moving import move_due
from resque.store import delayed, failures, snapshot

pytestmark = pytest.mark.node

KEYS = Keys()
ARGUMENTS: list[Any] = [1, -2.5, 'é日😀 "\\ \n', None, True, [1, [2]], {"k": {"n": []}}]


def delay_keys(direct: Direct) -> list[bytes]:
    """The keys that delayed jobs have left."""
    found = [direct("KEYS", f"resque:{name}*") for name in ("delayed", "timestamps")]
    return [key for keys in found for key in keys]


def test_our_scheduler_moves_their_delayed_jobs(
    direct: Direct, node: Node, store: Store, start_worker: StartWorker
) -> None:
    due = int(time.time()) - 5
    assert node("delay", [[due, "theirs", "Echo", ARGUMENTS], [due - 5, "theirs", "Echo", []]]) == 2
    assert len(delay_keys(direct)) == 5
    done = store.run(move_due(KEYS, time.time()))
    assert (done.moved.queued, done.is_complete) == (2, True)
    assert delay_keys(direct) == []
    worker = start_worker("theirs", INTERVAL="0")
    assert worker.wait() == 0
    assert [json.loads(line) for line in direct("LRANGE", "trace", 0, -1)] == [[], ARGUMENTS]


def test_their_scheduler_moves_our_delayed_jobs(
    direct: Direct, node: Node, store: Store, resque: Resque
) -> None:
    due = int(time.time()) - 5
    store.run(delayed.schedule(KEYS, due, "ours", "Py::Add", ARGUMENTS))
    store.run(delayed.schedule(KEYS, due - 5, "ours", "py.mail", []))
    assert node("schedule") == [
        [due - 5, {"class": "py.mail", "args": [], "queue": "ours"}],
        [due, {"class": "Py::Add", "args": ARGUMENTS, "queue": "ours"}],
    ]
    assert delay_keys(direct) == []
    assert resque.info().pending == 2
    performed = node("work", {"queues": ["ours"], "jobs": 2})
    assert performed == [["py.mail"], ["Py::Add", *ARGUMENTS]]


def test_each_sees_what_the_other_delays(node: Node, store: Store, resque: Resque) -> None:
    at = int(time.time()) + 86_400
    node("delay", [[at, "theirs", "Echo", [1]]])
    resque.enqueue_at_to("ours", at, "Py::Add", 2)
    assert node("delayed") == {
        f"{at}000": [
            {"class": "Echo", "queue": "theirs", "args": [1]},
            {"class": "Py::Add", "args": [2], "queue": "ours"},
        ]
    }
    size, seen = store.run(delayed.jobs(KEYS, str(at), 0, 9))
    assert size == 2
    assert [(job.class_name, job.args, job.queue) for job in seen] == [
        ("Echo", [1], "theirs"),
        ("Py::Add", [2], "ours"),
    ]


def test_we_delete_what_they_delay(direct: Direct, node: Node, store: Store) -> None:
    at = int(time.time()) + 86_400
    node("delay", [[at, "theirs", "Echo", ["é"]], [at + 60, "theirs", "Echo", ["é"]]])
    _, [job] = store.run(delayed.jobs(KEYS, str(at), 0, 9))
    assert store.run(delayed.scheduled_at(KEYS, job.item.raw)) == [at, at + 60]
    assert store.run(delayed.remove(KEYS, job.item.raw)) == 2
    # As in Ruby, the empty moments stay known until they are due.
    assert delay_keys(direct) == [b"resque:delayed_queue_schedule"]
    assert node("delayed") == {}


def test_both_schedulers_at_once_move_each_job_once(
    direct: Direct, start_node: StartNode, start_worker: StartWorker, node: Node, store: Store
) -> None:
    due = int(time.time()) - 100
    node("delay", [[due + n % 10, "q", "A", [n, "theirs"]] for n in range(150)])
    for number in range(150):
        store.run(delayed.schedule(KEYS, due + number % 10, "q", "A", [number, "ours"]))
    theirs = start_node("schedule")
    ours = start_worker(
        module="resque.scheduler", RESQUE_SCHEDULER_INTERVAL="0.01", DELAYED_REQUEUE_BATCH_SIZE="1"
    )
    answer_of(theirs)
    eventually(lambda: direct("LLEN", "resque:queue:q") >= 300, "all are moved")
    ours.await_log("is the master")
    assert ours.leave() == 0
    moved = Counter(
        tuple(json.loads(raw)["args"]) for raw in direct("LRANGE", "resque:queue:q", 0, -1)
    )
    assert moved == Counter((number, side) for number in range(150) for side in ("ours", "theirs"))
    assert delay_keys(direct) == []


def test_they_retry_our_failure(
    direct: Direct, node: Node, push: Push, start_worker: StartWorker
) -> None:
    push("FailJob", "é boom", ARGUMENTS, queue="ours")
    assert start_worker("ours", INTERVAL="0").wait() == 0
    assert failed(direct) == [("FailJob", ["é boom", ARGUMENTS], "RuntimeError")]
    # It finds the entry by its bytes as JavaScript writes them.
    assert node("retry") == 1
    assert failed(direct) == []
    assert start_worker("ours", INTERVAL="0").wait() == 0
    assert failed(direct) == [("FailJob", ["é boom", ARGUMENTS], "RuntimeError")]


def test_we_requeue_their_failures_and_they_fail_there_again(
    direct: Direct, node: Node, resque: Resque, store: Store
) -> None:
    for number in range(3):
        resque.enqueue_to("ours", "Broken", "no use", number)
    node("work", {"queues": ["ours"], "jobs": 3})
    marks = store.run(list_actions.select(KEYS, lambda failure: failure.args != ["no use", 1]))
    assert store.run(list_actions.requeue(KEYS, marks)).done == 2
    assert failed(direct) == [("Broken", ["no use", 1], "TypeError")]
    node("work", {"queues": ["ours"], "jobs": 2})
    assert [args for _, args, _ in failed(direct)] == [["no use", n] for n in (1, 0, 2)]
    assert store.run(failures.newest(KEYS, limit=9))[1][0].problem is None


def test_each_lists_the_workers_of_both(
    direct: Direct,
    push: Push,
    start_node: StartNode,
    node: Node,
    start_worker: StartWorker,
    store: Store,
) -> None:
    push("Held", queue="theirs")
    theirs = start_node("work", {"queues": ["theirs"], "jobs": 1})
    eventually(lambda: not direct("EXISTS", "resque:queue:theirs"), "node-resque takes the job")
    ours = start_worker("ours")
    ours.await_ready()
    seen = store.run(snapshot.take(KEYS, failures_limit=1))
    assert {worker.pid for worker in known(seen.processes)} == {ours.pid, theirs.pid}
    workers = node("look")["workers"]
    assert workers.pop(ours.host_pid) == "ours"
    [(name, queues)] = workers.items()
    assert (name.split("+")[0].rpartition(":")[2], queues) == (str(theirs.pid), "theirs")
    direct("SET", "let go", "1")
    assert answer_of(theirs) == [["Held"]]


def test_their_clean_up_of_workers_leaves_ours_alone(
    direct: Direct, push: Push, start_node: StartNode, node: Node, start_worker: StartWorker
) -> None:
    push("SlowJob", 600, queue="ours")
    push("Held", 1, queue="theirs")
    ours = start_worker("ours")
    ours.await_child()
    theirs = start_node("work", {"queues": ["theirs"], "jobs": 1})
    eventually(lambda: direct("KEYS", "resque:worker:ping:*"), "node-resque beats")
    eventually(lambda: not direct("EXISTS", "resque:queue:theirs"), "node-resque takes the job")
    theirs.send_signal(SIGKILL)
    theirs.wait()
    [ping] = direct("KEYS", "resque:worker:ping:*")
    beat = json.loads(direct("GET", ping))
    direct("SET", ping, json.dumps(beat | {"time": 1}))
    record = direct("GET", f"resque:worker:{ours.id}")
    assert node("clean")["cleaned"] == [beat["name"]]
    # Their worker is gone and its job failed; ours continues.
    assert direct("SMEMBERS", "resque:workers") == [ours.id.encode()]
    assert direct("GET", f"resque:worker:{ours.id}") == record
    assert direct("HKEYS", "resque:workers:heartbeat") == [ours.id.encode()]
    assert [(name, args) for name, args, _ in failed(direct)] == [("Held", [1])]


def test_our_pruning_leaves_their_silent_worker_alone_without_a_message(
    direct: Direct, push: Push, start_node: StartNode, start_worker: StartWorker
) -> None:
    push("Held", queue="theirs")
    theirs = start_node("work", {"queues": ["theirs"], "jobs": 1})
    eventually(lambda: not direct("EXISTS", "resque:queue:theirs"), "node-resque takes the job")
    dead = start_worker("ours")
    dead.await_ready()
    dead.kill()
    forget(direct, dead.id)
    assert start_worker("ours", INTERVAL="0").wait() == 0
    [left] = direct("SMEMBERS", "resque:workers")
    assert str(theirs.pid) in left.decode()
    assert failed(direct) == []
    direct("SET", "let go", "1")
    assert answer_of(theirs) == [["Held"]]
