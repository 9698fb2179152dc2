"""What was run, by day and by class: bounds are said to be bounds, the rest is unknown."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest
from tests.support.console import (
    assert_at_every_size,
    console,
    screen_text,
    table_of,
    until_checked,
    until_screen,
    until_shown,
)
from tests.support.console_redis import Redis, on
from tests.support.direct import Direct
from tests.support.rights import refused
from tests.support.sidekiq_console import NOW, SHOWN, StillSystem, restored
from tests.support.sidekiq_recordings import VERSIONS, values

from qtop.model.run_counts import DayRuns, DurationLimit, RunHistory
from qtop.screens.failed import FailedScreen
from qtop.screens.history import HistoryScreen
from qtop.screens.runs import RunsScreen, day_lines
from qtop.systems.resque.system import NO_RUNS
from queuecore.errors import Refused
from sidekiq.keys import SidekiqKeys

KEYS: Final = SidekiqKeys()
MINUTE: Final = NOW - timedelta(minutes=3)


@pytest.fixture
async def still(direct: Direct, redis_url: str) -> AsyncIterator[StillSystem]:
    """The state that is shown, with a deploy."""
    system = restored(direct, redis_url, SHOWN)
    direct("HSET", KEYS.deploys(f"{NOW:%Y%m%d}"), f"{NOW:%Y-%m-%dT%H:00:00Z}", "release 8")
    yield system
    system.shut()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_days_are_those_of_the_recording(direct: Direct, redis_url: str, version: str) -> None:
    still = restored(direct, redis_url, f"{version}-2-running")
    days = still.do(still.system.days(NOW)).days
    kept = values(f"{version}-2-running")
    today = f"{NOW:%Y-%m-%d}"
    expected = int(kept[f"stat:processed:{today}"]), int(kept[f"stat:failed:{today}"])
    assert (days[0].day, days[0].runs, days[0].failures) == (NOW.date(), *expected)
    assert len(days) == 90
    assert {(each.runs, each.failures) for each in days[1:]} == {(0, 0)}
    still.shut()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("hours", [1, 8, 72])
def test_the_classes_are_those_of_the_recording(
    direct: Direct, redis_url: str, version: str, hours: int
) -> None:
    still = restored(direct, redis_url, f"{version}-2-running")
    found = still.do(still.system.classes(NOW, hours))
    still.shut()
    assert found.problem is None
    assert found.until - found.since >= timedelta(hours=hours, minutes=-10)
    if not version.startswith(("v7", "v8")):
        assert found.classes == ()
        return
    first, second, *_ = found.classes
    assert (first.class_name, first.runs, first.failures, first.mean_s) == ("OkJob", 3, 0, 0.0)
    known = DurationLimit(0.02) if hours <= 8 else None
    assert (first.p50, first.p95, first.p99) == (known, known, known)
    # What only failed took nobody knows how long.
    assert (second.failures, second.mean_s, second.p95) == (second.runs, None, None)


def spans(**counts: int) -> bytes:
    return struct.pack(">26H", *(counts.get(f"s{at}", 0) for at in range(26)))


def minute(direct: Direct, runs: int, durations: bytes, took_ms: int | str = 600) -> None:
    """What 8 keeps of a minute of one class."""
    direct("FLUSHALL")
    direct("HSET", KEYS.minute(MINUTE), "Charge|p", runs, "Charge|f", 1, "Charge|ms", took_ms)
    direct("SET", KEYS.durations("Charge", MINUTE), durations)


def test_a_percentile_is_the_end_of_its_span(direct: Direct, still: StillSystem) -> None:
    minute(direct, 101, spans(s0=50, s5=45, s25=5))
    [found] = still.do(still.system.classes(NOW, 1)).classes
    assert found.mean_s == 0.006
    assert (found.p50, found.p95) == (DurationLimit(0.02), DurationLimit(0.15))
    assert found.p99 == DurationLimit(335.0, is_over=True)


@pytest.mark.parametrize(
    "durations",
    [spans(s0=50, s5=40), spans(s0=50, s5=50)[:11], b"", spans(s0=65_535)],
    ids=["too few", "cut short", "gone", "a counter is full"],
)
def test_percentiles_of_a_part_of_the_runs_are_unknown(
    direct: Direct, still: StillSystem, durations: bytes
) -> None:
    minute(direct, 101, durations)
    [found] = still.do(still.system.classes(NOW, 1)).classes
    assert (found.runs, found.mean_s) == (101, 0.006)
    assert (found.p50, found.p95, found.p99) == (None, None, None)


def test_a_mean_of_a_part_of_the_time_is_unknown(direct: Direct, still: StillSystem) -> None:
    minute(direct, 101, spans(s0=100))
    direct("HSET", KEYS.minute(MINUTE - timedelta(minutes=1)), "Charge|p", 9, "Charge|ms", "much")
    found = still.do(still.system.classes(NOW, 1))
    assert found.problem is not None
    assert [(each.runs, each.mean_s) for each in found.classes] == [(110, None)]


def test_a_day_that_is_no_number_is_unknown(direct: Direct, still: StillSystem) -> None:
    yesterday = NOW - timedelta(days=1)
    direct("SET", KEYS.day("processed", f"{yesterday:%Y-%m-%d}"), "many")
    found = still.do(still.system.days(NOW))
    assert (found.days[1].runs, found.days[1].failures) == (None, 0)
    assert found.days[0].deploys == ("release 8",)
    assert found.problem is not None


def test_deploys_that_may_not_be_read_are_unknown(direct: Direct, still: StillSystem) -> None:
    with refused(direct, "-eval", "-evalsha"):
        found = still.do(still.system.days(NOW))
    assert found.problem is not None
    assert "deploys" in found.problem
    assert (found.days[0].runs, found.days[0].deploys) == (9, ())
    assert still.do(still.system.days(NOW)).problem is None


def test_the_course_has_a_gap_where_a_day_is_unknown() -> None:
    days = tuple(
        DayRuns(NOW.date() - timedelta(days=at), runs, 0) for at, runs in enumerate((5, None, 5))
    )
    lines = day_lines(RunHistory(days), 80)
    (_, course), _ = lines[0]
    assert course.text.rstrip().endswith("█ █")
    many = tuple(DayRuns(NOW.date() - timedelta(days=at), at, 0) for at in range(90))
    assert len(day_lines(RunHistory(many), 80)) == 3
    assert len(day_lines(RunHistory(many), 160)) == 2


@pytest.mark.usefixtures("in_utc")
async def test_history_leads_to_the_days_and_the_classes_and_back(still: StillSystem) -> None:
    app = console(still, namespace="")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("7", "t")
        await until_shown(pilot, "release 8")
        await assert_at_every_size(app, pilot, "sidekiq-runs-days")
        await pilot.press("t")
        await until_shown(pilot, "OkJob")
        await until_shown(pilot, "<=20 ms")
        await assert_at_every_size(app, pilot, "sidekiq-runs-classes")
        await pilot.press("t", "t")
        await until_shown(pilot, "8 keeps 72 h")
        assert "<=20 ms" not in screen_text(app)
        await pilot.press("slash", *"OkJob", "enter")
        await until_shown(pilot, "1 of 6")
        assert table_of(app).row_count == 1
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, HistoryScreen)


async def test_a_class_leads_to_its_failed_jobs(still: StillSystem) -> None:
    app = console(still, namespace="")
    async with app.run_test(size=(120, 30)) as pilot:
        await until_checked(pilot)
        await pilot.press("7", "t", "enter")
        await until_shown(pilot, "a day has only these figures")
        await pilot.press("t")
        await until_shown(pilot, "OkJob")
        await pilot.press("j", "enter")
        await until_screen(pilot, FailedScreen)
        await until_shown(pilot, 'class:"DeadJob"')


async def test_what_is_unknown_of_the_days_is_said(direct: Direct, still: StillSystem) -> None:
    yesterday = NOW - timedelta(days=1)
    direct("SET", KEYS.day("processed", f"{yesterday:%Y-%m-%d}"), "many")
    app = console(still, namespace="")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("7", "t")
        await until_shown(pilot, "unknown: counts of some days")


async def test_figures_that_cannot_be_read_are_unknown(
    still: StillSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object) -> object:
        raise Refused("you may not read this")

    app = console(still, namespace="")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        monkeypatch.setattr(still.system, "days", forbidden, raising=False)
        await pilot.press("7", "t")
        await until_shown(pilot, "you may not read this")
        assert isinstance(app.screen, RunsScreen)
        assert table_of(app).row_count == 0
        assert "unknown" in screen_text(app)


async def test_resque_says_why_it_has_none(redis: Redis) -> None:
    app = on(redis)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("7", "t")
        await until_shown(pilot, NO_RUNS)
        assert isinstance(app.screen, HistoryScreen)
