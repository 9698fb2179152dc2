"""The way of everything that Textual writes to the terminal.

Textual sends each cell that it paints with a move, all colours and a reset, and of a line that
changed somewhere everything before it, too. Over SSH these are most of the bytes. Here a frame is
compared with what the terminal shows, and only what differs goes on. Whatever is no frame goes on
as it is; and unless it is known to change nothing on the screen, all that was known is forgotten.
"""

from __future__ import annotations

import re
from typing import Final

from qtop.app.terminal.ansi import lines_of
from qtop.app.terminal.screen_buffer import ScreenBuffer
from qtop.app.terminal.styles import PLAIN

SYNC_BEGIN: Final = "\x1b[?2026h"
SYNC_END: Final = "\x1b[?2026l"

_NO_WRAP: Final = "\x1b[?7l"
#: Reports of mouse, focus, keys and sizes, questions, the clipboard, the shape of the pointer, the
#: bell, and whether the cursor can be seen.
_CHANGES_NO_CELL: Final = re.compile(
    r"\x1b\[\?(?:25|100[0-6]|1015|1016|2004|2048)[hl]|\x1b\[\?[0-9]+\$p|\x1b\[[<>][0-9]*u"
    r"|\x1b\](?:22|52);[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\)|\x07"
)


class Output:
    """Makes what is written as short as it can be.

    Until the size is known and lines do not wrap, everything goes on as it is.
    """

    def __init__(self) -> None:
        self._picture = ScreenBuffer(0, 0)
        self._wraps = True
        self._held = ""

    def resize(self, width: int, height: int) -> None:
        """The terminal has, or had for a moment, another size: what it shows is not known."""
        self._picture = ScreenBuffer(width, height, self._picture.pen)

    def forget(self) -> None:
        """Something else may have written to the terminal: what it shows is not known."""
        self.resize(self._picture.width, self._picture.height)

    def passed(self, data: str) -> str:
        """What to send for something that was written at once. Empty when it changes nothing."""
        if data == SYNC_BEGIN:
            self._held = data
            return ""
        if data == SYNC_END:
            # A frame in which nothing changed leaves nothing to hold together.
            held, self._held = self._held, ""
            return "" if held else data
        # What Textual paints begins without a style; who wrote last may not have known.
        lines = lines_of(data, self._picture.pen or PLAIN)
        if lines is None:
            if _CHANGES_NO_CELL.fullmatch(data) is None:
                self._learn(data)
            return data
        if self._wraps or not self._picture.can_show(lines):
            self.forget()
            self._picture.pen = lines[-1].pen
            return data
        sent = self._picture.show(lines)
        if sent:
            sent, self._held = self._held + sent, ""
        return sent

    def _learn(self, data: str) -> None:
        """Forget all that this may have changed."""
        if data == _NO_WRAP:
            self._wraps = False
            return
        self.forget()
        self._wraps = True
        self._picture.pen = None
