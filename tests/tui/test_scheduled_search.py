"""Rows of the scheduled screen, and the search through all delayed jobs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtop.model.job import Job, JobSource, job_rows, moment_of
from qtop.model.job_list import Entry
from qtop.search import list_search, selection
from qtop.search.fields import Subject
from qtop.search.filter_language import parse
from qtop.search.list_search import ListSearch, walk
from qtop.search.selection import (
    ClassCounts,
    ClassRow,
    JobQuery,
    JobSearch,
    Matches,
    Selection,
    chosen_of,
)
from qtop.systems.resque import job_actions
from qtop.systems.resque.job_actions import JobChooser
from qtop.systems.resque.job_lists import DelayedList
from qtop.systems.resque.job_reader import delayed_job
from qtop.systems.resque.schedules import read_schedules
from queuecore.exchange import Exchange, Operation, Steps
from queuecore.windows import whole
from resque.codec import encode
from resque.keys import Keys
from resque.store import delayed, delayed_windows
from resque.store.delayed_windows import DelayedEntry, Moment
from resque.store.schedules import OfFile, PublishedSchedule, StoredItems

T = TypeVar("T")

NOW_S = 1_000_000.0
MOMENT = datetime.fromtimestamp(NOW_S, UTC)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def delayed_entry(raw: bytes, ahead_s: float = 60, place: int = 0) -> DelayedEntry:
    moment = Moment(f"{NOW_S + ahead_s:.0f}", NOW_S + ahead_s, 5)
    return DelayedEntry(moment, place, delayed.read(whole(raw), place - 5))


def job(name: str, queue: str = "q") -> bytes:
    return encode({"class": name, "args": [], "queue": queue})


def visit(monkeypatch: pytest.MonkeyPatch, *pages: Sequence[DelayedEntry]) -> None:
    """Let a walk in Redis find these."""

    def walk(
        _keys: Keys,
        show: delayed_windows.VisitDelayed,
        *,
        make: delayed_windows.Make,
        **_more: object,
    ) -> Steps[None]:
        for at, page in enumerate(pages, 1):
            raws = [None if each.job is None else each.job.item.raw for each in page]
            made = [
                make(each.moment, each.place, raw) for each, raw in zip(page, raws, strict=True)
            ]
            if not show(made, at, len(pages)):
                return
        yield from ()

    monkeypatch.setattr(delayed_windows, "walk", walk)


async def ended(operation: Operation[T]) -> T:
    """The result of an operation without a round trip."""
    if isinstance(operation, Exchange):
        assert not operation.commands, "it wanted to talk to Redis"
        return operation.parse([])
    try:
        next(operation)
    except StopIteration as stop:
        return cast(T, stop.value)
    raise AssertionError("it wanted to talk to Redis")


SOURCE = JobSource("delayed", "")


def matches(text: str = "", most: int = 1_000) -> Matches:
    search = JobSearch(JobQuery(SOURCE, parse(text)), MOMENT)
    return Matches(search, most, last_first=False, classes=ClassCounts())


def rows_of(found: Matches) -> list[ClassRow]:
    assert found.classes is not None
    return found.classes.rows(MOMENT)


def test_equal_jobs_of_one_moment_are_different_rows() -> None:
    jobs = map(
        delayed_job, [delayed_entry(job("A")), delayed_entry(job("A")), delayed_entry(job("A"), 70)]
    )
    rows = job_rows(jobs, MOMENT)
    assert len({row.key for row in rows}) == 3
    assert [row.due_s for row in rows] == [60, 60, 70]


@pytest.mark.parametrize("epoch", [float("inf"), float("-inf"), 1e300, -1e300, 1.9e12])
def test_an_epoch_that_is_no_date_has_none(epoch: float) -> None:
    assert moment_of(epoch) is None


def test_an_unreadable_moment_is_a_row_that_cannot_be_chosen() -> None:
    broken = DelayedEntry(Moment("5", 5, -1), 0, None)
    [row] = job_rows([delayed_job(broken)], MOMENT)
    assert "no list" in (row.job.problem or "")
    jobs = [delayed_job(broken), delayed_job(delayed_entry(job("A")))]
    choice = chosen_of(DelayedList(Keys()), jobs)
    assert (len(choice.refs), choice.unusable) == (1, 1)


@given(st.text(max_size=200), st.sampled_from(["", "queue:q", "due>1s"]))
def test_the_filter_of_a_class_finds_that_class_and_no_other(name: str, beside: str) -> None:
    row = ClassRow(name or None, True, 1, 0, 0, 0, ())
    wanted = parse(row.filter_text(beside))
    assert wanted.matches(Subject(class_name=name or None, queue="q", due_s=5))
    assert not wanted.matches(Subject(class_name=name + "x", queue="q", due_s=5))
    assert not wanted.matches(Subject(is_readable=False, queue="q", due_s=5))


async def test_a_search_keeps_the_first_matches_and_counts_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = [
        [delayed_entry(job("A", f"q{n}"), n) for n in range(4)],
        [delayed_entry(b"junk"), delayed_entry(job("B"))],
    ]
    visit(monkeypatch, *pages)
    found, told = matches(most=2), list[tuple[int, int]]()
    way = DelayedList(Keys()).walk()
    await walk(ended, way, found.visit, lambda *far: told.append(far))
    assert (found.count, found.seen, len(found.listed()), told[-1]) == (6, 6, 2, (2, 2))
    first, *_ = rows_of(found)
    assert (first.name, first.count, first.first_at, first.last_at) == ("A", 4, NOW_S, NOW_S + 3)
    assert first.queues == ("q0", "q1", "q2", "q3")
    assert {(row.name, row.is_readable) for row in rows_of(found)} == {
        ("A", True),
        ("B", True),
        (None, False),
    }


async def test_the_number_of_kept_classes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_CLASSES", 3)
    visit(monkeypatch, [delayed_entry(job(f"C{n}")) for n in range(9)])
    found = matches()
    await walk(ended, DelayedList(Keys()).walk(), found.visit)
    assert len(rows_of(found)) == 3
    assert found.classes is not None
    assert found.classes.has_more
    assert found.count == 9


async def test_a_walk_ends_when_the_visitor_needs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    visit(
        monkeypatch, [delayed_entry(job("A")), delayed_entry(job("A"))], [delayed_entry(job("A"))]
    )
    seen: list[Job] = []

    def first_only(entry: Entry) -> bool:
        seen.append(entry.job)
        return False

    assert await walk(ended, DelayedList(Keys()).walk(), first_only) == 1
    assert len(seen) == 1


async def test_a_selection_that_is_too_large_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_actions, "_MOST_DELAYED", 2)
    visit(monkeypatch, [delayed_entry(job("A"), n) for n in range(5)])
    chooser, search = JobChooser(Keys(), SOURCE), JobSearch(JobQuery(SOURCE, parse("class:A")), NOW)

    def choose(entry: Entry) -> bool:
        found = search.find(entry)
        return found is None or chooser.take(found)

    await walk(ended, DelayedList(Keys()).walk(), choose)
    choice = await ended(chooser.settle())
    assert isinstance(choice, Selection)
    assert (len(choice.refs), choice.is_cut) == (2, True)
    assert (choice.first_due, choice.last_due) == (NOW_S, NOW_S + 1)


async def test_delayed_jobs_are_searched_again_while_it_is_quick_or_after_an_action(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visit(monkeypatch, [delayed_entry(job("A"), n) for n in range(5)])
    walks: list[Matches] = []

    def new() -> Matches:
        walks.append(matches())
        return walks[-1]

    async def at_once(_seconds: float) -> None:
        pass

    following = ListSearch(DelayedList(Keys()), new, at_once)
    for _ in range(3):
        assert await following.follow(ended)
    assert len(walks) == 3
    monkeypatch.setattr(list_search, "_QUICK", 4)
    assert not await following.follow(ended)
    following.expect_change()
    for _ in range(4):
        await following.follow(ended)
    assert len(walks) == 5


def test_schedules_are_computed_again_only_after_a_change_or_a_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {"a": whole(b'{"cron":"0 3 * * *","class":"A"}'), "b": whole(b"junk")}
    looked = StoredItems(config, {"c": b"2026-11-23 11:00:00 +0000"})
    rows = read_schedules(looked, NOW, UTC, {})
    assert [(row.name, row.problem is None, row.item is None) for row in rows] == [
        ("a", True, False),
        ("b", False, False),
        ("c", True, True),
    ]
    before = {row.name: row for row in rows}
    monkeypatch.setattr(
        "resque.scheduler.listing.listed", lambda *_: pytest.fail("nothing was new")
    )
    assert read_schedules(looked, NOW, UTC, before) == rows
    monkeypatch.undo()
    later = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    assert read_schedules(looked, later, UTC, before)[0].next_at == datetime(
        2026, 11, 25, 3, 0, tzinfo=UTC
    )


def test_schedules_of_a_file_are_rows_with_their_source() -> None:
    looked = StoredItems({}, {"gone": b"2026-11-23 12:00:00 +0000"})
    entries = {
        "a": PublishedSchedule(b'{"every":"1h","class":"A"}', "q"),
        "b": PublishedSchedule(None, problem="schedule 'b': it needs `cron` or `every`"),
    }
    of_file = OfFile("web1:1", entries)
    rows = read_schedules(looked, NOW, UTC, {}, of_file)
    assert [(row.name, row.source, row.problem) for row in rows] == [
        ("a", "file", None),
        ("b", "file", "it needs `cron` or `every`"),
        ("gone", "unknown", None),
    ]
    before = {row.name: row for row in rows}
    assert read_schedules(looked, NOW, UTC, before, of_file) == rows
    changed = OfFile("web1:1", {"a": PublishedSchedule(b'{"every":"2h","class":"A"}', "q")})
    (row, _) = read_schedules(looked, NOW, UTC, before, changed)
    assert row.timing == "every 2h"
