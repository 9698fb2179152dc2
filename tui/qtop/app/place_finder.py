"""Looks for the queue systems of a database while the console is open: one that is found later
joins those that are shown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from qtop.config.places import PlaceOptions, labelled
from queuecore.errors import StoreError

if TYPE_CHECKING:
    from qtop.monitor.place_monitor import PlaceMonitor
    from qtop.systems.finding import FoundPlaces, Sought

#: From one look under the known names to the next.
LOOK_EVERY_S: Final = 60.0
#: After so many looks, all keys are searched again.
SEARCH_EVERY: Final = 10


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found.

    Attributes:
        joining: The places that are not shown yet, with labels that no other has.
        is_first_meant: What the console began with is there, or nothing is: it stays.
        notes: What is to be said of them, in words that are not safe to show.
        unread: Why something could not be looked at, by what it is.
    """

    joining: tuple[PlaceOptions, ...]
    is_first_meant: bool
    notes: tuple[str, ...]
    unread: tuple[str, ...]


class WatchedPlaces(Protocol):
    """The places that are watched by now."""

    @property
    def first(self) -> PlaceMonitor:
        """The one over whose connection others are looked for."""


class Discoverer(Protocol):
    """Hears what was found, in the event loop."""

    async def on_discovery(self, found: Discovery) -> None:
        """Called after each look that could be made."""


class PlaceFinder:
    """Looks once a minute for the systems of a database.

    Args:
        sought: Where they are looked for.
        known: The places that the console began with.
        places: Those that it shows: the first one's connections are used.
        discoverer: Hears what was found.
        sleep: Waits between two looks.
    """

    def __init__(
        self,
        sought: Sought,
        known: Sequence[PlaceOptions],
        places: WatchedPlaces,
        discoverer: Discoverer,
        *,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._sought, self._places = sought, places
        self._known, self._first = list(known), known[0]
        #: It is known whether the first is there.
        self._is_settled = False
        self._discoverer, self._sleep = discoverer, sleep

    async def run(self) -> None:
        """Look until cancelled, at first at once. Each look costs a round trip, at first and now
        and then what `search` costs. Where the server does not answer, the polls say so."""
        # Imported here: the first frame does not wait for it.
        from qtop.systems.finding import first_look, search

        looks = 0
        while True:
            with contextlib.suppress(StoreError):
                found = await self._places.first.source.run(first_look(self._sought))
                await self._note(found)
                if looks % SEARCH_EVERY == 0:
                    found = await self._places.first.source.run(search(self._sought, found))
                    await self._note(found)
            looks += 1
            await self._sleep(LOOK_EVERY_S)

    async def _note(self, found: FoundPlaces) -> None:
        places = () if found.is_empty else found.places
        named = {_spot(each) for each in self._known}
        new = [replace(each, label="") for each in places if _spot(each) not in named]
        joining = labelled((*self._known, *new))[len(self._known) :]
        self._known += joining
        is_there = any(_spot(each) == _spot(self._first) for each in places)
        is_first_meant = self._is_settled or is_there or not places
        if not is_first_meant:
            # When it is there later it joins as any other.
            self._known.remove(self._first)
        self._is_settled = self._is_settled or is_there or not is_first_meant
        unread = tuple(f"{what}: {why}" for what, why in found.unread.items())
        discovery = Discovery(joining, is_first_meant, found.notes, unread)
        await self._discoverer.on_discovery(discovery)
        # Cancelled where the console ends meanwhile.
        await asyncio.sleep(0)


def _spot(place: PlaceOptions) -> tuple[object, ...]:
    return place.system, place.address, place.namespace
