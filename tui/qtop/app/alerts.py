"""Tells of a new CRIT beyond the screen: the bell of the terminal, a notification, a command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, Protocol

from qtop.config.settings import Alerts
from qtop.monitor.incidents.incident import Incident
from qtop.text.safe import crop, safe

#: From one alert to the next, however many incidents begin.
EVERY_S: Final = 10.0
#: A command that takes longer is ended.
COMMAND_S: Final = 30.0
_TEXT_CELLS: Final = 200


class Ringing(Protocol):
    """What alerts ask of the app."""

    def bell(self) -> None:
        """Ring the bell."""

    def notify_terminal(self, text: str) -> None:
        """Have the terminal show a notification (OSC 9) with a safe text."""


class AlertWatch:
    """Sees from poll to poll which incidents are new and CRIT. What there is at first is shown, and
    no news.

    Args:
        wanted: What is done about a new one.
        terminal: Rings and notifies.
        redact: Hides secrets in a text.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        wanted: Alerts,
        terminal: Ringing,
        redact: Callable[[str], str],
        clock: Callable[[], float],
    ) -> None:
        self._wanted, self._terminal = wanted, terminal
        self._redact, self._clock = redact, clock
        self._known: set[Hashable] | None = None
        self._untold: list[Incident] = []
        self._last_mono = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def look(self, incidents: Iterable[Incident], *, is_whole: bool) -> None:
        """Take in the incidents of now; `is_whole`: every place has been polled and reported. Those
        that are acknowledged are none. O(incidents)."""
        if self._wanted.is_nothing:
            return
        crits = {
            each.row_key: each for each in incidents if each.severity == "crit" and each.is_trouble
        }
        if self._known is None:
            if is_whole:
                self._known = set(crits)
            return
        self._untold += [each for key, each in crits.items() if key not in self._known]
        self._known = set(crits)
        # What ended before it was told of is no news.
        self._untold = [each for each in self._untold if each.row_key in self._known]
        now_mono = self._clock()
        if self._untold and now_mono - self._last_mono >= EVERY_S:
            self._last_mono = now_mono
            told, self._untold = self._untold, []
            self._tell(told)

    def _tell(self, incidents: Sequence[Incident]) -> None:
        first = incidents[0]
        of = f"{first.system}: " if first.system else ""
        more = f" (and {len(incidents) - 1:,} more)" if len(incidents) > 1 else ""
        text = crop(safe(self._redact(f"{of}{first.sentence}{more}")), _TEXT_CELLS)
        if self._wanted.bell:
            self._terminal.bell()
        if self._wanted.notify:
            self._terminal.notify_terminal(f"qtop: CRIT: {text}")
        if self._wanted.command and (self._task is None or self._task.done()):
            # The text begins with a word of ours: it is never taken for an option.
            self._task = asyncio.ensure_future(_run((*self._wanted.command, f"CRIT: {text}")))


async def _run(argv: Sequence[str]) -> None:
    """Run a command without a shell, and end it with all that it started when it takes too long.
    What it prints is lost: the screen is not its own."""
    with contextlib.suppress(OSError, ValueError):
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )
        try:
            async with asyncio.timeout(COMMAND_S):
                await process.wait()
        except TimeoutError:
            # It leads a process group of its own, which has its name until it was waited for.
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
