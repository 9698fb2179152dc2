"""Days, moments, figures and saved filters in the filter language."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from qtop.search.fields import Subject
from qtop.search.filter_language import BadFilter, parse
from qtop.search.saved_filters import expanded

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()
DAY_S = 86_400


class Clock:
    """The clock of a person who leaves a filter set."""

    def __init__(self, now_s: float = NOON) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def matches(text: str, clock: Clock | None = None, **known: Any) -> bool:
    return parse(text, clock or Clock()).matches(Subject(**known))


def stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.usefixtures("in_utc")
@pytest.mark.parametrize(
    ("text", "at", "is_in"),
    [
        ("failed:today", "2026-11-23T00:00:00Z", True),
        ("failed:today", "2026-11-22T23:59:59Z", False),
        ("failed:yesterday", "2026-11-22T23:59:59Z", True),
        ("failed:yesterday", "2026-11-23T00:00:00Z", False),
        ("failed:2026-11-01", "2026-11-01T13:00:00Z", True),
        ("failed:2026-11-01", "2026-11-02T00:00:00Z", False),
        ("!failed:today", "2026-11-22T13:00:00Z", True),
    ],
)
def test_a_day_is_from_midnight_to_midnight(text: str, at: str, is_in: bool) -> None:
    assert matches(text, failed_at_s=stamp(at)) is is_in


@pytest.mark.usefixtures("in_utc")
@pytest.mark.parametrize(
    ("text", "at", "is_in"),
    [
        ("after:08:00", "2026-11-23T08:00:00Z", True),
        ("after:08:00", "2026-11-23T07:59:59Z", False),
        ("before:08:00", "2026-11-23T07:59:59Z", True),
        ("before:08:00", "2026-11-23T08:00:00Z", False),
        ('after:"yesterday 8:00"', "2026-11-22T08:00:00Z", True),
        ("after:yesterdayT08:00:30", "2026-11-22T08:00:00Z", False),
        ("after:yesterday", "2026-11-22T00:00:00Z", True),
        ("after:2026-11-20", "2026-11-19T23:59:59Z", False),
        ("after:2026-11-23T08:00+01:00", "2026-11-23T07:00:00Z", True),
        ("after:2026-11-23T08:00Z", "2026-11-23T07:30:00Z", False),
        ("after:08:00 before:09:00", "2026-11-23T08:30:00Z", True),
    ],
)
def test_a_moment_is_the_first_second_after_it(text: str, at: str, is_in: bool) -> None:
    assert matches(text, at_s=stamp(at)) is is_in


@pytest.mark.usefixtures("in_utc")
def test_today_is_the_day_that_it_is_while_the_filter_stays_set() -> None:
    clock = Clock()
    wanted = parse("failed:today", clock)
    failed = Subject(failed_at_s=NOON)
    assert wanted.matches(failed)
    clock.now_s += DAY_S
    assert not wanted.matches(failed)


@pytest.mark.parametrize("text", ["failed:today", "!failed:today", "due:tomorrow", "before:23:00"])
def test_a_time_that_is_unknown_matches_neither_a_day_nor_its_opposite(text: str) -> None:
    assert not matches(text)


QUEUE: Mapping[str, Any] = {"waiting": 100, "workers": 0, "running": None, "state": "paused"}


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        ("waiting>100", False),
        ("waiting>=100", True),
        ("waiting<1k", True),
        ("workers:0", True),
        ("workers>0", False),
        ("!workers:0", False),
        ("running:0", False),
        ("!running:0", False),
        ("state:paused waiting:100", True),
    ],
)
def test_a_queue_is_found_by_its_figures(text: str, is_in: bool) -> None:
    assert matches(text, **QUEUE) is is_in


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("failed:someday", "today, yesterday"),
        ("failed:2026-13-01", "is no day"),
        ("failed:9999-12-31", "is no day"),
        ("after:25:00", "hour must be"),
        ("after:soon", "is no time"),
        ("after:08:00Z", "with a zone write"),
        ("waiting>many", "a number like 100"),
        ("depth>5", "cannot be compared"),
    ],
)
def test_a_time_or_figure_that_is_none_says_what_is_allowed(text: str, why: str) -> None:
    with pytest.raises(BadFilter, match=why):
        parse(text)


def test_a_saved_filter_stands_for_its_text() -> None:
    saved = {"slow": " age>1h !queue:legacy "}
    assert expanded("class:Mail @slow", saved) == "class:Mail age>1h !queue:legacy"
    for same in ("ada@slow", '"x @slow y"', "/a @slow b/", "error:/a @slow b/"):
        assert expanded(same, saved) == same
    with pytest.raises(BadFilter, match="there are slow"):
        expanded("@fast", saved)
