"""Names of every kind, names that are missing, and very many of them (faults 16 to 19)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartWorker
from tests.support.known import known
from tests.support.operations import KEYS, StepByStep, marks, trail, waiting

from queuecore import bulk
from queuecore.exchange import Call, Exchange, Steps
from queuecore.fleet import FleetSnapshot
from queuecore.keys import name_bytes
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import pauses, queues, registration, server_info, snapshot, undo
from resque.store.registration import Unregistered
from resque.store.snapshot import EngineSnapshot

AWKWARD = ["a:b", "a,b", "a b", " ", "*", "[x]", "!no", "a/b", "queue:q", "é", "\udcff"]

MANY = 50_000
#: More keys than a search looks at.
TOO_MANY = 201_000


def look(store: Store) -> EngineSnapshot:
    return store.run(snapshot.take(KEYS, failures_limit=1))


def exchanges_of(store: Store, steps: Steps[Any]) -> tuple[Any, Sequence[Exchange[Any]]]:
    """An operation's result, and the number of its round trips."""
    seen: list[Exchange[Any]] = []
    result: Any = None
    while True:
        try:
            exchange = steps.send(result)
        except StopIteration as stop:
            return stop.value, seen
        seen.append(exchange)
        result = store.run(exchange)


def make_keys(direct: Direct, count: int, line: str) -> None:
    """Run a line of Lua for each number, quicker than one command each."""
    step = 10_000
    for start in range(0, count, step):
        direct("EVAL", f"for i = {start}, {min(start + step, count) - 1} do {line} end", 0)


@pytest.mark.parametrize("name", [*AWKWARD, ""])
def test_a_queue_may_have_any_name(store: Store, direct: Direct, name: str) -> None:
    items = [b'{"class":"A","args":[1]}', b'{"class":"A","args":[2]}', b'{"class":"B","args":[]}']
    key = b"resque:queue:" + name_bytes(name)
    store.run(queues.push(KEYS, name, items))
    store.run(pauses.pause(KEYS, [name]))
    [state] = known(look(store).queues)
    assert (state.name, state.size, state.is_paused) == (name, 3, True)
    assert store.run(queues.move(KEYS, name, marks(items, [0]), "to")).done == 1
    assert store.run(list_actions.delete(KEYS, name, marks(items[1:], [0]))) == bulk.Result(done=1)
    assert waiting(direct, key) == [items[2]]
    seen = store.run(list_actions.extent(KEYS, name))
    assert store.run(list_actions.clear_and_remove(KEYS, name, seen)) == 1
    assert direct("SMEMBERS", "resque:queues") == [b"to"]
    assert direct("EXISTS", key) == 0


@pytest.mark.parametrize("name", ["mail", ""])
def test_a_removed_queue_comes_back_registered_whatever_its_name(
    store: Store, direct: Direct, name: str
) -> None:
    mine = trail("remove", KEYS.queue(name), queue=name)
    store.run(queues.push(KEYS, name, [b"x", b"y"]))
    assert (
        store.run(
            list_actions.clear_and_remove(
                KEYS, name, store.run(list_actions.extent(KEYS, name)), mine
            )
        )
        == 2
    )
    assert direct("EXISTS", "resque:queues", KEYS.queue(name)) == 0
    assert store.run(undo.undo(KEYS, mine.id)) == undo.Undone(done=2)
    assert direct("SMEMBERS", "resque:queues") == [name.encode()]
    assert waiting(direct, KEYS.queue(name)) == [b"x", b"y"]


def test_a_clear_removes_no_name_from_the_set_of_queues(store: Store, direct: Direct) -> None:
    for name in ("", "q"):
        store.run(queues.push(KEYS, name, [b"x"]))
        assert (
            store.run(list_actions.clear(KEYS, name, store.run(list_actions.extent(KEYS, name))))
            == 1
        )
    assert sorted(direct("SMEMBERS", "resque:queues")) == [b"", b"q"]


def test_queues_named_like_patterns_and_lists_are_served_by_a_star(
    direct: Direct, start_worker: StartWorker
) -> None:
    for name in AWKWARD:
        direct("SADD", "resque:queues", name_bytes(name))
        direct("RPUSH", b"resque:queue:" + name_bytes(name), '{"class":"OkJob","args":[]}')
    worker = start_worker("*", INTERVAL="0")
    assert worker.wait() == 0
    assert direct("GET", "resque:stat:processed") == b"%d" % len(AWKWARD)


@pytest.mark.parametrize("namespace", ["resque", "app:[a-z]*", "{resque}", "re\\sque?"])
def test_a_list_that_is_not_registered_is_found_and_repaired(
    store: Store, direct: Direct, namespace: str
) -> None:
    keys = Keys(namespace)
    direct("RPUSH", keys.queue("lost"), "x", "y")
    direct("RPUSH", keys.queue("a:b\udcff"), "x")
    direct("RPUSH", keys.queue("known"), "x")
    direct("SADD", keys.queues(), "known", "empty")
    direct("SET", keys.queue("a text"), "x")
    for other in ("app:b", "other", "resque:more"):
        direct("RPUSH", Keys(other).queue("theirs"), "x")
    odd = Unregistered("a:b\udcff", 1)
    assert store.run(registration.missing(keys)) == ([odd, Unregistered("lost", 2)], True)
    assert store.run(registration.register(keys, "lost")) is True
    assert store.run(registration.register(keys, "lost")) is False
    assert store.run(registration.missing(keys)) == ([odd], True)
    names = {q.name: q.size for q in known(store.run(snapshot.take(keys, failures_limit=0)).queues)}
    assert names == {"known": 1, "empty": 0, "lost": 2}


def test_a_queue_that_is_registered_during_the_search_is_not_found(
    store: Store, direct: Direct
) -> None:
    direct("RPUSH", "resque:queue:late", "x")
    search = StepByStep(store, registration.missing(KEYS))
    search.step()
    direct("SADD", "resque:queues", "late")
    assert search.finish() == ([], True)


def test_fifty_thousand_queues_and_workers_are_seen_in_two_round_trips_of_small_commands(
    store: Store, direct: Direct
) -> None:
    make_keys(
        direct,
        MANY,
        "redis.call('SADD', 'resque:queues', 'q' .. i) "
        "redis.call('RPUSH', 'resque:queue:q' .. i, 'x') "
        "redis.call('SADD', 'resque:workers', 'h:' .. i .. ':q')",
    )
    direct("RPUSH", "resque:queue:q7", "y", "z")
    direct("SET", "resque:pause:queue:q49999", "yes")
    direct("SET", "resque:stat:processed:h:49999:q", 5)
    direct("SET", "resque:stat:failed:h:1:q", "many")
    direct("SET", "resque:worker:h:40000:q", '{"queue":"q","payload":{"class":"A","args":[]}}')
    taken, trips = exchanges_of(store, snapshot.take(KEYS, failures_limit=1))
    assert len(trips) == 2
    longest = max(
        len(command.keys) + len(command.args) if isinstance(command, Call) else len(command)
        for trip in trips
        for command in trip.commands
    )
    assert longest <= 1_002, "no command keeps the server for long"
    assert isinstance(taken, FleetSnapshot)
    assert (len(known(taken.queues)), len(known(taken.processes))) == (MANY, MANY)
    by_name = {queue.name: queue for queue in known(taken.queues)}
    assert (by_name["q7"].size, by_name["q8"].size) == (3, 1)
    assert [queue.name for queue in known(taken.queues) if queue.is_paused] == ["q49999"]
    by_id = {worker.id: worker for worker in known(taken.processes)}
    assert by_id["h:49999:q"].processed == 5
    assert (by_id["h:1:q"].failed, by_id["h:2:q"].failed) == (None, 0)
    assert [w.pid for w in known(taken.processes) if w.jobs] == [40_000]


def test_a_search_finds_another_prefix_than_ours(store: Store, direct: Direct) -> None:
    for namespace in ("resque:shop", "theirs", "a*b"):
        direct("SADD", f"{namespace}:queues", "mail")
    direct("SET", "fake:queues", "a text")
    direct("SADD", "other-queues", "x")
    assert look(store).queues == (), "ours is empty"
    found, is_complete = store.run(server_info.namespaces())
    assert found == ["a*b", "resque:shop", "theirs"]
    assert is_complete


def test_searches_end_in_a_database_of_any_size_and_say_that_they_did_not_see_all(
    store: Store, direct: Direct
) -> None:
    make_keys(direct, TOO_MANY, "redis.call('SET', 'cache:' .. i, '')")
    for search in (server_info.namespaces(), registration.missing(KEYS)):
        (found, is_complete), trips = exchanges_of(store, search)
        assert (found, is_complete) == ([], False)
        assert len(trips) <= 202
