"""Reaching a cluster: the keys of a namespace that is a hash tag are all on one node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support import list_actions
from tests.support.engine_fixtures import StartWorker
from tests.support.known import known
from tests.support.registered_workers import held
from tests.support.tcp_redis import (
    KINDS,
    Runners,
    Servers,
    TcpRedis,
    line_job,
    problem_of,
    until_served,
)
from tests.support.waiting import eventually

from queuecore import audit, bulk
from queuecore.action_record import ActionRecord, Actor
from queuecore.cooperative import at_once
from queuecore.exchange import Exchange, Operation, single
from queuecore.server import Binary
from queuecore.stores import AsyncStore, Store
from queuecore.times import utc_now
from resque.client import Resque
from resque.errors import BadUrl, Refused, Unreachable
from resque.keys import Keys
from resque.store import queues, snapshot, undo
from resque.store.snapshot import SnapshotReader
from resque.store.worker_reader import LargeFleet
from sidekiq.store import systems

KEYS = Keys("{resque}")
READ = queues.names(KEYS)
PORT: Exchange[int] = single(("CONFIG", "GET", "port"), lambda reply: int(reply[1]))
QUEUES = "resque:queues"
SLOTS = 16384


def _node(start: Servers) -> TcpRedis:
    settings = ("cluster-enabled yes", "cluster-require-full-coverage no")
    try:
        return start("cluster-port {free_port}", *settings)
    except AssertionError:
        # Before Redis 7 the bus has the port 10,000 above the other.
        return start(*settings)


class Cluster:
    """Two nodes. `right` has the keys of the hash tag, `wrong` has the other half."""

    def __init__(self, start: Servers) -> None:
        nodes = [_node(start), _node(start)]
        halves = ((0, SLOTS // 2 - 1), (SLOTS // 2, SLOTS - 1))
        for node, half in zip(nodes, halves, strict=True):
            node("CLUSTER", "ADDSLOTS", *range(half[0], half[1] + 1))
        bus_port = nodes[1]("CONFIG", "GET", "cluster-port")[1:]
        nodes[0]("CLUSTER", "MEET", "127.0.0.1", nodes[1].port, *bus_port)
        for node in nodes:
            eventually(lambda n=node: _is_whole(n), "the cluster is whole")  # type: ignore[misc]
        slot = nodes[0]("CLUSTER", "KEYSLOT", KEYS.queues())
        self.wrong, self.right = nodes if slot >= SLOTS // 2 else nodes[::-1]
        self.half = halves[nodes.index(self.right)]

    def empty(self) -> None:
        """Forget all keys, also the scripts."""
        for node in (self.wrong, self.right):
            node("FLUSHALL")
            node("SCRIPT", "FLUSH")

    def hand_over(self) -> None:
        """The node that has the keys dies, and the other one takes all slots over."""
        self.right.kill()
        for verb in ("DELSLOTS", "ADDSLOTS"):
            self.wrong("CLUSTER", verb, *range(self.half[0], self.half[1] + 1))

    def has(self, key: str) -> bool:
        """Whether a key belongs on the node `right`."""
        first, last = self.half
        return bool(first <= self.wrong("CLUSTER", "KEYSLOT", key) <= last)


def _is_whole(node: TcpRedis) -> bool:
    info = node("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_slots_ok:%d" % SLOTS in info


@pytest.fixture(scope="module")
def shared(redis_binary: Binary) -> Iterator[Cluster]:
    with Servers(redis_binary.path) as start:
        yield Cluster(start)


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """The cluster, empty."""
    shared.empty()
    return shared


@pytest.fixture(params=KINDS)
def reach(request: pytest.FixtureRequest) -> Iterator[Runners]:
    """Opens runners of one kind."""
    with Runners(request.param) as runners:
        yield runners


def trail(action: str, queue: str, planned: int) -> ActionRecord:
    who = Actor("ann@host", "test")
    return ActionRecord(who, action, f"queue {queue}", KEYS.queue(queue), planned, queue)


def test_a_runner_goes_where_the_keys_are_and_stays_there(reach: Runners, cluster: Cluster) -> None:
    runner = reach(cluster.wrong.url)
    assert runner.run(queues.push(KEYS, "q", [b"1", b"2"])) == 2
    assert runner.run(PORT) == cluster.right.port
    assert runner.run(READ) == ["q"]
    assert cluster.right("LRANGE", KEYS.queue("q"), 0, -1) == [b"1", b"2"]
    assert cluster.wrong("DBSIZE") == 0
    runner.close()
    assert runner.run(queues.push(KEYS, "q", [b"3"])) == 3


def test_the_first_thing_to_be_sent_on_may_be_anything(reach: Runners, cluster: Cluster) -> None:
    payloads = {"a": [b"1", b"2"], "b": [b"3"]}
    operations: list[tuple[Operation[Any], object]] = [
        (queues.push_all(KEYS, payloads), 3),  # a script
        (queues.remove_queue(KEYS, "b"), 1),  # a transaction
        (queues.size(KEYS, "a"), 2),
        (queues.peek(KEYS, "a", 0, 9).then(lambda window: window.length), 2),
    ]
    for operation, result in operations:
        assert reach(cluster.wrong.url).run(operation) == result
    unix = reach(f"unix://{cluster.wrong.socket}")
    assert unix.run(READ) == ["a"], "the other node is not on the same socket"


def test_threads_and_tasks_are_sent_on_without_disturbing_each_other(cluster: Cluster) -> None:
    script = queues.push_all(KEYS, {"q": [b"x"]})
    with Store(cluster.wrong.url) as store, ThreadPoolExecutor(8) as threads:
        for future in [threads.submit(store.run, script) for _ in range(40)]:
            assert future.result() == 1

    async def together() -> list[int]:
        store = AsyncStore(cluster.wrong.url)
        done = await asyncio.gather(*(store.run(script) for _ in range(40)))
        await store.close()
        return done

    assert asyncio.run(together()) == [1] * 40
    assert cluster.right("LLEN", KEYS.queue("q")) == 80


def test_bulk_actions_and_their_undo(reach: Runners, cluster: Cluster) -> None:
    runner = reach(cluster.wrong.url)
    items = [b'{"class":"OkJob","args":[%d]}' % number for number in range(300)]
    runner.run(queues.push(KEYS, "q", items))
    marks: list[bulk.JobRef] = runner.run(
        bulk.scan(KEYS.queue("q"), lambda item, place: bulk.JobRef(place, item.sha))
    )
    moving = trail("move", "q", len(marks))
    # The scripts begin on the wrong node.
    taken = reach(cluster.wrong.url).run(queues.move(KEYS, "q", marks[:250], "other", moving))
    assert (taken.done, taken.gone, taken.refused) == (250, 0, ())
    assert cluster.right("LLEN", KEYS.queue("other")) == 250
    undone = reach(cluster.wrong.url).run(undo.undo(KEYS, moving.id))
    assert (undone.done, undone.lost) == (250, 0)
    assert cluster.right("LRANGE", KEYS.queue("q"), 0, -1) == items

    clearing = trail("clear", "q", 300)
    extent = runner.run(list_actions.extent(KEYS, "q"))
    assert reach(cluster.wrong.url).run(list_actions.clear(KEYS, "q", extent, clearing)) == 300
    assert cluster.right("LLEN", KEYS.queue("q")) == 0
    assert reach(cluster.wrong.url).run(undo.undo(KEYS, clearing.id)).done == 300
    assert cluster.right("LRANGE", KEYS.queue("q"), 0, -1) == items
    entries = reach(cluster.wrong.url).run(audit.newest(KEYS, 9))
    assert [entry.action for entry in entries] == ["clear", "move"]


def test_one_look_at_everything(reach: Runners, cluster: Cluster) -> None:
    look = snapshot.take(KEYS, failures_limit=9)
    assert reach(cluster.wrong.url).run(look).queues == ()
    reach(cluster.right.url).run(queues.push_all(KEYS, {"a": [b"{}"] * 2, "b": [b"{}"]}))
    seen = reach(cluster.wrong.url).run(snapshot.take(KEYS, failures_limit=9))
    assert [(queue.name, queue.size) for queue in known(seen.queues)] == [("a", 2), ("b", 1)]
    assert seen.problems == {}


def test_looks_at_a_large_fleet(reach: Runners, cluster: Cluster) -> None:
    looker, runner = (
        SnapshotReader(KEYS, failures_limit=9, large=LargeFleet(few=0)),
        reach(cluster.wrong.url),
    )
    cluster.right("SADD", KEYS.workers(), "h:1:a", "h:2:a")
    cluster.right("RPUSH", KEYS.failed(), "{}")
    for number in range(5):
        record = f'{{"queue":"a","payload":{{"class":"A","args":[{number}]}}}}'
        cluster.right("INCR", KEYS.stat("processed"))
        cluster.right("INCR", KEYS.worker_stat("processed", "h:2:a"))
        cluster.right("SET", KEYS.worker("h:2:a"), record)
        seen = at_once(runner.run(looker.look()))
        assert [job.args if (job := held(w)) else None for w in known(seen.processes)] == [
            None,
            [number],
        ]
        assert (len(known(seen.failures)), seen.problems) == (1, {})


def test_a_client_and_a_worker_that_know_only_the_wrong_node(
    cluster: Cluster, start_worker: StartWorker, tmp_path: Path
) -> None:
    with Runners("blocking") as runners:
        client = Resque(cluster.wrong.url, namespace="{resque}")
        files = [tmp_path / f"job-{number}" for number in range(8)]
        for file in files[:4]:
            assert client.enqueue_to("default", "Line", str(file))
        assert client.enqueue_many([]) == 0
        runners(cluster.wrong.url).run(
            queues.push(KEYS, "default", [line_job(file) for file in files[4:]])
        )
        assert client.enqueue_to("default", "NoSuchJob")
        worker = start_worker(url=cluster.wrong.url, RESQUE_NAMESPACE="{resque}", INTERVAL="0")
        assert worker.wait() == 0, worker.log()
        assert {file.read_text() for file in files} == {"performed\n"}
        info = client.info()
        assert (info.pending, info.processed, info.failed, info.workers) == (0, 9, 1, 0)
        client.close()
    assert cluster.wrong("DBSIZE") == 0


def test_a_namespace_that_is_no_hash_tag_is_reported(reach: Runners, cluster: Cluster) -> None:
    plain = Keys("resque")
    names = (f"q{number}" for number in range(99))
    # A queue that is not where the set of queues is.
    queue = next(n for n in names if cluster.has(f"resque:queue:{n}") != cluster.has(QUEUES))
    push = queues.push(plain, queue, [b"x"])
    for node in (cluster.wrong, cluster.right):
        runner = reach(node.url)
        operations: list[Operation[Any]] = [
            push,
            queues.push_all(plain, {queue: [b"x"]}),
            queues.remove_queue(plain, queue),
            snapshot.take(plain, failures_limit=9),
        ]
        for operation in operations:
            problem = problem_of(lambda r=runner, o=operation: r.run(o))  # type: ignore[misc]
            assert type(problem) is Refused
            assert "the namespace must be a hash tag: use {resque}" in str(problem)
        assert runner.run(READ) == [], "the runner goes on"
    # The one that knew its key did its part of the push; none did it twice.
    owner = cluster.right if cluster.has(f"resque:queue:{queue}") else cluster.wrong
    assert owner("LLEN", f"resque:queue:{queue}") == 1


def test_a_worker_says_so_too_and_does_not_begin(
    cluster: Cluster, start_worker: StartWorker
) -> None:
    worker = start_worker(url=cluster.wrong.url, INTERVAL="0")
    assert worker.wait() == 3
    assert "worker: in a cluster the namespace must be a hash tag: use {resque}" in worker.log()


def test_a_cluster_refuses_a_database_that_it_does_not_have(
    reach: Runners, cluster: Cluster
) -> None:
    problem = problem_of(lambda: reach(cluster.right.url.replace("/0", "/3")).run(READ))
    assert isinstance(problem, BadUrl | Refused)
    # Redis knows no databases in a cluster; Valkey 9 may be given some, and has one.
    assert "cluster" in str(problem) or "no database of that number" in str(problem)


def test_a_node_that_is_gone_is_not_asked_for_ever(redis_binary: Binary) -> None:
    with Servers(redis_binary.path) as start, Runners(*KINDS) as runners:
        cluster = Cluster(start)
        everyone = runners.each(cluster.wrong.url)
        assert {runner.run(PORT) for runner in everyone} == {cluster.wrong.port}
        assert [runner.run(READ) for runner in everyone] == [[], [], []]
        assert {runner.run(PORT) for runner in everyone} == {cluster.right.port}
        cluster.hand_over()
        for runner in everyone:
            assert type(problem_of(lambda r=runner: r.run(READ))) is Unreachable  # type: ignore[misc]
            until_served(lambda r=runner: r.run(READ), "it is served again")  # type: ignore[misc]
            assert runner.run(PORT) == cluster.wrong.port


def test_in_a_cluster_sidekiq_is_said_to_be_impossible(cluster: Cluster, reach: Runners) -> None:
    for node in (cluster.wrong, cluster.right):
        found = reach(node.url).run(systems.look(["", "{resque}", "app"], now=utc_now()))
        assert [each.sureness for each in found] == ["none"] * 3
        assert [each.problem for each in found] == [
            "this is a cluster, which Sidekiq cannot use",
            None,
            "this is a cluster, which Sidekiq cannot use",
        ]
