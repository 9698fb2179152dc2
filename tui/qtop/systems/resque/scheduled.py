"""What operators do to delayed jobs and to recurring schedules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

from qtop.actions.plan import Operator, Outcome, Plan, acted, count_of, list_of
from qtop.actions.request import (
    DelayedRequest,
    Delete,
    DeleteSchedules,
    Reschedule,
    RunNow,
    RunSchedules,
)
from qtop.keymap.keymap import Danger
from qtop.model.job import moment_of
from qtop.model.schedule import ListedSchedule
from qtop.search.selection import Selection
from qtop.systems.resque.job_actions import named
from qtop.systems.resque.job_lists import DelayedRefs
from qtop.systems.resque.schedules import read_of
from qtop.text.format import both_times
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.exchange import Steps
from resque.keys import Keys
from resque.scheduler import delayed_actions, schedule_actions
from resque.scheduler.schedule_actions import ScheduleRef


class _Words(NamedTuple):
    """A request in words: its verb, what follows the jobs in the title, the word for its result,
    and the consequence."""

    verb: str
    adverb: str
    done: str
    line: str


def prepare(
    keys: Keys, operator: Operator, request: DelayedRequest | RunSchedules | DeleteSchedules
) -> Plan:
    """Say what a request would do to delayed jobs or to schedules. One goes at once, several after
    a question."""
    if isinstance(request, RunSchedules | DeleteSchedules):
        return _prepare_schedules(keys, operator, request)
    chosen, words = request.chosen, _words(request)
    many = len(chosen.marks)
    jobs = count_of(many, "delayed job")
    action = f"{words.verb} {words.adverb}".strip().lower()
    source, size = keys.delayed_schedule(), chosen.size_bytes
    record = operator.record(action, jobs, source, many, size_bytes=size)
    is_large = many > 1 or (many == 1 and (request.is_found or not record.undo_s))
    return Plan(
        f"{words.verb} {jobs} {words.adverb}".strip(),
        words.verb,
        (*_which(chosen), words.line, operator.way_back(record)),
        "confirm" if is_large else "undoable",
        partial(_act, keys, request, words.done, record),
        many=many,
        size_bytes=size,
        record=record,
    )


def _words(request: DelayedRequest) -> _Words:
    match request:
        case RunNow():
            line = "Each goes to the end of its queue, before its time."
            return _Words("Run", "now", "ran now", line)
        case Delete():
            return _Words("Delete", "", "deleted", "The jobs will not run.")
        case Reschedule():
            at = both_times(request.at)
            return _Words("Reschedule", "", f"rescheduled to {at}:", f"All become due {at}.")


def _act(keys: Keys, request: DelayedRequest, done: str, record: ActionRecord) -> Steps[Outcome]:
    chosen = request.chosen
    marks = cast("DelayedRefs", chosen.marks)
    if not marks:
        word = "its moment cannot be read" if chosen.unusable else "nothing matches"
        return Outcome(f"{word}: nothing was changed", "warn")
    result: Result
    match request:
        case RunNow():
            result = yield from delayed_actions.run(keys, marks, record)
        case Delete():
            result = yield from delayed_actions.delete(keys, marks, record)
        case Reschedule():
            at = request.at.timestamp()
            result = yield from delayed_actions.reschedule(keys, marks, at, record)
    return acted(done, result, record)


def _prepare_schedules(
    keys: Keys, operator: Operator, request: RunSchedules | DeleteSchedules
) -> Plan:
    rows = request.schedules
    names, runs = list_of(row.name for row in rows), isinstance(request, RunSchedules)
    usable = [row for row in rows if (read_of(row).schedule if runs else row.item) is not None]
    action, source = "run now" if runs else "delete", keys.persistent_schedules()
    record = operator.record(action, names[:200], source, len(usable), size_bytes=None)
    back = operator.way_back(record)
    what, verb = f"Delete {count_of(len(rows), 'schedule')}", "Delete"
    line = f"Those that a scheduler's file has come back when it starts. {back}"
    if runs:
        what, verb = f"Queue {count_of(len(rows), 'schedule')} now", "Queue"
        line = f"Their next firings stay. {back}"
    danger: Danger = "confirm" if len(rows) > 1 or not record.undo_s else "undoable"
    act = _run_schedules if runs else _delete_schedules
    run = partial(act, keys, usable, len(rows) - len(usable), record)
    details = (f"Schedules: {names}", line)
    return Plan(what, verb, details, danger, run, many=len(rows), record=record)


def _run_schedules(
    keys: Keys, rows: Sequence[ListedSchedule], kept: int, record: ActionRecord
) -> Steps[Outcome]:
    if not rows:
        text = "nothing to run: its definition cannot be used or is not known"
        return Outcome(text, "warn")
    schedules = [each for row in rows if (each := read_of(row).schedule) is not None]
    result = yield from schedule_actions.run_now(keys, schedules, record)
    return acted("queued", result, record, [("cannot be used", kept)] if kept else [])


def _delete_schedules(
    keys: Keys, rows: Sequence[ListedSchedule], kept: int, record: ActionRecord
) -> Steps[Outcome]:
    if not rows:
        text = "it is not in Redis: a scheduler's file has it, or it is gone"
        return Outcome(text, "warn")
    stored = [ScheduleRef(row.name, row.item.sha) for row in rows if row.item is not None]
    result = yield from schedule_actions.delete(keys, stored, record)
    outcome = acted("deleted", result, record, [("not in Redis", kept)] if kept else [])
    note = "; what a scheduler's file has comes back when it starts"
    return replace(outcome, text=outcome.text + note)


def _which(choice: Selection) -> list[str]:
    """The classes, the queues and the moments of delayed jobs, a line each."""
    queues = +Counter({"none named": len(choice.marks) - choice.queues.total()}) + choice.queues
    lines = [
        f"Classes: {named(choice.classes)}",
        "Queues: " + list_of(name for name, _ in queues.most_common()),
    ]
    if choice.first_due is not None and choice.last_due is not None:
        first, last = (both_times(moment_of(at)) for at in (choice.first_due, choice.last_due))
        lines.append(f"Due: {first}" if first == last else f"Due: {first} to {last}")
    if choice.is_cut:
        lines.append(
            f"There are more than these first {len(choice.marks):,}: do it again for the rest."
        )
    if choice.unusable:
        are = "is" if choice.unusable == 1 else "are"
        moments = count_of(choice.unusable, "moment")
        lines.append(f"{moments} cannot be read and {are} left alone.")
    return lines
