"""The trend of the totals since the console began, on History."""

from datetime import timedelta

import pytest
from tests.support.console import console, screen_lines, screen_text, until, until_gone, until_shown
from tests.support.sample_data import NOW, SYSTEM, FakeSystem, queue, snapshot, worker

from qtop.monitor.changes import InflowWindow
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import Totals
from qtop.monitor.series import KEPT, STEP_S, TREND_KEPT, SeriesRecorder, TrendRecorder, fewer
from queuecore.values import replace

pytestmark = pytest.mark.usefixtures("in_utc")


def totals(waiting: int) -> Totals:
    return RowBuilder(SYSTEM).add(snapshot([queue("mail", waiting)]), 1.0).totals


def test_a_value_is_the_highest_of_its_time() -> None:
    recorder = TrendRecorder()
    for second, waiting in enumerate((3, 90, 4, 5, 6, 7, 8)):
        recorder.add(totals(waiting), 100.0 + second, NOW + timedelta(seconds=second))
    trend = recorder.trend
    assert (list(trend.waiting), trend.began) == ([90, 8], NOW)


def test_an_unknown_value_is_left_out_and_a_known_one_lasts_until_the_next_poll() -> None:
    recorder = TrendRecorder()
    recorder.add(None, 90.0)
    recorder.add(totals(3), 100.0, NOW)
    recorder.add(totals(4), 100.0 + 3 * STEP_S, NOW)
    recorder.add(None, 100.0 + 4 * STEP_S)
    assert list(recorder.trend.waiting) == [3, 3, 3, 4, None]


def test_a_week_takes_no_more_room_than_an_hour_and_keeps_its_peak() -> None:
    recorder, one = TrendRecorder(), totals(1)
    days, steps = 7, 7 * 2_880
    for step in range(steps):
        recorder.add(replace(one, waiting=9 if step == 777 else 1), step * 30.0, NOW)
    trend = recorder.trend
    assert TREND_KEPT / 2 <= len(trend.waiting) <= TREND_KEPT
    assert trend.step_s * len(trend.waiting) >= days * 86_400 - trend.step_s
    assert trend.waiting.count(9) == 1
    assert trend.waiting.index(9) == int(777 * 30.0 // trend.step_s)


def test_a_long_sleep_is_passed_over_at_once() -> None:
    recorder = TrendRecorder()
    recorder.add(totals(3), 0.0, NOW)
    recorder.add(totals(4), 10.0**9, NOW)
    assert len(recorder.trend.waiting) <= TREND_KEPT
    assert (recorder.trend.waiting[0], recorder.trend.waiting[-1]) == (3, 4)


def test_fewer_values_are_the_highest_of_neighbouring_ones() -> None:
    assert fewer((1.0, 5.0, None, 2.0, 3.0), 3) == ((5.0, 2.0, 3.0), 2)
    assert fewer((1.0, 5.0, None, 2.0, 3.0, 4.0), 3) == ((5.0, 2.0, 4.0), 2)
    assert fewer((1.0, None), 9) == ((1.0, None), 1)
    assert fewer((None,) * 4, 1) == ((None,), 4)
    assert fewer((), 5) == ((), 1)


async def test_history_draws_it_above_the_actions() -> None:
    now = 1_000.0
    snapshots = [snapshot([queue("mail", waiting)]) for waiting in (8, 1_234, 1_000)]
    source = FakeSystem(*snapshots)
    source.answers = [[], [], []]
    app = console(source, clock=lambda: now)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("7")
        await until_shown(pilot, "waiting        8")
        for look in snapshots[1:]:
            now += 60.0
            app.poll_now()
            await until(pilot, lambda look=look: app.state.poll.snapshot is look, "the next look")  # type: ignore[misc]
        await until_shown(pilot, "waiting    1,000")
        line = next(line for line in screen_lines(app) if line.startswith("│ waiting "))
        assert "since the console began, 2026-11-23 12:30" in screen_text(app)
        assert line.endswith("█████▇  max  1,234 │")
        await pilot.resize_terminal(60, 15)
        await until_gone(pilot, "max")


# The series of the last minutes, for charts


def test_series_tell_when_they_began_and_how_many_values_have_gone() -> None:
    recorder = SeriesRecorder()
    for step in range(KEPT + 7):
        recorder.add(totals(step), 100.0 + step * STEP_S, NOW + timedelta(seconds=step * STEP_S))
    series = recorder.series_now
    assert (series.first, series.began) == (7, NOW)
    assert (series.waiting[0], series.waiting[-1], len(series.busy)) == (7, KEPT + 6, KEPT)


def test_series_begin_anew_after_the_machine_slept() -> None:
    recorder = SeriesRecorder()
    recorder.add(totals(1), 100.0, NOW)
    recorder.add(totals(2), 101.0, NOW + timedelta(hours=1))
    series = recorder.series_now
    assert (list(series.waiting), series.first) == ([2], 0)
    assert series.began == NOW + timedelta(hours=1)


def test_of_several_servers_the_clocks_may_differ() -> None:
    recorder = SeriesRecorder(has_one_clock=False)
    recorder.add(totals(1), 100.0, NOW)
    recorder.add(totals(2), 106.0, NOW + timedelta(hours=1))
    assert (list(recorder.series_now.waiting), recorder.series_now.began) == ([1, 2], NOW)


def test_the_part_of_the_workers_that_is_busy_leaves_out_the_dead() -> None:
    workers = [
        worker("web1:1:mail", on="mail"),
        worker("web1:2:mail"),
        worker("old:3:mail", on="mail", beat_age_s=100_000),
    ]
    found = RowBuilder(SYSTEM).add(snapshot([queue("mail", 1)], workers), 1.0).totals
    assert (found.busy, found.slots) == (1, 2)
    recorder = SeriesRecorder()
    recorder.add(found, 0.0, NOW)
    recorder.add(replace(found, busy=None), STEP_S, NOW)
    recorder.add(replace(found, slots=0, busy=0), 2 * STEP_S, NOW)
    assert list(recorder.series_now.busy) == [0.5, None, None]


def test_jobs_come_at_the_sum_of_all_queues_and_unknown_where_one_is() -> None:
    builder = RowBuilder(SYSTEM)
    both = [queue("mail", 5), queue("low", 1)]
    builder.add(snapshot(both), 1.0)
    found = builder.add(snapshot([queue("mail", 7, pushed=4), queue("low", 1, pushed=2)]), 2.0)
    assert (found.totals.in_per_s, found.totals.in_is_estimate) == (6.0, False)
    unknown = RowBuilder(SYSTEM).add(snapshot(both), 1.0)
    assert unknown.totals.in_per_s is None


def test_where_queues_do_not_tell_what_came_is_estimated_from_what_waits_and_was_done() -> None:
    window = InflowWindow()
    found = [window.add(4 * second, float(second)) for second in range(20)]
    assert found == [None] * 5 + [4.0] * 15
    assert window.add(None, 20.0) is None
    # It begins anew; less than before is no job that came.
    assert [window.add(90 - second, 21.0 + second) for second in range(7)][-1] == 0.0


def test_what_waits_in_several_queues_of_a_worker_without_a_count_is_estimated_together() -> None:
    builder = RowBuilder(SYSTEM)
    found = [
        builder.add(
            snapshot(
                [queue("mail", 5 + second), queue("low", 2)],
                [worker("web1:1:*", processed=None)],
                processed_ever=3 * second,
            ),
            float(second),
        ).totals
        for second in range(11)
    ]
    assert (found[-1].in_per_s, found[-1].in_is_estimate) == (4.0, True)
