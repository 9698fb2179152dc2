"""The four forms of a moment, and all that others write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from queuecore import times

MOMENT = datetime(2026, 11, 23, 12, 9, 6, tzinfo=UTC)
EASTERN = timezone(timedelta(hours=-5), "EST")
ZONES = some.sampled_from(
    [UTC, EASTERN, timezone(timedelta(hours=5, minutes=45), "+0545"), timezone(timedelta(hours=14))]
)
MOMENTS = some.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=ZONES
).map(lambda moment: moment.replace(microsecond=0))


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Summer time from the second Sunday in March to the first in November."""
    monkeypatch.setenv("TZ", "EST5EDT,M3.2.0,M11.1.0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_four_forms() -> None:
    moment = MOMENT.astimezone(EASTERN)
    assert times.started(moment) == "2026-11-23 07:09:06 -0500"
    assert times.heartbeat(moment) == "2026-11-23T07:09:06-05:00"
    assert times.run_at(moment) == "2026-11-23T12:09:06Z"
    assert times.failed_at(moment) == "2026/11/23 07:09:06 EST"
    assert times.heartbeat(MOMENT) == "2026-11-23T12:09:06+00:00"
    assert times.failed_at(MOMENT) == "2026/11/23 12:09:06 UTC"


@given(MOMENTS)
def test_three_of_the_forms_are_read_back_in_any_zone(moment: datetime) -> None:
    assert times.parse(times.started(moment)) == moment
    assert times.parse(times.heartbeat(moment)) == moment
    assert times.parse(times.run_at(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:09:06+00:00",
        "2026-11-23T12:09:06Z",
        "2026-11-23T12:09:06.000000000Z",
        "2026-11-23 12:09:06.0 +0000 UTC m=+0.001",
        "2026-11-23 12:09:06 UTC",
        "2026/11/23 12:09:06 UTC",
        "2026/11/23 12:09:06 GMT",
        "2026/11/23 09:09:06 -03",
        "2026/11/23 17:39:06 +0530",
        "Mon Nov 23 2026 12:09:06 GMT+0000 (Coordinated Universal Time)",
        "Mon Nov 23 2026 04:09:06 GMT-0800 (PST)",
        "Mon Nov 23 12:09:06 UTC 2026",
        "Mon Nov 23 13:09:06 +0100 2026",
        "2026-11-23T12:09:06.000+0000",
        f"{MOMENT.timestamp():.0f}",
        f"{MOMENT.timestamp():.1f}",
        f"{MOMENT.timestamp() * 1000:.0f}",
        f"  {MOMENT.timestamp():.0f}\n",
    ],
)
def test_every_form_that_names_a_moment_is_read(text: str) -> None:
    assert times.parse(text) == MOMENT


@pytest.mark.parametrize("number", [MOMENT.timestamp(), int(MOMENT.timestamp())])
def test_epoch_numbers_are_read(number: float) -> None:
    assert times.parse(number) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        None,
        True,
        "",
        "x",
        [],
        {},
        7,
        -1.5,
        float("nan"),
        float("inf"),
        10**400,
        pytest.param(10**5000, id="an integer of 5,000 digits"),
        "2026-11-23",
        "2026/11/23 12:09:06",
        "2026/11/23 12:09:06 IST",
        "2026/11/23 12:09:06 CEST",
        "2026/13/23 12:09:06 UTC",
        "2026/02/30 12:09:06 UTC",
        "2026/11/23 12:09:06 +99:99",
        "2026/11/23 25:09:06 UTC",
        "0000-00-00 00:00:00 UTC",
        "Mon Xyz 23 2026 12:09:06 GMT+0000",
        "Mon Xyz 23 12:09:06 UTC 2026",
        "Mon Nov 23 12:09:06 IST 2026",
        "9" * 5000,
    ],
)
def test_what_names_no_moment_is_none(text: object) -> None:
    assert times.parse(text) is None


@given(some.text() | some.integers() | some.floats() | some.binary())
def test_reading_anything_raises_nothing(value: object) -> None:
    moment = times.parse(value)
    assert moment is None or moment.tzinfo is not None


@pytest.mark.usefixtures("in_new_york")
def test_the_local_zones_own_letters_are_read_and_others_are_not() -> None:
    assert times.parse("2026/11/23 07:09:06 EST") == MOMENT
    assert times.parse("2026/07/01 08:00:00 EDT") == datetime(2026, 7, 1, 12, tzinfo=UTC)
    # No EST in July, no EDT in November, and no PST there at all: not guessed.
    assert times.parse("2026/07/01 08:00:00 EST") is None
    assert times.parse("2026/11/23 07:09:06 EDT") is None
    assert times.parse("2026/11/23 07:09:06 PST") is None


def test_letters_are_read_anew_where_the_zone_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "2026/11/23 07:09:06 EST"
    for zone, expected in (("UTC", None), ("EST5EDT,M3.2.0,M11.1.0", MOMENT), ("UTC", None)):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert times.parse(text) == expected
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "text", [" " * 300 + "1795435746", "9" * 10_000, 10**5_000], ids=["blanks", "text", "number"]
)
def test_a_text_of_any_length_is_read_or_refused(text: object) -> None:
    is_moment = isinstance(text, str) and text.startswith(" ")
    expected = datetime(2026, 11, 23, 12, 9, 6, tzinfo=UTC) if is_moment else None
    assert times.parse(text) == expected


@pytest.mark.usefixtures("in_new_york")
def test_what_a_worker_writes_in_summer_it_reads_in_summer() -> None:
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone()
    assert times.failed_at(summer) == "2026/07/01 08:00:00 EDT"
    assert times.started(summer) == "2026-07-01 08:00:00 -0400"
    assert times.parse(times.failed_at(summer)) == summer


@pytest.mark.usefixtures("in_new_york")
def test_an_hour_that_comes_twice_is_at_most_an_hour_off() -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC).astimezone()
    second = first + timedelta(hours=1)
    assert times.failed_at(first.astimezone()) == "2026/11/01 01:30:00 EDT"
    assert times.parse("2026/11/01 01:30:00 EDT") == first
    read = times.parse(times.failed_at(second.astimezone(UTC).astimezone()))
    assert read is None or read == second


def test_the_servers_time_is_shown_in_the_zone_of_the_clock() -> None:
    there = times.from_server(b"1795435746", b"500000", clock=lambda: MOMENT.astimezone(EASTERN))
    assert there == datetime(2026, 11, 23, 12, 9, 6, 500000, tzinfo=UTC)
    assert there.utcoffset() == timedelta(hours=-5)
