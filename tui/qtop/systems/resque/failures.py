"""What the console's keys would do to failed jobs; see `plans`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
from qtop.model.job import FAILED, Job, JobSource
from qtop.model.job_list import Entry
from qtop.search.follower import Read, walk
from qtop.search.job_search import JobQuery, JobSearch
from qtop.search.selection import Selection, chosen_of
from qtop.systems.resque.job_lists import ResqueList
from qtop.systems.resque.job_reader import engine_failure
from qtop.text.format import number
from qtop.text.safe import safe
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result
from queuecore.exchange import Steps
from resque.keys import Keys
from resque.store import failure_actions, failures, poison


async def choose(
    read: Read,
    keys: Keys,
    search: JobSearch,
    tell: Callable[[int, int], None],
    *,
    spare_poisoned: bool = False,
    refusal: Callable[[bytes], str | None] = lambda raw: None,
) -> Selection:
    """Find all that is wanted, for an action to come: exactly what is in the list now.

    Of several failures those are spared that killed their process again and again, with
    `spare_poisoned`. Raises StoreError. Costs a walk through the list, 28 bytes of memory for each
    match.
    """
    chosen, source = Selection(), search.wanted.source
    suspects: list[Job] = []
    spared: Job | None = None

    def take(job: Job) -> None:
        chosen.add(job, None if job.item.is_cut else refusal(job.item.raw))

    def visit(entry: Entry) -> None:
        job = search.find(entry)
        if job is None:
            return
        if spare_poisoned and poison.may_be(engine_failure(job)):
            suspects.append(job)
        else:
            take(job)

    async def settle() -> None:
        nonlocal spared
        if not suspects:
            return
        entries = list(map(engine_failure, suspects))
        poisoned = await read(poison.among(keys, entries, list_name=source.name))
        for job in suspects:
            if job.id in poisoned:
                chosen.spared, spared = chosen.spared + 1, job
            else:
                take(job)
        suspects.clear()

    await walk(read, ResqueList(keys, source).walk(), visit, tell, settle)
    if spared is not None and chosen.spared == 1 and not chosen.marks:
        # Whoever selects a single one means it.
        chosen.spared = 0
        take(spared)
    return chosen


_MOST_NAMED: Final = 5
#: Makes the operation on what is marked, in steps of so many, from the trail that it is to leave.
_Deed = Callable[[Sequence[JobRef], ActionRecord, int], Steps[Result]]


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
        entries: Iterable[Job],
        list_name: str = FAILED,
        *,
        queue: str | None = None,
    ) -> Plan:
        """Put the jobs of these very entries back onto their queues, or all onto `queue`."""
        wanted = _all_of(list_name)
        return self.requeue_all(chosen_of(entries), wanted, queue=queue, asks=False)

    def requeue_all(
        self,
        chosen: Selection,
        wanted: JobQuery,
        *,
        queue: str | None = None,
        asks: bool = True,
    ) -> Plan:
        """Put the jobs of all that was found back onto their queues, or all onto `queue`."""
        name = wanted.source.name

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

    def delete(self, entries: Iterable[Job], list_name: str = FAILED) -> Plan:
        """Delete these very entries."""
        return self.delete_all(chosen_of(entries), _all_of(list_name), asks=False)

    def delete_all(self, chosen: Selection, wanted: JobQuery, *, asks: bool = True) -> Plan:
        """Delete all that was found."""

        def deed(marks: Sequence[JobRef], trail: ActionRecord, at_once: int) -> Steps[Result]:
            name = wanted.source.name
            return failure_actions.delete(self._keys, marks, trail, list_name=name, at_once=at_once)

        lines = ["The jobs will not run again."]
        danger: Danger = "confirm" if asks else "undoable"
        return self._plan("Delete", "deleted", chosen, wanted, deed, lines, danger, puts_back=False)

    def edit(self, entry: Job, queue: str, payload: bytes, list_name: str = FAILED) -> Plan:
        """Put another payload onto a queue, in place of a failure's; it was shown beforehand."""
        chosen = chosen_of([entry])

        def deed(marks: Sequence[JobRef], trail: ActionRecord, at_once: int) -> Steps[Result]:
            (mark,) = marks
            return failure_actions.edit_and_requeue(
                self._keys, mark, queue, payload, trail, list_name=list_name
            )

        done = "edited and requeued"
        return self._plan("Edit", done, chosen, _all_of(list_name), deed, [], "undoable")

    def _plan(
        self,
        verb: str,
        done: str,
        chosen: Selection,
        wanted: JobQuery,
        deed: _Deed,
        lines: Sequence[str],
        danger: Danger,
        *,
        puts_back: bool = True,
    ) -> Plan:
        many, pace = len(chosen.marks), Throttle()
        what = count_of(many, "failed job")
        subject = what if wanted == JobQuery(wanted.source) else f"{what} of {wanted}"
        # An undo keeps what left the list, and what was pushed.
        size_bytes = chosen.size_bytes * (2 if puts_back else 1)
        trail = self._trail(verb.lower(), subject, many, wanted.source.name, size_bytes)

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


def _all_of(list_name: str) -> JobQuery:
    return JobQuery(JobSource("failed", list_name))


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
