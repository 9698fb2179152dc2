"""What the console's keys would do: what, how many, which, and how to do it.

A plan is made when its dialog opens and holds what it will touch: the very entries, never "the
current row". What it does leaves a trail: an audit entry, and what its undo needs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol, TypeVar

from qtop.config.limits import UndoLimits
from qtop.keymap.keymap import Danger, Sign, sign
from qtop.text.format import number
from qtop.text.safe import safe
from queuecore import windows
from queuecore.action_record import ActionRecord, Actor
from queuecore.audit import AuditEntry
from queuecore.bulk import TAKE_ITEMS, Result
from queuecore.errors import OutcomeUnknown, QueueError, StoreError
from queuecore.exchange import Exchange, Operation, Steps
from queuecore.windows import Extent
from resque.keys import Keys
from resque.store import pauses, queues, undo
from resque.store.lock_freeing import and_free_all

# How fast an action over many jobs goes, and how somebody stops it between two steps.

#: With a limit, steps are so small that there are about so many a second.
_STEPS_A_SECOND: Final = 4
#: While it waits, an action looks so often whether it is to stop.
_TICK_S: Final = 0.05


class Send(Protocol):
    """Carries out an operation on Redis."""

    async def __call__(self, operation: Operation[T]) -> T:
        """Return its result. Raises StoreError."""


class Stopped(StoreError):
    """Somebody stopped it. Nothing was sent."""


@dataclass(slots=True)
class Throttle:
    """The reins of one action. `jobs_per_s` is its limit; None is as fast as it goes."""

    jobs_per_s: float | None = None
    is_stopped: bool = False

    @property
    def at_once(self) -> int:
        """How many jobs one step may touch."""
        if self.jobs_per_s is None:
            return TAKE_ITEMS
        return max(1, min(TAKE_ITEMS, int(self.jobs_per_s / _STEPS_A_SECOND)))

    def due_s(self, done: int) -> float:
        """How long after the beginning so many jobs may have been done."""
        return 0.0 if self.jobs_per_s is None else done / self.jobs_per_s


def reined(steps: Steps[T], pace: Throttle | None, tell: Callable[[int, int], None]) -> Steps[T]:
    """The same steps; `tell` hears of each that says how far it is.

    A stop comes to the operation as the error Stopped instead of the result of its next step that
    only reads: so nothing that was sent is left in doubt, and what the operation returns counts
    what was done.
    """
    try:
        step = next(steps)
        while True:
            if step.progress is not None:
                tell(*step.progress)
            if pace is not None and pace.is_stopped and not step.writes:
                step = steps.throw(Stopped("stopped"))
                continue
            try:
                result = yield step
            except QueueError as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


async def paced(
    send: Send,
    steps: Steps[T],
    pace: Throttle,
    *,
    clock: Callable[[], float] = time.monotonic,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Carry out reined steps, no faster than their pace; a stop need not wait for it."""
    began_s = clock()
    result: Any = None
    problem: StoreError | None = None
    while True:
        try:
            step: Exchange[Any] = steps.throw(problem) if problem else steps.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        done = 0 if step.progress is None else step.progress[0]
        while not pace.is_stopped and (wait_s := began_s + pace.due_s(done) - clock()) > 0:
            await rest(min(wait_s, _TICK_S))
        try:
            result, problem = await send(step), None
        except StoreError as error:
            problem = error


T = TypeVar("T")
ResultTone = Literal["", "good", "warn", "bad"]

_CHANGED: Final = "it changed too much meanwhile, nothing was deleted: look, then try again"
_LONGEST_WORD: Final = 40


class RunOperation(Protocol):
    """Carries out an operation on Redis."""

    async def __call__(self, operation: Operation[T]) -> T:
        """Return its result. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action: a sentence with the numbers, how good it is, the trail of what can
    be taken back now, and the id of what cannot any more."""

    text: str
    tone: ResultTone = "good"
    trail: ActionRecord | None = None
    undid: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done.

    `what` is the title of the dialog, `verb` the word on its button, `details` say which ones, and
    the consequence; `word` must be typed when `danger` says so; `run` does it. An action over many
    jobs has a `pace`: it can be limited and stopped. `many` is how many jobs, workers or
    schedules it touches.
    """

    what: str
    verb: str
    details: tuple[str, ...]
    danger: Danger
    run: Callable[[RunOperation], Awaitable[Outcome]]
    word: str | None = None
    pace: Throttle | None = None
    many: int = 1


@dataclass(frozen=True, slots=True)
class ClearPreview:
    """What there was to clear, and about how many bytes it takes."""

    extent: Extent
    size_bytes: int | None


def look_at(extent_of: Operation[Extent], key: bytes) -> Steps[ClearPreview]:
    """See what a clear would delete. Two round trips."""
    extent = yield extent_of  # type: ignore[misc]
    size = yield windows.size_bytes(key)
    return ClearPreview(extent, size)


class Plans:
    """Makes plans for one namespace, in one operator's name. `sign` tells the keys that they
    speak of."""

    def __init__(self, keys: Keys, actor: Actor, limits: UndoLimits, sign: Sign = sign) -> None:
        self._keys = keys
        self._actor = actor
        self._limits = limits
        self._sign = sign

    def clear_queue(self, queue: str, seen: ClearPreview) -> Plan:
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

        async def run(send: RunOperation) -> Outcome:
            clearing = queues.clear(self._keys, queue, seen.extent, trail)
            deleted = await send(and_free_all(self._keys, queue, clearing))
            return cleared(deleted, f"from {name}", trail)

        details = (
            f"Deletes {waiting(seen.extent.length, name)} now.",
            f"Jobs that come from now on stay. {way_back(trail, self._limits, self._sign)}",
        )
        return Plan(f"Clear queue {name}", "Clear", details, "typed", run, typeable(queue))

    def pause(self, names: Sequence[str], *, paused: bool) -> Plan:
        """Pause queues, or resume them when `paused` is false."""
        verb = "Pause" if paused else "Resume"
        change = pauses.pause if paused else pauses.resume
        what = safe(names[0]) if len(names) == 1 else count_of(len(names), "queue")
        trail = self._trail(verb.lower(), ", ".join(names)[:200], len(names))

        async def run(send: RunOperation) -> Outcome:
            if not await send(change(self._keys, names, trail)):
                state = "paused" if paused else "not paused"
                return Outcome(f"{what}: was {state} already", "warn")
            note = "; Ruby workers without resque-pause go on" if paused else ""
            return Outcome(f"{'paused' if paused else 'resumed'} {what}{note}", trail=trail)

        details = (list_of(names), "Jobs wait there until the queue is resumed." if paused else "")
        danger: Danger = "confirm" if len(names) > 1 else "undoable"
        return Plan(f"{verb} {what}", verb, details, danger, run, many=len(names))

    def pause_all(self, *, paused: bool) -> Plan:
        """Let no worker take another job, or take that back when `paused` is false."""
        trail = self._trail("pause" if paused else "resume", "everything", 1)

        async def run(send: RunOperation) -> Outcome:
            change = pauses.pause_all if paused else pauses.resume_all
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
            (
                "Every worker finishes the job in its hands and takes no other,",
                f"until {self._sign('pause_all')}.",
            )
            if paused
            else ("All workers take jobs again.", "Queues that were paused singly stay paused.")
        )
        return Plan(f"{word} everything", word, details, "confirm", run)

    def undo(self, deed: ActionRecord | AuditEntry, danger: Danger = "none", *details: str) -> Plan:
        """Take back an action: of this console, or any that is on record."""
        what = f"{deed.action} {safe(deed.subject)}"
        subject = f"{deed.action} {deed.subject} ({deed.id})"
        back = self._trail("undo", subject, 0, source=deed.source)

        async def run(send: RunOperation) -> Outcome:
            undone = await send(undo.undo(self._keys, deed.id, back))
            if not undone.is_known:
                return Outcome(f"{what}: nothing is left to take back", "warn", undid=deed.id)
            lost = f", too late for {number(undone.lost)}" if undone.lost else ""
            # The numbers first: a narrow terminal cuts the end.
            text = f"took back {number(undone.done)}{lost}: {what}"
            return Outcome(text, "warn" if undone.lost else "good", undid=deed.id)

        done = deed.done if isinstance(deed, AuditEntry) else deed.planned
        return Plan(f"Undo {what}", "Undo", details, danger, run, many=done or deed.planned)

    def _trail(
        self,
        action: str,
        subject: str,
        planned: int,
        *,
        source: bytes | None = None,
        queue: str = "",
        size_bytes: int | None = None,
    ) -> ActionRecord:
        source = self._keys.failed() if source is None else source
        undo_s = self._limits.seconds_for(size_bytes)
        return ActionRecord(self._actor, action, subject, source, planned, queue, undo_s)


def way_back(trail: ActionRecord, limits: UndoLimits, sign: Sign) -> str:
    """Whether the undo key takes an action back."""
    if trail.undo_s:
        return f"{sign('undo')} takes it back."
    if not limits.lifetime_s:
        return "Nothing is kept for an undo (undo_hours is 0): this cannot be undone."
    return "Too large to keep: this cannot be undone."


def cleared(deleted: int | None, where: str, trail: ActionRecord) -> Outcome:
    """What came of a clear."""
    if deleted is None:
        return Outcome(_CHANGED, "warn")
    kept = trail if deleted and trail.undo_s else None
    return Outcome(f"deleted {count_of(deleted, 'job')} {where}", trail=kept)


def acted(verb: str, result: Result, trail: ActionRecord) -> Outcome:
    """What came of an action over many jobs: how many, how many were gone, refused, left."""
    kept = sum(count for _, count in result.refused)
    text = f"{verb} {number(result.done)}, gone meanwhile {number(result.gone)}"
    text += f", refused {number(kept)}"
    if result.refused:
        text += f" ({safe(result.refused[0][0])})"
    tone: ResultTone = "warn" if result.gone or kept else "good"
    if result.stopped is not None:
        rest = trail.planned - result.done - result.gone - kept
        text, tone = text + rest_of(rest, result.stopped), "bad"
    return Outcome(text, tone, trail if result.done and trail.undo_s else None)


def rest_of(count: int, stopped: Exception) -> str:
    """What became of those that an action did not reach, to follow its numbers."""
    is_unknown = isinstance(stopped, OutcomeUnknown)
    state = "unknown: look before trying again" if is_unknown else f"left alone: {stopped}"
    return f"; the other {number(count)} {safe(state)}"


def count_of(number_of: int, noun: str) -> str:
    """`1 job`, `1,204 jobs`."""
    return f"{number(number_of)} {noun}{'' if number_of == 1 else 's'}"


def waiting(number_of: int, queue: str) -> str:
    """The jobs of a queue, which is a safe text: `the 2 jobs that wait in mail`."""
    wait = "waits" if number_of == 1 else "wait"
    return f"the {count_of(number_of, 'job')} that {wait} in {queue}"


def list_of(names: Iterable[str], most: int = 5) -> str:
    """The first of some names, as safe text."""
    shown = [safe(name) for name in names]
    more = f" and {number(len(shown) - most)} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def typeable(name: str, otherwise: str = "clear") -> str:
    """What must be typed for a name: itself, unless no keyboard can."""
    plain = name.isascii() and name.isprintable() and name == name.strip() and bool(name)
    return name if plain and len(name) <= _LONGEST_WORD else otherwise


# What stands between a key and its deed on a production system: one step more than elsewhere.

#: At once becomes a question; a question becomes the name to type.
_STEP: Final[dict[Danger, Danger]] = {"undoable": "confirm", "confirm": "typed"}


def danger_in_production(usual: Danger, production: str | None) -> Danger:
    """The danger of an action where `production` is the word to type, None: not production."""
    return usual if production is None else _STEP.get(usual, usual)


def escalate(plan: Plan, production: str | None) -> Plan:
    """A plan as it is asked about: on production nothing that changes Redis is done at once, and
    what asks elsewhere asks for the profile's name. What asks for another name keeps it. An undo
    stays as easy as it is."""
    now = danger_in_production(plan.danger, production)
    if now == plan.danger:
        return plan
    return replace(plan, danger=now, word=production if now == "typed" else plan.word)
