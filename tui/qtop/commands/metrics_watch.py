"""Watches places for `qtop metrics`, as the console does: each by itself, so that one that hangs
holds up none of the others."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client.core import Metric

from qtop.config.places import PlaceOptions
from qtop.local.workers import LocalWorkers
from qtop.monitor.open_metrics import (
    FlowCounter,
    PlaceReading,
    SeriesBounds,
    families,
    kept_queues,
)
from qtop.monitor.place_monitor import PlaceMonitor
from qtop.monitor.state import ConsoleState, UiPolicy
from qtop.systems.runner import RedisRunner, open_system
from queuecore.home import state_folder

if TYPE_CHECKING:
    from qtop.app.place_finder import Discovery
    from qtop.config.settings import Settings
    from qtop.systems.finding import Sought

#: The name of the task that looks for places that appear later.
_FINDER: Final = "finder"


class MetricsWatch:
    """Watches places, and has their figures as metric families: a collector for the client of
    Prometheus.

    Args:
        settings: Whose thresholds say what is wrong.
        places: Those that are watched from the beginning.
        every_s: Seconds from one poll of a place to the next.
        is_counting: Jobs that come to queues and leave them are counted.
    """

    def __init__(
        self,
        settings: Settings,
        places: Sequence[PlaceOptions],
        bounds: SeriesBounds,
        every_s: float,
        *,
        is_counting: bool = False,
    ) -> None:
        self._settings, self._bounds, self._every_s = settings, bounds, every_s
        self._places, self._is_counting = tuple(places), is_counting
        self._monitors: dict[str, PlaceMonitor] = {}
        self._counters: dict[str, FlowCounter] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        #: The newest of each place. Replaced as a whole: threads that answer scrapes read it.
        self._readings: dict[str, PlaceReading] = {}
        self._news = asyncio.Event()
        for place in places:
            self._add(place)

    # What was read last

    def collect(self) -> Iterable[Metric]:
        """Its families. Reads nothing; any thread may call it."""
        return families(self._readings.values(), self._bounds.classes)

    @property
    def unread(self) -> Sequence[tuple[str, str]]:
        """What could not be read, in words, and why."""
        is_several = len(self._readings) > 1
        return [
            (f"{label}: {what}" if is_several else what, why)
            for label, reading in self._readings.items()
            for what, why in reading.unread.items()
        ]

    # Watching

    @property
    def first(self) -> PlaceMonitor:
        """See `WatchedPlaces`."""
        return next(iter(self._monitors.values()))

    async def read_once(self) -> None:
        """Read each place once, all at the same time; what does not answer is unknown. Takes ten
        seconds at most."""
        for label in self._monitors:
            self._begin(label)
        while not all(_is_settled(each.state) for each in self._monitors.values()):
            await self._news.wait()
            self._news.clear()
        await self._end()

    async def run(self, ending: asyncio.Event, sought: Sought | None) -> None:
        """Read again and again until the event is set. Where places are `sought`, those that appear
        later are watched, too."""
        for label in self._monitors:
            self._begin(label)
        if sought is not None:
            from qtop.app.place_finder import PlaceFinder

            finder = PlaceFinder(sought, self._places, self, self, sleep=asyncio.sleep)
            self._tasks[_FINDER] = [asyncio.create_task(finder.run())]
        await ending.wait()
        await self._end()

    def _add(self, place: PlaceOptions) -> None:
        system = open_system(place.address, place.namespace, system=place.system)
        local = LocalWorkers(state_folder(os.environ) / "local", system, environ=os.environ)
        state = ConsoleState(
            system=system,
            interval_s=self._every_s,
            read_only=True,
            local=local,
            local_host=socket.gethostname(),
            clock=time.monotonic,
            policy=UiPolicy(thresholds=self._settings.thresholds),
        )
        source = RedisRunner(system, place.address, read_only=True)
        self._monitors[place.label] = PlaceMonitor(
            place.label, source, state, self, clock=time.monotonic, sleep=asyncio.sleep
        )
        if self._is_counting:
            self._counters[place.label] = FlowCounter()
        self._note(self._monitors[place.label])

    def _begin(self, label: str) -> None:
        watches = self._monitors[label].watches()
        self._tasks[label] = [asyncio.create_task(each) for each in watches]

    async def _end(self) -> None:
        for name in list(self._tasks):
            await self._end_tasks(name)
        await asyncio.gather(*(each.source.close() for each in self._monitors.values()))

    async def _end_tasks(self, name: str) -> None:
        tasks = self._tasks.pop(name, [])
        for each in tasks:
            each.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # What is heard of places

    def on_news(self, monitor: PlaceMonitor, *, is_poll: bool) -> None:
        """Note what is known of a place now; see `Listener`."""
        fleet, counter = monitor.state.view().fleet, self._counters.get(monitor.name)
        is_new = is_poll and monitor.state.poll.error is None
        if counter is not None and is_new and fleet is not None and fleet.queues is not None:
            counter.add(monitor.state.newest_flows, [row.name for row in fleet.queues])
        self._note(monitor)

    def _note(self, monitor: PlaceMonitor) -> None:
        view, counter = monitor.state.view(), self._counters.get(monitor.name)
        before = self._readings.get(monitor.name)
        rows = view.fleet.queues or () if view.fleet is not None else ()
        kept = () if before is None else before.kept
        place = monitor.system.place
        reading = PlaceReading(
            (monitor.system.name, place.address, place.namespace),
            view,
            monitor.state.reported,
            None if counter is None else counter.totals,
            kept_queues(rows, kept, self._bounds.queues),
        )
        self._readings = {**self._readings, monitor.name: reading}
        self._news.set()

    async def on_discovery(self, found: Discovery) -> None:
        """Watch what was found, too, and no more what was taken for a place and is none; see
        `Discoverer`."""
        for place in found.joining:
            self._add(place)
            self._begin(place.label)
        guess = self._places[0].label
        if not found.is_first_meant and guess in self._monitors and len(self._monitors) > 1:
            await self._end_tasks(guess)
            monitor = self._monitors.pop(guess)
            self._counters.pop(guess, None)
            self._readings = {name: each for name, each in self._readings.items() if name != guess}
            await monitor.source.close()


def _is_settled(state: ConsoleState) -> bool:
    """Whether all that is read at first is known, or known not to be readable."""
    return state.poll.error is not None or state.reported is not None
