"""The places of the console: each under watch by itself, one of them shown, or all together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from qtop.actions.plan import Operator, Plan, Refusal
from qtop.actions.request import (
    AnyRequest,
    DeleteSchedules,
    OfJobs,
    Placed,
    PruneCase,
    PruneEvidence,
    Replace,
    Request,
    RunSchedules,
    Several,
    Undo,
)
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.place_monitor import Listener, PlaceMonitor
from qtop.monitor.state import ALL, ConsoleState
from qtop.systems.system import JobSystem, PartRunner, WorkRunner
from queuecore.errors import StoreError
from queuecore.exchange import Operation, Steps, steps_of

if TYPE_CHECKING:
    # A console of one place does without it.
    from qtop.monitor.together import ShownState, TogetherState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Watching:
    """How places are watched: who hears of news, and by which clock."""

    listener: Listener
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class TogetherSystem(JobSystem, Protocol):
    """Several systems as one, which knows their places."""

    def only(self, place: str) -> JobSystem:
        """The same, which lists what is in one place."""

    def prepare(self, request: AnyRequest, operator: Operator) -> Steps[Plan | Refusal]:
        """As `JobSystem.prepare`."""


class Routing(Protocol):
    """Says of work to which place it goes."""

    def __call__(self, place: str, work: Operation[T], /) -> Operation[T]: ...


class Joined(NamedTuple):
    """Several systems as one, what carries out its work, and what says where work belongs."""

    system: TogetherSystem
    runner: WorkRunner
    at: Routing


#: Makes one of the places with these runners, also of those that are added to them later; the
#: second says why one is known not to answer.
Join = Callable[[Mapping[str, PartRunner], Callable[[str], str | None]], Joined]


class ConsolePlaces:
    """The places that a console shows, and which of them it shows now. `watching` is how each is
    watched, `join` makes one of several."""

    def __init__(self, watching: Watching, join: Join) -> None:
        self._watching = watching
        self._join = join
        self._monitors: dict[str, PlaceMonitor] = {}
        self._states: dict[str, ConsoleState] = {}
        self._runners: dict[str, PartRunner] = {}
        self._joined: Joined | None = None
        self._together: TogetherState | None = None
        #: The label of the place that is shown, or `ALL`.
        self.shown = ALL

    def add(self, label: str, source: PartRunner, state: ConsoleState) -> PlaceMonitor:
        """Watch one more place; nothing is read before its watches run. From the second one on,
        all are shown together."""
        around = self._watching
        monitor = PlaceMonitor(
            label, source, state, around.listener, clock=around.clock, sleep=around.sleep
        )
        self._monitors[label], self._states[label] = monitor, state
        self._runners[label] = source
        if len(self._monitors) > 1:
            for each in self._monitors.values():
                each.state.label = each.name
            if self._together is None:
                from qtop.monitor.together import TogetherState

                self._together = TogetherState(self._states, around.clock)
                self._joined = self._join(self._runners, self._trouble)
            self._together.joined(state)
        return monitor

    async def drop(self, label: str) -> None:
        """Show a place no longer, whose watches have ended, and close its connections; another one
        stays."""
        monitor = self._monitors.pop(label)
        del self._states[label], self._runners[label]
        if self.shown == label:
            self.shown = ALL
        if not self.are_several:
            self.first.state.label = ""
            self._together = self._joined = None
            self.first.poll_now()
        await monitor.source.close()

    def _trouble(self, label: str) -> str | None:
        """Why a place is known not to answer; None when it is not."""
        return self._states[label].poll.error

    @property
    def monitors(self) -> list[PlaceMonitor]:
        return list(self._monitors.values())

    @property
    def first(self) -> PlaceMonitor:
        return next(iter(self._monitors.values()))

    def monitor(self, label: str) -> PlaceMonitor:
        """The place with this label; the one that is shown for an empty one."""
        return self._monitors.get(label) or self._alone

    @property
    def incidents(self) -> list[Incident]:
        """What is wrong in all places, by the newest polls, whatever is shown or frozen."""
        return [each for state in self._states.values() for each in state.incidents]

    @property
    def are_reported(self) -> bool:
        """Whether there is a health report of each place."""
        return all(state.reported is not None for state in self._states.values())

    @property
    def are_several(self) -> bool:
        return len(self._monitors) > 1

    @property
    def labels(self) -> list[str]:
        """Those of the places where there are several; none where there is one."""
        return list(self._monitors) if self.are_several else []

    def show_next(self) -> str:
        """Show the next one: all, then each, then all again. Returns what is shown then."""
        order = [ALL, *self._monitors]
        self.shown = order[(order.index(self.shown) + 1) % len(order)]
        return self.shown

    # What is shown

    @property
    def state(self) -> ShownState:
        """What is known of what is shown."""
        if self._together is not None and self.shown == ALL:
            return self._together
        return self._alone.state

    @property
    def system(self) -> JobSystem:
        """That of all together, or what lists only the place that is shown. Where there are several
        its work says where it belongs: what was begun goes on there, whatever is shown by then."""
        if self._joined is None:
            return self.first.system
        joined = self._joined.system
        return joined if self.shown == ALL else joined.only(self.shown)

    def prepare(self, request: AnyRequest, operator: Operator) -> Steps[Plan | Refusal]:
        """As `JobSystem.prepare`; what does not say its place is for the one that is shown. Where
        all are, an undo is for the first: its action was done before others joined."""
        if self._joined is None:
            # Before others joined rows had no place, and no request of them has one.
            asked = request.request if isinstance(request, Placed) else request
            if isinstance(asked, Several):
                return self.first.system.prepare(asked.parts[0].request, operator)
            return self.first.system.prepare(asked, operator)
        unplaced = _unplaced(request)
        if unplaced is not None and (self.shown != ALL or isinstance(request, Undo)):
            request = Placed(self._alone.name, unplaced)
        return self._joined.system.prepare(request, operator)

    async def run(self, work: Operation[T]) -> T:
        """Carry out work, each part where it belongs; what does not say its place is for the one
        that is shown now. Raises StoreError and what a guard raises."""
        if self._joined is None:
            return await self.first.source.run(work)
        placed = work if self.shown == ALL else self._joined.at(self.shown, work)
        return await self._joined.runner.run(placed)

    def evidence(
        self, names: Mapping[str, Sequence[str]] | None, lacking: Mapping[str, str]
    ) -> Steps[PruneEvidence]:
        """As `Console.evidence`. What cannot be read of one place keeps none of the others."""
        if names is None:
            shown = self._monitors if self.are_several and self.shown == ALL else [self._alone_key]
            names = dict.fromkeys(shown, ())
        cases: dict[str, Sequence[PruneCase]] = {}
        unknown = {label: why for label, why in lacking.items() if label in names}
        for label, wanted in names.items():
            if label in unknown:
                continue
            monitor = self._monitors.get(label) or self._alone
            work = monitor.system.evidence(wanted, unlisted=monitor.state.unlisted)
            try:
                if self._joined is not None:
                    work = self._joined.at(label, work)
                cases[label] = yield from steps_of(work)
            except StoreError as error:
                if len(names) == 1:
                    raise
                unknown[label] = f"unknown: {error}"
        return PruneEvidence(cases, unknown)

    @property
    def _alone_key(self) -> str:
        """The label of the place that is shown alone; empty where there is only one."""
        return self._alone.name if self.are_several else ""

    def at_start(self, work: Operation[T]) -> Operation[T]:
        """The same work, at the place of `starting`."""
        return work if self._joined is None else self._joined.at(self.starting.name, work)

    @property
    def _alone(self) -> PlaceMonitor:
        return self._monitors.get(self.shown) or self.first

    @property
    def starting(self) -> PlaceMonitor:
        """The place for whose jobs workers can be started here; the first where none can."""
        able = (
            each
            for each in self._monitors.values()
            if each.system.abilities.get("start_workers") is None
        )
        return next(able, self.first)

    # What concerns each of them

    def note_poll(self, monitor: PlaceMonitor) -> None:
        """Take in that a place was polled."""
        if self._together is not None:
            self._together.note_poll(monitor.name)

    def poll_now(self, *, after_action: bool = False) -> None:
        """Poll each without waiting for the interval; after an action, its record first."""
        for monitor in self._monitors.values():
            monitor.poll_now(after_action=after_action)

    def set_interval(self, interval_s: float) -> None:
        """Poll each so often, within the limits."""
        for monitor in self._monitors.values():
            monitor.interval_s = interval_s

    def toggle_freeze(self) -> None:
        """Stop the display of each, or let it go on."""
        (self._together or self.first.state).toggle_freeze()

    def reveal(self, is_revealed: bool) -> None:
        """Show the secrets of each, or hide them again."""
        for state in self._states.values():
            state.policy = replace(state.policy, is_revealed=is_revealed)

    async def close(self) -> None:
        """Close the connections of each, at the same time."""
        await asyncio.gather(*(each.source.close() for each in self._monitors.values()))


def _unplaced(request: AnyRequest) -> Request | None:
    """A request that does not say its place; None where it does, or where each item in it does."""
    if isinstance(request, Placed | Several | Replace | RunSchedules | DeleteSchedules):
        return None
    if isinstance(request, OfJobs):
        from qtop.search.selection import PlacedRefs

        return None if isinstance(request.chosen.refs, PlacedRefs) else request
    return request
