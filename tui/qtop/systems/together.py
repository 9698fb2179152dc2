"""Several queue systems as one: what screens and actions ask of all of them together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from qtop.model.job import FAILED, Job, JobSource
from qtop.model.job_list import JobList, JobPage
from qtop.model.placed import UnreadPart, own_job, placed_job
from qtop.search.selection import (
    Chooser,
    PlacedRefusal,
    RefusalCheck,
    Selection,
    nothing_refused,
    summed,
)
from qtop.systems.joint_actions import JointActions, own_source
from qtop.systems.merged_lists import MergedList
from qtop.systems.routing import at, why_unread
from qtop.systems.system import Ability, JobSystem, Place, System
from queuecore.errors import BadOption, StoreError
from queuecore.exchange import Operation, Steps, steps_of
from queuecore.values import replace

if TYPE_CHECKING:
    from datetime import datetime

    from qtop.actions.plan import Operator, Plan, Refusal
    from qtop.actions.request import (
        AnyRequest,
        JobRequest,
        LaunchCommand,
        LaunchRequest,
        Load,
        PruneCase,
        QueueClasses,
    )
    from qtop.model.fleet import ListedSchedule, Process, Schedules
    from qtop.model.run_counts import ClassHistory, RunHistory
    from queuecore.audit import AuditEntry

T = TypeVar("T")

#: What is unknown of a place whose schedules could not be read.
_SCHEDULES: Final = "schedules"


class Together:
    """The systems of several places as one; see `JobSystem` for what its methods do. A list or a
    row that names a place is asked of the system there; what names none, of all.

    Each exchange of its work says where it goes: a `PlacesRunner` carries it out. What a place does
    not answer takes nothing away from the others. Each system guards what is written in its place.

    Args:
        parts: The systems by the labels of their places, in the order in which they are shown. More
            may join.
        shown: The label of the only place of which something is listed; empty: of all. What was
            listed of the others can be acted on all the same.
    """

    def __init__(self, parts: Mapping[str, System], shown: str = "") -> None:
        self.parts = parts
        self.shown = shown
        self._alone: dict[str, Together] = {}

    def only(self, place: str) -> Together:
        """The same, which lists what is in one place. Always the same one for a place."""
        if place not in self._alone:
            self._alone[place] = Together(self.parts, place)
        return self._alone[place]

    @property
    def name(self) -> str:
        return " and ".join(dict.fromkeys(part.name for part in self._listed("").values()))

    @property
    def place(self) -> Place:
        parts = list(self._listed("").values())
        if len(parts) == 1:
            return parts[0].place
        return Place(", ".join(dict.fromkeys(part.place.address for part in parts)), "")

    @property
    def abilities(self) -> Mapping[Ability, str | None]:
        """What none of them can do. What one of them cannot do, its part of an action says."""
        return {ability: self._lacks(ability) for ability in get_args(Ability)}

    def _lacks(self, ability: Ability) -> str | None:
        parts = self._listed("")
        reasons = {place: part.abilities.get(ability) for place, part in parts.items()}
        if not all(reasons.values()):
            return None
        words = dict.fromkeys(why for why in reasons.values() if why)
        return "; ".join(words)

    def _listed(self, place: str) -> Mapping[str, System]:
        """The system in a place that is named; those of which something is listed where none is."""
        place = place or self.shown
        return {place: self.parts[place]} if place in self.parts else self.parts

    # Lists of jobs

    def jobs(self, source: JobSource, *, newest_first: bool | None = None) -> MergedList:
        """As `JobSystem`: the list of one place, or those of all. Raises BadOption where none has
        such a list."""
        own, problem = own_source(source), None
        every: dict[str, JobList] = {}
        for place, part in self.parts.items():
            try:
                every[place] = part.jobs(own, newest_first=newest_first)
            except BadOption as error:
                problem = error
        listed = self._listed(source.place)
        lists = {place: jobs for place, jobs in every.items() if place in listed}
        if problem is not None and not lists:
            raise problem
        return MergedList(source, lists, every)

    def failure_lists(self, *, apart: bool = False) -> Steps[list[str]]:
        found = yield from self._of_each(lambda part: part.failure_lists(apart=apart))
        return list(dict.fromkeys(name for names in found.values() for name in names))

    def quarantined(self) -> Steps[list[str]]:
        found = yield from self._of_each(lambda part: part.quarantined())
        return sorted({name for names in found.values() for name in names})

    def newest_failures(self, jobs: tuple[Job, ...], length: int) -> JobPage:
        """As `JobSystem`, where all of them were brought along: of more, nothing, so that the lists
        themselves are read."""
        if len(jobs) != length:
            return JobPage((), None, FAILED, 1, 0, length)
        if self.shown:
            jobs = tuple(job if job.system else placed_job(self.shown, job) for job in jobs)
        return JobPage(jobs, None, None, 1, len(jobs), length)

    def queue_names(self) -> Steps[list[str]]:
        found = yield from self._of_each(lambda part: part.queue_names())
        return sorted({name for names in found.values() for name in names})

    def source_of(self, entry: AuditEntry) -> JobSource | None:
        part = self.parts.get(entry.system)
        found = None if part is None else part.source_of(entry)
        return None if found is None else replace(found, place=entry.system)

    # Schedules

    def schedules_look(self, now: datetime) -> Steps[Callable[[], Schedules]]:
        """As `JobSystem`. Of a place that does not answer, `problems` say so."""
        from qtop.model.fleet import Schedules

        readers: dict[str, Callable[[], Schedules]] = {}
        listed = self._listed("")
        for place, part in listed.items():
            try:
                readers[place] = yield from steps_of(at(place, part.schedules_look(now)))
            except StoreError as error:
                if len(listed) == 1:
                    raise
                unread = Schedules(None, problems={_SCHEDULES: why_unread(error)})
                readers[place] = lambda unread=unread: unread  # type: ignore[misc]
        return lambda: _merged({place: read() for place, read in readers.items()})

    def firings(self, schedule: ListedSchedule, now: datetime, count: int) -> list[datetime]:
        part = self.parts.get(schedule.system)
        return [] if part is None else part.firings(replace(schedule, system=""), now, count)

    # Actions

    def chooser(self, source: JobSource, refusal: RefusalCheck, *, spares: bool = False) -> Chooser:
        own = own_source(source)
        checks = refusal.parts if isinstance(refusal, PlacedRefusal) else {}
        choosers = {
            place: part.chooser(own, checks.get(place, nothing_refused), spares=spares)
            for place, part in self._listed(source.place).items()
        }
        return PlacedChooser(choosers)

    def refusal(self, request: JobRequest | Load) -> RefusalCheck:
        from dataclasses import replace as with_source

        from qtop.actions.request import Load

        if isinstance(request, Load):
            target = request.target
            return self.parts[target.place].refusal(with_source(request, target=own_source(target)))
        own: Any = with_source(request, source=own_source(request.source))
        return PlacedRefusal({place: part.refusal(own) for place, part in self.parts.items()})

    def prepare(self, request: AnyRequest, operator: Operator) -> Steps[Plan | Refusal]:
        """As `JobSystem`, also of requests to several places: see `JointActions`."""
        return JointActions(self.parts, operator).prepare(request)

    def history(
        self, limit: int, tell: Callable[[UnreadPart], object] = lambda unread: None
    ) -> Steps[list[AuditEntry]]:
        """As `JobSystem`: the last actions of all. `tell` hears which places could not be read."""
        found: list[AuditEntry] = []
        error: StoreError | None = None
        for place, part in self._listed("").items():
            try:
                entries = yield from steps_of(at(place, part.history(limit)))
            except StoreError as problem:
                error = problem
                tell(UnreadPart(place, why_unread(problem)))
            else:
                found += [replace(entry, system=place) for entry in entries]
        if error is not None and not found:
            raise error
        found.sort(key=lambda entry: entry.at, reverse=True)
        return found[:limit]

    def forbidden(self) -> Steps[Mapping[str, str]]:
        """As `JobSystem`: what all of them forbid. What one forbids, its part of an action says."""
        found = yield from self._of_each(lambda part: part.forbidden())
        each = list(found.values())
        common = [action for action in each[0] if all(action in other for other in each[1:])]
        return {
            action: "; ".join(dict.fromkeys(other[action] for other in each)) for action in common
        }

    def evidence(
        self, names: Sequence[str], *, ignore_pids: bool = False, unlisted: Sequence[str] = ()
    ) -> Steps[Sequence[PruneCase]]:
        """As `JobSystem`, of the processes with these names in each place."""
        found = yield from self._of_each(
            lambda part: part.evidence(names, ignore_pids=ignore_pids, unlisted=unlisted)
        )
        return [case for cases in found.values() for case in cases]

    # Workers of this machine

    def may_run_on(self, process: Process, machine: str) -> bool:
        return any(part.may_run_on(process, machine) for part in self.parts.values())

    @property
    def _starter(self) -> tuple[str, System]:
        """The first that can start workers here; else the first, which says why not."""
        parts = self.parts.items()
        able = (each for each in parts if each[1].abilities.get("start_workers") is None)
        return next(able, next(iter(parts)))

    def days(self, now: datetime) -> Steps[RunHistory]:
        """As `JobSystem`, of all that can tell: see `days_of`."""
        from qtop.systems.joint_runs import days_of

        return days_of(self._listed(""), now)

    def classes(self, now: datetime, hours: int) -> Steps[ClassHistory]:
        """As `JobSystem`, of all that can tell: see `classes_of`."""
        from qtop.systems.joint_runs import classes_of

        return classes_of(self._listed(""), now, hours)

    def iterations(self, jids: Sequence[str], place: str = "") -> Steps[Mapping[str, str]]:
        """As `JobSystem`, of the jobs of one place, or of all that answer."""
        found: dict[str, str] = {}
        for label, part in self._listed(place).items():
            found |= yield from steps_of(at(label, part.iterations(jids)))
        return found

    def launch(self, request: LaunchRequest) -> LaunchCommand | Refusal:
        return self._starter[1].launch(request)

    def waiting_classes(self, request: LaunchRequest) -> Operation[list[QueueClasses]]:
        place, part = self._starter
        return at(place, part.waiting_classes(request))

    def left_alone(self, title: str) -> str:
        return self._starter[1].left_alone(title)

    def note(self, operator: Operator, action: str, workers: str, done: int) -> Operation[int]:
        place, part = self._starter
        return at(place, part.guarded(part.note(operator, action, workers, done)))

    def _of_each(self, work: Callable[[System], Operation[T]]) -> Steps[dict[str, T]]:
        """What each of them answers. Raises the first error where none does."""
        found: dict[str, T] = {}
        problem: StoreError | None = None
        for place, part in self._listed("").items():
            try:
                found[place] = yield from steps_of(at(place, work(part)))
            except StoreError as error:
                why_unread(error)
                problem = problem or error
        if problem is not None and not found:
            raise problem
        return found


def failure_sources(system: JobSystem) -> Steps[list[JobSource]]:
    """The lists of failures of a system; of several all failures together first, then the lists of
    each. Of a place that does not answer, its main list. One round trip for each system."""
    if not isinstance(system, Together) or system.shown:
        names = yield from steps_of(system.failure_lists())
        return [JobSource("failed", name) for name in names]
    sources = [JobSource("failed", FAILED)]
    for place, part in system.parts.items():
        try:
            names = yield from steps_of(at(place, part.failure_lists(apart=True)))
        except StoreError:
            names = [FAILED]
        sources += [JobSource("failed", name, place) for name in names]
    return sources


def quarantine_sources(system: JobSystem) -> Steps[list[JobSource]]:
    """The lists of jobs in quarantine, each of one place. Places that do not answer have none. Two
    round trips for each system."""
    if not isinstance(system, Together) or system.shown:
        names = yield from steps_of(system.quarantined())
        return [JobSource("quarantine", name) for name in names]
    sources: list[JobSource] = []
    for place, part in system.parts.items():
        with contextlib.suppress(StoreError):
            names = yield from steps_of(at(place, part.quarantined()))
            sources += [JobSource("quarantine", name, place) for name in names]
    return sources


class PlacedChooser:
    """Collects jobs of several places for an action to come, each by the rules of its own system:
    see `Chooser`."""

    def __init__(self, parts: Mapping[str, Chooser]) -> None:
        self._parts = parts

    def take(self, job: Job, value: Any = None) -> bool:
        """As `Chooser.take`. One place that takes no more ends it for all."""
        part = self._parts.get(job.system)
        return part is None or part.take(own_job(job), value)

    def settle(self) -> Steps[Selection]:
        """As `Chooser.settle`, of each place. What was chosen in a place that does not answer is
        left out, and `unread` says why. Raises the first error where none answers."""
        found: dict[str, Selection] = {}
        unread: list[UnreadPart] = []
        problem: StoreError | None = None
        for place, part in self._parts.items():
            try:
                found[place] = yield from steps_of(at(place, part.settle()))
            except StoreError as error:
                unread.append(UnreadPart(place, why_unread(error)))
                problem = problem or error
        if problem is not None and not found:
            raise problem
        chosen = summed(found)
        chosen.unread = tuple(unread)
        return chosen


def _merged(parts: Mapping[str, Schedules]) -> Schedules:
    """The schedules of all places. None of them is known only where none could be read."""
    from qtop.model.fleet import Schedules

    listed: tuple[ListedSchedule, ...] | None = None
    for place, part in parts.items():
        if part.listed is not None:
            own = tuple(replace(each, system=place) for each in part.listed)
            listed = (listed or ()) + own
    problems = {
        f"{what} of {place}": why
        for place, part in parts.items()
        for what, why in part.problems.items()
    }
    if listed is None:
        problems |= {_SCHEDULES: "; ".join(problems.values())}
    return Schedules(listed, problems=problems, parts=parts)
