"""What the console's keys would do: what, how many, which, and how to do it.

A plan is made when its dialog opens and holds what it will touch: the very entries, never "the
current row". What it does leaves a trail: an audit entry, and what its undo needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

from qtop.cells import failure_class, number
from qtop.keymap import Danger
from qtop.text import safe
from qtop.undo_limits import UndoLimits
from resque.errors import OutcomeUnknown
from resque.state import failure_actions, failures, queues, removal, switches, undo
from resque.state.bulk import Result
from resque.state.failures import Failure
from resque.state.trail import Actor, Trail
from resque.state.windows import Extent
from resque.wire.exchange import Operation, Steps
from resque.wire.keys import Keys

T = TypeVar("T")
Tone = Literal["good", "warn", "bad"]

_CHANGED: Final = "it changed too much meanwhile, nothing was deleted: look, then try again"
_LONGEST_WORD: Final = 40


class Run(Protocol):
    """Carries out an operation on Redis."""

    async def __call__(self, operation: Operation[T]) -> T:
        """Return its result. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action: a sentence with the numbers, how good it is, the trail of what can
    be taken back now, and of what cannot any more."""

    text: str
    tone: Tone = "good"
    trail: Trail | None = None
    undid: Trail | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done.

    `what` is the title of the dialog, `verb` the word on its button, `details` say which ones, and
    the consequence; `word` must be typed when `danger` says so; `run` does it.
    """

    what: str
    verb: str
    details: tuple[str, ...]
    danger: Danger
    run: Callable[[Run], Awaitable[Outcome]]
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What there was to clear, and about how many bytes it takes."""

    extent: Extent
    size_bytes: int | None


def look_at(extent_of: Operation[Extent], key: bytes) -> Steps[Seen]:
    """See what a clear would delete. Two round trips."""
    extent = yield extent_of  # type: ignore[misc]
    size = yield removal.size_bytes(key)
    return Seen(extent, size)


class Plans:
    """Makes plans for one namespace, in one operator's name."""

    def __init__(self, keys: Keys, actor: Actor, limits: UndoLimits) -> None:
        self._keys = keys
        self._actor = actor
        self._limits = limits

    def requeue(self, entries: Sequence[Failure]) -> Plan:
        """Put failed jobs back onto their queues. One at once; several, or one that was retried
        already, after a question."""
        retried = sum(entry.retried_at is not None for entry in entries)
        details = [*_which(entries), "Each goes to the end of its queue and off the failures."]
        if retried:
            details.append(f"{number(retried)} were retried before: those jobs would run again.")
        trail = self._trail_of("requeue", entries)
        marks = [failure_actions.mark(entry) for entry in entries]

        async def run(send: Run) -> Outcome:
            result = await send(failure_actions.requeue(self._keys, marks, trail))
            return _outcome("requeued", result, trail)

        danger: Danger = "confirm" if len(entries) > 1 or retried else "undoable"
        what = f"Requeue {_count(len(entries), 'failed job')}"
        return Plan(what, "Requeue", tuple(details), danger, run)

    def delete(self, entries: Sequence[Failure]) -> Plan:
        """Delete failed jobs. One at once, several after a question."""
        trail = self._trail_of("delete", entries)
        marks = [failure_actions.mark(entry) for entry in entries]

        async def run(send: Run) -> Outcome:
            result = await send(failure_actions.delete(self._keys, marks, trail))
            return _outcome("deleted", result, trail)

        return Plan(
            f"Delete {_count(len(entries), 'failed job')}",
            "Delete",
            (*_which(entries), f"The jobs will not run again. {_way_back(trail)}"),
            "confirm" if len(entries) > 1 else "undoable",
            run,
        )

    def clear_queue(self, queue: str, seen: Seen) -> Plan:
        """Delete the jobs that waited in a queue when `seen` was read."""
        name = safe(queue)
        trail = self._trail(
            "clear",
            f"queue {queue}",
            seen.extent.length,
            source=self._keys.queue(queue),
            queue=queue,
            size_bytes=seen.size_bytes,
        )

        async def run(send: Run) -> Outcome:
            deleted = await send(queues.clear(self._keys, queue, seen.extent, trail))
            return _cleared(deleted, f"from {name}", trail)

        details = (
            f"Deletes the {_count(seen.extent.length, 'job')} that wait in {name} now.",
            f"Jobs that come from now on stay. {_way_back(trail)}",
        )
        return Plan(f"Clear queue {name}", "Clear", details, "typed", run, _typeable(queue))

    def clear_failures(self, seen: Seen) -> Plan:
        """Delete the failures that were there when `seen` was read."""
        length = seen.extent.length
        trail = self._trail("clear", "all failures", length, size_bytes=seen.size_bytes)

        async def run(send: Run) -> Outcome:
            deleted = await send(failures.clear(self._keys, seen.extent, trail))
            return _cleared(deleted, "from the failures", trail)

        details = (
            f"Deletes {_count(length, 'failed job')}, also those further back than listed.",
            f"Failures that come from now on stay. {_way_back(trail)}",
        )
        return Plan("Clear all failures", "Clear", details, "typed", run, "failed")

    def pause(self, names: Sequence[str], *, paused: bool) -> Plan:
        """Pause queues, or resume them when `paused` is false."""
        verb = "Pause" if paused else "Resume"
        change = switches.pause if paused else switches.resume
        what = safe(names[0]) if len(names) == 1 else _count(len(names), "queue")
        trail = self._trail(verb.lower(), ", ".join(names)[:200], len(names))

        async def run(send: Run) -> Outcome:
            if not await send(change(self._keys, names, trail)):
                state = "paused" if paused else "not paused"
                return Outcome(f"{what}: was {state} already", "warn")
            note = "; Ruby workers without resque-pause go on" if paused else ""
            return Outcome(f"{'paused' if paused else 'resumed'} {what}{note}", trail=trail)

        details = (_list(names), "Jobs wait there until the queue is resumed." if paused else "")
        danger: Danger = "confirm" if len(names) > 1 else "undoable"
        return Plan(f"{verb} {what}", verb, details, danger, run)

    def pause_all(self, *, paused: bool) -> Plan:
        """Let no worker take another job, or take that back when `paused` is false."""
        trail = self._trail("pause" if paused else "resume", "everything", 1)

        async def run(send: Run) -> Outcome:
            change = switches.pause_all if paused else switches.resume_all
            changed = await send(change(self._keys, trail))
            if not changed:
                state = "was paused already" if paused else "was not paused"
                return Outcome(f"everything {state}", "warn")
            if paused:
                text = "paused everything: jobs in hand are finished, no more are taken"
            else:
                text = "resumed everything; queues paused singly stay paused"
            return Outcome(text, trail=trail)

        word = "Pause" if paused else "Resume"
        details = (
            ("Every worker finishes the job in its hands and takes no other,", "until P.")
            if paused
            else ("All workers take jobs again.", "Queues that were paused singly stay paused.")
        )
        return Plan(f"{word} everything", word, details, "confirm", run)

    def undo(self, trail: Trail) -> Plan:
        """Take back an action of this console."""
        what = f"{trail.action} {safe(trail.subject)}"

        async def run(send: Run) -> Outcome:
            undone = await send(undo.undo(self._keys, trail.id))
            if not undone.is_known:
                return Outcome(f"{what}: nothing is left to take back", "warn", undid=trail)
            lost = f", {number(undone.lost)} could not be any more" if undone.lost else ""
            text = f"took back “{what}”: {number(undone.done)}{lost}"
            return Outcome(text, "warn" if undone.lost else "good", undid=trail)

        return Plan(f"Undo {what}", "Undo", (), "none", run)

    def _trail_of(self, action: str, entries: Sequence[Failure]) -> Trail:
        size_bytes = sum(entry.item.size for entry in entries)
        subject = _count(len(entries), "failed job")
        return self._trail(action, subject, len(entries), size_bytes=size_bytes)

    def _trail(
        self,
        action: str,
        subject: str,
        planned: int,
        *,
        source: bytes | None = None,
        queue: str = "",
        size_bytes: int | None = None,
    ) -> Trail:
        return Trail(
            self._actor,
            action,
            subject,
            source if source is not None else self._keys.failed(),
            planned,
            queue,
            self._limits.seconds_for(size_bytes),
        )


def _way_back(trail: Trail) -> str:
    return "u takes it back." if trail.undo_s else "Too large to keep: this cannot be undone."


def _outcome(verb: str, result: Result, trail: Trail) -> Outcome:
    kept = sum(count for _, count in result.refused)
    text = f"{verb} {number(result.done)}, gone meanwhile {number(result.gone)}"
    text += f", refused {number(kept)}"
    if result.refused:
        text += f" ({safe(result.refused[0][0])})"
    tone: Tone = "warn" if result.gone or kept else "good"
    if result.stopped is not None:
        rest = trail.planned - result.done - result.gone - kept
        unknown = isinstance(result.stopped, OutcomeUnknown)
        state = "unknown: look before trying again" if unknown else safe(str(result.stopped))
        text, tone = f"{text}; the other {number(rest)} {state}", "bad"
    return Outcome(text, tone, trail if result.done and trail.undo_s else None)


def _cleared(deleted: int | None, where: str, trail: Trail) -> Outcome:
    if deleted is None:
        return Outcome(_CHANGED, "warn")
    kept = trail if deleted and trail.undo_s else None
    return Outcome(f"deleted {_count(deleted, 'job')} {where}", trail=kept)


def _count(number_of: int, noun: str) -> str:
    return f"{number(number_of)} {noun}{'' if number_of == 1 else 's'}"


def _list(names: Iterable[str], most: int = 5) -> str:
    shown = [safe(name) for name in names]
    more = f" and {number(len(shown) - most)} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def _which(entries: Sequence[Failure]) -> list[str]:
    """The classes, the queues and the span of failures, a line each."""
    classes = Counter(failure_class(entry) for entry in entries).most_common()
    names = sorted({entry.queue for entry in entries if entry.queue is not None})
    lines = [
        "Classes: " + _list(f"{name} ({number(many)})" for name, many in classes),
        "Queues: " + (_list(names) or "none named"),
    ]
    moments = sorted(entry.failed_at for entry in entries if entry.failed_at is not None)
    if moments:
        first, last = (f"{m.astimezone():%Y-%m-%d %H:%M:%S}" for m in (moments[0], moments[-1]))
        lines.append(f"Failed: {first}" if first == last else f"Failed: {first} to {last}")
    return lines


def _typeable(name: str) -> str:
    """What must be typed for a name: itself, unless no keyboard can."""
    plain = name.isascii() and name.isprintable() and name == name.strip() and bool(name)
    return name if plain and len(name) <= _LONGEST_WORD else "clear"
