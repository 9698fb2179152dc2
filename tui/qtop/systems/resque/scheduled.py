"""What the console's keys would do to delayed jobs and to schedules; see `plans`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from qtop.actions.plan import Operator, Outcome, Plan, ResultTone, count_of, rest_of
from qtop.keymap.keymap import Danger
from qtop.systems.resque.scheduled_search import (
    MOST_CHOSEN,
    DelayedSelection,
    ScheduleRow,
    moment_of,
)
from qtop.text.format import both_times, number
from qtop.text.safe import safe
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.exchange import Steps
from resque.keys import Keys
from resque.scheduler import delayed_actions, schedule_actions

_SHOWN: Final = 5
#: Makes the operation from the trail that it is to leave.
DelayedAction = Callable[[ActionRecord], Steps[Result]]


class DelayedPlans:
    """Makes plans for one namespace, in one operator's name. One entry is done at once, several
    after a question; so is whatever was found by a filter (`asks`)."""

    def __init__(self, keys: Keys, operator: Operator) -> None:
        self._keys = keys
        self._operator = operator

    def run_now(self, choice: DelayedSelection, *, asks: bool = False) -> Plan:
        """Put delayed jobs onto their queues, whenever they are due."""
        return self._plan(
            *("Run", "now", "ran now"),
            choice,
            lambda trail: delayed_actions.run(self._keys, choice.marks, trail),
            ("Each goes to the end of its queue, before its time.",),
            asks=asks,
        )

    def delete(self, choice: DelayedSelection, *, asks: bool = False) -> Plan:
        """Delete delayed jobs."""
        return self._plan(
            *("Delete", "", "deleted"),
            choice,
            lambda trail: delayed_actions.delete(self._keys, choice.marks, trail),
            ("The jobs will not run.",),
            asks=asks,
        )

    def reschedule(self, choice: DelayedSelection, at: datetime) -> Plan:
        """Delay jobs until `at` instead. What that means was shown when it was asked for."""
        return self._plan(
            *("Reschedule", "", f"rescheduled to {both_times(at)}:"),
            choice,
            lambda trail: delayed_actions.reschedule(
                self._keys, choice.marks, at.timestamp(), trail
            ),
            (f"All become due {both_times(at)}.",),
        )

    def run_schedules(self, rows: Sequence[ScheduleRow]) -> Plan:
        """Put the jobs of schedules onto their queues now, besides their next firings."""
        usable = [row.schedule for row in rows if row.schedule is not None]
        trail = self._trail("run now", _names(rows), len(usable), self._keys.persistent_schedules())
        kept = len(rows) - len(usable)

        def run() -> Steps[Outcome]:
            if not usable:
                return Outcome(
                    "nothing to run: its definition cannot be used or is not known", "warn"
                )
            result = yield from schedule_actions.run_now(self._keys, usable, trail)
            return _outcome("queued", result, trail, ("cannot be used", kept))

        details = (
            f"Schedules: {_names(rows)}",
            f"Their next firings stay. {self._operator.way_back(trail)}",
        )
        danger: Danger = "confirm" if len(rows) > 1 or not trail.undo_s else "undoable"
        return Plan(
            f"Queue {count_of(len(rows), 'schedule')} now",
            "Queue",
            details,
            danger,
            run,
            many=len(rows),
        )

    def delete_schedules(self, rows: Sequence[ScheduleRow]) -> Plan:
        """Delete persistent schedules."""
        stored = [
            schedule_actions.ScheduleRef(row.name, row.item.sha)
            for row in rows
            if row.item is not None
        ]
        kept = len(rows) - len(stored)
        trail = self._trail("delete", _names(rows), len(stored), self._keys.persistent_schedules())

        def run() -> Steps[Outcome]:
            if not stored:
                return Outcome(
                    "it is not in Redis: a scheduler's file has it, or it is gone", "warn"
                )
            result = yield from schedule_actions.delete(self._keys, stored, trail)
            return _outcome(
                "deleted",
                result,
                trail,
                ("not in Redis", kept),
                "; what a scheduler's file has comes back when it starts",
            )

        details = (
            f"Schedules: {_names(rows)}",
            "Those that a scheduler's file has come back when it starts. "
            + self._operator.way_back(trail),
        )
        danger: Danger = "confirm" if len(rows) > 1 or not trail.undo_s else "undoable"
        return Plan(
            f"Delete {count_of(len(rows), 'schedule')}",
            "Delete",
            details,
            danger,
            run,
            many=len(rows),
        )

    def _plan(
        self,
        verb: str,
        adverb: str,
        done: str,
        choice: DelayedSelection,
        deed: DelayedAction,
        words: Iterable[str],
        *,
        asks: bool = False,
    ) -> Plan:
        jobs = count_of(len(choice.marks), "delayed job")
        action = f"{verb} {adverb}".strip().lower()
        source = self._keys.delayed_schedule()
        trail = self._trail(action, jobs, len(choice.marks), source, choice.size_bytes)

        def run() -> Steps[Outcome]:
            if not choice.marks:
                word = "its moment cannot be read" if choice.unusable else "nothing matches"
                return Outcome(f"{word}: nothing was changed", "warn")
            return _outcome(done, (yield from deed(trail)), trail)

        details = (*_which(choice), *words, self._operator.way_back(trail))
        is_large = len(choice.marks) > 1 or (bool(choice.marks) and (asks or not trail.undo_s))
        danger: Danger = "confirm" if is_large else "undoable"
        what = f"{verb} {jobs} {adverb}".strip()
        return Plan(what, verb, details, danger, run, many=len(choice.marks))

    def _trail(
        self, action: str, subject: str, planned: int, source: bytes, size_bytes: int | None = None
    ) -> ActionRecord:
        return self._operator.record(action, subject[:200], source, planned, "", size_bytes)


def _which(choice: DelayedSelection) -> list[str]:
    """The classes, the queues and the moments of delayed jobs, a line each."""
    classes = [(name or "(no class)", many) for name, many in choice.classes.most_common()]
    names = [name or "none named" for name, _ in choice.queues.most_common()]
    lines = [
        "Classes: " + _list(f"{safe(name)} ({number(many)})" for name, many in classes),
        "Queues: " + _list(map(safe, names)),
    ]
    if choice.first_at is not None and choice.last_at is not None:
        first, last = (both_times(moment_of(at)) for at in (choice.first_at, choice.last_at))
        lines.append(f"Due: {first}" if first == last else f"Due: {first} to {last}")
    if choice.is_cut:
        lines.append(f"There are more than these first {MOST_CHOSEN:,}: do it again for the rest.")
    if choice.unusable:
        are = "is" if choice.unusable == 1 else "are"
        moments = count_of(choice.unusable, "moment")
        lines.append(f"{moments} cannot be read and {are} left alone.")
    return lines


def _outcome(
    done: str, result: Result, trail: ActionRecord, kept: tuple[str, int] = ("", 0), note: str = ""
) -> Outcome:
    refused = [*result.refused, *([kept] if kept[1] else [])]
    many = sum(count for _, count in refused)
    text = f"{done} {number(result.done)}, gone meanwhile {number(result.gone)}"
    text += f", refused {number(many)}"
    if refused:
        text += f" ({safe(refused[0][0])})"
    tone: ResultTone = "warn" if result.gone or many else "good"
    if result.stopped is not None:
        rest = trail.planned - result.done - result.gone - sum(n for _, n in result.refused)
        text, tone = text + rest_of(rest, result.stopped), "bad"
    return Outcome(text + note, tone, result.done, record=trail if result.done else None)


def _names(rows: Sequence[ScheduleRow]) -> str:
    return _list(safe(row.name) for row in rows)


def _list(texts: Iterable[str]) -> str:
    shown = list(texts)
    more = f" and {number(len(shown) - _SHOWN)} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
