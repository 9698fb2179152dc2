"""What the console derives from snapshots: the rows of all lists, and the incidents."""

from datetime import timedelta

from tests.support.sample_data import NOW, SYSTEM, at_moment, health_report

from qtop.config.limits import Thresholds
from qtop.model.fleet import Snapshot
from qtop.model.health import HealthReport
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import FleetRows


def fleets(*snapshots: Snapshot, every_s: float = 1.0) -> list[FleetRows]:
    history = RowBuilder(SYSTEM)
    return [history.add(look, number * every_s) for number, look in enumerate(snapshots)]


FINE = health_report()


def judged(
    *snapshots: Snapshot,
    every_s: float = 1.0,
    found: HealthReport | None = FINE,
    rtt_ms: float | None = 5.0,
    thresholds: Thresholds | None = None,
) -> tuple[Incident, ...]:
    """The incidents of the last of some snapshots."""
    history, judge = RowBuilder(SYSTEM), IncidentRules(thresholds or Thresholds())
    incidents: tuple[Incident, ...] = ()
    for number, look in enumerate(snapshots):
        at_mono = number * every_s
        now = NOW + timedelta(seconds=at_mono)
        fleet_rows = history.add(at_moment(look, now), at_mono)
        incidents = judge.judge(fleet_rows, at_mono, health_report=found, rtt_ms=rtt_ms)
    return incidents
