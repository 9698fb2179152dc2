"""Whether more fails than usual, and what the failures have in common. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from qtop.config.limits import Thresholds
from qtop.monitor.incidents.incident import Incident, Link, Severity
from qtop.monitor.rows import FailureRow, FleetRows
from qtop.search.filter_language import term
from qtop.search.newest import GroupMemory
from qtop.text.format import exception_name, rate
from qtop.text.safe import counted
from queuecore.active_job import unwrapped

_MINUTE_S: Final = 60.0
#: Less than this tells nothing about what is usual.
_KNOWN_AFTER_S: Final = 300.0
#: What failures have in common is looked for among those of the last hour, if there are enough.
_RECENT_S: Final = 3_600.0
_ENOUGH: Final = 20
_NOTE_EVERY_S: Final = 5.0


class FailureRates(NamedTuple):
    """Failures a minute, now and usually; None when unknown."""

    now_per_min: float | None
    usual_per_min: float | None


class FailureRate:
    """Remembers how fast jobs fail."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._notes: deque[tuple[float, int]] = deque()

    def add(self, board: FleetRows, at_mono: float) -> FailureRates:
        """Take in a look. The statistic that Resque counts tells most; before it has been watched
        for long enough, the times of the newest failures do. O(failures read)."""
        if board.totals.falls.breaks_counts:
            self._first = None
            self._notes.clear()
        counted_now, usual = self._counted(board.totals.failed_ever, at_mono)
        rows = board.failures or ()
        ages_s = sorted(row.age_s for row in rows if row.age_s is not None)
        in_last_minute = bisect_left(ages_s, _MINUTE_S)
        known = [counted_now] if counted_now is not None else []
        if ages_s or board.totals.failed == 0:
            known.append(float(in_last_minute))
        if usual is None and ages_s:
            span_s = ages_s[-1] - _MINUTE_S
            if span_s >= _KNOWN_AFTER_S:
                usual = (len(ages_s) - in_last_minute) / span_s * 60
        return FailureRates(max(known, default=None), usual)

    def _counted(self, total: int | None, at_mono: float) -> tuple[float | None, float | None]:
        """Failures in the last minute and, a minute, before it; None when unknown."""
        if total is None or (self._notes and total < self._notes[-1][1]):
            self._first = None
            self._notes.clear()
        if total is None:
            return None, None
        if self._first is None:
            self._first = at_mono, total
        if not self._notes or at_mono - self._notes[-1][0] >= _NOTE_EVERY_S:
            self._notes.append((at_mono, total))
        while len(self._notes) > 1 and self._notes[1][0] <= at_mono - _MINUTE_S:
            self._notes.popleft()
        (then_mono, then), (first_mono, first) = self._notes[0], self._first
        if at_mono - then_mono < _MINUTE_S:
            return None, None
        now_per_min = (total - then) / (at_mono - then_mono) * 60
        watched_s = then_mono - first_mono
        usual = (then - first) / watched_s * 60 if watched_s >= _KNOWN_AFTER_S else None
        return now_per_min, usual


def failure_incidents(
    board: FleetRows, pace: FailureRates, marks: GroupMemory, thresholds: Thresholds
) -> Iterator[Incident]:
    """What is wrong with what fails. O(failures read)."""
    burst = _burst(board, pace, thresholds)
    if burst is not None:
        yield burst
    rows = board.failures or ()
    recent = [row for row in rows if row.age_s is not None and row.age_s < _RECENT_S]
    if len(recent) >= _ENOUGH:
        span = _span(board, len(recent))
        yield from _shared(recent, marks, thresholds, span)
        yield from _worst_class(recent, thresholds, span)
    unreadable = sum(_is_unreadable(row) for row in rows)
    if unreadable:
        text = f"{unreadable:,} of the newest failures cannot be read"
        yield Incident("jobs", "note", text, "unreadable failures", "", Link("failed"))


def _span(board: FleetRows, recent: int) -> str:
    """Among which failures was counted: where the hour has more than were read, no figure is that
    of the hour."""
    read = len(board.failures or ())
    is_cut = recent == read and (board.totals.failed is None or board.totals.failed > read)
    return f"among the newest {read:,}" if is_cut else "within an hour"


def _is_unreadable(row: FailureRow) -> bool:
    # One that is merely large is read when it is opened.
    return row.failure.problem is not None and not row.failure.item.is_cut


def _burst(board: FleetRows, pace: FailureRates, thresholds: Thresholds) -> Incident | None:
    now, usual = pace
    if now is None or now < thresholds.burst_per_min:
        return None
    if usual is None:
        if now < thresholds.burst_per_min * thresholds.burst_times:
            return None
        compared = "what is usual is not known yet"
    elif now < usual * thresholds.burst_times:
        return None
    else:
        compared = f"usually {rate(usual)} a minute" if usual else "usually none"
    rows = board.failures or ()
    newest = [row for row in rows if row.age_s is not None and row.age_s < _MINUTE_S]
    names = Counter(exception_name(row.failure.exception) for row in newest)
    mostly = f"; mostly {names.most_common(1)[0][0]}" if names else ""
    text = f"{counted(round(now), 'job')} failed within a minute, {compared}{mostly}"
    severity: Severity = "warn" if usual is None else "bad"
    return Incident("failures", severity, text, "burst", "", Link("failed", filter="age<5m"))


def _shared(
    recent: Sequence[FailureRow], marks: GroupMemory, thresholds: Thresholds, span: str
) -> Iterator[Incident]:
    """An error in many classes: what they share is broken, not they."""
    classes: defaultdict[tuple[str, str], set[str | None]] = defaultdict(set)
    failed: Counter[tuple[str, str]] = Counter()
    for row in recent:
        mark = marks.of(row)
        if mark.exception is not None:
            error = mark.exception, mark.message
            classes[error].add(mark.class_name)
            failed[error] += 1
    for (exception, message), number in failed.most_common(1):
        many = len(classes[exception, message])
        if number >= _ENOUGH and many >= thresholds.shared_classes:
            times = counted(number, "time")
            text = f"{exception_name(exception)} in {many:,} classes, {times} {span}"
            lead = Link("failed", filter=term("exception", exception))
            remedy = "look at what they share, before you requeue them"
            yield Incident("failures", "warn", text, "shared", exception, lead, remedy)


def _worst_class(
    recent: Sequence[FailureRow], thresholds: Thresholds, span: str
) -> Iterator[Incident]:
    classes = Counter(unwrapped(row.failure.class_name, row.failure.args)[0] for row in recent)
    (name, number), *others = classes.most_common()
    if name is not None and others and number >= len(recent) * thresholds.worst_part:
        times, rest = counted(number, "time"), len(recent) - number
        text = f"{name} failed {times} {span}, all others {rest:,}"
        yield Incident(
            "failures",
            "warn",
            text,
            "worst class",
            name,
            Link("failed", filter=term("class", name)),
        )
