"""What an action would do (`Plan`) and what came of it (`Outcome`), in data and in words.

A plan holds the items that it will change, so that a row that moves meanwhile makes no difference.
What it does is put on record: an audit entry, and what the undo needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeVar

import queuecore
from qtop.actions.request import AnyRequest, Placed, Several, Undo
from qtop.config.limits import UndoLimits
from qtop.keymap.keymap import Danger, Sign, sign
from qtop.text.format import named, number
from qtop.text.safe import safe
from queuecore.action_record import ActionRecord, Actor
from queuecore.bulk import TAKE_ITEMS, Result
from queuecore.errors import OutcomeUnknown, StoreError
from queuecore.exchange import Steps

if TYPE_CHECKING:
    from qtop.actions.argument_change import ChangeSample

T = TypeVar("T")
# How fast an action over many jobs goes, and how it is stopped between two steps.

#: With a limit, steps are so small that there are about so many a second.
_STEPS_A_SECOND: Final = 4


@dataclass(slots=True)
class Throttle:
    """Limits and stops one action. `jobs_per_s` is its limit; None is as fast as possible."""

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


ResultTone = Literal["", "good", "warn", "bad"]

_LONGEST_WORD: Final = 40
#: The verb of an undo.
UNDONE: Final = "undone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action.

    Attributes:
        text: A sentence with the numbers, and how good that is (`tone`).
        done: How many jobs, queues or workers were changed.
        gone: How many were not there any more.
        refused: Why some were left as they are, and how many for each reason.
        stopped: What ended it before its end; the rest is then not done, or unknown.
        left: How many that rest is.
        record: What was put on record; None when nothing was done.
        undid: The id of the action that cannot be undone any more.
        parts: What came of it at each of several places, by the label of the place.
        verb: The word for what was done to `done` of them, where the text is a count.
    """

    text: str
    tone: ResultTone = "good"
    done: int = 0
    gone: int = 0
    refused: tuple[tuple[str, int], ...] = ()
    stopped: StoreError | None = None
    left: int = 0
    record: ActionRecord | None = None
    undid: str | None = None
    parts: tuple[tuple[str, Outcome], ...] = ()
    verb: str = ""

    @property
    def undoable(self) -> ActionRecord | None:
        """The record of what can be undone now; None when nothing can."""
        return self.record if self.record is not None and self.record.undo_s else None

    @property
    def trail(self) -> Trail | None:
        """What undoes it now, in all places; None when nothing does."""
        each = self.parts or (("", self),)
        records = tuple((place, part.undoable) for place, part in each)
        known = tuple((place, record) for place, record in records if record is not None)
        return Trail(known) if known else None

    @property
    def undone(self) -> frozenset[str]:
        """The ids of the actions that cannot be undone any more, in all places."""
        ids = (part.undid for part in (self, *(part for _, part in self.parts)))
        return frozenset(each for each in ids if each is not None)


@dataclass(frozen=True, slots=True)
class Trail:
    """What can be taken back in one step: the records of an action by the labels of the places
    where it was done; the label is empty where there is one place."""

    records: tuple[tuple[str, ActionRecord], ...]

    def undo(self, *question: str) -> AnyRequest:
        """What takes it back; `question` is what to say before that is done."""
        parts = [(place, Undo.of(record, *question)) for place, record in self.records]
        if not parts[0][0]:
            return parts[0][1]
        placed = tuple(Placed(place, undo) for place, undo in parts)
        return placed[0] if len(placed) == 1 else Several(placed)

    def without(self, undone: Collection[str]) -> Trail | None:
        """What is left of it once the actions with these ids were taken back; None: nothing."""
        left = tuple(each for each in self.records if each[1].id not in undone)
        return Trail(left) if left else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no plan for a request, in safe words."""

    text: str
    tone: ClassVar[ResultTone] = "warn"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done.

    `what` is the title of the dialog, `verb` the word on its button, `details` say which ones, and
    the consequence; `word` must be typed when `danger` says so; `run` does it: it raises StoreError
    for a single step that failed, and its outcome tells what was stopped between steps. An action
    over many jobs has a `pace`: it can be limited and stopped. `many` is how many jobs, workers or
    schedules it touches, `size_bytes` how much its undo keeps (None: unknown), `record` what goes
    on record. `meanwhile` is what others see while it goes on, `no_undo` why nothing is kept for an
    undo, `besides` what else it changes than what `many` counts, all in words where there is
    something to say; the details say them, too. `parts` are given where some of it may be carried
    out, and the rest not. `samples` are some of the changes, which may hold secrets.
    """

    what: str
    verb: str
    details: tuple[str, ...]
    danger: Danger
    run: Callable[[], Steps[Outcome]]
    word: str | None = None
    pace: Throttle | None = None
    many: int = 1
    size_bytes: int | None = 0
    record: ActionRecord | None = None
    meanwhile: str = ""
    no_undo: str | None = None
    besides: str = ""
    parts: PlanParts | None = None
    samples: tuple[ChangeSample, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanParts:
    """What can be confirmed apart: `titles` say of each part in safe words what it does, by the
    label of its place; `only` makes the plan of some of them."""

    titles: Mapping[str, str]
    only: Callable[[Collection[str]], Plan]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts, how long that can be undone, and what the keys are called that texts speak of."""

    actor: Actor
    limits: UndoLimits
    sign: Sign = sign

    def record(
        self,
        action: str,
        subject: str,
        source: bytes,
        planned: int,
        queue: str = "",
        size_bytes: int | None = 0,
        *,
        undo_s: int | None = None,
    ) -> ActionRecord:
        """What an action leaves on record; `size_bytes` is what its undo keeps, None: unknown.
        `undo_s` is 0 where it cannot be undone at all."""
        undo_s = self.limits.seconds_for(size_bytes) if undo_s is None else undo_s
        return ActionRecord(self.actor, action, subject, source, planned, queue, undo_s)

    def way_back(self, size_bytes: int | None = 0) -> str:
        """Whether the undo key undoes an action, whose undo keeps `size_bytes` (None: unknown)."""
        refusal = self.limits.refusal(size_bytes)
        if refusal is None:
            return f"Undo: {self.sign('undo')}."
        return f"{refusal[0].upper()}{refusal[1:]}: cannot be undone."


def operator_identity() -> Actor:
    """`user@host`, and this version of qtop: the same in the console and in the commands, so that
    each can undo the other's."""
    # Imported here: only what acts needs it.
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run with a user id that has no name.
        user = "unknown"
    who = f"{user}@{socket.gethostname()}".encode("utf-8", "replace").decode()
    return Actor(who, f"qtop {queuecore.__version__}")


def acted(
    verb: str, result: Result, record: ActionRecord, kept_back: Sequence[tuple[str, int]] = ()
) -> Outcome:
    """What came of an action over many jobs: how many, how many were gone, refused, left.
    `kept_back` are reasons why further ones were not even planned."""
    refused = (*result.refused, *kept_back)
    kept = sum(count for _, count in refused)
    why = refused[0][0] if refused else ""
    text = f"{verb} {number(result.done)}{skipped(result.gone, kept, why)}"
    tone: ResultTone = "warn" if result.gone or kept else "good"
    rest = 0
    if result.stopped is not None:
        rest = record.planned - result.done - result.gone
        rest -= sum(count for _, count in result.refused)
        text, tone = text + rest_of(rest, result.stopped), "bad"
    # A last step whose outcome is unknown may have been the first that did anything.
    may_be_done = result.done > 0 or isinstance(result.stopped, OutcomeUnknown)
    return Outcome(
        text,
        tone,
        result.done,
        result.gone,
        refused,
        result.stopped,
        rest,
        record if may_be_done else None,
        verb=verb,
    )


def skipped(gone: int, refused: int, why: str = "") -> str:
    """What follows the number of those that an action changed: `, skipped 2 (already gone)`. Empty
    when it changed all. `why` is why the first of those that were refused was."""
    text = f", skipped {gone:,} (already gone)" if gone else ""
    if refused:
        text += f", refused {refused:,}" + (f" ({safe(why)})" if why else "")
    return text


def undo_counts(
    what: str, done: int, lost: int, left: int = 0, stopped: Exception | None = None
) -> str:
    """What came of an undo. The numbers first: a narrow terminal cuts the end. `what` is safe.

    Args:
        what: The action that was undone.
        done: How many jobs or switches are back.
        lost: How many could not come back: workers took them, or others changed them.
        left: How many it did not reach, because of `stopped`.
    """
    of = done + lost + left
    text = UNDONE if done == of == 1 else f"{UNDONE} {done:,} of {of:,}"
    text += f", too late for {lost:,}" if lost else ""
    text += rest_of(left, stopped) if stopped is not None else ""
    return f"{text}: {what}" if what else text


def rest_of(count: int, stopped: Exception) -> str:
    """What became of those that an action did not reach, to follow its numbers."""
    is_unknown = isinstance(stopped, OutcomeUnknown)
    state = "unknown: check before you try again" if is_unknown else f"not changed: {stopped}"
    return f"; {number(count)} {safe(state)}"


def count_of(number_of: int, noun: str) -> str:
    """`1 job`, `1,204 jobs`."""
    return f"{number(number_of)} {noun}{'' if number_of == 1 else 's'}"


def waiting(number_of: int, queue: str) -> str:
    """The jobs of a queue, which is a safe text: `the 2 jobs that wait in mail`."""
    wait = "waits" if number_of == 1 else "wait"
    return f"the {count_of(number_of, 'job')} that {wait} in {queue}"


def list_of(names: Iterable[str], most: int = 5) -> str:
    """The first of some names, as safe text."""
    return named([safe(name) for name in names], most)


def typeable(name: str, otherwise: str = "clear") -> str:
    """What must be typed for a name: itself, unless no keyboard can."""
    plain = name.isascii() and name.isprintable() and name == name.strip() and bool(name)
    return name if plain and len(name) <= _LONGEST_WORD else otherwise


# On a production system an action asks one step more than elsewhere.

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
