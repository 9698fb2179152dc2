"""Delayed jobs a page at a time, all of them in turn, and what comes due when."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.direct import Direct
from tests.support.operations import KEYS, StepByStep, fill

from queuecore.stores import Store
from resque.store import delayed_windows
from resque.store.delayed_windows import DelayedEntry, Position, Share, outlook

T = 1_900_000_000
MOMENTS = KEYS.delayed_schedule()


def park(direct: Direct, at: int, *jobs: bytes) -> None:
    if jobs:
        fill(direct, jobs, f"resque:delayed:{at}")
    direct("ZADD", MOMENTS, at, at)


def raws(jobs: Sequence[DelayedEntry]) -> list[bytes]:
    return [b"?" if each.job is None else each.job.item.raw for each in jobs]


def all_pages(store: Store, count: int) -> list[list[bytes]]:
    found, position = [], Position()
    while True:
        page = store.run(delayed_windows.page(KEYS, position, count))
        found.append(raws(page.jobs))
        if page.after is None:
            return found
        position = page.after


def walked(store: Store) -> list[bytes]:
    found: list[bytes] = []

    def visit(jobs: Sequence[DelayedEntry], done: int, of: int) -> bool:
        assert 0 <= done <= of
        found.extend(raws(jobs))
        return True

    store.run(delayed_windows.walk(KEYS, visit))
    return found


def test_pages_go_through_all_jobs_whatever_their_moments_hold(
    store: Store, direct: Direct
) -> None:
    sizes = [3, 0, 1, 12, 1, 1, 0, 0, 5]
    wanted = []
    for at, size in enumerate(sizes):
        jobs = [b"%d-%d" % (at, n) for n in range(size)]
        park(direct, T + at, *jobs)
        wanted += jobs
    for count in (1, 2, 4, 5, 23, 50):
        pages = all_pages(store, count)
        assert [raw for page in pages for raw in page] == wanted
        assert all(len(page) == count for page in pages[:-2])
    assert walked(store) == wanted


def test_a_page_says_of_which_moments_it_is(store: Store, direct: Direct) -> None:
    for at in range(5):
        park(direct, T + at, b"a", b"b")
    page = store.run(delayed_windows.page(KEYS, Position(1), 3))
    assert (page.first, page.last, page.moments) == (2, 3, 5)
    assert page.after == Position(2, 1)
    assert [(each.moment.stamp, each.place) for each in page.jobs] == [
        (str(T + 1), 0),
        (str(T + 1), 1),
        (str(T + 2), 0),
    ]
    empty = store.run(delayed_windows.page(KEYS, Position(9), 3))
    assert (empty.jobs, empty.after, empty.first, empty.last) == ((), None, 5, 5)


def test_the_page_before_is_found_across_moments(store: Store, direct: Direct) -> None:
    for at, size in enumerate([1, 1, 9, 0, 2]):
        park(direct, T + at, *[b"x"] * size)

    def before(position: Position, count: int) -> Position:
        return store.run(delayed_windows.before(KEYS, position, count))

    assert before(Position(2, 8), 4) == Position(2, 4)
    assert before(Position(4, 1), 4) == Position(2, 6)
    assert before(Position(2, 1), 2) == Position(1, 0)
    assert before(Position(1, 0), 5) == Position(0, 0)
    assert before(Position(0, 0), 5) == Position(0, 0)


def test_a_page_takes_three_round_trips_however_much_there_is(store: Store, direct: Direct) -> None:
    for start in range(0, 20_000, 1000):
        pairs = [part for at in range(start, start + 1000) for part in (T + at, T + at)]
        direct("ZADD", MOMENTS, *pairs)
        for at in range(start, start + 1000, 500):
            direct("RPUSH", f"resque:delayed:{T + at}", "j")
    fill(direct, [b"x"] * 50_000, f"resque:delayed:{T}")
    for start_at in (Position(), Position(0, 49_000)):
        steps = StepByStep(store, delayed_windows.page(KEYS, start_at, 200))
        trips = 1
        while steps.step():
            trips += 1
        assert trips == 3
        assert len(steps.finish().jobs) == 200
    assert len(walked(store)) == 50_040


def test_a_moment_that_is_no_list_is_shown_as_such(store: Store, direct: Direct) -> None:
    park(direct, T, b"a")
    direct("SET", f"resque:delayed:{T + 1}", "no list")
    park(direct, T + 1)
    park(direct, T + 2, b"b")
    assert all_pages(store, 2) == [[b"a", b"?"], [b"b"]]
    assert walked(store) == [b"a", b"?", b"b"]


def test_stamps_and_scores_may_be_anything(store: Store, direct: Direct) -> None:
    for stamp, score in (("soon", "-inf"), ("", "1"), ("\x00 %d*", "5"), ("later", "+inf")):
        direct("RPUSH", f"resque:delayed:{stamp}", stamp)
        direct("ZADD", MOMENTS, score, stamp)
    assert walked(store) == [b"soon", b"", b"\x00 %d*", b"later"]
    assert all_pages(store, 10) == [walked(store)]


def test_a_walk_misses_nothing_while_earlier_moments_go(store: Store, direct: Direct) -> None:
    for at in range(1200):
        park(direct, T + at, b"%d" % at)
    found: list[bytes] = []

    def visit(jobs: Sequence[DelayedEntry], done: int, of: int) -> bool:
        found.extend(raws(jobs))
        direct("ZREMRANGEBYRANK", MOMENTS, 0, 99)
        return True

    store.run(delayed_windows.walk(KEYS, visit))
    assert found == [b"%d" % at for at in range(1200)]


def test_a_walk_sees_all_moments_of_one_score(store: Store, direct: Direct) -> None:
    for number in range(1300):
        direct("RPUSH", f"resque:delayed:m{number}", number)
        direct("ZADD", MOMENTS, 7, f"m{number}")
    assert sorted(map(int, walked(store))) == list(range(1300))


def test_a_walk_ends_when_no_more_is_wanted(store: Store, direct: Direct) -> None:
    fill(direct, [b"x"] * 5000, f"resque:delayed:{T}")
    direct("ZADD", MOMENTS, T, T)
    seen = 0

    def visit(jobs: Sequence[DelayedEntry], done: int, of: int) -> bool:
        nonlocal seen
        seen += len(jobs)
        return seen < 1000

    store.run(delayed_windows.walk(KEYS, visit))
    assert seen == 1000


def test_the_outlook_counts_jobs_and_not_moments(store: Store, direct: Direct) -> None:
    park(direct, T - 100, b"a", b"b")
    park(direct, T, b"c")
    park(direct, T + 300, b"d", b"e", b"f")
    park(direct, T + 301)
    park(direct, T + 9000, b"g")
    steps = StepByStep(store, outlook(KEYS, T + 0.7, [300, 3600]))
    steps.step()
    steps.step()
    found = steps.finish()
    assert [share.jobs for share in found.shares] == [3, 3, 0, 1]
    assert [share.moments for share in found.shares] == [2, 1, 1, 1]
    assert found.total == Share(5, 7, is_exact=True)
    assert found.first_at == T - 100


def test_the_outlook_says_where_it_estimates(store: Store, direct: Direct) -> None:
    for at in range(1000):
        park(direct, T + 10 + at, b"a", b"b")
    fill(direct, [b"x"] * 7, f"resque:delayed:{T}")
    direct("ZADD", MOMENTS, T, T)
    found = store.run(outlook(KEYS, T, [3600]))
    assert found.shares[0] == Share(1, 7, is_exact=True)
    assert found.shares[1] == Share(1000, 2000, is_exact=False)
    assert not found.total.is_exact


def test_one_crowded_moment_does_not_stand_for_all_others(store: Store, direct: Direct) -> None:
    for at in range(1000):
        park(direct, T + 10 + at, b"a")
    fill(direct, [b"x"] * 2000, f"resque:delayed:{T + 12}")
    [_, share, _] = store.run(outlook(KEYS, T, [3600])).shares
    assert share == Share(1000, 3000, is_exact=False)


def test_without_delayed_jobs_the_outlook_is_empty(store: Store) -> None:
    found = store.run(outlook(KEYS, T, [300]))
    assert found.total == Share(0, 0, is_exact=True)
    assert found.first_at is None


def test_the_first_moment_is_the_first_that_has_jobs(store: Store, direct: Direct) -> None:
    park(direct, T - 500)
    assert store.run(outlook(KEYS, T, [])).first_at == T - 500
    park(direct, T - 100, b"{}")
    park(direct, T - 50, b"{}")
    seen = store.run(outlook(KEYS, T, []))
    assert (seen.shares[0].jobs, seen.first_at) == (2, T - 100)
