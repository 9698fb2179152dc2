"""The lines above the scheduled screen's lists never say more than is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from qtop.model.job_list import DueShare, Outline
from qtop.screens import scheduled_bars
from qtop.search.filter_language import parse
from qtop.systems.resque.scheduled_search import (
    MOST_LISTED,
    DelayedSearch,
    Master,
    ScheduledPage,
    ScheduleRow,
)
from qtop.widgets.bars import Span
from resque.store import delayed_windows as engine
from resque.store.schedules import OfFile

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOW_S = NOW.timestamp()
NONE = DueShare(0, 0, is_exact=True)


def text(spans: list[Span]) -> str:
    return "".join(span.text for span in spans)


def outlook(overdue: DueShare, *others: DueShare, first_s: float | None = None) -> Outline:
    shares = (overdue, *others, *[NONE] * (4 - len(others)))
    length = sum(share.jobs for share in shares)
    return Outline(length, None, shares, None if first_s is None else NOW_S + first_s)


def insights(seen: Outline | None, master: Master | None, **problems: str) -> ScheduledPage:
    return ScheduledPage(None, seen, None, master, problems)


def schedule(ahead_s: float | None) -> ScheduleRow:
    at = None if ahead_s is None else NOW + timedelta(seconds=ahead_s)
    return ScheduleRow("s", None, None, None, at, None, None)


def test_estimates_are_marked_and_what_is_unknown_is_no_zero() -> None:
    seen = outlook(DueShare(2, 3, is_exact=True), DueShare(1000, 2500, is_exact=False))
    left, right = scheduled_bars.forecast(seen, None, NOW)
    assert text(left) == " due  overdue 3  5 min ~2,500  1 h 0  24 h 0  later 0 "
    assert right == []
    assert text(scheduled_bars.forecast(None, None, NOW)[0]) == " due  unknown"


def test_schedules_that_fire_soon_are_counted() -> None:
    rows = [schedule(10), schedule(3_600), schedule(3_601), schedule(None)]
    _, right = scheduled_bars.forecast(outlook(NONE), rows, NOW)
    assert text(right) == "2 schedules fire within 1 h "
    _, right = scheduled_bars.forecast(outlook(NONE), rows[:1], NOW)
    assert text(right) == "1 schedule fires within 1 h "


SOME = DueShare(1, 1, is_exact=True)
MANY = DueShare(900, 1_800, is_exact=False)
NOBODY = Master(None, -2)
ALIVE = Master("web1:42", 170)


@pytest.mark.parametrize(
    ("seen", "master", "has_schedules", "words", "tone"),
    [
        (outlook(SOME, first_s=-9), NOBODY, False, "no scheduler runs: 1 job is overdue", "bad"),
        (outlook(MANY, first_s=-9), NOBODY, True, "no scheduler runs: ~1,800 jobs are", "bad"),
        (outlook(NONE, SOME, first_s=9), NOBODY, False, "nothing will move what comes", "warn"),
        (outlook(NONE), NOBODY, True, "nothing will move what comes due", "warn"),
        (outlook(NONE), NOBODY, False, "no scheduler runs: none needed", "dim"),
        (outlook(NONE), ALIVE, False, "scheduler web1:42 holds the lock, for 2 min more", "dim"),
        (outlook(SOME, first_s=-9), ALIVE, False, "● scheduler web1:42 holds", "dim"),
        (outlook(SOME, first_s=-90), ALIVE, False, "1 job is overdue by up to 1 min, but", "warn"),
        (outlook(NONE), Master("h:1", -1), False, "holds the lock, which never runs out", "dim"),
        (outlook(SOME, first_s=float("-inf")), ALIVE, False, "1 job is overdue, but", "warn"),
        (None, ALIVE, False, "● scheduler web1:42 holds the lock", "dim"),
    ],
)
def test_which_scheduler_runs_is_said_in_words(
    seen: Outline | None, master: Master, has_schedules: bool, words: str, tone: str
) -> None:
    spans = scheduled_bars.scheduler(insights(seen, master), NOW_S, has_schedules)
    assert words in text(spans)
    assert {span.tone for span in spans} == {tone}


def test_schedules_of_a_file_that_are_not_known_are_reported() -> None:
    seen = insights(outlook(NONE), ALIVE)
    for of_file, words, is_told in (
        (OfFile("web1:42"), "nor in the file of a scheduler at work", False),
        (OfFile("web1:42", unknown="a \x1b[2J word"), "of a file they are unknown: a ␛[2J", True),
        (None, "those of a scheduler's file are unknown", False),
    ):
        here = replace(seen, of_file=of_file)
        assert words in scheduled_bars.no_schedules(here)
        said = text(scheduled_bars.scheduler(here, NOW_S, has_schedules=False))
        assert ("file are unknown" in said) == is_told


def test_what_cannot_be_read_comes_first() -> None:
    seen = insights(outlook(SOME), NOBODY, schedules="a \x1b[2J key")
    said = text(scheduled_bars.scheduler(seen, NOW_S, has_schedules=False))
    assert said.startswith(" ⚠ cannot read schedules: a ")
    assert "\x1b" not in said
    assert text(scheduled_bars.scheduler(None, NOW_S, has_schedules=False)) == " reading …"


def test_a_search_says_how_far_it_is_and_what_it_leaves_out() -> None:
    run = DelayedSearch(parse("x"), NOW)
    run.seen, run.done, run.moments, run.matches = 1_500, 20, 90_000, 7
    said = text(scheduled_bars.search(run, is_running=True, is_by_class=False))
    assert said == "looking … 1,500 jobs, times 20 of 90,000; x stops "
    run.is_over = True
    assert (
        text(scheduled_bars.search(run, is_running=False, is_by_class=False)) == "7 of 1,500 jobs "
    )
    run.matches = MOST_LISTED + 1
    assert "1,001 of 1,500 jobs, the first 1,000 listed" in text(
        scheduled_bars.search(run, is_running=False, is_by_class=False)
    )
    run.has_more_classes = True
    said = text(scheduled_bars.search(run, is_running=False, is_by_class=True))
    assert said == "1,001 of 1,500 jobs, with more classes than are listed "
    run.stop()
    assert text(scheduled_bars.search(run, is_running=False, is_by_class=False)).startswith(
        "stopped: 1,001 of the "
    )
    assert scheduled_bars.search(None, is_running=False, is_by_class=False) == []


def test_an_exact_total_needs_exact_parts() -> None:
    some = engine.Share(1, 1, is_exact=True)
    assert engine.Outlook((some, some), None).total == engine.Share(2, 2, is_exact=True)
    many = engine.Share(900, 1_800, is_exact=False)
    assert not engine.Outlook((some, many), None).total.is_exact
