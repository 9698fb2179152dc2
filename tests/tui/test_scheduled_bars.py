"""The lines above the scheduled screen's lists never claim more than is known."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from qtop.model.fleet import ListedSchedule, LockHolder, Schedules
from qtop.model.job import JobSource
from qtop.model.job_list import DueShare, Outline
from qtop.screens import list_bars
from qtop.screens.list_bars import ScheduledLook
from qtop.search.filter_language import parse
from qtop.search.list_search import ListSearch
from qtop.search.selection import ClassCounts, JobQuery, JobSearch, Matches
from qtop.systems.resque.job_lists import DelayedList
from qtop.text.progress import ProgressMeter
from qtop.widgets.bars import Span
from resque.keys import Keys
from resque.store import delayed_windows as engine

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOW_S = NOW.timestamp()
NONE = DueShare(0, 0, is_exact=True)


def text(spans: list[Span]) -> str:
    return "".join(span.text for span in spans)


def outlook(overdue: DueShare, *others: DueShare, first_s: float | None = None) -> Outline:
    shares = (overdue, *others, *[NONE] * (4 - len(others)))
    length = sum(share.jobs for share in shares)
    return Outline(length, None, shares, None if first_s is None else NOW_S + first_s)


def scheduled_look(
    seen: Outline | None, holder: LockHolder | None, **problems: str
) -> ScheduledLook:
    return ScheduledLook(seen, Schedules(None, holder), problems)


def schedule(ahead_s: float | None) -> ListedSchedule:
    at = None if ahead_s is None else NOW + timedelta(seconds=ahead_s)
    return ListedSchedule("s", next_at=at)


def test_estimates_are_marked_and_unknown_is_not_zero() -> None:
    seen = outlook(DueShare(2, 3, is_exact=True), DueShare(1000, 2500, is_exact=False))
    left, right = list_bars.forecast(seen, None, NOW)
    assert text(left) == " due  overdue 3  5 min ~2,500  1 h 0  24 h 0  later 0 "
    assert right == []
    assert text(list_bars.forecast(None, None, NOW)[0]) == " due  unknown"


def test_retries_are_part_of_what_comes_due_and_are_counted_apart() -> None:
    seen = outlook(DueShare(1, 1, is_exact=True), DueShare(2, 2, is_exact=True))
    retries = (NONE, DueShare(340, 340, is_exact=True), *[NONE] * 3)
    both = replace(seen, retries=retries)
    assert " overdue 1  5 min 342  1 h 0 " in text(list_bars.forecast(both, None, NOW)[0])
    assert " overdue 0  5 min 340  1 h 0 " in text(list_bars.retries_due(both))
    unknown = replace(seen, retries=None)
    assert " 5 min 2 " in text(list_bars.forecast(unknown, None, NOW)[0])
    assert "unknown" in text(list_bars.retries_due(unknown))
    assert list_bars.retries_due(seen) == list_bars.retries_due(None) == []


def test_what_is_said_of_several_places_is_told_apart() -> None:
    parts = {"a": Schedules((), movers=1), "b": Schedules((), movers=2)}
    look = ScheduledLook(outlook(NONE), Schedules((), parts=parts), {})
    line = text(list_bars.scheduler(look, NOW_S, has_schedules=False))
    assert line.startswith(" a:")
    assert "; b:" in line


def test_jobs_that_cannot_be_listed_are_said_to_be_there() -> None:
    hidden = Schedules((), movers=1, hidden="periodic jobs are there")
    look = ScheduledLook(outlook(NONE), hidden, {})
    assert "periodic jobs are there" in text(list_bars.scheduler(look, NOW_S, False))
    assert "periodic jobs are there" in list_bars.no_schedules(look)


def test_schedules_that_fire_soon_are_counted() -> None:
    rows = [schedule(10), schedule(3_600), schedule(3_601), schedule(None)]
    _, right = list_bars.forecast(outlook(NONE), rows, NOW)
    assert text(right) == "2 schedules fire within 1 h "
    _, right = list_bars.forecast(outlook(NONE), rows[:1], NOW)
    assert text(right) == "1 schedule fires within 1 h "


SOME = DueShare(1, 1, is_exact=True)
MANY = DueShare(900, 1_800, is_exact=False)
NOBODY = LockHolder(None, -2)
ALIVE = LockHolder("web1:42", 170)
ENDLESS = LockHolder("h:1", -1)


@pytest.mark.parametrize(
    ("seen", "holder", "has_schedules", "words", "tone"),
    [
        (outlook(SOME, first_s=-9), NOBODY, False, "no scheduler runs: 1 job is overdue", "bad"),
        (outlook(MANY, first_s=-9), NOBODY, True, "no scheduler runs: ~1,800 jobs are", "bad"),
        (outlook(NONE, SOME, first_s=9), NOBODY, False, "due jobs will not", "warn"),
        (outlook(NONE), NOBODY, True, "due jobs will not run", "warn"),
        (outlook(NONE), NOBODY, False, "no scheduler runs: none needed", "dim"),
        (outlook(NONE), ALIVE, False, "scheduler web1:42 holds the lock, for 2 min more", "dim"),
        (outlook(SOME, first_s=-9), ALIVE, False, "● scheduler web1:42 holds", "dim"),
        (outlook(SOME, first_s=-90), ALIVE, False, "1 job is overdue by up to 1 min, but", "warn"),
        (outlook(NONE), ENDLESS, False, "holds the lock, which never expires", "dim"),
        (outlook(SOME, first_s=float("-inf")), ALIVE, False, "1 job is overdue, but", "warn"),
        (None, ALIVE, False, "● scheduler web1:42 holds the lock", "dim"),
    ],
)
def test_the_running_scheduler_is_described_in_words(
    seen: Outline | None, holder: LockHolder, has_schedules: bool, words: str, tone: str
) -> None:
    spans = list_bars.scheduler(scheduled_look(seen, holder), NOW_S, has_schedules)
    assert words in text(spans)
    assert {span.tone for span in spans} == {tone}


def test_unknown_schedules_of_a_file_are_reported() -> None:
    seen = scheduled_look(outlook(NONE), ALIVE)
    for why, words, is_told in (
        (None, "nor in the file of a scheduler at work", False),
        ("a \x1b[2J word", "of a file they are unknown: a ␛[2J", True),
    ):
        here = replace(seen, schedules=replace(seen.schedules, file_problem=why))
        assert words in list_bars.no_schedules(here)
        count_text = text(list_bars.scheduler(here, NOW_S, has_schedules=False))
        assert ("file are unknown" in count_text) == is_told
    unread = replace(seen, problems={"schedules of a file": "refused"})
    for each in (unread, None):
        words = "those of a scheduler's file are unknown"
        assert words in list_bars.no_schedules(each)


def test_parts_that_cannot_be_read_come_first() -> None:
    seen = scheduled_look(outlook(SOME), NOBODY, schedules="a \x1b[2J key")
    count_text = text(list_bars.scheduler(seen, NOW_S, has_schedules=False))
    assert count_text.startswith(" ⚠ cannot read schedules: a ")
    assert "\x1b" not in count_text
    assert text(list_bars.scheduler(None, NOW_S, has_schedules=False)) == " reading …"


def test_a_search_says_how_far_it_is_and_what_it_leaves_out() -> None:
    search = JobSearch(JobQuery(JobSource("delayed", ""), parse("x")), NOW)
    found = Matches(search, 1_000, last_first=False, classes=ClassCounts())
    run: ListSearch[Matches] = ListSearch(DelayedList(Keys()), lambda: found, asyncio.sleep)
    run.found = found

    def count_text(*, is_by_class: bool = False) -> str:
        return text(list_bars.delayed_search(run, is_by_class=is_by_class))

    found.seen, found.count, run.done, run.of = 1_500, 7, 20, 90_000
    assert count_text() == "searching … 1,500 jobs, times 20 of 90,000; x stops "
    ticks = count()
    run.meter = ProgressMeter(lambda: next(ticks) / 10)
    for done in range(0, 40_000, 1_000):
        run.meter.note(done, 90_000)
    assert f", {run.meter.time_left}; x stops" in count_text()
    assert run.meter.time_left
    found.is_complete = True
    assert count_text() == "7 of 1,500 jobs "
    found.count = 1_001
    assert "1,001 of 1,500 jobs, the first 1,000 listed" in count_text()
    assert found.classes is not None
    found.classes.has_more = True
    assert count_text(is_by_class=True) == "1,001 of 1,500 jobs, with more classes than are listed "
    run.is_stopped = True
    assert count_text().startswith("stopped: 1,001 of the ")
    assert list_bars.delayed_search(None, is_by_class=False) == []


def test_an_exact_total_needs_exact_parts() -> None:
    some = engine.Share(1, 1, is_exact=True)
    assert engine.Outlook((some, some), None).total == engine.Share(2, 2, is_exact=True)
    many = engine.Share(900, 1_800, is_exact=False)
    assert not engine.Outlook((some, many), None).total.is_exact
