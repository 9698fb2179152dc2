"""An action on processes, lost jobs, totals, queues or sets happens as a whole or not at all, and
so does taking it back: whatever right is missing, without memory, and while workers take."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import hiredis
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis
from tests.support.sidekiq_processes import KEYS, beat, payload, taken_back, trail

from queuecore import times
from queuecore.action_record import ActionRecord
from queuecore.errors import AuthRefused, OutOfMemory
from queuecore.exchange import single
from queuecore.stores import Store
from sidekiq.store import clearing, iterations, rescue, signals, totals

#: Commands that change nothing, or that are not the actions'.
_READ = {
    *("config", "evalsha", "eval", "exists", "hget", "hmget", "info", "lindex", "llen", "lpos"),
    *("lrange", "pttl", "sismember", "time", "ttl", "type", "xlen", "zcard", "zrevrangebyscore"),
    *("get", "client", "hexists", "hello", "ping", "smembers", "command", "auth", "acl"),
}
PAYLOADS = [payload(f"{number:024x}") for number in range(3)]


def send(store: Store, mine: ActionRecord) -> None:
    result = store.run(signals.send(KEYS, "TSTP", ["a", "b"], mine))
    raise_stopped(result.stopped)


def reset(store: Store, mine: ActionRecord) -> None:
    store.run(totals.reset(KEYS, mine))


def cancel(store: Store, mine: ActionRecord) -> None:
    store.run(iterations.cancel(KEYS, "j", mine))


def clear(store: Store, mine: ActionRecord) -> None:
    store.run(clearing.clear(KEYS, "q", store.run(clearing.extent(KEYS, "q")), mine))


def forget(store: Store, mine: ActionRecord) -> None:
    store.run(clearing.forget(KEYS, "empty", mine))


def empty(store: Store, mine: ActionRecord) -> None:
    seen = store.run(clearing.set_extent(KEYS, "retry"))
    raise_stopped(store.run(clearing.empty(KEYS, seen, mine)).stopped)


def put_back(store: Store, mine: ActionRecord) -> None:
    now = store.run(single(("TIME",), times.read_server_time)).timestamp()
    jobs = [
        rescue.read_lost("gone:1:2", f"t{number}", b'{"queue":"new","payload":%s}' % raw, now)
        for number, raw in enumerate(PAYLOADS)
    ]
    raise_stopped(store.run(rescue.put_back(KEYS, jobs, mine)).stopped)


ACTIONS = [send, reset, cancel, clear, forget, empty, put_back]
Act = Callable[[Store, ActionRecord], None]


def raise_stopped(stopped: Exception | None) -> None:
    if stopped is not None:
        raise stopped


def fill(direct: Direct) -> None:
    beat(direct, "a")
    beat(direct, "b")
    direct("MSET", "stat:processed", "5", "stat:failed", "3")
    direct("HSET", "it-j", "c", "5")
    direct("EXPIRE", "it-j", 1000)
    direct("SADD", "queues", "q", "empty")
    direct("RPUSH", "queue:q", "1", "2", "3")
    direct("ZADD", "retry", 1, "a", 2, "b")
    direct("ZADD", KEYS.rescued(), int(direct("TIME")[0]), "before")


#: The whole database in one round trip: there are hundreds of looks at it.
_STATE = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local value = {}
  if kind == 'set' or kind == 'hash' then
    value = redis.call(kind == 'set' and 'SMEMBERS' or 'HGETALL', key)
    table.sort(value)
  elseif kind == 'list' then
    value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'zset' then
    value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'string' then
    value = redis.call('GET', key)
  end
  found[#found + 1] = {key, kind, value}
end
return found
"""


def state(direct: Direct) -> dict[bytes, Any]:
    """Everything but what actions leave behind."""
    return {
        key: (kind, value)
        for key, kind, value in direct("EVAL", _STATE, 0)
        if key != KEYS.audit() and not key.startswith(KEYS.undo(""))
    }


Modest = Callable[[str], AbstractContextManager[Store]]


@pytest.fixture
def modest(redis_url: str, direct: Direct) -> Iterator[Modest]:
    """Logs in with everything but one command."""
    if int(direct("INFO", "server").split(b"redis_version:")[1][:1]) < 7:
        pytest.skip("before Redis 7 a script cannot ask for its rights")

    @contextmanager
    def log_in(command: str) -> Iterator[Store]:
        rules = ("on", ">sesame", "~*", "+@all", f"-{command}")
        direct("ACL", "SETUSER", "modest", "reset", *rules)
        with Store(redis_url.replace("unix://", "unix://modest:sesame@")) as store:
            yield store

    yield log_in
    direct("ACL", "DELUSER", "modest")


def writes(direct: Direct, do: Callable[[], object]) -> set[str]:
    """The commands by which something changes data."""
    direct("CONFIG", "RESETSTAT")
    do()
    lines = direct("INFO", "commandstats").decode().splitlines()
    used = {line.partition("_")[2].partition(":")[0] for line in lines if "_" in line}
    return {each.partition("|")[0] for each in used} - _READ


@pytest.mark.parametrize("act", ACTIONS)
def test_whatever_right_is_missing(direct: Direct, store: Store, modest: Modest, act: Act) -> None:
    fill(direct)
    before = state(direct)
    first = trail("act", KEYS.queue("q"))
    to_act = writes(direct, lambda: act(store, first))
    to_undo = writes(direct, lambda: taken_back(store, first))
    assert state(direct) == before
    assert len(to_act) >= 4
    for command in to_act:
        with modest(command) as user, pytest.raises(AuthRefused):
            act(user, trail("act", KEYS.queue("q")))
        assert state(direct) == before, command
    for command in to_undo:
        mine = trail("act", KEYS.queue("q"))
        act(store, mine)
        after = state(direct)
        with modest(command) as user, pytest.raises(AuthRefused):
            taken_back(user, mine)
        assert state(direct) == after, command
        taken_back(store, mine)
        assert state(direct) == before, command


@pytest.mark.parametrize("act", ACTIONS)
def test_without_memory(start_redis: StartRedis, act: Act) -> None:
    server = start_redis("--maxmemory-policy", "noeviction")
    with Store(server.url) as store, server.direct() as direct:
        fill(direct)
        before = state(direct)
        mine, later = trail("act", KEYS.queue("q")), trail("act", KEYS.queue("q"))
        direct("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(hiredis.ReplyError, match="OOM"):
            direct("SET", "own:more", "x")
        try:
            act(store, mine)
        except OutOfMemory:
            assert state(direct) == before
        else:
            assert state(direct) != before
            taken_back(store, mine)
        assert state(direct) == before
        direct("CONFIG", "SET", "maxmemory", "0")
        act(store, later)
        after = state(direct)
        direct("CONFIG", "SET", "maxmemory", "1")
        try:
            taken_back(store, later)
        except OutOfMemory:
            assert state(direct) == after
        else:
            assert state(direct) == before


def test_while_workers_take_what_was_rescued(direct: Direct, redis_url: str, store: Store) -> None:
    now = float(direct("TIME")[0])
    raws = [payload(f"{number:024x}") for number in range(400)]
    entries = [b'{"queue":"q","payload":%s}' % raw for raw in raws]
    jobs = [rescue.read_lost("h:1:2", f"t{number}", raw, now) for number, raw in enumerate(entries)]
    mine = trail("rescue")
    assert store.run(rescue.put_back(KEYS, jobs, mine)).done == 400
    taken: list[bytes] = []
    path = redis_url.removeprefix("unix://").partition("?")[0]

    def take() -> None:
        with Direct(path) as worker:
            while (raw := worker("RPOP", "queue:q")) is not None:
                taken.append(raw)

    worker = threading.Thread(target=take)
    worker.start()
    undone = taken_back(store, mine)
    worker.join()
    assert undone.done + undone.lost == 400
    assert undone.lost == len(taken)
    # What was taken back can be put back again; what a worker took cannot.
    assert store.run(rescue.put_back(KEYS, jobs)).done == undone.done
    assert Counter([*taken, *direct("LRANGE", "queue:q", 0, -1)]) == Counter(raws)
