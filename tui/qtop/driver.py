"""The terminal, with a way of writing to it that outlives it and sends no more than is needed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from qtop.display.glyphs import to_ascii
from qtop.terminal.output import Output


class _Forgiving:
    """A file that swallows what cannot be written.

    Textual writes in a thread. Once the terminal is gone, the first error would end that thread,
    and the console would wait forever for room in its queue, unable even to end.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


class TerminalDriver(LinuxDriver):
    """Textual's driver, on a terminal that may vanish, or be far away."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        file: Any = _Forgiving(self._file) if self._file is not None else None
        self._file = file
        self._output = Output()

    def resize(self, size: Size) -> None:
        """Learn the size; what the terminal shows is not known from now on."""
        self._output.resize(size.width, size.height)

    def write(self, data: str) -> None:
        """Write what the terminal does not show already."""
        sent = self._output.passed(data)
        if sent:
            super().write(sent)

    def _sigcont_application(self, *_: Any) -> None:
        """Come back after ctrl+z.

        A SIGCONT without one, as after `kill -STOP` or beside a service manager's SIGTERM, finds
        everything running. Begun twice, two threads would share the keys, and what the terminal
        was like before would be lost.
        """
        if self._must_signal_resume:
            super()._sigcont_application()
        elif self._is_reading:
            # Not here, where it may be within a write.
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().call_soon_threadsafe(self._begin_anew)

    @property
    def _is_reading(self) -> bool:
        return self._key_thread is not None and self._key_thread.is_alive()

    def _begin_anew(self) -> None:
        """Set the terminal up once more: a shell may have had it meanwhile."""
        if self._is_reading and self._app.is_running and not self._app._exit:
            self._must_signal_resume = True
            self.suspend_application_mode()
            self.resume_application_mode()


class AsciiDriver(TerminalDriver):
    """The same on a terminal that has nothing but ASCII. Whatever is drawn comes through here, so
    no screen has to think of it."""

    def write(self, data: str) -> None:
        """Write in ASCII."""
        super().write(to_ascii(data))
