"""An undo that is interrupted, repeated, raced or too late restores nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import (
    FAILED,
    KEYS,
    QUEUE,
    StepByStep,
    call_of,
    entry,
    fill,
    lifetimes,
    marks,
    newest_failures,
    numbered,
    trail,
    waiting,
)
from tests.support.proxy import Proxy

from queuecore.action_record import ActionRecord
from queuecore.address import parse_url
from queuecore.stores import Store
from resque.errors import OutcomeUnknown, WrongType
from resque.store import pauses
from resque.store.undo import Undone, undo

TARGET = "resque:queue:r"


def deleted(store: Store, direct: Direct, items: list[bytes], places: range) -> ActionRecord:
    """A queue of these items, of which some were deleted."""
    fill(direct, items)
    mine = trail("delete")
    assert store.run(list_actions.delete(KEYS, "q", marks(items, places), mine)).done == len(places)
    return mine


def cleared(store: Store, direct: Direct, items: list[bytes]) -> ActionRecord:
    fill(direct, items)
    mine = trail("clear")
    extent = store.run(list_actions.extent(KEYS, "q"))
    assert store.run(list_actions.clear(KEYS, "q", extent, mine)) == len(items)
    return mine


def requeued(store: Store, direct: Direct, count: int) -> ActionRecord:
    """Failures with different payloads, all requeued to the queue `r`."""
    entries = [entry(n, b'{"class":"A","args":[%d]}' % n, "r") for n in range(count)]
    fill(direct, entries, FAILED)
    mine = trail("requeue", KEYS.failed(), queue="r")
    chosen = [list_actions.ref_of(each) for each in newest_failures(store)]
    assert store.run(list_actions.requeue(KEYS, chosen, mine)).done == count
    return mine


def test_an_undo_that_was_interrupted_goes_on(store: Store, direct: Direct) -> None:
    items = numbered(350)
    mine = deleted(store, direct, items, range(350))
    hand = StepByStep(store, undo(KEYS, mine.id))
    for _ in range(2):
        hand.step_until_it_writes()
        hand.step()
    hand.abandon()
    assert waiting(direct) == items[150:]
    assert store.run(undo(KEYS, mine.id)) == Undone(done=150)
    assert waiting(direct) == items


def test_an_undo_of_a_clear_that_was_interrupted_goes_on(store: Store, direct: Direct) -> None:
    items = numbered(4500)
    mine = cleared(store, direct, items)
    direct("RPUSH", QUEUE, b"new")
    hand = StepByStep(store, undo(KEYS, mine.id))
    hand.step_until_it_writes()
    hand.step()
    hand.abandon()
    assert waiting(direct) == [*items[2500:], b"new"]
    assert store.run(undo(KEYS, mine.id)) == Undone(done=2500)
    assert waiting(direct) == [*items, b"new"]


def test_newcomers_stay_behind_what_comes_back(store: Store, direct: Direct) -> None:
    items = numbered(20)
    mine = deleted(store, direct, items, range(5, 10))
    direct("RPUSH", QUEUE, b"new", b"newer")
    assert store.run(undo(KEYS, mine.id)) == Undone(done=5)
    assert waiting(direct) == [*items, b"new", b"newer"]


def test_two_undos_step_by_step_share_the_work(store: Store, direct: Direct) -> None:
    items = numbered(450)
    mine = deleted(store, direct, items, range(0, 450))
    one, other = (StepByStep(store, undo(KEYS, mine.id)) for _ in range(2))
    while one.next or other.next:
        # Both have looked before either acts.
        one.step()
        other.step()
    assert waiting(direct) == items
    assert one.finish().done + other.finish().done == 450


def test_a_step_that_is_sent_twice_restores_once(store: Store, direct: Direct) -> None:
    items = numbered(50)
    mine = deleted(store, direct, items, range(10, 30))
    hand = StepByStep(store, undo(KEYS, mine.id))
    step = hand.step_until_it_writes()
    assert store.run(step) == (20, 0, 0)
    assert store.run(step) == (0, 0, -1)
    assert hand.finish() == Undone(is_known=False)
    assert waiting(direct) == items


class LosingOne:
    """Swallows the answer to one of the scripts that change something, by its number."""

    def __init__(self, place: int) -> None:
        self._left = place

    def __call__(self, command: list[bytes], reply: Any) -> bool:
        if command[0] == b"EVALSHA" and isinstance(reply, list):
            self._left -= 1
            return self._left != 0
        return True


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("action", ["delete", "requeue"])
def test_after_a_lost_answer_an_undo_goes_on(
    redis_url: str, store: Store, direct: Direct, lost: int, action: str
) -> None:
    items = numbered(250)
    if action == "delete":
        mine, key, all_back = deleted(store, direct, items, range(250)), QUEUE, items
    else:
        mine, key = requeued(store, direct, 250), FAILED
        all_back = [entry(n, b'{"class":"A","args":[%d]}' % n, "r") for n in range(250)]
    path = parse_url(redis_url).path
    assert path is not None
    with Proxy(Path(path), LosingOne(lost)) as proxy, Store(proxy.url) as lossy:
        # An undo of something else: from here on the server knows the script.
        store.run(undo(KEYS, deleted(store, direct, [b"own"], range(1)).id))
        direct("LREM", QUEUE, 1, b"own")
        before = 100 * (lost - 1)
        if before:
            interrupted = lossy.run(undo(KEYS, mine.id))
            assert (interrupted.done, interrupted.left) == (before, 250 - before)
            assert isinstance(interrupted.stopped, OutcomeUnknown)
        else:
            with pytest.raises(OutcomeUnknown):
                lossy.run(undo(KEYS, mine.id))
        left = 250 - 100 * lost
        expected = Undone(done=left) if left > 0 else Undone(is_known=False)
        assert lossy.run(undo(KEYS, mine.id)) == expected
    assert waiting(direct, key) == all_back
    assert direct("EXISTS", TARGET) == 0


def test_a_requeue_is_lost_where_a_worker_has_the_job_by_now(store: Store, direct: Direct) -> None:
    mine = requeued(store, direct, 130)
    taken = direct("LPOP", TARGET, 7)
    direct("LREM", TARGET, 1, b'{"class":"A","args":[100]}')
    assert store.run(undo(KEYS, mine.id)) == Undone(done=122, lost=8)
    assert len(taken) == 7
    numbers = [n for n in range(7, 130) if n != 100]
    assert waiting(direct, FAILED) == [
        entry(n, b'{"class":"A","args":[%d]}' % n, "r") for n in numbers
    ]
    assert direct("EXISTS", TARGET) == 0
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)


def test_all_of_it_may_be_lost(store: Store, direct: Direct) -> None:
    mine = requeued(store, direct, 3)
    direct("DEL", TARGET)
    assert store.run(undo(KEYS, mine.id)) == Undone(lost=3)
    assert direct("EXISTS", FAILED) == 0


def test_of_identical_payloads_only_as_many_are_taken_back_as_are_left(
    store: Store, direct: Direct
) -> None:
    fill(direct, [entry(n, queue="r") for n in range(5)], FAILED)
    mine = trail("requeue", KEYS.failed())
    chosen = [list_actions.ref_of(each) for each in newest_failures(store)]
    store.run(list_actions.requeue(KEYS, chosen, mine))
    direct("LPOP", TARGET, 2)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=3, lost=2)
    assert len(waiting(direct, FAILED)) == 3


def test_a_queue_that_became_something_else_has_lost_what_was_pushed(
    store: Store, direct: Direct
) -> None:
    fill(direct, [entry(n, queue="qr"[n % 2]) for n in range(6)], FAILED)
    mine = trail("requeue", KEYS.failed())
    chosen = [list_actions.ref_of(each) for each in newest_failures(store)]
    store.run(list_actions.requeue(KEYS, chosen, mine))
    direct("SET", TARGET, "no list")
    assert store.run(undo(KEYS, mine.id)) == Undone(done=3, lost=3)
    assert waiting(direct, FAILED) == [entry(n, queue="q") for n in (0, 2, 4)]
    assert waiting(direct) == []


@pytest.mark.parametrize("key", [KEYS.failed(), KEYS.queues()])
def test_where_things_came_from_must_be_a_list_still(
    store: Store, direct: Direct, key: bytes
) -> None:
    mine = requeued(store, direct, 5)
    kept = direct("DUMP", key)
    direct("SET", key, "of another kind")
    with pytest.raises(WrongType):
        store.run(undo(KEYS, mine.id))
    assert direct("LLEN", TARGET) == 5
    direct("DEL", key)
    if kept is not None:
        direct("RESTORE", key, 0, kept)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=5)


def test_a_switch_that_was_changed_again_stays_as_it_is(store: Store, direct: Direct) -> None:
    mine = trail("pause")
    assert store.run(pauses.pause(KEYS, ["a", "b", "c"], mine)) == 3
    direct("DEL", "resque:pause:queue:a")
    direct("SET", "resque:pause:queue:b", "until noon")
    assert store.run(undo(KEYS, mine.id)) == Undone(done=1, lost=2)
    assert direct("KEYS", "resque:pause:*") == [b"resque:pause:queue:b"]
    assert direct("GET", "resque:pause:queue:b") == b"until noon"


def test_in_the_depths_of_a_long_list_a_script_takes_back_little(
    store: Store, direct: Direct
) -> None:
    items = numbered(200_000)
    mine = deleted(store, direct, items, range(150_000, 150_020))
    hand = StepByStep(store, undo(KEYS, mine.id))
    back, before = [], direct("LLEN", QUEUE)
    while hand.next is not None:
        is_script = hand.next.writes
        hand.step()
        if is_script:
            back.append(direct("LLEN", QUEUE) - before)
            before += back[-1]
    # Each one is a walk over 150,000 places.
    assert back == [2] * 10
    assert waiting(direct) == items


def test_a_damaged_memory_is_unknown(store: Store, direct: Direct) -> None:
    mine = deleted(store, direct, numbered(5), range(2))
    direct("RPOP", KEYS.undo_items(mine.id))
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)
    assert waiting(direct) == numbered(5)[2:]


def test_a_clear_that_is_sent_twice_clears_nothing_new(store: Store, direct: Direct) -> None:
    # The newcomer has the bytes of the one that was last: only the operation's id tells.
    fill(direct, [b"first", b"same"])
    mine = trail("clear")
    extent = store.run(list_actions.extent(KEYS, "q"))
    clear = list_actions.clear(KEYS, "q", extent, mine)
    assert store.run(clear) == 2
    direct("RPUSH", QUEUE, b"same")
    assert store.run(clear) == 2
    assert waiting(direct) == [b"same"]
    assert store.run(undo(KEYS, mine.id)) == Undone(done=2)
    assert waiting(direct) == [b"first", b"same", b"same"]


def test_what_an_undo_needs_lives_as_long_as_it_is_said(store: Store, direct: Direct) -> None:
    mine = deleted(store, direct, numbered(300), range(300))
    hand = StepByStep(store, undo(KEYS, mine.id))
    assert len(call_of(hand.step_until_it_writes()).args) > 100
    hand.step()
    assert len(lifetimes(direct)) == 2
    assert all(0 < left_s <= 1000 for left_s in lifetimes(direct))
