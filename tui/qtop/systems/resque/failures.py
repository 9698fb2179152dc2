"""What the console's keys would do to failed jobs; see `plans`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from qtop.actions.plan import (
    Operator,
    Outcome,
    Plan,
    Throttle,
    acted,
    count_of,
    list_of,
)
from qtop.keymap.keymap import Danger
from qtop.search.failure_groups import GroupKey, Reader
from qtop.search.fields import of_failure
from qtop.search.filter_language import Filter
from qtop.search.list_walk import Read, Walk, walk
from qtop.search.selection import Hit, JobSource, Selection, hit_of
from qtop.text.format import number
from qtop.text.safe import beginning, safe
from queuecore.action_record import ActionRecord
from queuecore.active_job import unwrapped
from queuecore.bulk import JobRef, Result
from queuecore.exchange import Steps
from queuecore.values import replace
from queuecore.windows import Item, read_item
from resque.keys import Keys
from resque.store import failure_actions, failures, poison
from resque.store.failures import FAILED, Failure

# Finding failures in a list of any length: those of a group, those that match a filter.

#: Matches that are listed; all are counted.
MOST_LISTED: Final = 10_000
_KEPT_CHARACTERS: Final = 300
#: Of arguments: characters of each text, items of each list, levels of lists within.
_KEPT_OF_ARGUMENTS: Final = (80, 8, 2)


@dataclass(frozen=True, slots=True)
class FailureQuery:
    """Which failures: of one list, of some groups (None: of any), as a filter says. `but` turns the
    groups round: all but these, which is what "other" means."""

    list_name: str = FAILED
    filter: Filter = Filter("")  # noqa: RUF009  a constant
    groups: frozenset[GroupKey] | None = None
    but: bool = False
    named: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether the whole list is wanted."""
        return self.groups is None and self.filter.is_empty

    @property
    def source(self) -> JobSource:
        """The list."""
        return JobSource("failed", self.list_name)

    def __str__(self) -> str:
        """In words, for the record."""
        words = [str(self.source)]
        if self.groups is not None:
            words.append(f"group {self.named}"[:200])
        if not self.filter.is_empty:
            words.append(f"filter {self.filter.text}"[:200])
        return ", ".join(words)


class FailureSearch:
    """Tells which entries are wanted. `now` is the server's clock, for ages."""

    def __init__(self, wanted: FailureQuery, now: datetime) -> None:
        self.wanted = wanted
        self.now = now
        self._source = wanted.source
        self._reader = Reader()
        #: Entries that were too long to be looked into, where that would have mattered.
        self.too_large = 0

    def hit(self, reply: bytes | list[bytes | int], place: int) -> Hit | None:
        """An entry as a stretch holds it, if it is wanted. Never raises."""
        wanted = self.wanted
        if wanted.groups is not None:
            is_in = self._reader.read(reply).fingerprint in wanted.groups
            if is_in is wanted.but:
                return None
        hit = hit_of(self._source, read_item(reply), place, self.now)
        if wanted.filter.is_empty:
            return hit
        self.too_large += hit.item.is_cut
        return hit if wanted.filter.matches(hit.subject) else None


class Matches:
    """The failures that are wanted: the newest ones listed, all of them counted."""

    def __init__(self, search: FailureSearch) -> None:
        self.search = search
        self.count = 0
        self._listed: list[Failure] = []
        self._newcomers: list[Failure] = []

    def visit(self, reply: bytes | list[bytes | int], place: int) -> None:
        """Look at an entry. Memory: about 1 KB each of the 10,000 that are listed."""
        hit = self.search.hit(reply, place)
        if hit is None or hit.failure is None:
            return
        self.count += 1
        is_newcomer = bool(self._listed) and place > self._listed[0].place
        if is_newcomer:
            self._newcomers.append(slim(hit.failure))
        elif len(self._listed) < MOST_LISTED:
            self._listed.append(slim(hit.failure))

    def listed(self) -> list[Failure]:
        """The newest of them, newest first, as far as a list shows them."""
        if self._newcomers:
            newest = sorted(self._newcomers, key=lambda entry: -entry.place)
            self._listed = [*newest, *self._listed][:MOST_LISTED]
            self._newcomers = []
        return self._listed


def slim(failure: Failure) -> Failure:
    """What a row shows of a failure; the rest is fetched when it is opened."""
    name, args = unwrapped(failure.class_name, failure.args)
    error = failure.error
    return replace(
        failure,
        item=Item(b"", failure.item.size, failure.item.sha),
        class_name=name,
        args=beginning(args, *_KEPT_OF_ARGUMENTS),
        error=error if error is None else error[:_KEPT_CHARACTERS],
        backtrace=(),
    )


async def choose(
    read: Read,
    keys: Keys,
    search: FailureSearch,
    tell: Callable[[int, int], None],
    *,
    spare_poisoned: bool,
    refusal: Callable[[bytes], str | None] = lambda raw: None,
) -> Selection:
    """Find all that is wanted, for an action to come: exactly what is in the list now.

    Of several failures those are spared that killed their process again and again, with
    `spare_poisoned`. Raises StoreError. Costs a walk through the list.
    """
    chosen, name = Selection(), search.wanted.list_name
    suspects: list[Hit] = []
    spared: Hit | None = None

    def take(hit: Hit) -> None:
        chosen.add(hit, None if hit.item.is_cut else refusal(hit.item.raw))

    def visit(reply: bytes | list[bytes | int], place: int) -> None:
        hit = search.hit(reply, place)
        if hit is None:
            return
        if spare_poisoned and hit.failure is not None and poison.may_be(hit.failure):
            suspects.append(hit)
        else:
            take(hit)

    async def settle() -> None:
        nonlocal spared
        if not suspects:
            return
        entries = [hit.failure for hit in suspects if hit.failure is not None]
        poisoned = await read(poison.among(keys, entries, list_name=name))
        for hit in suspects:
            if hit.item.sha in poisoned:
                chosen.spared, spared = chosen.spared + 1, hit
            else:
                take(hit)
        suspects.clear()

    await walk(read, Walk(failures.list_key(keys, name)), visit, tell, settle)
    if spared is not None and chosen.spared == 1 and not chosen.marks:
        # Whoever selects a single one means it.
        chosen.spared = 0
        take(spared)
    return chosen


def title(mark: GroupKey) -> str:
    """A group in words: safe text."""
    if mark.problem is not None:
        return safe(mark.problem)
    return safe(f"{mark.class_name or '(no class)'}: {mark.exception or '?'}")


_MOST_NAMED: Final = 5
#: Makes the operation on what is marked, in steps of so many, from the trail that it is to leave.
_Deed = Callable[[Sequence[JobRef], ActionRecord, int], Steps[Result]]


def chosen_of(entries: Iterable[Failure]) -> Selection:
    """Entries that somebody pointed at, in figures."""
    chosen = Selection()
    for entry in entries:
        subject = of_failure(entry, entry.failed_at or datetime.now().astimezone())
        chosen.add(Hit(entry.item, entry.place, subject, entry))
    return chosen


class FailurePlans:
    """Makes plans for one namespace, in one operator's name.

    One entry goes at once; several, one that was requeued before, and whatever was found by a
    filter or a group (`asks`), after a question.
    """

    def __init__(self, keys: Keys, operator: Operator) -> None:
        self._keys = keys
        self._operator = operator

    def requeue(
        self,
        entries: Iterable[Failure],
        list_name: str = FAILED,
        *,
        queue: str | None = None,
    ) -> Plan:
        """Put the jobs of these very entries back onto their queues, or all onto `queue`."""
        wanted = FailureQuery(list_name)
        return self.requeue_all(chosen_of(entries), wanted, queue=queue, asks=False)

    def requeue_all(
        self,
        chosen: Selection,
        wanted: FailureQuery,
        *,
        queue: str | None = None,
        asks: bool = True,
    ) -> Plan:
        """Put the jobs of all that was found back onto their queues, or all onto `queue`."""
        name = wanted.list_name

        def deed(marks: Sequence[JobRef], trail: ActionRecord, at_once: int) -> Steps[Result]:
            return failure_actions.requeue(
                self._keys, marks, trail, list_name=name, queue=queue, at_once=at_once
            )

        where = "its queue" if queue is None else safe(queue)
        lines = [f"Each goes to the end of {where} and off the failures."]
        if chosen.retried:
            lines.append(f"Retried before, and to run again: {number(chosen.retried)}.")
        if chosen.spared:
            lines.append(f"Left out: {number(chosen.spared)} that killed their process repeatedly.")
        danger: Danger = "confirm" if asks or chosen.retried else "undoable"
        if queue is None:
            return self._plan("Requeue", "requeued", chosen, wanted, deed, lines, danger)
        done = f"moved to {safe(queue)}:"
        return self._plan("Move", done, chosen, wanted, deed, lines, danger)

    def delete(self, entries: Iterable[Failure], list_name: str = FAILED) -> Plan:
        """Delete these very entries."""
        return self.delete_all(chosen_of(entries), FailureQuery(list_name), asks=False)

    def delete_all(self, chosen: Selection, wanted: FailureQuery, *, asks: bool = True) -> Plan:
        """Delete all that was found."""

        def deed(marks: Sequence[JobRef], trail: ActionRecord, at_once: int) -> Steps[Result]:
            name = wanted.list_name
            return failure_actions.delete(self._keys, marks, trail, list_name=name, at_once=at_once)

        lines = ["The jobs will not run again."]
        danger: Danger = "confirm" if asks else "undoable"
        return self._plan("Delete", "deleted", chosen, wanted, deed, lines, danger, puts_back=False)

    def edit(self, entry: Failure, queue: str, payload: bytes, list_name: str = FAILED) -> Plan:
        """Put another payload onto a queue, in place of a failure's; it was shown beforehand."""
        chosen = chosen_of([entry])

        def deed(marks: Sequence[JobRef], trail: ActionRecord, at_once: int) -> Steps[Result]:
            (mark,) = marks
            return failure_actions.edit_and_requeue(
                self._keys, mark, queue, payload, trail, list_name=list_name
            )

        done = "edited and requeued"
        return self._plan("Edit", done, chosen, FailureQuery(list_name), deed, [], "undoable")

    def _plan(
        self,
        verb: str,
        done: str,
        chosen: Selection,
        wanted: FailureQuery,
        deed: _Deed,
        lines: Sequence[str],
        danger: Danger,
        *,
        puts_back: bool = True,
    ) -> Plan:
        many, pace = len(chosen.marks), Throttle()
        what = count_of(many, "failed job")
        subject = what if wanted == FailureQuery(wanted.list_name) else f"{what} of {wanted}"
        # An undo keeps what left the list, and what was pushed.
        size_bytes = chosen.size_bytes * (2 if puts_back else 1)
        trail = self._trail(verb.lower(), subject, many, wanted.list_name, size_bytes)

        def run() -> Steps[Outcome]:
            result = yield from deed(chosen.marks, trail, pace.at_once)
            return acted(done, result, trail)

        return Plan(
            f"{verb} {what}",
            verb,
            (*_which(chosen), *lines, self._operator.way_back(trail)),
            "confirm" if danger == "undoable" and (many > 1 or not trail.undo_s) else danger,
            run,
            pace=pace if many > 1 else None,
            many=many,
        )

    def _trail(
        self, action: str, subject: str, planned: int, list_name: str, size_bytes: int | None
    ) -> ActionRecord:
        source = failures.list_key(self._keys, list_name)
        return self._operator.record(action, subject, source, planned, "", size_bytes)


def _which(chosen: Selection) -> list[str]:
    """The classes, the queues and the span of failures, a line each."""
    lines = ["Classes: " + _named(chosen.classes)]
    many = len(chosen.queues)
    lines.append("Queues: " + (_named(chosen.queues) if many > 1 else list_of(chosen.queues)))
    if not chosen.queues:
        lines[-1] += "none named"
    if chosen.oldest is not None and chosen.newest is not None:
        moments = (chosen.oldest, chosen.newest)
        first, last = (f"{m.astimezone():%Y-%m-%d %H:%M:%S}" for m in moments)
        lines.append(f"Failed: {first}" if first == last else f"Failed: {first} to {last}")
    return lines


def _named(counts: Counter[str]) -> str:
    shown = [f"{safe(name)} ({number(n)})" for name, n in counts.most_common(_MOST_NAMED)]
    more = len(counts) - _MOST_NAMED
    return ", ".join(shown) + (f" and {number(more)} more" if more > 0 else "")
