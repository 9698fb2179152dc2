"""Looks through the lists of several places at the same time, and shows what was found as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeAlias

from qtop.model.job import Job
from qtop.model.placed import UnreadPart
from qtop.search.list_search import Findings, FoundT, ListSearch, Send
from qtop.text.progress import ProgressMeter


class JointSearch(Generic[FoundT]):
    """Looks through several lists, each by a `ListSearch` of its own: what is new in one is found
    without looking through the others again, and one that cannot be read holds up no other. Has
    what screens ask of a `ListSearch`.

    Args:
        parts: The searches by the labels of the places.
        join: Makes one of what some of them found, which stay as they are.
        group: As of a `ListSearch`, and so is `meter`.
    """

    def __init__(
        self,
        parts: Mapping[str, ListSearch[FoundT]],
        join: Callable[[Sequence[FoundT]], FoundT],
        group: str,
        meter: ProgressMeter,
    ) -> None:
        self.group, self.meter = group, meter
        self._parts, self._join = parts, join
        #: What was joined last, and what it was made of.
        self._joined: tuple[tuple[Any, ...], FoundT | None] = ((), None)

    @property
    def parts(self) -> Mapping[str, ListSearch[FoundT]]:
        """The searches by the labels of the places."""
        return self._parts

    @property
    def found(self) -> FoundT | None:
        """What to show; None when there is nothing yet."""
        each = [part.found for part in self._parts.values() if part.found is not None]
        made_of = tuple(map(_state_of, each))
        if made_of != self._joined[0]:
            joined = self._join(each) if each else None
            if joined is not None:
                joined.is_complete = self.is_complete
            self._joined = made_of, joined
        return self._joined[1]

    @property
    def is_known(self) -> bool:
        """All of the lists is known without a search."""
        return all(part.is_known for part in self._parts.values())

    @is_known.setter
    def is_known(self, is_known: bool) -> None:
        for part in self._parts.values():
            part.is_known = is_known

    @property
    def is_current(self) -> bool:
        """Whether everything that was there the last time was seen, wherever it could be read."""
        return any(part.is_current for part in self._parts.values())

    @property
    def is_complete(self) -> bool:
        """Whether what is shown was found in all of the lists."""
        return all(part.is_complete for part in self._parts.values())

    @property
    def is_over(self) -> bool:
        """As of a `ListSearch`."""
        return self.is_complete or self.is_stopped

    @property
    def is_idle(self) -> bool:
        """As of a `ListSearch`; nothing goes on in a list that cannot be read."""
        parts = self._parts.values()
        return self.is_known or all(part.is_idle or part.problem is not None for part in parts)

    @property
    def is_running(self) -> bool:
        """Whether any of the lists is being looked through."""
        return any(part.is_running for part in self._parts.values())

    @property
    def is_stopped(self) -> bool:
        """It is not to go on."""
        return any(part.is_stopped for part in self._parts.values())

    @is_stopped.setter
    def is_stopped(self, is_stopped: bool) -> None:
        for part in self._parts.values():
            part.is_stopped = is_stopped

    @property
    def done(self) -> int:
        """How many entries were seen, of those there are (`of`)."""
        return sum(part.done for part in self._parts.values())

    @property
    def of(self) -> int:
        """How many entries there are, as far as that is known."""
        return sum(part.of for part in self._parts.values())

    @property
    def problem(self) -> str | None:
        """Why the last attempt failed, where it failed in all of the lists."""
        problems = [part.problem for part in self._parts.values()]
        return None if None in problems else problems[0]

    @property
    def unread(self) -> tuple[UnreadPart, ...]:
        """The places whose lists could not be read the last time."""
        return tuple(
            UnreadPart(place, part.problem)
            for place, part in self._parts.items()
            if part.problem is not None
        )

    def take(self, jobs: Sequence[Job], *, is_all: bool) -> None:
        """As of a `ListSearch`, each job in the list of its place."""
        for place, part in self._parts.items():
            part.take([job for job in jobs if job.system == place], is_all=is_all)

    def show_growth(self) -> bool:
        """As of a `ListSearch`, in any of the lists."""
        grown = [part.show_growth() for part in self._parts.values()]
        return any(grown)

    def expect_change(self) -> None:
        """As of a `ListSearch`, in all of the lists."""
        for part in self._parts.values():
            part.expect_change()

    async def follow(self, read: Send, report: Callable[[], None] = lambda: None) -> bool:
        """As of a `ListSearch`, through all of the lists at the same time."""

        def note() -> None:
            self.meter.note(self.done, self.of)
            report()

        followed = await asyncio.gather(*(p.follow(read, note) for p in self._parts.values()))
        return any(followed)


def _state_of(found: Findings) -> tuple[object, ...]:
    """What is another one as soon as more was found."""
    return id(found), found.count, getattr(found, "seen", 0), found.is_complete


#: A search through one list, or through those of several places.
AnySearch: TypeAlias = "ListSearch[Any] | JointSearch[Any]"
