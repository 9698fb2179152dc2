"""The places of the console: each under watch by itself, one of them shown, or all together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from qtop.monitor.place_monitor import Listener, PlaceMonitor
from qtop.monitor.state import ALL, ConsoleState
from qtop.monitor.together import TogetherState
from qtop.systems.system import System, SystemRunner
from queuecore.exchange import Operation

T = TypeVar("T")

#: What is known of what is shown.
ShownState = ConsoleState | TogetherState


@dataclass(frozen=True, slots=True)
class Watching:
    """How places are watched: who hears of news, and by which clock."""

    listener: Listener
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class ConsolePlaces:
    """The places that a console shows, and which of them it shows now.

    Args:
        watching: How each is watched.
        joins: Makes one system of those of several places, and what carries out its work.
    """

    def __init__(
        self, watching: Watching, joins: Callable[[Mapping[str, SystemRunner]], SystemRunner]
    ) -> None:
        self._watching = watching
        self._joins = joins
        self._monitors: dict[str, PlaceMonitor] = {}
        self._states: dict[str, ConsoleState] = {}
        self._together: TogetherState | None = None
        self._routed: SystemRunner | None = None
        #: The label of the place that is shown, or `ALL`.
        self.shown = ALL

    def add(self, label: str, source: SystemRunner, state: ConsoleState) -> PlaceMonitor:
        """Watch one more place; nothing is read before its watches run. From the second one on,
        all are shown together."""
        around = self._watching
        monitor = PlaceMonitor(
            label, source, state, around.listener, clock=around.clock, sleep=around.sleep
        )
        self._monitors[label], self._states[label] = monitor, state
        if len(self._monitors) > 1:
            for each in self._monitors.values():
                each.state.label = each.name
            if self._together is None:
                self._together = TogetherState(self._states, around.clock)
            self._together.joined(state)
            self._routed = self._joins({each.name: each.source for each in self.monitors})
        return monitor

    @property
    def monitors(self) -> list[PlaceMonitor]:
        return list(self._monitors.values())

    @property
    def first(self) -> PlaceMonitor:
        return next(iter(self._monitors.values()))

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
    def runner(self) -> SystemRunner:
        """What carries out the work of what is shown."""
        if self._routed is not None and self.shown == ALL:
            return self._routed
        return self._alone.source

    @property
    def system(self) -> System:
        """That of the place that is shown, or that of all together."""
        return self.runner.system

    @property
    def acting(self) -> SystemRunner:
        """What carries out actions: of the only place, or of all, whatever is shown. So an action
        that is under way, and its undo, stay where they belong."""
        return self.first.source if self._routed is None else self._routed

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

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an action, wherever it belongs. Raises StoreError and what a guard raises."""
        return await self.acting.run(operation)
