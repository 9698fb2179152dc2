"""What is wrong with jobs: they run longer than their class usually does, by what was seen of those
that ended; more fail than usual, or for one reason. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from qtop.config.limits import Thresholds
from qtop.model.fleet import RunningJob
from qtop.model.job import JobRow
from qtop.monitor.changes import CounterWindow
from qtop.monitor.incidents.incident import Figure, Incident, Link, Remedy, first_few
from qtop.monitor.rows import NOT_ALIVE, FleetRows, GroupMemory, WorkerRow
from qtop.search.filter_language import term
from qtop.text.format import exception_name, rate
from qtop.text.safe import ago, counted
from queuecore.active_job import unwrapped

_KEPT: Final = 200
_MOST_CLASSES: Final = 1_000
#: Of very many jobs that end between two polls, so many are enough.
_MOST_ENDED: Final = 200


class Durations:
    """How long the jobs of each class took, as far as this console saw them end.

    Only jobs that workers had at a poll are known, and a duration counts up to the
    poll that did not find them any more: both make it longer, never shorter.
    """

    def __init__(self) -> None:
        self._held: Mapping[str, tuple[RunningJob, ...]] = {}
        self._took_s: dict[str, deque[float]] = {}
        self._usual_s: dict[str, float] = {}

    def add(self, fleet: FleetRows) -> None:
        """Take in a poll. What it does not know has not ended. O(workers)."""
        processes = [row.process for row in fleet.workers or ()]
        held = {each.id: each.jobs for each in processes if each.jobs}
        gone = (
            (worker_id, job)
            for worker_id, was in self._held.items()
            if (now := held.get(worker_id)) is not was
            for job in _gone(was, now or ())
        )
        ended = [*islice(gone, _MOST_ENDED)]
        self._held = held
        if ended:
            # When a job ended whose worker has left is not known.
            present = {each.id for each in processes if each.jobs is not None}
            for worker_id, job in ended:
                if worker_id in present:
                    self._note(job, fleet.server_time)

    def _note(self, job: RunningJob, now: datetime) -> None:
        name, _ = unwrapped(job.class_name, job.args)
        if name is None or job.since is None or job.since > now:
            return
        if name not in self._took_s:
            if len(self._took_s) == _MOST_CLASSES:
                del self._took_s[next(iter(self._took_s))]
            self._took_s[name] = deque(maxlen=_KEPT)
        self._took_s[name].append((now - job.since).total_seconds())
        self._usual_s.pop(name, None)

    def known(self, class_name: str) -> int:
        return len(self._took_s.get(class_name, ()))

    def usual_s(self, class_name: str, jobs_known: float) -> float | None:
        """How long 95 of 100 jobs of a class took at most; None when fewer than `jobs_known` were
        seen to end."""
        if self.known(class_name) < jobs_known:
            return None
        if class_name not in self._usual_s:
            took_s = sorted(self._took_s.get(class_name, (0.0,)))
            self._usual_s[class_name] = took_s[min(len(took_s) - 1, len(took_s) * 95 // 100)]
        return self._usual_s[class_name]


def _gone(before: tuple[RunningJob, ...], now: tuple[RunningJob, ...]) -> Iterator[RunningJob]:
    has = {job.raw for job in now}
    return (job for job in before if job.raw not in has)


def job_incidents(
    fleet: FleetRows, durations: Durations, thresholds: Thresholds
) -> Iterator[Incident]:
    """Jobs that run long, those of each class together. O(workers)."""
    found: list[tuple[bool, float, Incident]] = []
    for name, running in _by_class(fleet, thresholds.overdue_after_s).items():
        usual_s = durations.usual_s(name, thresholds.jobs_known)
        bound_s = thresholds.long_job_s
        if usual_s is not None:
            bound_s = max(thresholds.overdue_after_s, usual_s * thresholds.overdue_times)
        late = [each for each in running if each[0] > bound_s]
        if late:
            longest_s, row = max(late, key=lambda each: each[0])
            incident = _incident(name, len(late), longest_s, row, usual_s)
            found.append((usual_s is None, -longest_s, incident))
    # Those that are known to be late come first.
    found.sort(key=lambda each: each[:2])
    rest = Incident(
        *("jobs", "warn", "{:,} more classes: long-running jobs", "long"), link=Link("workers")
    )
    yield from first_few([incident for _, _, incident in found], rest)


def _by_class(fleet: FleetRows, least_s: float) -> Mapping[str, list[tuple[float, WorkerRow]]]:
    """By class: the jobs that have run for some seconds, how long each has and on which worker,
    without those of the dead."""
    cutoff = fleet.server_time - timedelta(seconds=least_s)
    found: defaultdict[str, list[tuple[float, WorkerRow]]] = defaultdict(list)
    for row in fleet.workers or ():
        for job in row.process.jobs or ():
            since = job.since
            if since is not None and since <= cutoff and row.condition not in NOT_ALIVE:
                name, _ = unwrapped(job.class_name, job.args)
                if name is not None:
                    found[name].append(((row.now - since).total_seconds(), row))
    return found


def _incident(
    name: str, late: int, longest_s: float, row: WorkerRow, usual_s: float | None
) -> Incident:
    """About the jobs of a class that run too long; `row` is the worker of the longest."""
    link = Link("workers", row.id)
    text, where = f"{name} running {ago(longest_s)}", f"on {row.process.host or row.id}"
    if late > 1:
        text = f"{name}: {counted(late, 'job')} running up to {ago(longest_s)}"
        link, where = Link("workers", filter=term("class", name)), f"the longest {where}"
    usual = "no baseline yet" if usual_s is None else f"p95 {ago(max(1.0, usual_s))}"
    return Incident(
        *("jobs", "info" if usual_s is None else "warn", text, "long", name, link),
        figures=f"{usual}, {where}",
        cause="No baseline for this class yet."
        if usual_s is None
        else "It waits for something, has more work than usual, or never ends.",
        evidence=(
            Figure("running", f"{counted(late, 'job')}, the longest for {ago(longest_s)}"),
            Figure("worker", row.id),
            Figure("usual", usual),
        ),
        meaning="Each of them keeps a worker from other jobs.",
        remedies=(
            Remedy("the worker" if late == 1 else f"workers that run {name}", "table.open"),
            Remedy("check what the job waits for before you stop its worker"),
        ),
        since=row.now - timedelta(seconds=longest_s),
        doubt="unjudged" if usual_s is None else None,
    )


# Whether more fails than usual, and what the failures have in common.

_MINUTE_S: Final = 60.0
#: Less than this tells nothing about what is usual.
_KNOWN_AFTER_S: Final = 300.0
#: What failures have in common is looked for among those of the last hour, if there are enough.
_RECENT_S: Final = 3_600.0
_ENOUGH: Final = 20
#: So much of a message is evidence.
_MESSAGE: Final = 200


#: Failures a minute, now and usually; None when unknown.
FailureRates = tuple[float | None, float | None]


class FailureRate:
    def __init__(self) -> None:
        self._failed = CounterWindow(_MINUTE_S)

    def add(self, fleet: FleetRows, at_mono: float) -> FailureRates:
        """Take in a poll. The statistic that Resque counts is the most exact; before it has been
        watched for long enough, the times of the newest failures help. O(failures read)."""
        if fleet.totals.drops.breaks_counts:
            self._failed = CounterWindow(_MINUTE_S)
        counted_now, usual = self._counted(fleet.totals.failed_ever, at_mono)
        rows = fleet.failures or ()
        ages_s = sorted(row.age_s for row in rows if row.age_s is not None)
        in_last_minute = bisect_left(ages_s, _MINUTE_S)
        known = [counted_now] if counted_now is not None else []
        if ages_s or fleet.totals.failed == 0:
            known.append(float(in_last_minute))
        if usual is None and ages_s:
            span_s = ages_s[-1] - _MINUTE_S
            if span_s >= _KNOWN_AFTER_S:
                usual = (len(ages_s) - in_last_minute) / span_s * 60
        return max(known, default=None), usual

    def _counted(self, total: int | None, at_mono: float) -> FailureRates:
        """By the statistic that Resque counts alone."""
        per_s = self._failed.add(total, at_mono)
        (first_mono, first), (then_mono, then) = self._failed.first, self._failed.oldest
        if per_s is None or at_mono - then_mono < _MINUTE_S:
            return None, None
        watched_s = then_mono - first_mono
        usual = (then - first) / watched_s * 60 if watched_s >= _KNOWN_AFTER_S else None
        return per_s * 60, usual


def failure_incidents(
    fleet: FleetRows, pace: FailureRates, groups: GroupMemory, thresholds: Thresholds
) -> Iterator[Incident]:
    """What is wrong with what fails. O(failures read)."""
    burst = _burst(fleet, pace, thresholds)
    if burst is not None:
        yield burst
    rows = fleet.failures or ()
    recent = [row for row in rows if row.age_s is not None and row.age_s < _RECENT_S]
    if len(recent) >= _ENOUGH:
        span = _span(fleet, len(recent))
        yield from _shared(recent, groups, thresholds, span)
        yield from _worst_class(recent, thresholds, span)
    # One that is merely large is read when it is opened.
    unreadable = sum(row.job.problem is not None and not row.job.item.is_cut for row in rows)
    if unreadable:
        yield Incident(
            *("jobs", "info", f"{unreadable:,} of the newest failures cannot be read"),
            kind="unreadable failures",
            link=Link("failed"),
            meaning="They are shown as their bytes; a requeue leaves them out.",
            doubt="unjudged",
        )


def _span(fleet: FleetRows, recent: int) -> str:
    """Among which failures was counted: where the hour may have more than were read, no figure is
    that of the hour."""
    rows = fleet.failures or ()
    read = len(rows)
    # What is still to be tried again is in no order of failures: newer ones may not have been read.
    is_ordered = all(row.job.state is None for row in rows)
    are_more = fleet.totals.failed is None or fleet.totals.failed > read
    is_cut = are_more and (recent == read or not is_ordered)
    return f"among the newest {read:,}" if is_cut else "within an hour"


def _burst(fleet: FleetRows, pace: FailureRates, thresholds: Thresholds) -> Incident | None:
    now, usual = pace
    if now is None or now < thresholds.burst_per_min:
        return None
    if usual is None:
        if now < thresholds.burst_per_min * thresholds.burst_times:
            return None
        baseline = "no baseline yet"
    elif now < usual * thresholds.burst_times:
        return None
    else:
        baseline = f"baseline {rate(usual)}/min" if usual else "baseline 0/min"
    newest = [
        row for row in fleet.failures or () if row.age_s is not None and row.age_s < _MINUTE_S
    ]
    errors = Counter(exception_name(row.job.exception) for row in newest)
    classes = Counter(row.job.unwrapped[0] or "unreadable" for row in newest)
    mostly = f", mostly {errors.most_common(1)[0][0]}" if errors else ""
    cause = "What fails is not known: the failures could not be read."
    if newest:
        (name, many), (error, times) = classes.most_common(1)[0], errors.most_common(1)[0]
        of = f"of the {counted(len(newest), 'failure')} of the last minute"
        cause = f"{many:,} {of} are of {name}, and {times:,} are {error}."
    return Incident(
        *("failures", "warn" if usual is None else "crit"),
        text=f"failure rate {round(now):,}/min",
        kind="burst",
        link=Link("failed", filter="age<5m"),
        figures=f"{baseline}{mostly}",
        cause=cause,
        evidence=(
            Figure("failed", f"{round(now):,} within a minute ({baseline})"),
            *_shares("classes", classes),
            *_shares("errors", errors),
        ),
        meaning="Failed jobs are kept until they are requeued or deleted.",
        remedies=(
            Remedy("the newest failures", "table.open"),
            Remedy("find out what changed before you requeue them"),
        ),
    )


def _shares(label: str, counts: Counter[str]) -> list[Figure]:
    first = counts.most_common(3)
    words = ", ".join(f"{name} {many:,}" for name, many in first)
    return [Figure(label, words)] if first else []


def _shared(
    recent: Sequence[JobRow], groups: GroupMemory, thresholds: Thresholds, span: str
) -> Iterator[Incident]:
    """An error in many classes: what they share is broken, not they."""
    classes: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    failed: Counter[tuple[str, str]] = Counter()
    for row in recent:
        key = groups.of(row)
        if key.exception is not None:
            error = key.exception, key.message
            classes[error][key.class_name or "unreadable"] += 1
            failed[error] += 1
    for (exception, message), number in failed.most_common(1):
        of_classes = classes[exception, message]
        if number >= _ENOUGH and len(of_classes) >= thresholds.shared_classes:
            name = exception_name(exception)
            yield Incident(
                *("failures", "warn", f"{name} in {len(of_classes):,} classes", "shared"),
                subject=exception,
                link=Link("failed", filter=term("exception", exception)),
                figures=f"{counted(number, 'time')} {span}",
                cause="One error in many classes: what they share is broken.",
                evidence=(
                    Figure("message", message[:_MESSAGE]),
                    *_shares("classes", of_classes),
                    Figure("failures", f"{counted(number, 'time')} {span}"),
                ),
                meaning="A requeue fails again until that is fixed.",
                remedies=(
                    Remedy("these failures", "table.open"),
                    Remedy("check what they share before you requeue them"),
                ),
            )


def _worst_class(recent: Sequence[JobRow], thresholds: Thresholds, span: str) -> Iterator[Incident]:
    classes = Counter(row.job.unwrapped[0] for row in recent)
    (name, number), *others = classes.most_common()
    if name is None or not others or number < len(recent) * thresholds.worst_part:
        return
    errors = Counter(
        exception_name(row.job.exception) for row in recent if row.job.unwrapped[0] == name
    )
    yield Incident(
        *("failures", "warn", f"{name}: most failures", "worst class", name),
        link=Link("failed", filter=term("class", name)),
        figures=f"{number:,} of {len(recent):,} {span}",
        cause=f"{number:,} of {counted(len(recent), 'failure')} {span} are of this class.",
        evidence=(*_shares("errors", errors), Figure("other classes", f"{len(others):,}")),
        meaning="The error is in this class, or in what only this class uses.",
        remedies=(Remedy(f"failures of {name}", "table.open"),),
    )
