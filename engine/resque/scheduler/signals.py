"""What signals ask of a scheduler.

| signal          | asks                                        |
|-----------------|---------------------------------------------|
| TERM, INT, QUIT | leave, after the present batch              |
| HUP             | the same, where `nohup` does not hold it back |
| USR1            | print what is planned                       |
| USR2            | read the schedules again                    |
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self

_LEAVE = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
_HANDLED = (*_LEAVE, signal.SIGUSR1, signal.SIGUSR2)


class SchedulerSignals:
    """What the signals that a scheduler got ask for; no wait outlasts one. A context manager: it
    takes the signals over and gives them back."""

    def __init__(self) -> None:
        self.leave = False
        self.print_plan = False
        self.reload = False
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in _HANDLED:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                # nohup.
                continue
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._read_fd)
        os.close(self._write_fd)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in _LEAVE:
            self.leave = True
        elif number == signal.SIGUSR1:
            self.print_plan = True
        else:
            self.reload = True

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than until the next signal."""
        if not self.leave:
            select.select([self._read_fd], [], [], max(0.0, seconds))
        try:
            while os.read(self._read_fd, 512):
                pass
        except BlockingIOError:
            pass
