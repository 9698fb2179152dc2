"""What is found in a list by looking through all of it, in the background."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from qtop.model.job import Job
from qtop.model.job_list import Entry, JobList
from qtop.search.failure_groups import KeyMaker, KnownEntry
from qtop.search.follower import Follower, Visit


class Findings(Protocol):
    """What is made of the entries of a list.

    Attributes:
        is_complete: It is made of the whole list.
    """

    is_complete: bool

    @property
    def count(self) -> int:
        """How many entries it is made of."""

    def visit(self, entry: Entry) -> Any:
        """Look at an entry."""


FoundT = TypeVar("FoundT", bound=Findings)


class ListSearch(Generic[FoundT]):
    """Looks through a whole list, and later at what is new. What it finds first is shown as it
    grows; when it has to begin anew, what was found before stays until that is complete.

    Args:
        jobs: The list.
        new: Makes findings without entries.
        rest: As for `Follower`.
        group: What the work of a screen for this search is called.
    """

    def __init__(
        self,
        jobs: JobList,
        new: Callable[[], FoundT],
        rest: Callable[[float], Awaitable[None]],
        group: str = "search",
    ) -> None:
        self.group = group
        self._new = new
        self._growing: FoundT | None = None
        #: What to show; None when there is nothing yet.
        self.found: FoundT | None = None
        #: All of the list is known without a search.
        self.is_known = False
        self.follower: Final = Follower(jobs, self._begin, self._finish, sleep=rest)

    @property
    def is_complete(self) -> bool:
        return self.found is not None and self.found.is_complete

    @property
    def is_over(self) -> bool:
        """Whether what is shown does not grow: it is complete, or the search was stopped."""
        return self.is_complete or self.follower.is_stopped

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to stop, or to go on with."""
        follower = self.follower
        return self.is_known or (follower.is_complete and not follower.is_stopped)

    def take(self, jobs: Sequence[Job], *, is_all: bool) -> None:
        """Look at jobs that are known, which are `is_all` there are, or what is shown at first."""
        found = self._new()
        maker = KeyMaker()
        for job in jobs:
            found.visit(KnownEntry(job, maker))
        found.is_complete = is_all
        self.found, self.is_known = found, is_all
        if is_all:
            self.follower.of = len(jobs)

    def show_growth(self) -> bool:
        """Show the findings that grow, once they are as many as those that are shown; False
        before that, and where those that are shown are complete."""
        shown, growing = self.found, self._growing
        if growing is None:
            return False
        if shown is not None and (shown.is_complete or growing.count < shown.count):
            return False
        self.found = growing
        return True

    def _begin(self) -> Visit:
        self._growing = self._new()
        return self._growing.visit

    def _finish(self) -> None:
        if self._growing is not None:
            self._growing.is_complete = True
            self.found = self._growing
