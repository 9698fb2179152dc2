"""What is known of the row under the cursor, beside its list or below it.

Nothing is painted or read before the cursor has rested for a moment: keys do not wait for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from textual.timer import Timer

from qtop.keymap import keymap
from qtop.keymap.keymap import Where
from qtop.model.job import Job
from qtop.monitor import row_text
from qtop.monitor.changes import ServedBy
from qtop.monitor.rows import NOT_ALIVE, TROUBLED, QueueRow, WorkerRow
from qtop.monitor.state import ViewState
from qtop.search.failure_groups import FailureGroup
from qtop.text import backtraces, format
from qtop.text.safe import counted, crop, safe
from qtop.widgets.bars import Span
from qtop.widgets.list_pane import Preview
from qtop.widgets.text_lines import TextLine
from qtop.widgets.text_view import TextView
from queuecore.errors import StoreError

#: How long the cursor rests before a row is looked at.
RESTS_S: Final = 0.15
#: What was read of a row is read anew after so long, while the cursor stays.
AGAIN_S: Final = 5.0
#: How many jobs of a queue are read, to tell which classes wait.
JOBS_READ: Final = 50
_WORKERS_SHOWN: Final = 6
_JOBS_SHOWN: Final = 3
_CLASSES_SHOWN: Final = 5
_CLASS_CELLS: Final = 18
#: Two lines of a narrow preview.
_JOB_CELLS: Final = 80
_ARGS_CELLS: Final = 200
_QUEUES: Final = 4
_FOLDED_SHOWN: Final = 12
_FRAMES: Final = 6

Lines = Sequence[TextLine]


@dataclass(frozen=True, slots=True)
class RowLook:
    """What a preview says of a row.

    Attributes:
        key: What makes it the same row at the next poll.
        title: For the frame.
        known: Safe lines of what is known already, the most important first.
        read: Reads more, by one round trip; None where all is known. Raises StoreError.
        last: Safe lines that come behind all others.
    """

    key: Hashable
    title: Sequence[Span]
    known: Lines
    read: Callable[[], Awaitable[Lines]] | None = None
    last: Lines = field(default=())


class PreviewOwner(Protocol):
    """The screen with the list."""

    def look_at(self, row: Any) -> RowLook | None:
        """What there is to say of a row; None: nothing besides what the list shows."""

    def in_background(
        self, group: str, work: Callable[[], Coroutine[Any, Any, None]], *, exclusive: bool = True
    ) -> None:
        """Begin some work, instead of what is under way in its group."""

    def redact(self, text: str) -> str:
        """A text without secrets, unless those are shown."""


class RowPreview(Preview):
    """A framed text about one row.

    Args:
        owner: Knows what there is to say.
        clock: Monotonic seconds.
    """

    DEFAULT_CSS = """
    RowPreview TextView { padding: 0 1; scrollbar-gutter: auto; }
    """

    def __init__(self, owner: PreviewOwner, clock: Callable[[], float]) -> None:
        self._text = TextView()
        self._text.can_focus = False
        super().__init__(self._text)
        # Until its list gives it a place.
        self.display = False
        self._owner, self._clock = owner, clock
        self._rests: Timer | None = None
        self._row: Any = None
        self._key: Hashable = None
        #: What was read of the row, and when; None: nothing yet.
        self._read: tuple[float, Lines] | None = None

    def point_at(self, row: Any) -> None:
        """The cursor is on another row: look at it once the cursor rests."""
        self._row = row
        if self._rests is not None:
            self._rests.stop()
            self._rests = None
        if self.is_mounted and self.display:
            self._rests = self.set_timer(RESTS_S, self._look)

    def refresh_row(self, row: Any) -> None:
        """Show the same row as it is now, unless the cursor is moving."""
        self._row = row
        if self.is_mounted and self.display and self._rests is None:
            self._look()

    def _look(self) -> None:
        self._rests = None
        if not self.display:
            return
        look = None if self._row is None else self._owner.look_at(self._row)
        if look is None:
            self._key = self._read = None
            self.show(())
            self._text.show(())
            return
        if look.key != self._key:
            self._key, self._read = look.key, None
            self._text.move(0)
        self._show(look)
        is_due = self._read is None or self._clock() - self._read[0] >= AGAIN_S
        if look.read is not None and is_due:
            read = look.read
            self._owner.in_background("preview", partial(self._read_more, look, read))

    async def _read_more(self, look: RowLook, read: Callable[[], Awaitable[Lines]]) -> None:
        lines: Lines
        try:
            lines = await read()
        except StoreError as error:
            lines = [TextLine(f"unknown: {safe(str(error))}", "warn")]
        if look.key == self._key:
            self._read = (self._clock(), lines)
            self._show(look)

    def _show(self, look: RowLook) -> None:
        redact = self._owner.redact
        self.show([span._replace(text=redact(span.text)) for span in look.title])
        read: Lines = ()
        if self._read is not None:
            read = self._read[1]
        elif look.read is not None:
            read = (TextLine("reading …", "dim"),)
        lines = (*look.known, *read, *look.last)
        self._text.show([line._replace(text=redact(line.text)) for line in lines])


# What there is to say of each kind of row.


def heading(text: str, rest: str = "") -> Iterator[TextLine]:
    """A heading, with a blank line before it."""
    yield TextLine("")
    yield TextLine(f"{text}{rest}", "title")


def keys(view: ViewState, places: Iterable[Where], wanted: Sequence[str]) -> Iterator[TextLine]:
    """What some keys do: the actions with these ids, as far as they work here."""
    actions = view.policy.actions(set(places), read_only=view.read_only)
    known = {action.id: action for action in actions}
    found = [known[each] for each in wanted if each in known]
    if not found:
        return
    yield from heading("Keys")
    parts = [(keymap.key_sign(action.keys[0]), f" {action.label}  ") for action in found]
    spans = [each for sign, words in parts for each in ((len(sign), "key"), (len(words), "dim"))]
    yield TextLine("".join(map("".join, parts)), "", "", tuple(spans))


def served_by(workers: Sequence[WorkerRow] | None, why: str) -> Iterator[TextLine]:
    """Who serves a queue; None is unknown, for a reason. Those that are dead come first."""
    yield TextLine("Served by", "title")
    if workers is None:
        yield TextLine(f"unknown: {safe(why)}", "warn")
        return
    if not workers:
        yield TextLine("no workers, and no former ones are registered", "warn")
    ranked = sorted(workers, key=lambda row: (row.condition not in NOT_ALIVE, not row.jobs))
    for row in ranked[:_WORKERS_SHOWN]:
        is_bad = row.condition in (*NOT_ALIVE, *TROUBLED)
        state: str = row.condition
        if is_bad and row.beat_age_s is not None:
            state = f"{state} {format.duration(row.beat_age_s)}"
        name, job = row_text.worker_place(row), row_text.worker_job(row)
        tone = "bad" if row.condition in NOT_ALIVE and row.jobs else "warn" if is_bad else "dim"
        spans = ((2, tone), (len(name) + 2, ""), (len(state) + 2, tone), (len(job), "dim"))
        yield TextLine(f"● {name}  {state}  {job}", "", "", spans)
    if len(ranked) > _WORKERS_SHOWN:
        yield TextLine(f"and {counted(len(ranked) - _WORKERS_SHOWN, 'more worker')}", "dim")


def next_jobs(jobs: Sequence[Job], length: int) -> Iterator[TextLine]:
    """The first jobs of a queue with so many, and which classes are among those that were read."""
    yield from heading("Next jobs")
    if not jobs:
        yield TextLine("no waiting jobs", "dim")
        return
    for place, job in enumerate(jobs[:_JOBS_SHOWN], 1):
        text = crop(f"{row_text.class_of(job)} {row_text.args_or_bytes(job)}", _JOB_CELLS)
        yield TextLine(f"{place} {text}", "", "", ((2, "dim"), (len(text), "")))
    if length > _JOBS_SHOWN:
        yield TextLine(f"of {length:,}", "dim")
    which = "" if len(jobs) >= length else f" of the first {len(jobs):,}"
    yield from heading("Classes", which)
    found = Counter(row_text.class_of(job) for job in jobs)
    for name, number in found.most_common(_CLASSES_SHOWN):
        bar = "█" * max(1, round(number * _CLASS_CELLS / len(jobs)))
        spans = ((len(name) + 1, ""), (len(bar), "accent"), (len(f" {number:,}"), ""))
        yield TextLine(f"{name} {bar} {number:,}", "", "", spans)
    if len(found) > _CLASSES_SHOWN:
        yield TextLine(f"and {len(found) - _CLASSES_SHOWN:,} more", "dim")


def queue_title(row: QueueRow) -> list[Span]:
    """The name of a queue, and what is wrong with it."""
    state = row_text.queue_state(row)
    name = Span(safe(row.name) or "(no name)", "strong", 90, least=8)
    return [name, Span(f"  {state}", "dim", 80)] if state else [name]


def queue_lines(row: QueueRow, view: ViewState, served: ServedBy) -> Iterator[TextLine]:
    """What is known of a queue without reading: its figures, and who serves it."""
    fleet = view.fleet
    workers = None if fleet is None else fleet.workers
    why = "" if fleet is None else fleet.totals.problems.get("workers", "")
    serving = None
    if workers is not None:
        mine = (each for each in workers if row.system in ("", each.system))
        serving = [each for each in mine if row.name in served(each.process.listed)]
    yield from served_by(serving, why)


def fold_lines(row: QueueRow) -> Iterator[TextLine]:
    """The queues that are one row, those of which something is unknown first, then the longest."""
    yield TextLine("Queues", "title")
    ranked = sorted(row.members, key=lambda each: (each.depth is not None, -(each.depth or 0)))
    for each in ranked[:_FOLDED_SHOWN]:
        name, state = safe(each.name) or "(no name)", row_text.queue_state(each)
        depth = "unknown" if each.depth is None else format.number(each.depth)
        text = f"{name}  {depth}{'  ' if state else ''}{state}"
        yield TextLine(text, "", "", ((len(name), ""), (len(text) - len(name), "dim")))
    if len(ranked) > _FOLDED_SHOWN:
        yield TextLine(f"and {counted(len(ranked) - _FOLDED_SHOWN, 'more queue')}", "dim")


def group_lines(group: FailureGroup, newest: Job | None, now: datetime) -> Iterator[TextLine]:
    """Everything about a group of failures; `newest` is one of them, where that is known."""
    hour = group.trend[-1] if group.trend else 0
    since = f"{now.astimezone():%H}:00"
    counts = f"{group.count:,}; {group.yesterday:,} yesterday, {hour:,} since {since}"
    for label, text in (
        ("error", format.optional(group.fingerprint.exception)),
        ("message", safe(group.fingerprint.message)),
        ("count", counts),
        ("first", _aged(group.first, now)),
        ("last", _aged(group.last, now)),
        ("queue", ", ".join(f"{safe(name)} {count:,}" for name, count in group.queues[:_QUEUES])),
        ("raised in", safe(group.fingerprint.frame)),
        ("requeued", f"{group.retried:,}" if group.retried else ""),
    ):
        if text:
            yield TextLine(text, "", label)
    if newest is None:
        yield TextLine("")
        yield TextLine("None of them is among the newest failures of all.", "dim")
        return
    yield from heading("Newest")
    yield TextLine(crop(row_text.args_of(newest), _ARGS_CELLS), "", "args")
    yield TextLine(_aged(newest.failed_at, now), "", "failed")
    if newest.backtrace:
        yield from heading("Backtrace")
    for line in newest.backtrace[:_FRAMES]:
        shown = crop(safe(line), _ARGS_CELLS)
        yield TextLine(shown, "", "", backtraces.tones(shown))
    if len(newest.backtrace) > _FRAMES:
        yield TextLine(f"+{counted(len(newest.backtrace) - _FRAMES, 'frame')}", "dim")


def _aged(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "unknown"
    return f"{format.duration((now - moment).total_seconds())} ago, {format.short_moment(moment)}"
