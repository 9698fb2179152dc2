"""The last stretch to the terminal: a thread that writes, so that nobody else waits for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

#: So much may wait for the terminal, a few whole screens, before more makes no sense.
MOST_WAITING: Final = 256 << 10
#: Written at once: what a terminal takes of it is known afterwards.
_AT_ONCE: Final = 16 << 10


class OutputThread:
    """Writes to a terminal that may be slow, stopped or gone. Begins at once.

    Args:
        fd: The terminal.
        on_caught_up: Called in the thread of this outlet when all was written, after something
            was refused.
    """

    def __init__(self, fd: int, on_caught_up: Callable[[], None]) -> None:
        self._fd = fd
        self._on_caught_up = on_caught_up
        # May be added to by a signal's handler, in the middle of adding.
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()
        # Each is changed by one thread only.
        self._given = self._taken = 0
        self._has_refused = False
        self._thread = threading.Thread(target=self._run, name="qtop-output", daemon=True)
        self._thread.start()

    @property
    def refuses(self) -> bool:
        """Whether the terminal is so far behind that a picture for it would come too late."""
        is_behind = self._given - self._taken > MOST_WAITING
        self._has_refused = self._has_refused or is_behind
        return is_behind

    def write(self, text: str) -> None:
        """Have a text written. Returns at once, whatever the terminal does."""
        raw = text.encode("utf-8", "replace")
        self._given += len(raw)
        self._waiting.put(raw)

    def stop(self, within_s: float) -> None:
        """Write what waits, as far as the terminal takes it in so many seconds."""
        self._waiting.put(None)
        self._thread.join(within_s)

    def _run(self) -> None:
        while (raw := self._waiting.get()) is not None:
            self._write(raw)
            if self._has_refused and self._waiting.empty():
                self._has_refused = False
                self._on_caught_up()

    def _write(self, raw: bytes) -> None:
        for start in range(0, len(raw), _AT_ONCE):
            part = raw[start : start + _AT_ONCE]
            self._put_out(part)
            self._taken += len(part)

    def _put_out(self, part: bytes) -> None:
        while part:
            try:
                part = part[os.write(self._fd, part) :]
            except OSError:
                return  # The terminal is gone: nobody will miss it.
