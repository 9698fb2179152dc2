"""However long a list is: no script of a bulk action, nor of its undo, touches more than a part of
it. Counted, not timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from tests.support import list_actions
from tests.support.delayed_jobs import MOMENTS, job
from tests.support.direct import Direct
from tests.support.operations import FAILED, KEYS, QUEUE, entry, fill, marks, trail, waiting
from tests.support.sidekiq_jobs import fill_queue, waiting_in
from tests.support.touched_entries import Touched, Watched

from queuecore import turning, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result
from queuecore.exchange import Steps
from queuecore.stores import Store
from resque.keys import Keys
from resque.scheduler import delayed_actions
from resque.store import queues
from resque.store.delayed_windows import DelayedRef
from resque.store.undo import Undone, undo
from sidekiq.keys import SidekiqKeys
from sidekiq.store import queue_actions
from sidekiq.store.undo import undo as sidekiq_undo

LONG = 30_000
MATCHES = 1_000
#: What one script may touch, and how far from an end it may reach: some parts of a bulk action,
#: and much less than the list.
MOST, DEEPEST = 12_000, 3_000

PLACES = sorted(Random(12).sample(range(LONG), MATCHES))


@pytest.fixture(scope="module")
def entries() -> list[bytes]:
    """What is in the long list."""
    return [entry(number, b'{"class":"A","args":[%d]}' % number, "r") for number in range(LONG)]


@pytest.fixture(scope="module")
def delayed() -> list[bytes]:
    """As `entries`, of delayed jobs."""
    return [job(number, "r") for number in range(LONG)]


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
    redis_url: str, store: Store, direct: Direct, entries: list[bytes], act: str
) -> None:
    key, action = ACTIONS[act]
    fill(direct, entries, key)
    mine = trail(act, key.encode())
    with Watched(redis_url) as acting:
        assert store.run(action(KEYS, marks(entries, PLACES), mine)) == Result(done=MATCHES)
    with Watched(redis_url) as undoing:
        assert store.run(undo(KEYS, mine.id)) == Undone(done=MATCHES)
    assert waiting(direct, key) == entries
    assert (walks(acting), walks(undoing)) == ([], [])


def test_no_script_reads_many_large_entries_at_once(
    redis_url: str, store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in (("SHALLOW_ITEMS", 20), ("FEW_ITEMS", 3)):
        monkeypatch.setattr(turning, name, number)
    small, large = (
        [entry(number, b'{"class":"A","args":["%s"]}' % (b"x" * size), "r") for number in range(n)]
        for n, size in ((150, 20), (40, 100_000))
    )
    mixed = [*small, *large, *small, *large[:9], *small[::-1]]
    fill(direct, mixed, FAILED)
    mine = trail("delete", FAILED.encode())
    places = range(5, len(mixed), 7)
    with Watched(redis_url) as acting:
        action = list_actions.delete_failures(KEYS, marks(mixed, places), mine)
        assert store.run(action) == Result(done=len(places))
    with Watched(redis_url) as undoing:
        assert store.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    assert waiting(direct, FAILED) == mixed
    scripts = [each for each in (*acting.touched, *undoing.touched) if "EVALSHA" in each.command]
    assert max(each.entries for each in scripts) > 50
    assert max(each.read_bytes for each in scripts) < 8 * len(large[0])


SIDEKIQ_KEYS = SidekiqKeys()
SIDEKIQ_QUEUE = SIDEKIQ_KEYS.queue("q")
SIDEKIQ_JOBS = [b'{"class":"A","args":[%d],"queue":"q"}' % number for number in range(LONG)]

SidekiqAction = Callable[[Sequence[JobRef], ActionRecord], Steps[Result]]
SIDEKIQ_ACTIONS: dict[str, SidekiqAction] = {
    "delete": lambda refs, mine: queue_actions.delete(SIDEKIQ_KEYS, "q", refs, mine),
    "move": lambda refs, mine: queue_actions.move(SIDEKIQ_KEYS, "q", refs, "r", mine),
    "edit": lambda refs, mine: queue_actions.edit(
        SIDEKIQ_KEYS, "q", refs, lambda raw: raw.replace(b'"A"', b'"B"'), mine
    ),
}


@pytest.mark.parametrize(
    ("act", "places"),
    # In Redis the last of these are the farthest from the head of the list.
    [("move", PLACES), ("edit", PLACES), ("delete", range(100, 115))],
)
def test_no_script_walks_along_a_long_queue_of_sidekiqs(
    redis_url: str, store: Store, direct: Direct, act: str, places: Sequence[int]
) -> None:
    refs = fill_queue(direct, "q", SIDEKIQ_JOBS)
    mine = trail(act, SIDEKIQ_QUEUE)
    with Watched(redis_url) as acting:
        action = SIDEKIQ_ACTIONS[act]([refs[at] for at in places], mine)
        assert store.run(action) == Result(done=len(places))
    assert waiting_in(direct, "q") != SIDEKIQ_JOBS
    with Watched(redis_url) as undoing:
        assert store.run(sidekiq_undo(SIDEKIQ_KEYS, mine.id)) == Undone(done=len(places))
    assert waiting_in(direct, "q") == SIDEKIQ_JOBS
    assert (walks(acting), walks(undoing)) == ([], [])


MOMENT = 1_900_000_000


def reschedule(keys: Keys, refs: Sequence[DelayedRef], record: ActionRecord) -> Steps[Result]:
    return delayed_actions.reschedule(keys, refs, MOMENT + 60, record)


DELAYED_ACTIONS: dict[str, Callable[[Keys, Sequence[DelayedRef], ActionRecord], Steps[Result]]] = {
    "run": delayed_actions.run,
    "delete": delayed_actions.delete,
    "reschedule": reschedule,
}


@pytest.mark.parametrize(
    ("act", "first", "last"),
    [
        *(("run", 0, LONG), ("reschedule", 0, LONG)),
        *(("delete", 0, 3_000), ("delete", LONG - 3_000, LONG)),
    ],
)
def test_no_script_walks_along_the_long_list_of_one_moment(
    redis_url: str,
    store: Store,
    direct: Direct,
    delayed: list[bytes],
    act: str,
    first: int,
    last: int,
) -> None:
    key = KEYS.delayed(str(MOMENT)).decode()
    fill(direct, delayed, key)
    direct("ZADD", MOMENTS, MOMENT, MOMENT)
    places = sorted(Random(12).sample(range(first, last), MATCHES))
    jobs = [(place, windows.whole(delayed[place])) for place in places]
    refs = [DelayedRef(str(MOMENT), place, each.sha, each.size) for place, each in jobs]
    mine = trail(act, MOMENTS)
    with Watched(redis_url) as acting:
        assert store.run(DELAYED_ACTIONS[act](KEYS, refs, mine)) == Result(done=MATCHES)
    with Watched(redis_url) as undoing:
        assert store.run(undo(KEYS, mine.id)) == Undone(done=MATCHES)
    assert waiting(direct, key) == delayed
    assert (walks(acting), walks(undoing)) == ([], [])


def test_one_command_that_walks_is_found_among_the_others(
    redis_url: str, direct: Direct, entries: list[bytes]
) -> None:
    fill(direct, entries)
    script = "redis.call('LREM', KEYS[1], 1, ARGV[1]) redis.call('RPUSH', KEYS[1], ARGV[1])"
    with Watched(redis_url) as watched:
        direct("LRANGE", QUEUE, 0, 999)
        direct("EVAL", script, 1, QUEUE, entries[LONG // 2])
        direct("EVAL", script, 1, QUEUE, entries[5])
    [found] = walks(watched)
    assert (found.by, found.deepest) == ("LREM", LONG // 2 + 1)
