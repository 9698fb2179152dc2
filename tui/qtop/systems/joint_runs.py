"""What was run in several places, by day and by class: a row for each of them, never one of two
systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from qtop.model.run_counts import ClassHistory, RunHistory
from qtop.systems.routing import at, why_unread
from queuecore.errors import StoreError
from queuecore.exchange import Operation, Steps, steps_of
from queuecore.values import replace

if TYPE_CHECKING:
    from qtop.systems.system import System

T = TypeVar("T", RunHistory, ClassHistory)

#: A mark whose time cannot be read comes after all others.
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


def days_of(parts: Mapping[str, System], now: datetime) -> Steps[RunHistory]:
    """The days of each place that can tell, the newest first. A place that does not answer takes
    nothing away from the others: `problem` says so. Costs what each costs; raises the first error
    where none answers."""
    found, unread, only = yield from _told(parts, lambda part: part.days(now))
    days = [replace(day, system=place) for place, each in found.items() for day in each.days]
    # Places stay in their order within a day.
    days.sort(key=lambda each: each.day, reverse=True)
    return RunHistory(tuple(days), _problem(found, unread), only)


def classes_of(parts: Mapping[str, System], now: datetime, hours: int) -> Steps[ClassHistory]:
    """As `days_of`, of the classes over so many hours: that with the most runs first."""
    found, unread, only = yield from _told(parts, lambda part: part.classes(now, hours))
    runs = [replace(row, system=place) for place, each in found.items() for row in each.classes]
    runs.sort(key=lambda each: -each.runs)
    marks = [
        replace(mark, system=place if len(found) > 1 else "")
        for place, each in found.items()
        for mark in each.deploys
    ]
    marks.sort(key=lambda each: each.at or _NO_TIME, reverse=True)
    return ClassHistory(
        *(min(each.since for each in found.values()), max(each.until for each in found.values())),
        tuple(runs),
        tuple(marks),
        "; ".join(dict.fromkeys(each.note for each in found.values() if each.note)),
        _problem(found, unread),
        only,
    )


def _told(
    parts: Mapping[str, System], work: Callable[[System], Operation[T]]
) -> Steps[tuple[dict[str, T], dict[str, str], tuple[str, ...]]]:
    """What each place says that can tell, why others that can do not, and those that did where
    these are not all. Where none can tell, the first is asked: it has nothing."""
    able = {p: each for p, each in parts.items() if each.abilities.get("open_runs") is None}
    found: dict[str, T] = {}
    unread: dict[str, str] = {}
    problem: StoreError | None = None
    for place, part in (able or dict([next(iter(parts.items()))])).items():
        try:
            found[place] = yield from steps_of(at(place, work(part)))
        except StoreError as error:
            unread[place] = why_unread(error)
            problem = problem or error
    if problem is not None and not found:
        raise problem
    return found, unread, tuple(found) if len(found) < len(parts) else ()


def _problem(
    found: Mapping[str, RunHistory | ClassHistory], unread: Mapping[str, str]
) -> str | None:
    of_each = {place: each.problem for place, each in found.items() if each.problem is not None}
    if len(found) + len(unread) == 1:
        return next(iter(of_each.values()), None)
    return "; ".join(f"{place}: {why}" for place, why in {**of_each, **unread}.items()) or None
