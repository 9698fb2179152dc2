"""Carries out plans: one at a time, and none while Redis is known not to answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from qtop.actions.plan import Outcome, Plan, Throttle, Trail
from qtop.actions.stopping import reined
from qtop.search.list_search import Send
from qtop.text.safe import safe
from queuecore.errors import OutcomeUnknown, QueueError, StoreError
from queuecore.exchange import Exchange, Operation, Steps

T = TypeVar("T")

_UNKNOWN: Final = "outcome unknown: check before you try again"

#: While it waits, an action checks so often whether it is to stop.
_TICK_S: Final = 0.05

#: Gets how many of how many are done.
Progress = Callable[[int, int], None]


async def paced(
    send: Send,
    steps: Steps[T],
    pace: Throttle,
    *,
    clock: Callable[[], float] = time.monotonic,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Carry out steps no faster than their pace; a stop does not wait for it."""
    began_s = clock()
    result: Any = None
    problem: StoreError | None = None
    while True:
        try:
            step: Exchange[Any] = steps.throw(problem) if problem else steps.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        done = 0 if step.progress is None else step.progress[0]
        while not pace.is_stopped and (wait_s := began_s + pace.due_s(done) - clock()) > 0:
            await rest(min(wait_s, _TICK_S))
        try:
            result, problem = await send(step), None
        except StoreError as error:
            problem = error


class ActionRunner:
    """Carries out plans, one at a time.

    `trouble` says why Redis cannot be asked now; None when it can. It is asked before every action,
    so that none waits for a Redis that is known not to answer. `trails` are what can be
    taken back, the last action last.
    """

    def __init__(self, send: Send, *, read_only: bool, trouble: Callable[[], str | None]) -> None:
        self._send = send
        self._read_only = read_only
        self._trouble = trouble
        self._busy_with: str | None = None
        self._pace: Throttle | None = None
        self.trails: list[Trail] = []

    def refusal(self, *, without_redis: bool = False) -> Outcome | None:
        """Why no action can begin now, or none that does `without_redis`; None when one can."""
        if self._read_only:
            return Outcome("read-only: nothing is changed", "warn")
        if self._busy_with is not None:
            return Outcome(f"still running: “{self._busy_with}”; one action at a time", "warn")
        trouble = self._trouble()
        if trouble is not None and not without_redis:
            return Outcome(f"not now: no answer from Redis: {safe(trouble)}", "bad")
        return None

    async def preview(self, what: str, operation: Operation[T]) -> T | Outcome:
        """Read what a plan needs to know. Returns an outcome when it cannot be read."""
        refused = self.refusal()
        if refused is not None:
            return refused
        return await self.look(what, self._send(operation))

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
        """Whether an action or a search for one is under way."""
        return self._busy_with is not None

    @property
    def can_stop(self) -> bool:
        """Whether what is under way can be stopped between two steps."""
        return self._pace is not None

    @property
    def is_stopping(self) -> bool:
        """Whether what is under way was stopped, and is about to end."""
        return self._pace is not None and self._pace.is_stopped

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
        # What has no speed to choose can be stopped all the same.
        pace = plan.pace or Throttle()
        self._busy_with, self._pace = plan.what, pace
        try:
            steps = reined(plan.run(), pace, progress)
            if pace.jobs_per_s is not None:
                outcome = await paced(self._send, steps, pace)
            else:
                outcome = await self._send(steps)
            self.trails += [] if outcome.trail is None else [outcome.trail]
            left = (trail.without(outcome.undone) for trail in self.trails)
            self.trails = [trail for trail in left if trail is not None]
            return outcome
        except OutcomeUnknown:
            return Outcome(f"{plan.what}: {_UNKNOWN}", "bad")
        except QueueError as error:
            return Outcome(f"{plan.what}: {safe(str(error))}", "bad")
        finally:
            self._busy_with = self._pace = None


# Priority: a search for an action goes before searches in the background.


class ForegroundPriority:
    """Lets walks through lists in the background wait while an action looks through one.

    Side by side they would burden Redis twice, and the action would take twice as long.
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
        """Wait for some seconds, and until no action goes first."""
        await asyncio.sleep(seconds)
        await self._is_clear.wait()
