"""Rows of the scheduled screen, and the search through all delayed jobs."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtop.model.job import job_rows, moment_of
from qtop.search.fields import Subject
from qtop.search.filter_language import parse
from qtop.systems.resque import scheduled_search as due_search
from qtop.systems.resque.job_lists import DelayedList
from qtop.systems.resque.job_reader import delayed_job
from qtop.systems.resque.scheduled_search import (
    ClassRow,
    DelayedSearch,
    choose,
    chosen,
    class_filter,
    schedule_rows,
)
from queuecore.exchange import Steps
from queuecore.windows import whole
from resque.codec import encode
from resque.keys import Keys
from resque.store import delayed, delayed_windows
from resque.store.delayed import Moment
from resque.store.delayed_windows import DelayedEntry
from resque.store.schedules import Looked, OfFile, PublishedSchedule

NOW_S = 1_000_000.0
MOMENT = datetime.fromtimestamp(NOW_S, UTC)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def parked(raw: bytes, ahead_s: float = 60, place: int = 0) -> DelayedEntry:
    moment = Moment(f"{NOW_S + ahead_s:.0f}", NOW_S + ahead_s, 5)
    return DelayedEntry(moment, place, delayed.read(whole(raw), place - 5))


def job(name: str, queue: str = "q") -> bytes:
    return encode({"class": name, "args": [], "queue": queue})


def visit(monkeypatch: pytest.MonkeyPatch, *pages: Sequence[DelayedEntry]) -> None:
    """Have these found in Redis."""

    def walk(_keys: Keys, show: delayed_windows.VisitDelayed, **_more: object) -> Steps[None]:
        for at, page in enumerate(pages, 1):
            if not show(page, at, len(pages)):
                return
        yield from ()

    monkeypatch.setattr(delayed_windows, "walk", walk)


def ended(steps: Steps[object]) -> object:
    try:
        next(steps)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it wanted to talk to Redis")


def test_equal_jobs_of_one_moment_are_different_rows() -> None:
    jobs = map(delayed_job, [parked(job("A")), parked(job("A")), parked(job("A"), 70)])
    rows = job_rows(jobs, MOMENT)
    assert len({row.key for row in rows}) == 3
    assert [row.due_s for row in rows] == [60, 60, 70]


@pytest.mark.parametrize("epoch", [float("inf"), float("-inf"), 1e300, -1e300, 1.9e12])
def test_what_is_no_date_has_none(epoch: float) -> None:
    assert moment_of(epoch) is None


def test_a_moment_that_cannot_be_read_is_a_row_and_no_choice() -> None:
    broken = DelayedEntry(Moment("5", 5, -1), 0, None)
    [row] = job_rows([delayed_job(broken)], MOMENT)
    assert "no list" in (row.job.problem or "")
    choice = chosen([delayed_job(broken), delayed_job(parked(job("A")))])
    assert (len(choice.marks), choice.unusable) == (1, 1)


@given(st.text(max_size=200), st.sampled_from(["", "queue:q", "due>1s"]))
def test_the_filter_of_a_class_finds_that_class_and_no_other(name: str, beside: str) -> None:
    row = ClassRow(name or None, True, 1, 0, 0, 0, ())
    wanted = parse(class_filter(row, beside))
    assert wanted.matches(Subject(class_name=name or None, queue="q", due_s=5))
    assert not wanted.matches(Subject(class_name=name + "x", queue="q", due_s=5))
    assert not wanted.matches(Subject(is_readable=False, queue="q", due_s=5))


def test_a_search_keeps_the_first_matches_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_search, "MOST_LISTED", 2)
    pages = [[parked(job("A", f"q{n}"), n) for n in range(4)], [parked(b"junk"), parked(job("B"))]]
    visit(monkeypatch, *pages)
    run = DelayedSearch(parse(""), MOMENT)
    ended(run.run(DelayedList(Keys()).walk()))
    assert (run.matches, run.seen, len(run.found), run.done, run.moments) == (6, 6, 2, 2, 2)
    first, *_ = run.classes()
    assert (first.name, first.count, first.first_at, first.last_at) == ("A", 4, NOW_S, NOW_S + 3)
    assert first.queues == ("q0", "q1", "q2", "q3")
    assert {(row.name, row.is_readable) for row in run.classes()} == {
        ("A", True),
        ("B", True),
        (None, False),
    }


def test_classes_without_end_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_search, "MOST_CLASSES", 3)
    visit(monkeypatch, [parked(job(f"C{n}")) for n in range(9)])
    run = DelayedSearch(parse(""), MOMENT)
    ended(run.run(DelayedList(Keys()).walk()))
    assert len(run.classes()) == 3
    assert run.has_more_classes
    assert run.matches == 9


def test_a_search_that_was_stopped_looks_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    visit(monkeypatch, [parked(job("A"))], [parked(job("A"))])
    run = DelayedSearch(parse(""), MOMENT)
    run.stop()
    ended(run.run(DelayedList(Keys()).walk()))
    assert run.seen == 1


def test_a_choice_that_is_too_large_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_search, "MOST_CHOSEN", 2)
    visit(monkeypatch, [parked(job("A"), n) for n in range(5)])
    choice = ended(choose(DelayedList(Keys()), parse("class:A"), MOMENT))
    assert isinstance(choice, due_search.DelayedSelection)
    assert (len(choice.marks), choice.is_cut) == (2, True)
    assert (choice.first_at, choice.last_at) == (NOW_S, NOW_S + 1)


def test_schedules_are_reckoned_again_only_when_something_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {"a": whole(b'{"cron":"0 3 * * *","class":"A"}'), "b": whole(b"junk")}
    looked = Looked(config, {"c": b"2026-11-23 11:00:00 +0000"})
    rows = schedule_rows(looked, NOW, UTC, {})
    assert [(row.name, row.problem is None, row.item is None) for row in rows] == [
        ("a", True, False),
        ("b", False, False),
        ("c", True, True),
    ]
    before = {row.name: row for row in rows}
    monkeypatch.setattr(
        "resque.scheduler.listing.listed", lambda *_: pytest.fail("nothing was new")
    )
    assert schedule_rows(looked, NOW, UTC, before) == rows
    monkeypatch.undo()
    later = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    assert schedule_rows(looked, later, UTC, before)[0].next_at == datetime(
        2026, 11, 25, 3, 0, tzinfo=UTC
    )


def test_schedules_of_a_file_are_rows_with_their_source() -> None:
    looked = Looked({}, {"gone": b"2026-11-23 12:00:00 +0000"})
    entries = {
        "a": PublishedSchedule(b'{"every":"1h","class":"A"}', "q"),
        "b": PublishedSchedule(None, problem="schedule 'b': it needs `cron` or `every`"),
    }
    of_file = OfFile("web1:1", entries)
    rows = schedule_rows(looked, NOW, UTC, {}, of_file)
    assert [(row.name, row.source, row.problem) for row in rows] == [
        ("a", "file", None),
        ("b", "file", "it needs `cron` or `every`"),
        ("gone", "unknown", None),
    ]
    before = {row.name: row for row in rows}
    assert schedule_rows(looked, NOW, UTC, before, of_file) == rows
    changed = OfFile("web1:1", {"a": PublishedSchedule(b'{"every":"2h","class":"A"}', "q")})
    (row, _) = schedule_rows(looked, NOW, UTC, before, changed)
    assert row.schedule is not None
    assert row.schedule.timing.text == "2h"
