"""A walk sees every item of a list once, newest first, while the list changes."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.direct import Direct
from tests.support.operations import StepByStep

from qtop.actions.runner import ForegroundPriority
from qtop.model.job import JobSource
from qtop.model.job_list import Entry, Walk
from qtop.search.filter_language import parse
from qtop.search.list_search import ListSearch, walk
from qtop.search.list_walk import ListWalk, choose, scan
from qtop.search.selection import JobQuery, JobSearch, Matches
from qtop.systems.resque.job_lists import ListEntry, ResqueList, job_list
from queuecore.exchange import Call, Exchange, single
from queuecore.stores import Store
from queuecore.windows import Extent, RawItem, Stretch, read_item, sha_of, whole
from resque.codec import encode_job
from resque.errors import Unreachable
from resque.keys import Keys
from resque.store import queues
from sidekiq.store import waiting_jobs

KEY = b"resque:failed"
FAILURES = ResqueList(Keys(), JobSource("failed", "failed"))


class Seen(ListEntry):
    """An entry that keeps the bytes of the reply."""

    def __init__(self, reply: RawItem, place: int) -> None:
        super().__init__(FAILURES, reply, place)
        self.reply = reply


def walk_of(since: Extent | None = None) -> ListWalk:
    return ListWalk(KEY, Seen, since)


class Jobs(ResqueList):
    """The list, as a search reads it."""

    def walk(self, since: Extent | None = None) -> ListWalk:
        return walk_of(since)


JOBS = Jobs(Keys(), FAILURES.source)


class List:
    """A Redis that holds one list. `between` may change it before each answer."""

    def __init__(self, items: list[bytes], between: Callable[[list[bytes]], None] | None = None):
        self.items = items
        self.between = between
        self.asked: list[tuple[int, int]] = []
        self.error: Exception | None = None

    async def read(self, operation: Any) -> Any:
        assert isinstance(operation, Exchange)
        if self.error is not None:
            raise self.error
        if self.between is not None:
            self.between(self.items)
        (call,) = operation.commands
        assert isinstance(call, Call)
        first, last, _ = (int(arg) for arg in call.args)
        self.asked.append((first, last))
        length = len(self.items)
        begin = max(0, first + length if first < 0 else first)
        end = last + length if last < 0 else last
        return operation.parse([[length, self.items[begin : end + 1]]])


def items(count: int) -> list[bytes]:
    return [b"item %d " % number + b"x" * 3_000 for number in range(count)]


async def seen_of(served: List, walk_to_take: Walk) -> list[tuple[bytes, int]]:
    seen: list[tuple[bytes, int]] = []

    async def no_rest(seconds: float) -> None:
        await asyncio.sleep(0)

    def visit(entry: Entry) -> None:
        assert isinstance(entry, Seen)
        assert isinstance(entry.reply, bytes)
        seen.append((entry.reply, entry.place))

    await walk(served.read, walk_to_take, visit, rest=no_rest)
    return seen


async def test_what_a_sieve_leaves_out_is_counted_and_not_shown() -> None:
    there, shown = items(600), list[int]()

    def sieve(raws: Sequence[bytes | None]) -> list[int]:
        return [at for at, raw in enumerate(raws) if raw in there[7::100]]

    def visit(entry: Entry) -> None:
        shown.append(entry.place)

    assert await walk(List(there).read, walk_of(), visit, sieve=sieve) == 600
    assert shown == [507, 407, 307, 207, 107, 7]


def test_a_search_has_seen_what_its_sieve_leaves_out() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    search = JobSearch(JobQuery(JOBS.source, parse("queue:low")), now, JOBS.layout(now))
    found = Matches(search, 10, last_first=True)
    raws = [b'{"queue":"%s","payload":{"class":"A"}}' % name for name in (b"low", b"mail", b"low")]
    assert found.sieve is not None
    for at in found.sieve(raws):
        found.visit(Seen(raws[at], at))
    assert (found.seen, found.count) == (3, 2)


@pytest.mark.parametrize("count", [0, 1, 249, 250, 251, 5_000])
async def test_all_are_seen_once_newest_first_with_their_places(count: int) -> None:
    there = items(count)
    list_walk = walk_of()
    seen = await seen_of(List(there), list_walk)
    assert seen == [(there[place], place) for place in reversed(range(count))]
    assert not list_walk.is_broken
    assert list_walk.length == count
    assert list_walk.extent.last == (whole(there[-1]).sha if there else None)


async def test_the_first_window_is_small_and_later_ones_are_bounded() -> None:
    served = List(items(5_000))
    await seen_of(served, walk_of())
    sizes = [last - first + 1 for first, last in served.asked]
    assert sizes[0] == 250
    assert max(sizes) * 3_000 <= 4 << 20


@given(st.lists(st.tuples(st.sampled_from(["head", "tail"]), st.integers(1, 30)), max_size=6))
def test_items_that_leave_the_head_or_arrive_do_not_disturb_a_walk(
    changes: list[tuple[str, int]],
) -> None:
    there = items(3_000)
    before = list(there)
    left = iter(changes)

    def between(now: list[bytes]) -> None:
        what, many = next(left, ("", 0))
        if what == "head":
            del now[:many]
        elif what == "tail":
            now.extend(b"late %d" % number for number in range(many))

    list_walk = walk_of()
    seen = [reply for reply, _ in asyncio.run(seen_of(List(there, between), list_walk))]
    assert len(set(seen)) == len(seen)
    assert not list_walk.is_broken
    # Everything that is still there was seen, except what arrived after the start.
    assert set(before) & set(there) <= set(seen)
    place = {item: at for at, item in enumerate(before)}
    places = [place[item] for item in seen if not item.startswith(b"late")]
    assert places == sorted(places, reverse=True)


async def test_items_that_leave_anywhere_are_the_only_ones_that_a_walk_may_miss() -> None:
    there = items(3_000)
    before = list(there)

    def between(now: list[bytes]) -> None:
        if len(served.asked) > 1:
            # The item that was seen last leaves, too, and some before and after it.
            last_seen = served.asked[-1][0]
            del now[max(0, last_seen - 20) : last_seen + 20]
            del now[::60]

    served, list_walk = List(there, between), walk_of()
    seen = [reply for reply, _ in await seen_of(served, list_walk)]
    assert len(set(seen)) == len(seen)
    assert not list_walk.is_broken
    assert set(before) & set(there) <= set(seen)


@pytest.mark.parametrize("many", [30, 200, 700, 1_500, 2_600])
async def test_more_than_a_window_may_leave_between_two_reads(many: int) -> None:
    there = items(6_000)
    before = list(there)

    def between(now: list[bytes]) -> None:
        if len(served.asked) in (2, 5):
            del now[:many]

    served, list_walk = List(there, between), walk_of()
    seen = await seen_of(served, list_walk)
    assert not list_walk.is_broken
    # Each in the place that it had when the walk began.
    assert seen == [(before[place], place) for place in reversed(range(6_000 - len(seen), 6_000))]
    assert set(there) <= {item for item, _ in seen}


async def test_a_list_that_was_replaced_is_noticed() -> None:
    there = items(3_000)
    count = 0

    def between(now: list[bytes]) -> None:
        nonlocal count
        count += 1
        if count == 2:
            now[:] = [b"other %d" % number for number in range(3_000)]

    list_walk = walk_of()
    await seen_of(List(there, between), list_walk)
    assert list_walk.is_broken


async def test_only_new_items_are_read_when_the_rest_is_known() -> None:
    there = items(400)
    list_walk = walk_of(Extent(300, whole(there[299]).sha))
    seen = await seen_of(List(there), list_walk)
    assert [place for _, place in seen] == list(range(399, 299, -1))
    assert not list_walk.is_broken
    moved = walk_of(Extent(300, whole(there[298]).sha))
    await seen_of(List(there), moved)
    assert moved.is_broken
    shrunk = walk_of(Extent(500, "a" * 40))
    await seen_of(List(there), shrunk)
    assert shrunk.is_broken


async def test_a_walk_that_is_cancelled_leaves_nothing_behind() -> None:
    there = List(items(5_000))
    begun = asyncio.Event()

    def visit(entry: Entry) -> None:
        begun.set()

    walking = asyncio.create_task(walk(there.read, walk_of(), visit))
    await begun.wait()
    walking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await walking
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.redis
def test_a_scan_from_the_front_ends_where_the_list_was_cut_meanwhile(redis_url: str) -> None:
    keys, source, seen = Keys(), JobSource("queue", "q"), list[Any]()
    everything, now = parse(""), datetime(2026, 11, 23, tzinfo=UTC)
    with Store(redis_url) as store:
        store.run(queues.push(keys, "q", [encode_job("A", [number]) for number in range(200)]))
        look = scan(job_list(keys, source), everything, now, lambda job: seen.extend(job.args))
        scanning = StepByStep(store, look)
        while not seen:
            scanning.step()
        store.run(single(("LTRIM", keys.queue("q"), 0, 9), bool, writes=True))
        while scanning.step():
            pass
    assert seen == list(range(len(seen)))


@pytest.mark.redis
def test_what_others_remove_meanwhile_makes_no_job_be_chosen_twice(redis_url: str) -> None:
    keys, source, chosen = Keys(), JobSource("queue", "q"), list[Any]()
    jobs, now = job_list(keys, source, newest_first=True), datetime(2026, 11, 23, tzinfo=UTC)
    payloads = [encode_job("AB"[number % 2], [number, "x" * 2_000]) for number in range(3_000)]
    others = iter(payloads[::2])
    with Store(redis_url) as store:
        store.run(queues.push(keys, "q", payloads))
        wanted = parse("class:B")
        choosing = StepByStep(
            store, choose(jobs, wanted, now, lambda job, _: chosen.extend(job.args))
        )
        while choosing.step():
            for payload in islice(others, 50):
                store.run(single(("LREM", keys.queue("q"), 1, payload), bool, writes=True))
    assert chosen[::2] == list(range(2_999, 0, -2))


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_choice_says_when_it_lost_its_place(redis_url: str, *, is_replaced: bool) -> None:
    keys, source = Keys(), JobSource("queue", "q")
    jobs, now = job_list(keys, source, newest_first=True), datetime(2026, 11, 23, tzinfo=UTC)
    payloads = [encode_job("A", [number, "x" * 2_000]) for number in range(2_000)]
    with Store(redis_url) as store:
        store.run(queues.push(keys, "q", payloads))
        choosing = StepByStep(store, choose(jobs, parse(""), now, lambda job, _: None))
        for _ in range(3):
            choosing.step()
        if is_replaced:
            store.run(single(("DEL", keys.queue("q")), bool, writes=True))
            store.run(queues.push(keys, "q", [encode_job("B", [n]) for n in range(2_000)]))
        assert choosing.finish().is_broken is is_replaced


class Places:
    """The places of the entries that one walk through the list, and those after it, showed."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.is_complete = False
        self.sieve = None

    @property
    def count(self) -> int:
        return len(self.places)

    def visit(self, entry: Entry) -> None:
        self.places.append(entry.place)


class Counted:
    """Counts what a search shows."""

    def __init__(self) -> None:
        self.found: list[Places] = []

    def new(self) -> Places:
        self.found.append(Places())
        return self.found[-1]

    @property
    def walks(self) -> list[list[int]]:
        return [each.places for each in self.found]

    @property
    def finished(self) -> int:
        return sum(each.is_complete for each in self.found)


class Clock:
    """Time that passes only during `sleep`."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def search(counted: Counted) -> ListSearch[Places]:
    clock = Clock()
    return ListSearch(JOBS, counted.new, clock.sleep, clock=clock)


async def test_a_walk_in_the_background_waits_for_foreground_work() -> None:
    there, counted, precedence = List(items(1_000)), Counted(), ForegroundPriority()
    following = ListSearch(JOBS, counted.new, precedence.rest, clock=Clock())
    with precedence.ahead():
        walking = asyncio.create_task(following.follow(there.read))
        with precedence.ahead():
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not counted.walks
        there.asked.clear()
    assert await walking
    assert sorted(counted.walks[0]) == list(range(1_000))


async def test_newcomers_are_added_without_another_walk() -> None:
    there, counted = List(items(1_000)), Counted()
    following = search(counted)
    assert await following.follow(there.read)
    assert following.is_current
    there.items += items(1_300)[1_000:]
    there.asked.clear()
    assert await following.follow(there.read)
    assert len(counted.walks) == 1
    assert sorted(counted.walks[0]) == list(range(1_300))
    assert not await following.follow(there.read)
    assert counted.finished == 1


async def test_a_shorter_or_replaced_list_is_walked_again() -> None:
    there, counted = List(items(1_000)), Counted()
    following = search(counted)
    await following.follow(there.read)
    del there.items[:10]
    await following.follow(there.read)
    assert len(counted.walks[1]) == 990
    there.items[:] = [b"other %d" % number for number in range(2_000)]
    await following.follow(there.read)
    assert len(counted.walks[2]) == 2_000
    there.items.clear()
    await following.follow(there.read)
    assert counted.walks[3] == []
    there.items.append(b"one")
    await following.follow(there.read)
    assert counted.walks[-1] == [0]


async def test_a_stopped_walk_waits_and_errors_are_kept_as_text() -> None:
    there, counted = List(items(10)), Counted()
    following = search(counted)
    following.is_stopped = True
    assert not await following.follow(there.read)
    following.is_stopped = False
    there.error = Unreachable("no answer")
    assert not await following.follow(there.read)
    assert following.problem == "no answer"
    there.error = None
    assert await following.follow(there.read)
    assert following.problem is None


def test_a_queue_with_its_newest_job_first_is_walked_as_one_with_it_last(
    redis_url: str, direct: Direct
) -> None:
    """Sidekiq's: pushed at the head, taken from the end."""
    direct("LPUSH", "queue:q", *(b"%d" % number for number in range(3_000)))
    way = ListWalk(b"queue:q", Seen, stretch=waiting_jobs.stretch)
    found: list[bytes | None] = []
    taken, new = 0, 3_000
    with Store(redis_url) as store:
        while (window := way.window()) is not None:
            found += [each.raw for each in store.run(window)]
            for _ in range(40):
                direct("RPOP", "queue:q")
                direct("LPUSH", "queue:q", b"%d" % new)
                taken, new = taken + 1, new + 1
    assert found[: 3_000 - taken] == [b"%d" % number for number in range(2_999, taken - 1, -1)]
    assert len(set(found)) == len(found)
    assert not way.is_broken
    # What is new since then is walked alone.
    with Store(redis_url) as store:
        latest = ListWalk(
            b"queue:q", Seen, Extent(new - taken, sha_of(b"%d" % (new - 1))), waiting_jobs.stretch
        )
        direct("LPUSH", "queue:q", b"one", b"two")
        window = latest.window()
        assert window is not None
        assert [each.raw for each in store.run(window)] == [b"two", b"one"]
        assert (latest.window(), latest.is_broken) == (None, False)


def test_a_stretch_reads_only_the_items_that_are_asked_for() -> None:
    stretch = Stretch(3, [b"one", [b"tw", 1_000, b"a" * 40]])
    first, second = map(read_item, stretch.replies)
    assert first == whole(b"one")
    assert (second.raw, second.size, second.is_cut) == (
        b"tw",
        1_000,
        True,
    )
