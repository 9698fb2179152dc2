"""Carrying out plans: one at a time, never while Redis is known not to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from qtop.actions.plan import Outcome, Plan, Throttle, paced, reined
from qtop.text.safe import safe
from queuecore.action_record import ActionRecord
from queuecore.errors import OutcomeUnknown, QueueError
from queuecore.exchange import Operation

T = TypeVar("T")

_UNKNOWN: Final = "outcome unknown: look before trying again"

#: Told how many of how many are done.
Progress = Callable[[int, int], None]


class OperationRunner(Protocol):
    """Carries out operations on a queue system."""

    async def run(self, operation: Operation[T], /) -> T:
        """Carry out an operation. Raises QueueError."""


class ActionRunner:
    """Carries out plans, one at a time.

    Args:
        source: Where they go.
        read_only: Refuse everything.
        trouble: Why Redis cannot be asked now; None when it can. Asked before every action, so that
            nobody waits for a Redis that is known not to answer.

    `trails` are those of the actions that can be taken back, the last one last.
    """

    def __init__(
        self, source: OperationRunner, *, read_only: bool, trouble: Callable[[], str | None]
    ) -> None:
        self._source = source
        self._read_only = read_only
        self._trouble = trouble
        self._busy_with: str | None = None
        self._pace: Throttle | None = None
        self.trails: list[ActionRecord] = []

    def refusal(self, *, without_redis: bool = False) -> Outcome | None:
        """Why no action can begin now, or none that does `without_redis`; None when one can."""
        if self._read_only:
            return Outcome("read-only: nothing is changed", "warn")
        if self._busy_with is not None:
            return Outcome(f"one at a time: still busy with “{self._busy_with}”", "warn")
        trouble = self._trouble()
        if trouble is not None and not without_redis:
            return Outcome(f"not now: no answer from Redis: {safe(trouble)}", "bad")
        return None

    async def preview(self, what: str, operation: Operation[T]) -> T | Outcome:
        """Read what a plan needs to know. Returns an outcome when it cannot be read."""
        refused = self.refusal()
        if refused is not None:
            return refused
        self._busy_with = what
        try:
            return await self._source.run(operation)
        except QueueError as error:
            return Outcome(f"{what}: {safe(str(error))}", "bad")
        finally:
            self._busy_with = None

    async def look(self, what: str, looking: Awaitable[T]) -> T | Outcome:
        """As `preview`, for what takes many steps and may be cancelled."""
        self._busy_with = what
        try:
            return await looking
        except QueueError as error:
            return Outcome(f"{what}: {safe(str(error))}", "bad")
        finally:
            self._busy_with = None

    @property
    def is_busy(self) -> bool:
        """Whether an action or a look for one is under way."""
        return self._busy_with is not None

    @property
    def can_stop(self) -> bool:
        """Whether what is under way can be stopped between two steps."""
        return self._pace is not None

    def stop(self) -> bool:
        """Stop what is under way after its present step; False when nothing is that can be."""
        if self._pace is None:
            return False
        self._pace.is_stopped = True
        return True

    async def run(self, plan: Plan, progress: Progress = lambda done, of: None) -> Outcome:
        """Carry out a plan that was confirmed. Never raises a StoreError: the outcome says it."""
        refused = self.refusal()
        if refused is not None:
            return refused
        self._busy_with, self._pace = plan.what, plan.pace

        async def send(operation: Operation[T]) -> T:
            if isinstance(operation, Generator):
                steps = reined(operation, plan.pace, progress)
                if plan.pace is not None and plan.pace.jobs_per_s is not None:
                    return await paced(self._source.run, steps, plan.pace)
                return await self._source.run(steps)
            return await self._source.run(operation)

        try:
            outcome = await plan.run(send)
            self.trails += [outcome.trail] if outcome.trail is not None else []
            self.trails = [trail for trail in self.trails if trail.id != outcome.undid]
            return outcome
        except OutcomeUnknown:
            return Outcome(f"{plan.what}: {_UNKNOWN}", "bad")
        except QueueError as error:
            return Outcome(f"{plan.what}: {safe(str(error))}", "bad")
        finally:
            self._busy_with = self._pace = None


# Who goes first: a search that somebody waits for, before those that go on in the background.


class ForegroundPriority:
    """Has walks through lists in the background wait while an action looks through one.

    Side by side they would burden Redis twice, and whoever waits for the action would wait for
    twice as long.
    """

    def __init__(self) -> None:
        self._ahead = 0
        self._is_clear = asyncio.Event()
        self._is_clear.set()

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Go before the others until the end of this."""
        self._ahead += 1
        self._is_clear.clear()
        try:
            yield
        finally:
            self._ahead -= 1
            if not self._ahead:
                self._is_clear.set()

    async def rest(self, seconds: float) -> None:
        """Wait for some seconds, and until nobody goes first."""
        await asyncio.sleep(seconds)
        await self._is_clear.wait()
