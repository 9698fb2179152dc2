"""Long work in slices: a generator that pauses now and then, so that whoever runs it can turn to
something else. Pure."""

from __future__ import annotations

from collections.abc import Generator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")

    #: Work that pauses at each `yield`, a few milliseconds apart, and returns a T.
    Slices = Generator[None, None, T]
else:
    Slices = Generator


def at_once(work: Slices[T]) -> T:
    """Do all of it, for those who have nothing else to do."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
