"""Incidents of a short time do not move the rows, and the operator's own actions are no
incidents."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.console import console, table_of, until, until_shown
from tests.support.known import known
from tests.support.sample_data import (
    NOW,
    SYSTEM,
    FakeSystem,
    at_moment,
    health_report,
    queue,
    snapshot,
    worker,
)

from qtop.config.limits import Thresholds
from qtop.local.workers import LocalWorkers
from qtop.model.fleet import Snapshot
from qtop.monitor.incidents.incident import Check, Incident
from qtop.monitor.incidents.rules import STAYS_S, IncidentRules, Steady
from qtop.monitor.poller import PollResult
from qtop.monitor.row_builder import RowBuilder, without_explained
from qtop.monitor.rows import FleetRows
from qtop.monitor.state import ConsoleState
from qtop.systems.resque.system import ResqueSystem
from qtop.widgets.table_model import FREEZE_S
from queuecore.action_record import Actor
from queuecore.audit import AuditEntry
from queuecore.values import replace
from resque.keys import Keys

KEYS = Keys("resque")
BURST = Incident("failures", "crit", "9 jobs failed", "burst")
OTHER = Incident("jobs", "warn", "one runs long", "long", "A")


def audit_entry(action: str, source: bytes, at_s: float = 0.0) -> AuditEntry:
    at = NOW + timedelta(seconds=at_s)
    actor = Actor("ada@web1", "qtop")
    return AuditEntry("id", at, actor, action, "3 jobs", "", source, 3, None, None, None)


def rows_at(seconds: float) -> FleetRows:
    look = snapshot(server_time=NOW + timedelta(seconds=seconds))
    return RowBuilder(SYSTEM).add(look, seconds)


def reported(steady: Steady, found: list[Incident], at_s: float) -> list[str]:
    incidents = steady.shown(found, rows_at(at_s), at_s, is_whole=True)
    assert all(each.is_over is (each.key not in {v.key for v in found}) for each in incidents)
    return [each.kind for each in incidents]


def test_incidents_of_the_first_poll_are_reported_at_once() -> None:
    assert reported(Steady(), [BURST], 0.0) == ["burst"]


def test_an_incident_is_reported_from_its_second_poll_on() -> None:
    steady = Steady()
    assert reported(steady, [], 0.0) == []
    assert reported(steady, [BURST], 1.0) == []
    assert reported(steady, [BURST], 2.0) == ["burst"]


@pytest.mark.parametrize(("check", "kind"), [("keys", "unknown"), ("keys", "queue")])
def test_unreadable_parts_are_reported_at_once(check: Check, kind: str) -> None:
    steady = Steady()
    assert reported(steady, [], 0.0) == []
    assert reported(steady, [Incident(check, "crit", "cannot be read", kind, "q")], 1.0) == [kind]


def test_an_incident_of_one_poll_only_is_not_reported() -> None:
    steady = Steady()
    reported(steady, [], 0.0)
    for at in range(1, 9):
        assert reported(steady, [BURST] if at % 2 else [], float(at)) == []


def test_an_ended_incident_stays_for_ten_seconds_and_one_that_returns_stays() -> None:
    steady = Steady()
    reported(steady, [BURST, OTHER], 0.0)
    assert reported(steady, [OTHER], 5.0) == ["burst", "long"]
    assert reported(steady, [BURST, OTHER], 9.0) == ["burst", "long"]
    assert reported(steady, [OTHER], 9.0 + STAYS_S - 0.1) == ["burst", "long"]
    assert reported(steady, [OTHER], 9.0 + STAYS_S) == ["long"]


def test_a_poll_that_is_judged_again_counts_once() -> None:
    steady, fleet = Steady(), rows_at(1.0)
    reported(steady, [], 0.0)
    for _ in range(3):
        assert steady.shown([BURST], fleet, 1.0, is_whole=True) == []


def test_with_a_long_poll_interval_an_incident_is_reported_at_once() -> None:
    steady = Steady()
    reported(steady, [], 0.0)
    assert reported(steady, [BURST], 60.0) == ["burst"]


async def test_the_cursor_stays_on_its_incident_when_another_appears() -> None:
    hand = [worker("h:1:low,mail")]
    look = snapshot([queue("low", 0), queue("mail", 5, is_paused=True)], hand)
    # Another incident, which is worse and above it.
    worse = [replace(look, problems={"queues": "cannot be read"}) for _ in range(3)]
    source = FakeSystem(look, *worse)
    now = [1_000.0]
    app = console(source, clock=lambda: now[0])
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "mail: paused")
        table = table_of(app)
        await pilot.press("down", "up")

        def under_cursor() -> Any:
            row: Any = table.cursor_row
            return row.incident.key

        before = under_cursor()
        # Rows keep their order for a while after the cursor moved.
        now[0] += FREEZE_S + 1
        for left in range(2, 0, -1):
            app.poll_now()
            await until(pilot, lambda n=left: len(source.snapshots) == n, "a look")  # type: ignore[misc]
        await until(pilot, lambda: "unknown" in table.rows[0].incident.text, "the other one above")
        await until(pilot, lambda: under_cursor() == before, "the same incident")


# The operator's own actions


def fleets(*snapshots: Snapshot) -> FleetRows:
    history = RowBuilder(SYSTEM)
    return [history.add(look, float(number)) for number, look in enumerate(snapshots)][-1]


FELL = (
    snapshot([queue("mail", 58)], server_time=NOW),
    snapshot([queue("mail", 0)], server_time=NOW + timedelta(seconds=2)),
)


@pytest.mark.parametrize("action", ["clear", "delete", "move", "undo", "remove"])
def test_an_action_of_qtop_is_no_drop(action: str) -> None:
    fleet = fleets(*FELL)
    assert fleet.totals.drops.waiting is not None
    source = KEYS.failed() if action == "undo" else KEYS.queue("mail")
    left = without_explained(fleet, [audit_entry(action, source, 1.0)], SYSTEM)
    assert left.totals.drops.waiting is None
    assert not known(left.queues)[0].drops
    assert not [v for v in IncidentRules().fleet(left, 1.0, None) if v.kind == "fell"]


def test_a_queue_among_many_that_qtop_cleared_is_no_drop() -> None:
    others = [queue("low", 9_000)]
    snapshots = [replace(look, queues=(*known(look.queues), *others)) for look in FELL]
    fleet = fleets(*snapshots)
    assert fleet.totals.drops.waiting is None
    assert known(fleet.queues)[0].drops
    left = without_explained(fleet, [audit_entry("clear", KEYS.queue("mail"), 1.0)], SYSTEM)
    assert not any(row.drops for row in known(left.queues))


@pytest.mark.parametrize(
    "other",
    [
        audit_entry("clear", KEYS.queue("low"), 1.0),
        audit_entry("clear", KEYS.queue("mail"), -60.0),
        audit_entry("pause", KEYS.queue("x"), 1.0),
    ],
)
def test_another_action_does_not_explain_a_drop(other: AuditEntry) -> None:
    fleet = without_explained(fleets(*FELL), [other], SYSTEM)
    assert fleet.totals.drops.waiting is not None
    assert known(fleet.queues)[0].drops


def test_an_action_with_a_rate_limit_explains_what_it_took_for_as_long_as_it_may_last() -> None:
    fleet = fleets(*FELL)

    def is_explained(planned: int, age_s: float) -> bool:
        slow = replace(audit_entry("move", KEYS.queue("mail"), -age_s), planned=planned)
        return without_explained(fleet, [slow], SYSTEM).totals.drops.waiting is None

    assert is_explained(planned=90, age_s=60)
    assert not is_explained(planned=90, age_s=100)
    # More is missing than it was for.
    assert not is_explained(planned=57, age_s=40)


def test_failures_and_workers_that_qtop_removed_are_no_drop() -> None:
    hands = [worker(f"h:{n}:mail") for n in range(4)]
    fleet = fleets(
        snapshot(workers=hands, failed=40),
        snapshot(server_time=NOW + timedelta(seconds=2), failed=0),
    )
    drops = fleet.totals.drops
    assert drops.failed is not None
    assert drops.workers is not None
    ours = [audit_entry("requeue", KEYS.failed(), 1.0), audit_entry("prune", KEYS.workers(), 1.0)]
    left = without_explained(fleet, ours, SYSTEM).totals.drops
    assert (left.failed, left.workers) == (None, None)
    # A worker that was asked to end finishes its job first.
    stop = audit_entry("stop", KEYS.workers(), -300.0)
    assert without_explained(fleet, [stop], SYSTEM).totals.drops.workers is None


@pytest.mark.parametrize(("actions", "kinds"), [([], ["growing"]), (["requeue"], [])])
def test_jobs_that_qtop_requeued_are_no_growth(actions: list[str], kinds: list[str]) -> None:
    history, judge = RowBuilder(SYSTEM), IncidentRules(Thresholds(grow_for_s=60, grow_by_jobs=100))
    done = tuple(audit_entry(action, KEYS.failed(), 58.0) for action in actions)
    found: list[Incident] = []
    for second in range(0, 62, 2):
        now = NOW + timedelta(seconds=second)
        mail = queue("mail", 500 if second >= 59 else 0)
        look = snapshot([mail], [worker("h:1:mail", on="mail")], server_time=now)
        fleet = history.add(look, float(second))
        found = list(judge.fleet(fleet, float(second), health_report(*done)))
    assert [each.kind for each in found if each.check == "queues"] == kinds


def test_a_drop_that_the_next_health_report_explains_is_never_reported(tmp_path: Path) -> None:
    clock: list[float] = [0.0]
    state = ConsoleState(
        system=SYSTEM,
        interval_s=1.0,
        read_only=False,
        local=LocalWorkers(tmp_path, ResqueSystem(KEYS), environ={}, on_change=lambda: None),
        local_host="h",
        clock=lambda: clock[0],
    )

    def drops() -> list[Any]:
        return [each for each in state.view().insights.incidents if each.kind == "fell"]

    state.take(PollResult(FELL[0], 0.0))
    state.take_health_report(health_report())
    state.take(PollResult(FELL[1], 2.0))
    assert state.dropped_now
    assert not drops()
    state.take_health_report(health_report(audit_entry("move", KEYS.queue("mail"), 1.0)))
    for number in range(3, 6):
        later = at_moment(FELL[1], NOW + timedelta(seconds=number))
        state.take(PollResult(later, float(number)))
        assert not drops()
    fleet = state.view().fleet
    assert fleet is not None
    assert not known(fleet.queues)[0].drops
