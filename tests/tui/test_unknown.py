"""What could not be read is unknown in the console: in the header, the tabs and the bodies, and for
rates, drops and incidents; and known again when it can be read."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import pytest
from tests import words
from tests.support.console import (
    console,
    screen_lines,
    screen_text,
    shows,
    until,
    until_gone,
    until_shown,
)
from tests.support.derived import fleets, judged
from tests.support.known import known
from tests.support.sample_data import (
    FakeSystem,
    failure,
    fleet,
    health_report,
    queue,
    snapshot,
    worker,
)

from qtop.app.app import QtopApp
from qtop.model.fleet import Snapshot
from qtop.monitor import row_text
from qtop.monitor.changes import NO_DROPS, UNKNOWN
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.jobs import Durations
from qtop.monitor.rows import FleetRows, host_rows
from qtop.monitor.series import SeriesRecorder
from qtop.monitor.state import ViewState
from qtop.screens import frame
from queuecore.values import replace
from resque.errors import AuthRefused, Busy

WHY: Final = "this user lacks a right"
#: The parts that a snapshot may not know, by its words for them.
LACKS: Final[dict[str, dict[str, Any]]] = {
    "queues": {"queues": None},
    "workers": {"workers": None},
    "failures": {"failures": None},
    "pause of everything": {"is_paused": None},
    "jobs processed": {"processed_ever": None},
    "jobs failed": {"failed_ever": None},
}


def healthy(**more: Any) -> Snapshot:
    """A fleet in which nothing is wrong; unknown parts may be given."""
    fields: dict[str, Any] = {
        "queues": [queue("mail", 400, pushed=1), queue("low", 0)],
        "workers": [worker("h:1:mail", on="mail"), worker("h:2:low,mail")],
        "failures": [failure(90)],
    }
    return snapshot(**(fields | more))


def without(part: str) -> Snapshot:
    return healthy(**LACKS[part], problems={part: WHY})


def without_heartbeats() -> Snapshot:
    state = [*(healthy().processes or ())]
    state = [replace(each, beat_at=None, has_beat=None) for each in state]
    return healthy(workers=state, problems={"heartbeats": WHY})


def without_records() -> Snapshot:
    state = [replace(each, jobs=None, problem=WHY) for each in healthy().processes or ()]
    return healthy(workers=state, problems={"jobs in hand": WHY})


def partial_snapshots() -> dict[str, Snapshot]:
    """Snapshots without a part, by the name of the part."""
    return {part: without(part) for part in LACKS} | {
        "heartbeats": without_heartbeats(),
        "jobs in hand": without_records(),
        "a queue": healthy(queues=[queue("mail", None, problem=WHY), queue("low", 0)]),
    }


# Rows


def last_row(*snapshots: Snapshot, name: str = "mail") -> Any:
    [row] = [row for row in known(fleets(*snapshots)[-1].queues) if row.name == name]
    return row


def test_no_rate_spans_an_unknown_depth() -> None:
    gap = healthy(queues=[queue("mail", None), queue("low", 0)])
    assert last_row(healthy(), healthy()).rates.in_per_s == 1
    for unknown in (gap, without("queues")):
        assert last_row(healthy(), healthy(), unknown, healthy()).rates == UNKNOWN
        back = last_row(healthy(), healthy(), unknown, healthy(), healthy())
        assert back.rates.in_per_s == 1, "what was known before is forgotten"
        assert back.depths == (400, 400, None, 400, 400)


def test_no_rate_is_computed_from_unknown_workers() -> None:
    def look(size: int, **more: Any) -> Snapshot:
        return healthy(queues=[queue("mail", size)], **more)

    def taken(processed: int) -> list[Any]:
        return [worker("h:1:mail", processed=processed, on="mail")]

    assert last_row(look(90, workers=taken(0)), look(80, workers=taken(10))).rates.out_per_s == 10
    for missing in (None, [*(without_records().processes or ())]):
        snapshots = look(90, workers=taken(0)), look(80, workers=missing)
        assert last_row(*snapshots).rates == UNKNOWN


@pytest.mark.parametrize("part", ["jobs processed", "jobs failed"])
def test_totals_that_are_unknown_for_one_poll_jump_neither_away_nor_back(part: str) -> None:
    snapshots = (
        healthy(),
        without(part),
        healthy(processed_ever=9_000, failed_ever=9_000),
        healthy(),
    )
    for fleet_rows in fleets(*snapshots)[1:3]:
        totals = fleet_rows.totals
        rate = totals.processed_per_s if part == "jobs processed" else totals.failed_per_s
        assert rate is None


@pytest.mark.parametrize("part", partial_snapshots())
def test_a_figure_that_turns_unknown_and_back_is_no_drop(part: str) -> None:
    unknown = partial_snapshots()[part]
    for fleet_rows in fleets(healthy(), unknown, healthy(), unknown, unknown, healthy()):
        assert fleet_rows.totals.drops == NO_DROPS


def test_a_queue_that_empties_while_its_workers_are_unknown_was_not_cleared() -> None:
    drained = healthy(
        queues=[queue("mail", 0), queue("low", 0)], workers=None, processed_ever=1_400
    )
    assert fleets(healthy(), drained)[-1].totals.drops == NO_DROPS


def test_the_workers_of_a_queue_are_unknown_when_workers_are_unknown() -> None:
    row = last_row(without("workers"))
    assert (row.serving, row.in_hand, row.is_unserved) == (None, None, False)
    row = last_row(without_heartbeats())
    assert (row.serving, row.in_hand, row.is_unserved) == (None, 1, False)
    row = last_row(without_records())
    assert (row.serving, row.in_hand) == (2, None)
    row = last_row(
        healthy(workers=without_heartbeats().processes, queues=[queue("odd", 3)]), name="odd"
    )
    assert (row.serving, row.is_unserved) == (0, True), "nobody, dead or alive"


def test_a_sum_with_an_unknown_part_is_a_lower_bound() -> None:
    one = queue("mail", None, problem=WHY)
    totals = fleets(healthy(queues=[one, queue("low", 7)]))[0].totals
    assert (row_text.waiting(totals), row_text.jobs_waiting(totals)) == (
        "7+",
        "at least 7 jobs waiting",
    )
    totals = fleets(healthy(queues=[one]))[0].totals
    assert (row_text.waiting(totals), row_text.jobs_waiting(totals)) == (
        "unknown",
        "unknown jobs waiting",
    )
    halves = [*(healthy().processes or ())[:1], *(without_records().processes or ())[1:]]
    assert row_text.working(fleets(healthy(workers=halves))[0].totals) == "1+/2"
    assert row_text.working(fleets(without_records())[0].totals) == "?/2"
    [host] = host_rows(known(fleets(without_records())[0].workers))
    assert (host.workers, host.working, host.troubled) == (2, None, 0)
    ruby = [replace(each, has_beat=False) for each in without_records().processes or ()]
    assert row_text.working(fleets(healthy(workers=ruby))[0].totals) == "?/2"
    [host] = host_rows(known(fleets(healthy(workers=ruby))[0].workers))
    assert host.working is None
    [host] = host_rows(known(fleets(without_heartbeats())[0].workers))
    assert (host.working, host.troubled) == (None, None)


def test_the_trend_of_waiting_jobs_breaks_where_a_queue_turns_unknown() -> None:
    recorder = SeriesRecorder()
    part = healthy(queues=[queue("mail", None), queue("low", 7)])
    for at, fleet_rows in enumerate(fleets(healthy(), part, part, healthy(), healthy())):
        recorder.add(fleet_rows.totals, at * 5.0)
    assert recorder.series_now.waiting == (400, None, 7, None, 400)


def test_jobs_that_cannot_be_seen_do_not_count_as_ended() -> None:
    durations = Durations()
    for look in (healthy(), without("workers"), without_records(), healthy(), without_records()):
        durations.add(fleets(look)[0])
    assert durations.known("Mailers::Welcome") == 0
    gone = healthy(workers=[worker("h:1:mail")])
    durations.add(fleets(healthy())[0])
    durations.add(fleets(gone)[0])
    assert durations.known("Mailers::Welcome") == 1


# Incidents


def incidents_without(part: str) -> tuple[Incident, ...]:
    return judged(healthy(), partial_snapshots()[part], found=health_report())


def test_a_fully_known_fleet_has_no_incident() -> None:
    assert [each.severity for each in judged(healthy(), found=health_report())] == ["good"]


@pytest.mark.parametrize("part", partial_snapshots())
def test_an_unknown_part_is_reported_once_and_is_neither_fine_nor_another_incident(
    part: str,
) -> None:
    incident, *others = incidents_without(part)
    assert (incident.check, incident.severity) == ("keys", "crit")
    assert WHY in incident.text
    assert others == []


# The console


def tabs(app: QtopApp) -> str:
    return screen_lines(app)[1]


async def turn_to(app: QtopApp, pilot: Any, look: Snapshot, source: FakeSystem) -> None:
    source.snapshots = [look]
    app.poll_now()
    await until(pilot, lambda: app.state.poll.snapshot is look, "the look")
    await pilot.pause()


@pytest.mark.parametrize(
    ("part", "tab", "keys"),
    [
        ("queues", "2 Queues ?", ("1", "2")),
        ("workers", "3 Workers ?", ("1", "3")),
        ("failures", "4 Failed ?", ("1",)),
        ("heartbeats", "3 Workers ?/2", ("1",)),
    ],
)
async def test_a_list_that_could_not_be_read_is_unknown_until_it_can_be(
    part: str, tab: str, keys: tuple[str, ...]
) -> None:
    source = FakeSystem(healthy())
    app = console(source)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "2 Queues 2")
        before = tabs(app)
        for _ in range(2):
            await turn_to(app, pilot, partial_snapshots()[part], source)
            for key in keys:
                await pilot.press(key)
                await until_shown(pilot, tab)
                assert shows(app, f"unknown: {part}: {WHY}")
                text = screen_text(app)
                assert words.NOTHING_IS_WRONG not in text
                assert "No queues" not in text
                assert "No workers" not in text
                assert part == "heartbeats" or shows(app, f"unknown: {WHY}")
            await pilot.press("1")
            await turn_to(app, pilot, healthy(), source)
            await until(pilot, lambda: "?" not in tabs(app), "it is known again")
            assert tabs(app) == before
            assert "fell" not in screen_text(app)


async def test_the_header_says_unknown_and_at_least() -> None:
    source = FakeSystem(without("queues"))
    app = console(source)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "unknown waiting")
        part = healthy(queues=[queue("mail", 7), queue("low", None, problem=WHY)])
        await turn_to(app, pilot, part, source)
        await until_shown(pilot, "7+ waiting")


async def test_a_key_whose_meaning_depends_on_what_is_unknown_changes_nothing() -> None:
    paused = healthy(queues=[queue("mail", 7, is_paused=None)], is_paused=None)
    source = FakeSystem(paused)
    app = console(source)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "2 Queues 1")
        await pilot.press("P")
        await until_shown(pilot, "unknown whether everything is paused: nothing was changed")
        await pilot.press("2", "p")
        await until_shown(pilot, "unknown whether they are paused: nothing was changed")
        assert source.operations == []


async def test_a_worker_whose_register_is_unknown_has_not_left() -> None:
    source = FakeSystem(healthy())
    app = console(source)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "3 Workers 1/2")
        await pilot.press("3", "enter")
        await until_shown(pilot, "Running job")
        await turn_to(app, pilot, without("workers"), source)
        await until_shown(pilot, "Unknown whether it is still registered")
        assert words.NO_LONGER_REGISTERED not in screen_text(app)


@pytest.mark.parametrize(
    ("keys", "claims"),
    [
        (("7",), "Nothing was done"),
        (("5",), "No delayed jobs"),
        (("2", "enter"), "Nothing waits"),
        (("4",), "No failed jobs"),
    ],
)
async def test_a_screen_says_that_its_own_read_was_refused(
    keys: tuple[str, ...], claims: str
) -> None:
    refusal = AuthRefused(WHY)

    class Refusing(FakeSystem):
        async def run(self, operation: Any) -> Any:
            raise refusal

    app = console(Refusing(without("failures")))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "4 Failed ?")
        await pilot.press(*keys)
        await until_shown(pilot, f"unknown: {WHY}")
        assert claims not in screen_text(app)


async def test_a_server_that_does_not_answer_for_now_leaves_the_known_data_as_old() -> None:
    source = FakeSystem(fleet(), Busy("MASTERDOWN"))
    app = console(source)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "2 Queues 7")
        app.poll_now()
        await until_shown(pilot, "no answer")
        assert shows(app, "MASTERDOWN")
        assert shows(app, "2 Queues 7")
        await turn_to(app, pilot, fleet(), source)
        await until_gone(pilot, "no answer")


def test_the_error_line_names_every_part_and_each_reason_once() -> None:
    look = healthy(queues=None, workers=None, problems={"queues": WHY, "workers": WHY})
    fleet_rows: FleetRows = fleets(look)[0]
    view = console(FakeSystem(look)).state.view()
    [span] = frame.trouble(_with(view, fleet_rows))
    assert span.text == f" ⚠ unknown: queues, workers: {WHY}"


def _with(view: ViewState, fleet_rows: FleetRows) -> ViewState:
    return dataclasses.replace(view, fleet=fleet_rows)
