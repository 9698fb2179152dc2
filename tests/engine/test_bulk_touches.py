"""However long a list is: no script of a bulk action, nor of its undo, touches more than a part of
it. Counted, not timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import FAILED, KEYS, QUEUE, entry, fill, marks, trail, waiting
from tests.support.touched_entries import Touched, Watched

from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result
from queuecore.exchange import Steps
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import queues
from resque.store.undo import Undone, undo

LONG = 30_000
MATCHES = 1_000
#: What one script may touch, and how far from an end it may reach: some parts of a bulk action,
#: and much less than the list.
MOST, DEEPEST = 12_000, 3_000

PLACES = sorted(Random(12).sample(range(LONG), MATCHES))
ENTRIES = [entry(number, b'{"class":"A","args":[%d]}' % number, "r") for number in range(LONG)]


def move(keys: Keys, refs: Sequence[JobRef], record: ActionRecord) -> Steps[Result]:
    return queues.move(keys, "q", refs, "r", record)


ACTIONS: dict[str, tuple[str, Callable[[Keys, Sequence[JobRef], ActionRecord], Steps[Result]]]] = {
    "requeue": (FAILED, list_actions.requeue),
    "delete": (FAILED, list_actions.delete_failures),
    "move": (QUEUE, move),
}


def walks(watched: Watched) -> list[Touched]:
    """The commands that touched too much."""
    return [each for each in watched.touched if each.entries > MOST or each.deepest > DEEPEST]


@pytest.mark.parametrize("act", ACTIONS)
def test_no_script_of_a_bulk_action_or_its_undo_walks_along_a_long_list(
    redis_url: str, store: Store, direct: Direct, act: str
) -> None:
    key, action = ACTIONS[act]
    fill(direct, ENTRIES, key)
    mine = trail(act, key.encode())
    with Watched(redis_url) as acting:
        assert store.run(action(KEYS, marks(ENTRIES, PLACES), mine)) == Result(done=MATCHES)
    with Watched(redis_url) as undoing:
        assert store.run(undo(KEYS, mine.id)) == Undone(done=MATCHES)
    assert waiting(direct, key) == ENTRIES
    assert (walks(acting), walks(undoing)) == ([], [])


def test_one_command_that_walks_is_found_among_the_others(redis_url: str, direct: Direct) -> None:
    fill(direct, ENTRIES)
    script = "redis.call('LREM', KEYS[1], 1, ARGV[1]) redis.call('RPUSH', KEYS[1], ARGV[1])"
    with Watched(redis_url) as watched:
        direct("LRANGE", QUEUE, 0, 999)
        direct("EVAL", script, 1, QUEUE, ENTRIES[LONG // 2])
        direct("EVAL", script, 1, QUEUE, ENTRIES[5])
    [found] = walks(watched)
    assert (found.by, found.deepest) == ("LREM", LONG // 2 + 1)
