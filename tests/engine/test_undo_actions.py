"""Every action of an operator can be taken back: once, to the byte, in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.engine.by_hand import (
    FAILED,
    KEYS,
    QUEUE,
    ByHand,
    contents,
    entry,
    fill,
    lifetimes,
    marks,
    newest_failures,
    numbered,
    trail,
    waiting,
)
from tests.engine.direct import Direct

from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result
from queuecore.stores import Store
from resque.errors import StoreError
from resque.store import failure_actions, failures, pauses, queues
from resque.store.undo import Undone, undo

ITEMS = [b"\xff\0", b"", b"same", *numbered(600), b"same", b"\r\n"]
PAYLOAD = b'{"args":[1.50, "\\u00e9"],"class":"A"}'
SOME = [0, 1, 2, 3, 100, 101, 250, 603, 604]
TARGET = "resque:queue:r"

#: Does an action under a trail and returns how many it touched.
Action = Callable[[Store, ActionRecord], int]


def clear(store: Store, mine: ActionRecord) -> int:
    return store.run(queues.clear(KEYS, "q", store.run(queues.extent(KEYS, "q")), mine)) or 0


def clear_failures(store: Store, mine: ActionRecord) -> int:
    return store.run(failures.clear(KEYS, store.run(failures.extent(KEYS)), mine)) or 0


def delete(store: Store, mine: ActionRecord) -> int:
    return store.run(queues.delete(KEYS, "q", marks(ITEMS, SOME), mine)).done


def delete_all(store: Store, mine: ActionRecord) -> int:
    return store.run(queues.delete(KEYS, "q", marks(ITEMS, range(len(ITEMS))), mine)).done


def move(store: Store, mine: ActionRecord) -> int:
    return store.run(queues.move(KEYS, "q", marks(ITEMS, SOME), "r", mine)).done


def move_all_to_the_end(store: Store, mine: ActionRecord) -> int:
    return store.run(queues.move(KEYS, "q", marks(ITEMS, range(400)), "q", mine)).done


def replace(store: Store, mine: ActionRecord) -> int:
    return int(store.run(queues.replace(KEYS, "q", 300, ITEMS[300], b"edited", mine)))


def failed(store: Store) -> list[JobRef]:
    return [failure_actions.mark(each) for each in newest_failures(store)]


def requeue(store: Store, mine: ActionRecord) -> int:
    return store.run(failure_actions.requeue(KEYS, failed(store), mine)).done


def requeue_elsewhere(store: Store, mine: ActionRecord) -> int:
    return store.run(failure_actions.requeue(KEYS, failed(store), mine, queue="r")).done


def delete_failures(store: Store, mine: ActionRecord) -> int:
    return store.run(failure_actions.delete(KEYS, failed(store)[3:9], mine)).done


def edit(store: Store, mine: ActionRecord) -> int:
    one = failed(store)[4]
    return store.run(failure_actions.edit_and_requeue(KEYS, one, "r", b"edited", mine)).done


def remove(store: Store, mine: ActionRecord) -> int:
    return (
        store.run(queues.clear_and_remove(KEYS, "q", store.run(queues.extent(KEYS, "q")), mine))
        or 0
    )


def pause(store: Store, mine: ActionRecord) -> int:
    return store.run(pauses.pause(KEYS, ["q", "r", "paused"], mine))


def resume(store: Store, mine: ActionRecord) -> int:
    return store.run(pauses.resume(KEYS, ["q", "paused"], mine))


def pause_all(store: Store, mine: ActionRecord) -> int:
    return store.run(pauses.pause_all(KEYS, mine))


def resume_all(store: Store, mine: ActionRecord) -> int:
    return store.run(pauses.resume_all(KEYS, mine))


ACTIONS: dict[str, tuple[Action, bytes, int]] = {
    "clear": (clear, KEYS.queue("q"), 605),
    "delete": (delete, KEYS.queue("q"), 9),
    "delete all": (delete_all, KEYS.queue("q"), 605),
    "move": (move, KEYS.queue("q"), 9),
    "move to the end": (move_all_to_the_end, KEYS.queue("q"), 400),
    "replace": (replace, KEYS.queue("q"), 1),
    "remove": (remove, KEYS.queue("q"), 605),
    "clear failures": (clear_failures, KEYS.failed(), 300),
    "requeue": (requeue, KEYS.failed(), 300),
    "requeue elsewhere": (requeue_elsewhere, KEYS.failed(), 300),
    "delete failures": (delete_failures, KEYS.failed(), 6),
    "edit": (edit, KEYS.failed(), 1),
    "pause": (pause, KEYS.pause_queue("q"), 2),
    "resume": (resume, KEYS.pause_queue("q"), 1),
    "pause all": (pause_all, KEYS.pause_all_workers(), 1),
    "resume all": (resume_all, KEYS.pause_all_workers(), 2),
}


@pytest.fixture
def before(direct: Direct) -> dict[bytes, object]:
    """A database with all that the actions touch, and what is in it."""
    direct("SADD", "resque:queues", "q", "r", "paused")
    fill(direct, ITEMS)
    fill(direct, [b"other", b"same"], TARGET)
    fill(direct, [entry(n, PAYLOAD, "qr"[n % 2]) for n in range(300)], FAILED)
    direct("SET", "resque:pause:queue:paused", "true")
    direct("SET", "resque:pause:all", "since Monday")
    # A value that pauses nothing, which a pause has to put back all the same.
    direct("SET", "resque:pause-all-workers", "no")
    return contents(direct)


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


def test_whoever_may_not_take_its_name_off_does_nothing(
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
    hand = ByHand(store, undo(KEYS, mine.id))
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
    assert store.run(queues.delete(KEYS, "q", chosen, mine)) == Result(gone=len(SOME))
    assert direct("KEYS", "*") == []
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)
    assert waiting(direct, QUEUE) == []
