"""What the console does to Redis: plan, confirm, run, and say in figures what came of it.

A plan is made when its dialog opens and holds what it will touch: the very entries, never "the
current row". One action runs at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

from qtop.cells import failure_class, number
from qtop.keymap import Danger
from qtop.source import Source
from qtop.text import safe
from resque.errors import OutcomeUnknown, ResqueError
from resque.state import failures, pauses, queues
from resque.state.failures import Failure
from resque.state.windows import Extent
from resque.wire.exchange import Operation
from resque.wire.keys import Keys

T = TypeVar("T")
Tone = Literal["good", "warn", "bad"]

_UNKNOWN: Final = "outcome unknown: look before trying again"
_CHANGED: Final = "it changed too much meanwhile, nothing was deleted: look, then try again"
_LONGEST_WORD: Final = 40


class Run(Protocol):
    """Carries out an operation on Redis."""

    async def __call__(self, operation: Operation[T]) -> T:
        """Return its result. Raises StoreError."""


#: Told how many of how many are done.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action: a sentence with the numbers, and how good it is."""

    text: str
    tone: Tone = "good"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done.

    Attributes:
        what: What and how many, for the title of the dialog and for refusals.
        verb: The word on the button.
        details: Which ones, and the consequence, a line each.
        danger: How it must be confirmed.
        word: What must be typed, when `danger` says so.
        run: Does it to what was captured when the plan was made.
    """

    what: str
    verb: str
    details: tuple[str, ...]
    danger: Danger
    run: Callable[[Run, Progress], Awaitable[Outcome]]
    word: str | None = None


def requeue(keys: Keys, entries: Sequence[Failure]) -> Plan:
    """Put failed jobs back onto their queues. One at once; several, or one that was retried
    already, after a question."""
    retried = sum(entry.retried_at is not None for entry in entries)
    details = [*_which(entries), "Each goes to the end of its queue and off the failures."]
    if retried:
        details.append(f"{number(retried)} were retried before: those jobs would run again.")

    async def run(send: Run, progress: Progress) -> Outcome:
        return await _requeue_each(keys, entries, send, progress)

    return Plan(
        f"Requeue {_count(len(entries), 'failed job')}",
        "Requeue",
        tuple(details),
        "confirm" if len(entries) > 1 or retried else "none",
        run,
    )


async def _requeue_each(
    keys: Keys, entries: Sequence[Failure], send: Run, progress: Progress
) -> Outcome:
    done = gone = 0
    refused: list[str] = []
    for place, entry in enumerate(entries):
        progress(place, len(entries))
        try:
            result = await send(failures.requeue(keys, entry))
        except ResqueError as error:
            left = len(entries) - place - 1
            reason = _UNKNOWN if isinstance(error, OutcomeUnknown) else safe(str(error))
            rest = f"; {number(left)} not tried" if left else ""
            return Outcome(f"{_requeued(done, gone, refused)}; then {reason}{rest}", "bad")
        done += result.done
        gone += result.gone
        if result.refused is not None:
            refused.append(result.refused)
    return Outcome(_requeued(done, gone, refused), "warn" if gone or refused else "good")


def _requeued(done: int, gone: int, refused: Sequence[str]) -> str:
    text = f"requeued {number(done)}, gone meanwhile {number(gone)}, refused {number(len(refused))}"
    return f"{text} ({safe(refused[0])})" if refused else text


def clear_queue(keys: Keys, queue: str, seen: Extent) -> Plan:
    """Delete the jobs that waited in a queue when `seen` was read."""
    name = safe(queue)

    async def run(send: Run, progress: Progress) -> Outcome:
        return _cleared(await send(queues.clear(keys, queue, seen)), f"from {name}")

    return Plan(
        f"Clear queue {name}",
        "Clear",
        (
            f"Deletes the {_count(seen.length, 'job')} that wait in {name} now.",
            "Jobs that come from now on stay. This cannot be undone.",
        ),
        "typed",
        run,
        _typeable(queue),
    )


def clear_failures(keys: Keys, seen: Extent) -> Plan:
    """Delete the failures that were there when `seen` was read."""

    async def run(send: Run, progress: Progress) -> Outcome:
        return _cleared(await send(failures.clear(keys, seen)), "from the failures")

    return Plan(
        "Clear all failures",
        "Clear",
        (
            f"Deletes {_count(seen.length, 'failed job')}, also those further back than listed.",
            "Failures that come from now on stay. This cannot be undone.",
        ),
        "typed",
        run,
        "failed",
    )


def _cleared(deleted: int | None, where: str) -> Outcome:
    if deleted is None:
        return Outcome(_CHANGED, "warn")
    return Outcome(f"deleted {_count(deleted, 'job')} {where}")


def pause(keys: Keys, names: Sequence[str], *, paused: bool) -> Plan:
    """Pause queues, or resume them when `paused` is false."""
    verb = "Pause" if paused else "Resume"
    change = pauses.pause if paused else pauses.resume

    async def run(send: Run, progress: Progress) -> Outcome:
        changed = 0
        for place, name in enumerate(names):
            progress(place, len(names))
            changed += await send(change(keys, name))
        what = safe(names[0]) if len(names) == 1 else _count(changed, "queue")
        if not changed:
            return Outcome(f"{what}: was {'paused' if paused else 'not paused'} already", "warn")
        note = "; Ruby workers without resque-pause go on" if paused else ""
        return Outcome(f"{'paused' if paused else 'resumed'} {what}{note}")

    return Plan(
        f"{verb} {safe(names[0]) if len(names) == 1 else _count(len(names), 'queue')}",
        verb,
        (_list(names), "Jobs wait there until the queue is resumed." if paused else ""),
        "confirm" if len(names) > 1 else "none",
        run,
    )


def pause_all(keys: Keys, *, paused: bool) -> Plan:
    """Let no worker take another job, or take that back when `paused` is false."""

    async def run(send: Run, progress: Progress) -> Outcome:
        if paused:
            await send(pauses.pause_all(keys))
            return Outcome("paused everything: jobs in hand are finished, no more are taken")
        if await send(pauses.resume_all(keys)):
            return Outcome("resumed everything; queues paused singly stay paused")
        return Outcome("nothing was paused", "warn")

    if paused:
        details = ("Every worker finishes the job in its hands and takes no other,", "until P.")
        return Plan("Pause everything", "Pause", details, "confirm", run)
    details = ("All workers take jobs again.", "Queues that were paused singly stay paused.")
    return Plan("Resume everything", "Resume", details, "confirm", run)


class Actions:
    """Carries out plans, one at a time.

    Args:
        source: Where they go.
        read_only: Refuse everything.
        trouble: Why Redis cannot be asked now; None when it can. Asked before every action, so that
            nobody waits for a Redis that is known not to answer.
    """

    def __init__(
        self, source: Source, *, read_only: bool, trouble: Callable[[], str | None]
    ) -> None:
        self._source = source
        self._read_only = read_only
        self._trouble = trouble
        self._busy_with: str | None = None

    def refusal(self, *, without_redis: bool = False) -> Outcome | None:
        """Why no action can begin now, or none that does `without_redis`; None when one can."""
        if self._read_only:
            return Outcome("read-only: nothing is changed", "warn")
        if self._busy_with is not None:
            return Outcome(f"one at a time: still busy with “{self._busy_with}”", "warn")
        trouble = self._trouble()
        if trouble is not None and not without_redis:
            return Outcome(f"not now: no answer from Redis: {safe(trouble)}", "bad")
        return None

    async def preview(self, what: str, operation: Operation[T]) -> T | Outcome:
        """Read what a plan needs to know. Returns an outcome when it cannot be read."""
        refused = self.refusal()
        if refused is not None:
            return refused
        self._busy_with = what
        try:
            return await self._source.run(operation)
        except ResqueError as error:
            return Outcome(f"{what}: {safe(str(error))}", "bad")
        finally:
            self._busy_with = None

    async def run(self, plan: Plan, progress: Progress = lambda done, of: None) -> Outcome:
        """Carry out a plan that was confirmed. Never raises a StoreError: the outcome says it."""
        refused = self.refusal()
        if refused is not None:
            return refused
        self._busy_with = plan.what
        try:
            return await plan.run(self._source.run, progress)
        except OutcomeUnknown:
            return Outcome(f"{plan.what}: {_UNKNOWN}", "bad")
        except ResqueError as error:
            return Outcome(f"{plan.what}: {safe(str(error))}", "bad")
        finally:
            self._busy_with = None


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
