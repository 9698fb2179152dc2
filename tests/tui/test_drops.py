"""A sudden drop between two polls is marked: it is no slope and makes no rate."""

from typing import Any

from tests.support.console import console, screen_text, until_shown
from tests.support.known import known
from tests.support.sample_data import (
    NOW,
    SYSTEM,
    FakeSystem,
    failure,
    health_report,
    queue,
    snapshot,
    worker,
)

from qtop.model.fleet import Queue, Snapshot
from qtop.monitor import row_text
from qtop.monitor.changes import NO_DROPS
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import FleetRows, QueueRow
from qtop.monitor.series import SeriesRecorder
from queuecore.values import replace

ONE_WORKER = worker("h:1:mail")


def fleets(*snapshots: Snapshot, every_s: float = 1.0) -> list[FleetRows]:
    history = RowBuilder(SYSTEM)
    return [history.add(look, number * every_s) for number, look in enumerate(snapshots)]


def last(*snapshots: Snapshot) -> dict[str, QueueRow]:
    return {row.name: row for row in known(fleets(*snapshots)[-1].queues)}


def incidents(*snapshots: Snapshot) -> list[Incident]:
    judge = IncidentRules()
    found: tuple[Incident, ...] = ()
    for number, fleet in enumerate(fleets(*snapshots)):
        found = judge.judge(fleet, float(number), health_report=health_report(), rtt_ms=5.0)
    return [each for each in found if each.kind == "fell"]


def test_a_cleared_queue_is_a_drop_and_not_a_high_rate() -> None:
    row = last(
        snapshot([queue("mail", 50_000)], [ONE_WORKER]),
        snapshot([queue("mail", 0, pushed=0)], [ONE_WORKER], processed_ever=1_004),
    )["mail"]
    assert [(drop.was, drop.left, drop.polls_ago) for drop in row.drops] == [(50_000, 0, 0)]
    assert row.rates.out_per_s is None
    assert row.rates.in_per_s is None
    assert row_text.depth(row) == "↓0"
    assert "fell from 50,000" in row_text.queue_state(row)


def test_rates_start_again_after_a_drop_and_forget_earlier_values() -> None:
    snapshots = [snapshot([queue("mail", 5_000, pushed=10)], [ONE_WORKER])] * 3
    snapshots += [snapshot([queue("mail", 0)], [ONE_WORKER])]
    snapshots += [snapshot([queue("mail", 6, pushed=6)], [ONE_WORKER])]
    row = last(*snapshots)["mail"]
    assert (row.rates.in_per_s, row.rates.out_per_s) == (6.0, 0.0)


def test_a_queue_that_workers_drained_is_no_drop() -> None:
    row = last(
        snapshot([queue("mail", 40)], [ONE_WORKER]),
        snapshot([queue("mail", 0, pushed=0)], [ONE_WORKER], processed_ever=1_040),
    )["mail"]
    assert not row.drops
    assert row.rates.out_per_s == 40.0


def test_jobs_that_run_now_have_been_taken() -> None:
    before = [worker(f"h:{n}:mail") for n in range(3)]
    now = [worker(f"h:{n}:mail", on="mail") for n in range(3)]
    row = last(snapshot([queue("mail", 3)], before), snapshot([queue("mail", 0)], now))["mail"]
    assert not row.drops


def test_a_small_unserved_queue_cannot_have_been_drained() -> None:
    row = last(
        snapshot([queue("low", 3), queue("mail", 10)], [ONE_WORKER]),
        snapshot([queue("low", 0), queue("mail", 9)], [ONE_WORKER], processed_ever=1_900),
    )
    assert row["low"].drops
    assert not row["mail"].drops


def test_a_small_queue_can_drop_while_workers_of_other_queues_are_busy() -> None:
    before = [worker("h:1:busy", processed=10), worker("h:2:calm", processed=5)]
    now = [worker("h:1:busy", processed=900), worker("h:2:calm", processed=5)]
    row = last(
        snapshot([queue("busy", 900), queue("calm", 15)], before),
        snapshot([queue("busy", 10), queue("calm", 0)], now, processed_ever=1_890),
    )
    assert row["calm"].drops
    assert not row["busy"].drops


def test_without_the_count_of_a_worker_the_total_count_decides() -> None:
    row = last(
        snapshot([queue("mail", 15)], [worker("h:1:mail", processed=5)]),
        snapshot([queue("mail", 0)], [worker("h:1:mail", processed=None)], processed_ever=1_015),
    )["mail"]
    assert not row.drops


def test_workers_that_left_after_they_drained_a_queue_have_served_it() -> None:
    before = snapshot([queue("mail", 40)], [ONE_WORKER])
    assert not last(before, snapshot([queue("mail", 0)], processed_ever=1_040))["mail"].drops


def test_a_partial_decrease_is_no_drop() -> None:
    row = last(snapshot([queue("mail", 100)]), snapshot([queue("mail", 40)]))["mail"]
    assert not row.drops


def test_an_emptied_queue_is_a_drop_only_if_no_worker_can_have_taken_its_jobs() -> None:
    names = [f"h:1:{name}" for name in ("a", "b")]
    row = last(
        snapshot([queue("a", 9), queue("b", 9_000)], [worker(name) for name in names]),
        snapshot(
            [queue("a", 0), queue("b", 0)], [worker(name) for name in names], processed_ever=1_009
        ),
    )
    assert row["b"].drops
    assert not row["a"].drops


def test_an_unknown_depth_is_no_drop() -> None:
    row = last(snapshot([queue("mail", 500)]), snapshot([queue("mail", None)]))["mail"]
    assert not row.drops


def test_a_drop_is_a_gap_in_the_trend_of_the_queue_and_not_a_slope() -> None:
    full = [snapshot([queue("mail", 900)])] * 30
    row = last(*full, *[snapshot([queue("mail", 0)])] * 12)["mail"]
    assert row_text.trend(row.depths, row.polls, 10, row.drops) == "█████╎▁"
    assert row_text.trend(row.depths, row.polls, 10) == "█████▁▁"


def test_the_sign_of_a_drop_disappears_with_the_gap_after_sixty_polls() -> None:
    snapshots = [snapshot([queue("mail", 900)]), *[snapshot([queue("mail", 0)])] * 60]
    assert last(*snapshots)["mail"].drops[0].polls_ago == 59
    assert not last(*snapshots, snapshots[-1])["mail"].drops


def test_the_trend_of_all_waiting_jobs_has_a_gap_too() -> None:
    history, recorder = RowBuilder(SYSTEM), SeriesRecorder()
    snapshots = [snapshot([queue("mail", 900)])] * 12 + [snapshot([queue("mail", 0)])] * 12
    for number, look in enumerate(snapshots):
        recorder.add(history.add(look, float(number)).totals, float(number))
    assert recorder.series_now.waiting == (900, 900, None, 0, 0)


def test_an_emptied_database_is_reported_as_one() -> None:
    before = snapshot([queue("a", 12_000), queue("b", 340)], [ONE_WORKER], [failure(1), failure(2)])
    gone = snapshot(processed_ever=0, failed_ever=0)
    totals = fleets(before, gone)[-1].totals
    assert [name for name, _ in totals.drops.gone] == ["a", "b"]
    assert totals.drops.waiting is not None
    assert totals.drops.waiting.was == 12_340
    (reported,) = [each for each in incidents(before, gone) if each.severity == "crit"]
    assert reported.sentence == (
        "the database was emptied or replaced; processed 1,000 to 0, "
        "waiting 12,340 to 0, workers 1 to 0, failed 2 to 0"
    )


def test_a_list_that_cannot_be_read_is_no_drop() -> None:
    hands = [worker(f"h:{n}:mail") for n in range(4)]
    totals = fleets(
        snapshot([queue("mail", 900)], hands),
        snapshot(queues=None, workers=None),
    )[-1].totals
    assert totals.drops == NO_DROPS


def test_vanished_queues_are_listed_with_the_depth_they_had_then() -> None:
    snapshots = [
        snapshot([queue("a", 9_000), queue("b", 450)]),
        snapshot([queue("a", 0), queue("b", 450)]),
        snapshot(processed_ever=0),
    ]
    assert [(name, drop.was) for name, drop in fleets(*snapshots)[-1].totals.drops.gone] == [
        ("b", 450)
    ]
    again = fleets(*snapshots, snapshot([queue("b", 1)], processed_ever=0))[-1]
    assert again.totals.drops.gone == ()


def test_no_rate_spans_a_change_to_another_database_or_back() -> None:
    full = [queue("mail", 100, pushed=1)]
    snapshots = [snapshot(full, processed_ever=90_000)] * 3
    snapshots += [snapshot([queue("mail", 60, pushed=1)], processed_ever=80_000)]
    there = fleets(*snapshots)[-1]
    assert known(there.queues)[0].drops[0].was == 100
    assert there.totals.processed_per_s is None
    assert known(there.queues)[0].rates.in_per_s is None
    snapshots += [snapshot([queue("mail", 60, pushed=2)], processed_ever=80_005)]
    onwards = fleets(*snapshots)[-1]
    assert onwards.totals.processed_per_s == 5.0
    assert known(onwards.queues)[0].rates.in_per_s == 2.0
    snapshots += [snapshot(full, processed_ever=90_010)]
    back = fleets(*snapshots)[-1]
    assert back.totals.processed_per_s is None
    assert known(back.queues)[0].rates.in_per_s is None


def test_a_database_that_comes_back_is_no_growth_and_no_burst_of_failures() -> None:
    hand = [ONE_WORKER]
    there = snapshot([queue("mail", 50_000)], hand, processed_ever=90_000, failed_ever=8_000)
    empty = snapshot([queue("mail", 0)], hand, processed_ever=3, failed_ever=0)
    judge, history = IncidentRules(), RowBuilder(SYSTEM)
    reported: list[str] = []
    for number, look in enumerate([there] * 20 + [empty] * 200 + [there] * 200):
        at_mono = number * 2.0
        fleet = history.add(look, at_mono)
        found = judge.judge(fleet, at_mono, health_report=health_report(), rtt_ms=5.0)
        reported += [each.sentence for each in found if each.severity in ("crit", "warn")]
    assert set(reported) == {
        "the database was emptied or replaced; processed 90,000 to 3, waiting 50,000 to 0"
    }


def test_workers_and_failures_that_vanish_are_marked_where_they_are_counted() -> None:
    failures = [failure(number) for number in range(3)]
    hands = [worker(f"h:{n}:mail") for n in range(4)]
    drops = fleets(snapshot(workers=hands, failures=failures), snapshot())[-1].totals.drops
    assert drops.workers is not None
    assert (drops.workers.was, drops.workers.left) == (4, 0)
    assert drops.failed is not None
    assert drops.failed.was == 3
    kinds = {each.check: each.text for each in incidents(snapshot(workers=hands), snapshot())}
    assert kinds == {"workers": "registered workers dropped 4 to 0"}


def test_a_dropped_queue_is_reported_with_its_figures_and_a_link() -> None:
    two: list[Queue] = [queue("mail", 900), queue("other", 9_000)]
    (reported,) = incidents(snapshot(two), snapshot([queue("mail", 0), queue("other", 9_000)]))
    assert reported.text == "mail: dropped 900 to 0 outside the workers"
    assert reported.link is not None
    assert reported.link.key == "mail"
    assert reported.since == NOW


async def test_the_console_shows_the_sign_beside_the_number() -> None:
    before = snapshot([queue("legacy", 12), queue("mail", 1_234)], [ONE_WORKER], [failure(1)])
    source = FakeSystem(before, replace(before, queues=(queue("legacy", 0), queue("mail", 0))))
    app = console(source)
    async with app.run_test(size=(140, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "1,246 waiting")
        app.poll_now()
        await until_shown(pilot, "↓0 waiting")
        await until_shown(pilot, "fell from 1,234")
        lines = [line for line in screen_text(app).splitlines() if "fell from" in line]
        begins = [line.strip("│ ").split()[:2] for line in lines]
        assert begins == [["legacy", "↓0"], ["mail", "↓0"]]


async def test_an_emptied_database_is_not_shown_as_one_that_was_always_empty() -> None:
    before: Any = snapshot([queue("legacy", 12), queue("mail", 1_234)])
    empty = [snapshot(processed_ever=0, failed_ever=0) for _ in range(2)]
    app = console(FakeSystem(before, *empty))
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "1,246 waiting")
        app.poll_now()
        await until_shown(pilot, "No queues left")
        await until_shown(pilot, "1,246 jobs waited in 2 queues")
        await pilot.press("1")
        app.poll_now()
        await until_shown(pilot, "the database was emptied or replaced")
