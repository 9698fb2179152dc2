"""When schedules fire: cron expressions, intervals, daylight saving."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from resque.scheduler.cron import parse_cron, parse_duration, parse_every
from resque.scheduler.zones import local_zone, parse_zone

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)  # a Monday


def firings(text: str, begin: datetime, end: datetime, zone: tzinfo = BERLIN) -> list[str]:
    """All firings after `begin` and before `end`, by the clock on the wall."""
    cron, found = parse_cron(text), []
    moment = cron.next_after(begin, zone)
    while moment is not None and moment.timestamp() < end.timestamp():
        found.append(moment.strftime("%H:%M:%S %z"))
        moment = cron.next_after(moment, zone)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 3 * * *", "2026-11-24 03:00:00+00:00"),
        ("0 12 * * *", "2026-11-24 12:00:00+00:00"),
        ("*/5 * * * *", "2026-11-23 12:05:00+00:00"),
        ("30 * * * * *", "2026-11-23 12:00:30+00:00"),
        ("*/10 * * * * *", "2026-11-23 12:00:10+00:00"),
        ("0 3 * * * Europe/Berlin", "2026-11-24 03:00:00+01:00"),
        ("0 3 * * * +05:30", "2026-11-24 03:00:00+05:30"),
        ("0 3 * * * UTC", "2026-11-24 03:00:00+00:00"),
        ("15 0 3 * * MON America/New_York", "2026-11-30 03:00:15-05:00"),
        ("0 0 0 * * MON-FRI", "2026-11-24 00:00:00+00:00"),
        ("0 0 * * sun", "2026-11-29 00:00:00+00:00"),
        ("0 0 13 * 5", "2026-11-27 00:00:00+00:00"),
        ("0 0 */2 * 5", "2026-11-25 00:00:00+00:00"),
        ("@daily", "2026-11-24 00:00:00+00:00"),
        ("@hourly Europe/Berlin", "2026-11-23 14:00:00+01:00"),
        ("0 0 29 2 *", "2028-02-29 00:00:00+00:00"),
        ("0 0 -1 * *", "2026-11-30 00:00:00+00:00"),
        ("0 0 -2 * *", "2026-11-29 00:00:00+00:00"),
        ("0 0 -3--2 * *", "2026-11-28 00:00:00+00:00"),
        ("0 0 28-L * *", "2026-11-28 00:00:00+00:00"),
        ("0 0 5,-28 * *", "2026-12-04 00:00:00+00:00"),
        ("0 0 -2 * mon", "2026-11-29 00:00:00+00:00"),
        ("0 9 * * mon#-2", "2026-12-21 09:00:00+00:00"),
        ("0 9 * * sun#L", "2026-11-29 09:00:00+00:00"),
        ("0 9 * * sun#1", "2026-12-06 09:00:00+00:00"),
        ("0 9 * * sun%2", "2026-11-29 09:00:00+00:00"),
        ("0 9 * * sun%2+1", "2026-12-06 09:00:00+00:00"),
        ("0 9 * * 0%2+1 Europe/Berlin", "2026-12-06 09:00:00+01:00"),
        ("0 9 * * tue%3+2,sun%2", "2026-11-29 09:00:00+00:00"),
        ("30 0 9 * * sun%2", "2026-11-29 09:00:30+00:00"),
        ("0 0 13 * fri&", "2027-08-13 00:00:00+00:00"),
        ("/7 * * * *", "2026-11-23 12:07:00+00:00"),
    ],
)
def test_the_next_firing_of_an_expression(text: str, expected: str) -> None:
    assert str(parse_cron(text).next_after(NOON, UTC)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "5 or 6 fields, not 0"),
        ("* * * *", "5 or 6 fields, not 4"),
        ("0 25 * * *", "Bad hour"),
        ("99 * * * * *", "Bad second"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("0 0 * * moon", "Bad day-of-week"),
        ("0 0 * * * Mars/Base", "unknown time zone 'Mars/Base'"),
        ("@reboot", "'@reboot' is none of"),
        ("0 0 -32 * *", "Bad day-of-month '-32'"),
        ("0 0 -0 * *", "Bad day-of-month '-0'"),
        ("0 0 -31 2 *", "a day that never comes"),
        ("0 0 * * mon%0", "Bad day-of-week 'mon%0'"),
        ("0~30 * * * *", "Bad minute '0~30'"),
    ],
)
def test_a_bad_expression_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_cron(text)


SPRING = (datetime(2026, 3, 29, 1, 0, tzinfo=BERLIN), datetime(2026, 3, 29, 4, 0, tzinfo=BERLIN))
AUTUMN = (datetime(2026, 10, 25, 1, 0, tzinfo=BERLIN), datetime(2026, 10, 25, 4, 0, tzinfo=BERLIN))


@pytest.mark.parametrize("text", ["30 2 * * *", "0 30 2 * * *", "0,30 2 * * *", "0 2,3 * * *"])
def test_a_time_in_the_spring_gap_fires_once_at_the_first_moment_after_it(text: str) -> None:
    assert firings(text, *SPRING) == ["03:00:00 +0200"]


def test_a_time_in_the_spring_gap_keeps_its_seconds() -> None:
    assert firings("15 30 2 * * *", *SPRING) == ["03:00:15 +0200"]


@pytest.mark.parametrize("text", ["30 2 * * *", "0 30 2 * * *"])
def test_a_time_in_the_repeated_autumn_hour_fires_once(text: str) -> None:
    assert firings(text, *AUTUMN) == ["02:30:00 +0200"]


def test_a_scheduler_that_starts_in_the_repeated_hour_does_not_fire_what_is_over() -> None:
    second_pass = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=BERLIN)
    assert firings("30 2 * * *", second_pass, AUTUMN[1]) == []


def test_expressions_that_repeat_follow_the_clock_on_the_wall() -> None:
    assert firings("30 * * * *", *SPRING) == ["01:30:00 +0100", "03:30:00 +0200"]
    assert firings("30 * * * *", *AUTUMN) == [
        "01:30:00 +0200",
        "02:30:00 +0200",
        "02:30:00 +0100",
        "03:30:00 +0100",
    ]
    assert firings("*/30 2 * * *", *SPRING) == []


def test_where_there_is_no_daylight_saving_every_day_is_alike() -> None:
    day = timedelta(days=1)
    assert firings("30 2 * * *", SPRING[0], SPRING[0] + day, UTC) == ["02:30:00 +0000"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1M", 2_592_000),
        ("1y", 31_536_000),
        ("1.5h", 5400),
        ("15mins", 900),
        ("1 hour and 5 min", 3900),
        ("1h, 5m", 3900),
        ("90", 90),
        ("PT1H30M", 5400),
        ("P1DT1S", 86_401),
        ("p1w", 604_800),
        ("P1Y2M", 36_720_000),
        ("0s", 0),
    ],
)
def test_durations_are_read_as_fugit_does(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "often", "5x", "-5s", "5 mi", "1.5s", "999999y", "1h-5m", "P", "PT"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|100 years"):
        parse_duration(text)


def test_an_interval_is_at_least_a_second() -> None:
    with pytest.raises(ValueError, match="at least 1s"):
        parse_every("0s")


def test_an_interval_keeps_its_beat_over_missed_firings_and_clock_changes() -> None:
    every = parse_every("1h")
    anchor = datetime(2026, 10, 25, 0, 30, tzinfo=BERLIN)
    after = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)
    assert every.next_after(after, anchor).astimezone(BERLIN).isoformat() == (
        "2026-10-25T03:30:00+01:00"
    )
    assert every.next_after(anchor - timedelta(days=1), anchor) == anchor + timedelta(hours=1)


def test_the_local_zone_is_that_of_tz_else_of_the_system(tmp_path: Path) -> None:
    assert local_zone({"TZ": "Europe/Berlin"}) == BERLIN
    assert local_zone({"TZ": ":Europe/Berlin"}) == BERLIN
    assert local_zone({}, tmp_path / "none") is not None


WINTER = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SUMMER = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "winter", "summer"),
    [
        ("", ("UTC", 0), ("UTC", 0)),
        (":", ("UTC", 0), ("UTC", 0)),
        ("UTC0", ("UTC", 0), ("UTC", 0)),
        ("<+03>-3", ("+03", 3), ("+03", 3)),
        ("IST-5:30", ("IST", 5.5), ("IST", 5.5)),
        ("EST5EDT", ("EST", -5), ("EDT", -4)),
        ("AAA3BBB", ("AAA", -3), ("BBB", -2)),
        ("CET-1CEST,M3.5.0,M10.5.0/3", ("CET", 1), ("CEST", 2)),
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", ("NZDT", 13), ("NZST", 12)),
        ("<-03>3<-02>,J60/1:30,300/-2", ("-03", -3), ("-02", -2)),
    ],
)
def test_every_form_of_tz_is_read_as_the_c_library_does(
    text: str, winter: tuple[str, float], summer: tuple[str, float]
) -> None:
    zone = local_zone({"TZ": text})
    for moment, (name, hours) in ((WINTER, winter), (SUMMER, summer)):
        local = moment.astimezone(zone)
        assert (local.tzname(), local.utcoffset()) == (name, timedelta(hours=hours))


def test_tz_may_be_a_file_or_a_name_in_a_folder(tmp_path: Path) -> None:
    rules = b"\nXYZ-4\n"
    header = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    block = struct.pack(">lbb4s", 0, 0, 0, b"UTC\0")
    (tmp_path / "Mine").write_bytes(header + block + header + block + rules)
    for environ in ({"TZ": f":{tmp_path}/Mine"}, {"TZ": "Mine", "TZDIR": str(tmp_path)}):
        assert WINTER.astimezone(local_zone(environ)).utcoffset() == timedelta(hours=4)


@pytest.mark.parametrize(
    "text", ["Nowhere/City", "XYZ", "/nowhere", "../etc/passwd", "EST5,M3.2.0,M11.1.0", "A\0B"]
)
def test_a_tz_that_the_c_library_does_not_understand_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        local_zone({"TZ": text})


@pytest.mark.parametrize("text", ["../etc/passwd", "/etc/localtime", "", "europe", "+99:00"])
def test_what_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        parse_zone(text)
