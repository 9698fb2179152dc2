"""What stops a command from outside, at a moment that suits it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: What ends a command from outside, as long as it is not ignored, and what Python does then.
_ENDING: Final = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


@contextmanager
def at_first_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first interrupt (ctrl+c) or TERM; from the second one on they do what they
    did before."""
    before = {each: usual for each, usual in _ENDING.items() if signal.getsignal(each) is usual}

    def restore() -> None:
        for each, usual in before.items():
            signal.signal(each, usual)

    def first(number: int, frame: FrameType | None) -> None:
        restore()
        stop()

    for each in before:
        signal.signal(each, first)
    try:
        yield
    finally:
        restore()
