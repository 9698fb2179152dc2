"""Stopping an action between two of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from qtop.actions.plan import Throttle
from queuecore.errors import QueueError, StoreError
from queuecore.exchange import Exchange, Steps

T = TypeVar("T")


class Stopped(StoreError):
    """It was stopped. Nothing was sent."""


def between(done: int, of: int) -> Exchange[None]:
    """What an action that only writes yields between two steps: how far it is, and the place where
    a stop comes to it. No round trip."""
    return Exchange((), lambda _: None, progress=(done, of))


def reined(
    steps: Steps[T],
    pace: Throttle | None,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Steps[T]:
    """The same steps; `tell` is called with the progress of each that has one.

    A stop comes to the operation as the error Stopped instead of the result of its next step that
    only reads: so nothing that was sent is left in doubt, and what the operation returns counts
    what was done. It comes once: what the operation sends then, to leave everything in order, is
    sent.
    """
    has_stopped = False
    try:
        step = next(steps)
        while True:
            if step.progress is not None:
                tell(*step.progress)
            if pace is not None and pace.is_stopped and not step.writes and not has_stopped:
                has_stopped = True
                step = steps.throw(Stopped("stopped"))
                continue
            try:
                result = yield step
            except QueueError as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
