"""A user who may not do all of an action does nothing: what was taken is never left half-way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import pytest
from tests.support.delayed_jobs import job, marks, park
from tests.support.direct import Direct
from tests.support.operations import KEYS, contents, trail
from tests.support.undoable_actions import ACTIONS, before, move

from queuecore.action_record import ActionRecord
from queuecore.digests import sha1_hex
from queuecore.stores import Store
from resque.codec import encode
from resque.errors import AuthRefused
from resque.scheduler import delayed_actions, moving, schedule_actions
from resque.store import schedules, stale
from resque.store.undo import undo
from resque.store.workers import read_record

assert before  # a fixture

#: Every command by which an action's script changes something.
WRITES = (
    *("del", "expire", "hdel", "hincrby", "hset", "hsetnx", "linsert", "lmove", "lpop", "lpush"),
    *("lrem", "lset", "ltrim", "rename", "rpop", "rpush", "sadd", "set", "srem", "unlink"),
    *("xadd", "zadd", "zrem"),
)
#: A user with some rights, as a Store.
Modest = Callable[..., AbstractContextManager[Store]]
Act = Callable[[Store, ActionRecord], object]


@pytest.fixture
def modest(redis_url: str, direct: Direct) -> Iterator[Modest]:
    """Logs in with everything but what is named, such as `-lset`."""
    if int(direct("INFO", "server").split(b"redis_version:")[1][:1]) < 7:
        pytest.skip("before Redis 7 a script cannot ask for its rights")

    @contextmanager
    def log_in(*rights: str) -> Iterator[Store]:
        direct("ACL", "SETUSER", "modest", "reset", "on", ">sesame", "~*", "+@all", *rights)
        with Store(redis_url.replace("unix://", "unix://modest:sesame@")) as store:
            yield store

    yield log_in
    direct("ACL", "DELUSER", "modest")


def refuse_each(
    act: Act,
    modest: Modest,
    store: Store,
    direct: Direct,
    action: str,
    source: bytes = KEYS.queue("q"),
) -> int:
    """Try an action without each of the commands in turn: it is done or not, and nothing between.
    Returns how often it was not."""
    untouched = contents(direct)
    refused = 0
    for command in WRITES:
        mine = trail(action, source)
        with modest(f"-{command}") as user:
            try:
                act(user, mine)
            except AuthRefused:
                assert contents(direct) == untouched
        if contents(direct) == untouched:
            refused += 1
        else:
            store.run(undo(KEYS, mine.id))
            assert contents(direct) == untouched, command
    return refused


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_done_or_not_whatever_right_is_missing(
    store: Store, direct: Direct, before: dict[bytes, object], modest: Modest, name: str
) -> None:
    act, source, _ = ACTIONS[name]
    assert refuse_each(act, modest, store, direct, name.split()[0], source) >= 5


@pytest.mark.parametrize("name", ACTIONS)
def test_an_undo_is_done_or_not_whatever_right_is_missing(
    store: Store, direct: Direct, before: dict[bytes, object], modest: Modest, name: str
) -> None:
    act, source, _ = ACTIONS[name]
    for command in WRITES:
        mine = trail(name.split()[0], source)
        act(store, mine)
        after = contents(direct)
        with modest(f"-{command}") as user:
            try:
                user.run(undo(KEYS, mine.id, trail("undo", undo_s=0)))
            except AuthRefused:
                assert contents(direct) == after
        store.run(undo(KEYS, mine.id))
        assert contents(direct) == before, command


def test_a_queue_that_the_user_may_not_touch_gets_nothing_and_costs_nothing(
    store: Store, direct: Direct, before: dict[bytes, object], modest: Modest
) -> None:
    allowed = ("resetkeys", "~resque:queues", "~resque:queue:q", "~resque:qtop:*")
    with modest(*allowed) as user:
        assert move(user, trail("move")) == 0
    assert contents(direct) == before


@pytest.mark.parametrize("action", ["run", "delete", "reschedule"])
def test_delayed_jobs_are_taken_or_not_whatever_right_is_missing(
    store: Store, direct: Direct, modest: Modest, action: str
) -> None:
    park(direct, 1_900_000_000, *(job(n) for n in range(4)))
    park(direct, 1_900_000_001, job("x", "other"))
    direct("SADD", "resque:queues", "q", "other")

    def act(user: Store, mine: ActionRecord) -> object:
        named = marks(store, [0, 2, 4])
        if action == "run":
            return user.run(delayed_actions.run(KEYS, named, mine))
        if action == "delete":
            return user.run(delayed_actions.delete(KEYS, named, mine))
        return user.run(delayed_actions.reschedule(KEYS, named, 1_900_000_777, mine))

    assert refuse_each(act, modest, store, direct, action) >= 5


def test_a_schedule_is_deleted_or_not_whatever_right_is_missing(
    store: Store, direct: Direct, modest: Modest
) -> None:
    raw = encode({"every": "1h", "queue": "q"})
    store.run(schedules.put_json(KEYS, "nightly", raw))
    named = [schedule_actions.ScheduleRef("nightly", sha1_hex(raw))]
    refuse_each(
        lambda user, mine: user.run(schedule_actions.delete(KEYS, named, mine)),
        modest,
        store,
        direct,
        "delete",
    )


def test_the_scheduler_moves_a_job_or_leaves_it_whatever_right_is_missing(
    direct: Direct, modest: Modest
) -> None:
    for command in WRITES:
        park(direct, 1_000, job(command))
        with modest(f"-{command}") as user:
            try:
                user.run(moving.move_due(KEYS, 2_000))
                moved = True
            except AuthRefused:
                moved = False
        assert direct("LLEN", "resque:queue:q") == moved
        assert direct("LLEN", "resque:delayed:1000") == (not moved)
        direct("FLUSHALL")


def test_the_job_of_a_dead_worker_stays_with_it_or_goes_back(
    direct: Direct, modest: Modest
) -> None:
    raw = b'{"queue":"q","run_at":"2026-11-28T10:00:00Z","payload":{"class":"A","args":[]}}'
    for command in WRITES:
        direct("SET", "resque:worker:h:1:q", raw)
        with modest(f"-{command}") as user, suppress(AuthRefused):
            user.run(stale.put_back(KEYS, "h:1:q", read_record(raw), at_most=1))
        held = direct("EXISTS", "resque:worker:h:1:q")
        assert held + direct("LLEN", "resque:queue:q") == 1
        direct("FLUSHALL")
