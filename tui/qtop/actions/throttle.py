"""How fast an action over many jobs goes, and how somebody stops it between two steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from queuecore.bulk import TAKE_ITEMS
from queuecore.exchange import Exchange, Operation, Steps
from resque.errors import ResqueError, StoreError

T = TypeVar("T")

#: With a limit, steps are so small that there are about so many a second.
_STEPS_A_SECOND: Final = 4
#: While it waits, an action looks so often whether it is to stop.
_TICK_S: Final = 0.05


class Send(Protocol):
    """Carries out an operation on Redis."""

    async def __call__(self, operation: Operation[T]) -> T:
        """Return its result. Raises StoreError."""


class Stopped(StoreError):
    """Somebody stopped it. Nothing was sent."""


@dataclass(slots=True)
class Throttle:
    """The reins of one action. `jobs_per_s` is its limit; None is as fast as it goes."""

    jobs_per_s: float | None = None
    is_stopped: bool = False

    @property
    def at_once(self) -> int:
        """How many jobs one step may touch."""
        if self.jobs_per_s is None:
            return TAKE_ITEMS
        return max(1, min(TAKE_ITEMS, int(self.jobs_per_s / _STEPS_A_SECOND)))

    def due_s(self, done: int) -> float:
        """How long after the beginning so many jobs may have been done."""
        return 0.0 if self.jobs_per_s is None else done / self.jobs_per_s


def reined(steps: Steps[T], pace: Throttle | None, tell: Callable[[int, int], None]) -> Steps[T]:
    """The same steps; `tell` hears of each that says how far it is.

    A stop comes to the operation as the error Stopped instead of the result of its next step that
    only reads: so nothing that was sent is left in doubt, and what the operation returns counts
    what was done.
    """
    try:
        step = next(steps)
        while True:
            if step.progress is not None:
                tell(*step.progress)
            if pace is not None and pace.is_stopped and not step.writes:
                step = steps.throw(Stopped("stopped"))
                continue
            try:
                result = yield step
            except ResqueError as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


async def paced(
    send: Send,
    steps: Steps[T],
    pace: Throttle,
    *,
    clock: Callable[[], float] = time.monotonic,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Carry out reined steps, no faster than their pace; a stop need not wait for it."""
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
