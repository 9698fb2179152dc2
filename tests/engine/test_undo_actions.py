"""Every action of an operator can be taken back: once, to the byte, in order."""

from __future__ import annotations

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import (
    FAILED,
    KEYS,
    QUEUE,
    StepByStep,
    contents,
    entry,
    fill,
    lifetimes,
    marks,
    trail,
    waiting,
)
from tests.support.undoable_actions import ACTIONS, ITEMS, PAYLOAD, SOME, TARGET, before, move

from queuecore.bulk import Result
from queuecore.stores import Store
from resque.errors import StoreError
from resque.store.undo import Undone, undo

assert before  # a fixture


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_taken_back_leaves_all_as_it_was(
    store: Store, direct: Direct, before: dict[bytes, object], name: str
) -> None:
    act, source, count = ACTIONS[name]
    mine = trail(name.split()[0], source)
    assert act(store, mine) == count
    after = contents(direct)
    assert after != before
    assert len(lifetimes(direct)) == 2
    assert all(0 < left_s <= 1000 for left_s in lifetimes(direct))

    assert store.run(undo(KEYS, mine.id)) == Undone(done=count)
    assert contents(direct) == before
    assert all(0 < left_s <= 1000 for left_s in lifetimes(direct))

    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)
    assert contents(direct) == before


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_may_be_done_again_after_its_undo_and_undone_by_itself(
    store: Store, direct: Direct, before: dict[bytes, object], name: str
) -> None:
    act, source, count = ACTIONS[name]
    first, second = (trail(name.split()[0], source) for _ in range(2))
    act(store, first)
    after = contents(direct)
    store.run(undo(KEYS, first.id))
    assert act(store, second) == count
    assert contents(direct) == after
    assert store.run(undo(KEYS, first.id)) == Undone(is_known=False)
    assert contents(direct) == after
    assert store.run(undo(KEYS, second.id)) == Undone(done=count)
    assert contents(direct) == before


@pytest.mark.parametrize("name", ["move", "requeue elsewhere", "requeue", "edit"])
def test_a_queue_that_an_action_made_is_gone_with_its_undo(
    store: Store, direct: Direct, name: str
) -> None:
    direct("SADD", "resque:queues", "q")
    fill(direct, ITEMS)
    fill(direct, [entry(n, PAYLOAD, "r") for n in range(300)], FAILED)
    before = contents(direct)
    act, source, count = ACTIONS[name]
    mine = trail(name, source)
    assert act(store, mine) == count
    assert direct("SISMEMBER", "resque:queues", "r") == 1
    assert store.run(undo(KEYS, mine.id)) == Undone(done=count)
    assert contents(direct) == before


def test_a_queue_that_was_made_and_is_used_by_now_stays(store: Store, direct: Direct) -> None:
    fill(direct, ITEMS)
    mine = trail("move", KEYS.queue("q"))
    move(store, mine)
    direct("RPUSH", TARGET, "another's")
    assert store.run(undo(KEYS, mine.id)) == Undone(done=9)
    assert direct("SISMEMBER", "resque:queues", "r") == 1
    assert waiting(direct, TARGET) == [b"another's"]


def test_a_user_who_may_not_take_its_name_off_does_nothing(
    redis_url: str, store: Store, direct: Direct
) -> None:
    fill(direct, ITEMS)
    mine = trail("move", KEYS.queue("q"))
    move(store, mine)
    moved = contents(direct)
    direct("ACL", "SETUSER", "modest", "reset", "on", ">sesame", "~*", "+@all", "-srem")
    try:
        with (
            Store(redis_url.replace("unix://", "unix://modest:sesame@")) as modest,
            pytest.raises(StoreError),
        ):
            modest.run(undo(KEYS, mine.id))
    finally:
        direct("ACL", "DELUSER", "modest")
    assert contents(direct) == moved
    assert store.run(undo(KEYS, mine.id)) == Undone(done=9)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_that_keeps_nothing_cannot_be_taken_back(
    store: Store, direct: Direct, before: dict[bytes, object], name: str
) -> None:
    act, source, count = ACTIONS[name]
    mine = trail(name.split()[0], source, undo_s=0)
    assert act(store, mine) == count
    after = contents(direct)
    assert direct("EXISTS", KEYS.undo_items(mine.id)) == 0
    assert all(left_s > 0 for left_s in lifetimes(direct))
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)
    assert contents(direct) == after


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("expired", ["hash", "items", "both", "hash at the last moment"])
def test_after_its_lifetime_an_action_is_unknown(
    store: Store, direct: Direct, before: dict[bytes, object], name: str, expired: str
) -> None:
    act, source, _ = ACTIONS[name]
    mine = trail(name.split()[0], source)
    act(store, mine)
    after = contents(direct)
    hand = StepByStep(store, undo(KEYS, mine.id))
    if expired == "hash at the last moment":
        hand.step_until_it_writes()
    if expired != "items":
        direct("DEL", KEYS.undo(mine.id))
    if expired in ("items", "both"):
        direct("DEL", KEYS.undo_items(mine.id))
    assert hand.finish() == Undone(is_known=False)
    assert contents(direct) == after
    assert -1 not in lifetimes(direct)


def test_an_operation_that_never_was_is_unknown(store: Store, direct: Direct) -> None:
    for operation in ("", "nothing", "*", "0" * 16):
        assert store.run(undo(KEYS, operation)) == Undone(is_known=False)
    assert direct("KEYS", "*") == []


def test_an_action_that_found_nothing_leaves_nothing_to_take_back(
    store: Store, direct: Direct
) -> None:
    mine = trail("delete")
    chosen = marks(ITEMS, SOME)
    assert store.run(list_actions.delete(KEYS, "q", chosen, mine)) == Result(gone=len(SOME))
    assert direct("KEYS", "*") == []
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)
    assert waiting(direct, QUEUE) == []


def test_the_undo_of_a_removed_queue_that_had_no_name_gives_it_none(
    store: Store, direct: Direct
) -> None:
    fill(direct, ITEMS, QUEUE)
    direct("DEL", KEYS.queues())
    seen = store.run(list_actions.extent(KEYS, "q"))
    mine = trail("remove", QUEUE.encode())
    assert store.run(list_actions.clear_and_remove(KEYS, "q", seen, mine)) == len(ITEMS)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(ITEMS))
    assert waiting(direct, QUEUE) == ITEMS
    assert direct("SMEMBERS", KEYS.queues()) == []
