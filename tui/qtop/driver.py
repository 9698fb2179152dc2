"""The terminal, with a way of writing to it that outlives it and sends no more than is needed."""

from __future__ import annotations

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


class AsciiDriver(TerminalDriver):
    """The same on a terminal that has nothing but ASCII. Whatever is drawn comes through here, so
    no screen has to think of it."""

    def write(self, data: str) -> None:
        """Write in ASCII."""
        super().write(to_ascii(data))
