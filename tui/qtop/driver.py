"""The terminal, with a way of writing to it that outlives it."""

from __future__ import annotations

import contextlib
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver

from qtop.display.glyphs import to_ascii


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
    """Textual's driver, on a terminal that may vanish."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        file: Any = _Forgiving(self._file) if self._file is not None else None
        self._file = file


class AsciiDriver(TerminalDriver):
    """The same on a terminal that has nothing but ASCII. Whatever is drawn comes through here, so
    no screen has to think of it."""

    def write(self, data: str) -> None:
        """Write in ASCII."""
        super().write(to_ascii(data))
