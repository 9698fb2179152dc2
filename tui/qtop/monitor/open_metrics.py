"""Figures of places as metric families, for Prometheus and what reads its formats. Pure.

What is unknown has no sample: never 0. The names of queues and classes become labels, so their
number is bounded.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from qtop.monitor.changes import Flow
from qtop.monitor.incidents.incident import SEVERITIES
from qtop.monitor.incidents.server import UNKNOWN
from qtop.monitor.rows import CONDITIONS, Condition, FleetRows, QueueRow
from queuecore.active_job import unwrapped

if TYPE_CHECKING:
    from qtop.model.health import HealthReport, TimedSet
    from qtop.monitor.state import ViewState

_PLACE: Final = ("system", "place", "namespace")
#: Each gauge: its labels beside those of its place, and what it means.
_GAUGES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "qtop_up": ((), "1 when all was read; 0 when something is unknown, which has no sample then"),
    "qtop_unread": (("part",), "1 for each part that could not be read"),
    "qtop_last_read_timestamp_seconds": ((), "The server's clock when the place was last read"),
    "qtop_paused": ((), "1 when everything is paused"),
    "qtop_queues": ((), "Number of queues"),
    "qtop_queues_left_out": ((), "Queues without series of their own, beyond the bound"),
    "qtop_jobs_waiting": ((), "Waiting jobs of all queues"),
    "qtop_queue_jobs_waiting": (("queue",), "Waiting jobs of a queue"),
    "qtop_queue_oldest_age_seconds": (("queue",), "Age of the oldest waiting job; 0 without one"),
    "qtop_queue_jobs_running": (("queue",), "Jobs of a queue that workers run"),
    "qtop_queue_workers": (("queue",), "Live workers that serve a queue"),
    "qtop_queue_paused": (("queue",), "1 when the queue is paused"),
    "qtop_workers": (("state",), "Workers by state"),
    "qtop_failures": ((), "Failures on record: the list of failures, retries and dead jobs"),
    "qtop_failures_by_class": (
        ("class", "complete"),
        'Failures by class; complete="0": counted among the newest only',
    ),
    "qtop_classes_left_out": ((), "Classes of failures without series, beyond the bound"),
    "qtop_set_jobs": (("set",), "Jobs in the sets of Sidekiq"),
    "qtop_delayed_overdue_jobs": (("set",), "Delayed jobs whose time has passed"),
    "qtop_delayed_overdue_seconds": (("set",), "How late the oldest due delayed job is; 0: none"),
    "qtop_incidents": (("severity", "acknowledged"), "Incidents by severity"),
}
_COUNTERS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "qtop_jobs_processed": ((), "Jobs processed, as the queue system counts them"),
    "qtop_jobs_failed": ((), "Jobs failed, as the queue system counts them"),
    "qtop_queue_jobs_in": (("queue",), "Jobs seen to come to a queue since qtop began to listen"),
    "qtop_queue_jobs_out": (("queue",), "Jobs seen to leave a queue since qtop began to listen"),
}
_LONGEST: Final = 200
_LOOKS_ESCAPED: Final = re.compile(r"\\x[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class SeriesBounds:
    """How many queues and classes of each place have series of their own."""

    queues: int = 1_000
    classes: int = 100


@dataclass(frozen=True, slots=True)
class PlaceReading:
    """What is known of one place at one moment.

    Attributes:
        labels: Its system, address and namespace.
        view: What the console would show of it.
        report: The newest health report; None before the first.
        flows: How many jobs came to each queue and left it since they are counted; None where they
            are not.
        kept: The names of the queues that have series of their own: see `kept_queues`.
    """

    labels: tuple[str, str, str]
    view: ViewState
    report: HealthReport | None = None
    flows: Mapping[str, tuple[int, int]] | None = None
    kept: Sequence[str] = ()

    @property
    def unread(self) -> Mapping[str, str]:
        """Why parts are unknown, by what they are in words; empty when all was read."""
        poll, fleet = self.view.poll, self.view.fleet
        if poll.error is not None or fleet is None:
            return {"everything": poll.error or "not read yet"}
        found = dict(fleet.totals.problems)
        of_queues = [row.problem for row in fleet.queues or () if row.problem is not None]
        if of_queues:
            found["some queues"] = of_queues[0]
        if self.report is None:
            return {**found, "health report": "not read yet"}
        return found | {UNKNOWN[part]: why for part, why in self.report.problems.items()}


class FlowCounter:
    """Counts the jobs that are seen to come to each queue and to leave it, poll after poll."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def add(self, flows: Mapping[str, Flow], names: Iterable[str]) -> None:
        """Add what was seen between two polls; forget the queues that are no more among `names`.
        O(queues)."""
        before = self._seen
        self._seen = {}
        for name in names:
            came, left = before.get(name, (0, 0))
            flow = flows.get(name)
            if flow is not None:
                came, left = came + flow.came, left + flow.left
            self._seen[name] = came, left

    @property
    def totals(self) -> Mapping[str, tuple[int, int]]:
        """How many came and left, by queue. Never changed afterwards."""
        return MappingProxyType(self._seen)


def kept_queues(rows: Sequence[QueueRow], before: Sequence[str], most: int) -> tuple[str, ...]:
    """The names of the queues that have series of their own: those that had them before, then the
    longest. O(queues log queues)."""
    present = {row.name for row in rows}
    kept = [name for name in before if name in present][:most]
    if len(kept) < min(most, len(present)):
        had = set(kept)
        rest = sorted(rows, key=lambda row: (-(row.depth or 0), row.name))
        kept += [row.name for row in rest if row.name not in had][: most - len(kept)]
    return tuple(kept)


def label_text(name: str) -> str:
    """A name as the value of a label: valid UTF-8, of bounded length. Different names stay
    different."""
    text = name
    if _LOOKS_ESCAPED.search(name) or not _is_utf8(name):
        raw = name.replace("\\", "\\\\").encode("utf-8", "surrogateescape")
        text = raw.decode("utf-8", "backslashreplace")
    if len(text) <= _LONGEST:
        return text
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{text[: _LONGEST - 17]}…{digest}"


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Families:
    """Metric families under construction: samples are added to them, empty ones are left out."""

    def __init__(self) -> None:
        self._made: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}

    def add(self, name: str, place: tuple[str, ...], figure: float | None, *labels: str) -> None:
        """Add a sample; none where the figure is unknown."""
        if figure is None:
            return
        family = self._made.get(name)
        if family is None:
            is_gauge = name in _GAUGES
            more, text = _GAUGES[name] if is_gauge else _COUNTERS[name]
            new = GaugeMetricFamily if is_gauge else CounterMetricFamily
            family = self._made[name] = new(name, text, labels=[*_PLACE, *more])
        family.add_metric([*place, *map(label_text, labels)], figure)

    def __iter__(self) -> Iterator[Metric]:
        names = (*_GAUGES, *_COUNTERS)
        return (self._made[name] for name in names if name in self._made)


def families(readings: Iterable[PlaceReading], most_classes: int) -> Iterable[Metric]:
    """The metric families of some places. Of a place whose last read failed there is `qtop_up` 0,
    when it was last read and what was counted before. O(queues + workers + failures read)."""
    made = _Families()
    for reading in readings:
        place = tuple(map(label_text, reading.labels))
        made.add("qtop_up", place, 0 if reading.unread else 1)
        for part in reading.unread:
            made.add("qtop_unread", place, 1, part)
        fleet = reading.view.fleet
        if fleet is None:
            continue
        read_at = fleet.server_time.timestamp()
        made.add("qtop_last_read_timestamp_seconds", place, read_at)
        _add_flows(made, place, reading)
        if reading.view.poll.error is not None:
            continue
        _add_totals(made, place, fleet)
        _add_workers(made, place, reading)
        _add_queues(made, place, fleet, reading.kept)
        _add_failures(made, place, fleet, most_classes)
        _add_sets(made, place, reading)
        _add_incidents(made, place, reading)
    return made


def _add_flows(made: _Families, place: tuple[str, ...], reading: PlaceReading) -> None:
    if reading.flows is None:
        return
    for name in reading.kept:
        came, left = reading.flows.get(name, (0, 0))
        made.add("qtop_queue_jobs_in", place, came, name)
        made.add("qtop_queue_jobs_out", place, left, name)


def _add_totals(made: _Families, place: tuple[str, ...], fleet: FleetRows) -> None:
    totals = fleet.totals
    waiting = None if totals.waiting_is_least else totals.waiting
    paused = None if totals.is_paused is None else int(totals.is_paused)
    made.add("qtop_paused", place, paused)
    made.add("qtop_queues", place, totals.queues)
    made.add("qtop_jobs_waiting", place, waiting)
    made.add("qtop_failures", place, totals.failed)
    made.add("qtop_jobs_processed", place, totals.processed_ever)
    made.add("qtop_jobs_failed", place, totals.failed_ever)


def _add_workers(made: _Families, place: tuple[str, ...], reading: PlaceReading) -> None:
    rows = None if reading.view.fleet is None else reading.view.fleet.workers
    if rows is None:
        return
    states: dict[Condition, int | None] = dict.fromkeys(CONDITIONS, 0)
    states |= Counter(row.condition for row in rows)
    is_searched = reading.report is not None and reading.report.strays is not None
    states["unregistered"] = len(reading.view.insights.unregistered) if is_searched else None
    for state, number in states.items():
        made.add("qtop_workers", place, number, state.rstrip("?").replace(" ", "_"))


def _add_queues(
    made: _Families, place: tuple[str, ...], fleet: FleetRows, kept: Sequence[str]
) -> None:
    if fleet.queues is None:
        return
    made.add("qtop_queues_left_out", place, len(fleet.queues) - len(kept))
    by_name = {row.name: row for row in fleet.queues}
    for name in kept:
        row = by_name[name]
        age_s = 0.0 if row.depth == 0 else row.next_waits_s
        paused = None if row.is_paused is None else int(row.is_paused)
        made.add("qtop_queue_jobs_waiting", place, row.depth, name)
        made.add("qtop_queue_oldest_age_seconds", place, age_s, name)
        made.add("qtop_queue_jobs_running", place, row.in_hand, name)
        made.add("qtop_queue_workers", place, row.serving, name)
        made.add("qtop_queue_paused", place, paused, name)


def _add_failures(made: _Families, place: tuple[str, ...], fleet: FleetRows, most: int) -> None:
    if fleet.failures is None:
        return
    # A class that cannot be read has an empty label, which is as good as none.
    names = (unwrapped(row.job.class_name, row.job.args)[0] or "" for row in fleet.failures)
    by_class = Counter(names)
    all_read = fleet.totals.failed is not None and by_class.total() >= fleet.totals.failed
    for name, number in sorted(by_class.most_common(most)):
        made.add("qtop_failures_by_class", place, number, name, str(int(all_read)))
    made.add("qtop_classes_left_out", place, max(0, len(by_class) - most))


def _add_sets(made: _Families, place: tuple[str, ...], reading: PlaceReading) -> None:
    snapshot, report = reading.view.poll.snapshot, reading.report
    for name, size in sorted(snapshot.sizes.items() if snapshot is not None else ()):
        made.add("qtop_set_jobs", place, size, name)
    if report is None:
        return
    taken, due = report.system.taken, report.system.due
    if report.timed is not None:
        for name, jobs in (("schedule", report.timed.scheduled), ("retry", report.timed.retries)):
            _add_overdue(made, place, name, jobs, report.timed.at)
    elif taken is not None and due is not None:
        late_s = max(0.0, taken.timestamp() - due)
        made.add("qtop_delayed_overdue_seconds", place, late_s, "delayed")


def _add_overdue(
    made: _Families, place: tuple[str, ...], name: str, jobs: TimedSet | None, now: float
) -> None:
    if jobs is None:
        return
    late_s = 0.0 if jobs.first_at is None else max(0.0, now - jobs.first_at)
    made.add("qtop_delayed_overdue_jobs", place, jobs.overdue, name)
    made.add("qtop_delayed_overdue_seconds", place, late_s, name)


def _add_incidents(made: _Families, place: tuple[str, ...], reading: PlaceReading) -> None:
    # What says that nothing is wrong is no incident.
    found = (each for each in reading.view.insights.incidents if each.check != "all")
    counts = Counter((each.severity, each.is_acknowledged) for each in found if not each.is_over)
    for severity, is_acknowledged in product(SEVERITIES, (False, True)):
        number, label = counts[severity, is_acknowledged], str(int(is_acknowledged))
        if severity != "good":
            made.add("qtop_incidents", place, number, severity, label)
