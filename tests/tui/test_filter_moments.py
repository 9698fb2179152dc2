"""Moments as people type them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from qtop.search.filter_language import BadMoment, parse_moment

NOW = datetime(2026, 11, 23, 12, 30, 15, 600_000, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "ahead_s"),
    [
        ("in 10m", 600),
        ("IN 1h 30m", 5_400),
        ("+1h", 3_600),
        ("+ 90s", 90),
        ("in 2d", 172_800),
        ("+1w", 604_800),
    ],
)
def test_a_time_from_now(text: str, ahead_s: int) -> None:
    assert parse_moment(text, NOW) == (NOW + timedelta(seconds=ahead_s)).replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("18:00", "2026-11-23T18:00:00+00:00"),
        ("8:05", "2026-11-24T08:05:00+00:00"),
        ("today 12:31", "2026-11-23T12:31:00+00:00"),
        ("tomorrow 18:00:30", "2026-11-24T18:00:30+00:00"),
        ("2026-12-01 08:00", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01T08:00:05", "2026-12-01T08:00:05+00:00"),
        ("2026-12-01 08:00Z", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01 08:00 utc", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01 08:00 +01:00", "2026-12-01T07:00:00+00:00"),
        ("2026-12-01 08:00-0330", "2026-12-01T11:30:00+00:00"),
    ],
)
def test_a_time_by_the_clock_and_the_calendar(text: str, wanted: str) -> None:
    assert parse_moment(text, NOW) == datetime.fromisoformat(wanted)


def test_a_typed_time_is_in_the_time_zone_of_the_operator() -> None:
    now = NOW.astimezone(BERLIN)
    assert parse_moment("2027-07-01 08:00", now) == datetime(2027, 7, 1, 6, 0, tzinfo=UTC)
    assert parse_moment("14:00", now) == datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
    # An hour is an hour, also when the clocks are set back within it.
    late = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    assert parse_moment("in 2h", late) - late.astimezone(UTC) == timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "when?"),
        ("soon", "is no time"),
        ("in soon", "no length of time"),
        ("in 10", "no length of time"),
        ("25:00", "hour must be"),
        ("2026-02-30 08:00", "day"),
        ("2026-11-23 12:30", "is past"),
        ("today 12:00", "is past"),
        ("in 0s", "is past"),
        ("in 999999999d", "in 10m"),
        ("in 40000d", "100 years"),
        ("2026-12-01 08:00 +99:00", "in 10m"),
        ("1" * 400, "is no time"),
    ],
)
def test_a_text_that_is_no_future_time_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BadMoment, match=why.replace("?", r"\?")):
        parse_moment(text, NOW)
