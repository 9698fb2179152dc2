"""A line on the terminal that says how far a command is.

It is on stderr, where that is a terminal, and only after a moment: what is shorter shows nothing,
and loads nothing for it. It is taken away before anything else is printed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from qtop.text.progress import ProgressMeter
from qtop.text.safe import safe

if TYPE_CHECKING:
    from rich.live import Live

_AFTER_S: Final = 0.5


class ProgressLine:
    """How far an operation is. Shows nothing unless it `is_wanted`, on a terminal that can take a
    line away again.

    Args:
        stream: The terminal, if it is one; stderr without it.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        is_wanted: bool = True,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stderr
        is_able = self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._can_show = is_wanted and is_able
        self._clock = clock
        self._what = ""
        self._meter = ProgressMeter(clock)
        self._not_before_s = 0.0
        self._live: Live | None = None

    def begin(self, what: str) -> None:
        """Something begins, and so do its figures."""
        self._meter = ProgressMeter(self._clock)
        self._not_before_s = self._clock() + _AFTER_S
        self.rename(what)

    def rename(self, what: str) -> None:
        """Call what is under way something else."""
        self._what = safe(what)

    def note(self, done: int, of: int) -> None:
        """So many of so many are done."""
        self._meter.note(done, of)
        if self._can_show and self._live is None and self._clock() >= self._not_before_s:
            # Imported here, where a command has taken long anyway.
            from qtop.commands.progress_bar import live

            self._live = live(self._stream, lambda: (self._what, self._meter))
            self._live.start(refresh=True)

    def make_way(self) -> None:
        """Take the line away for what is to be printed now; it comes back after a moment."""
        self.end()
        self._not_before_s = self._clock() + _AFTER_S

    def end(self) -> None:
        """Take the line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None
