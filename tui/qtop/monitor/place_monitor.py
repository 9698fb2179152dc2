"""Watches one place: polls it, looks now and then for jobs that no index leads to, and keeps what
is known of it. Places are watched apart, so that one that hangs holds up none of the others."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from qtop.model.health import HealthReport, Strays
from qtop.monitor.poller import Poller, PollResult, StrayWatch
from qtop.monitor.state import ConsoleState
from qtop.systems.system import System, SystemRunner
from queuecore.cooperative import in_turns
from queuecore.errors import StoreError


class Listener(Protocol):
    """Hears that more is known of a place, in the event loop."""

    def on_news(self, monitor: PlaceMonitor, *, is_poll: bool) -> None:
        """Called after each poll, also one that failed, and after each other look."""


class PlaceMonitor:
    """One place under watch.

    Args:
        name: What it is called where there are several: its label.
        source: Carries out its work.
        state: What is known of it.
        listener: Hears that there is more.
        clock: Monotonic seconds.
        sleep: Waits between two looks.
    """

    def __init__(
        self,
        name: str,
        source: SystemRunner,
        state: ConsoleState,
        listener: Listener,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.name = name
        self.source, self.state = source, state
        self._listener = listener
        self._poller = Poller(source, self, interval_s=state.interval_s, clock=clock, sleep=sleep)
        self._strays = StrayWatch(source, self, sleep=sleep)

    @property
    def system(self) -> System:
        """Whose work is done there."""
        return self.source.system

    @property
    def interval_s(self) -> float:
        """Seconds from poll to poll; setting it takes effect at once, within the limits."""
        return self._poller.interval_s

    @interval_s.setter
    def interval_s(self, seconds: float) -> None:
        self._poller.interval_s = seconds
        self.state.interval_s = self._poller.interval_s

    def watches(self) -> list[Coroutine[Any, Any, None]]:
        """What reads until it is cancelled: the polls, and the search for jobs that no index leads
        to."""
        return [self._poller.run(), self._strays.run()]

    def poll_now(self, *, after_action: bool = False) -> None:
        """Poll without waiting for the interval; after an action, its record first."""
        if after_action:
            self._poller.report_next(first=True)
        self._poller.poke()
        if self.state.has_strays:
            # What was just put back is to leave the screen.
            self._strays.poke()

    async def learn_permissions(self) -> None:
        """Find out which keys the server would refuse. Where that cannot be known, none. Cost: see
        `System.forbidden`."""
        with contextlib.suppress(StoreError):
            found = await self.source.run(self.system.forbidden())
            policy = self.state.policy
            self.state.policy = replace(policy, forbidden={**found, **policy.forbidden})
            self._listener.on_news(self, is_poll=False)

    # What the watches found: see `Watcher`

    def on_poll(self, poll: PollResult) -> Awaitable[None] | None:
        """Take in a poll. Where that takes a while, returns what to wait for."""
        if poll.snapshot is not self.state.poll.snapshot:
            return self._take_in(poll)
        self.state.take(poll)
        self._listener.on_news(self, is_poll=True)
        return None

    async def _take_in(self, poll: PollResult) -> None:
        await in_turns(self.state.taking(poll))
        if self.state.dropped_now:
            # The record of actions says whether one of qtop did it.
            self._poller.report_next()
        self._listener.on_news(self, is_poll=True)

    def on_health_report(self, health_report: HealthReport) -> None:
        self.state.take_health_report(health_report)
        self._listener.on_news(self, is_poll=False)

    def on_strays(self, found: Strays | None, why: str) -> None:
        self.state.take_strays(found, why)
        self._listener.on_news(self, is_poll=False)
