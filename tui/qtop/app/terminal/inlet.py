"""What comes from the terminal, as Textual's messages. No byte ends it."""

from __future__ import annotations

import re
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Final

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.keys import Keys
from textual.message import Message

#: A key in kitty's protocol: its code, perhaps with those of other layouts; modifiers, perhaps with
#: what happened to it; its text.
_KEY: Final = re.compile(r"\x1b\[(\d*)[\d:]*(?:;(\d*)(?::(\d*))?)?(;[\d:]*)?([u~A-FHPQRS])")
_RELEASED: Final = "3"
#: Text that is pasted, in characters; what is beyond is for no line here.
_LONGEST_PASTE: Final = 1 << 20
#: A paste whose end does not come within so many seconds of silence was none, or was cut: else all
#: that is typed would be part of it.
_PASTE_PAUSES_S: Final = 5.0
#: A terminal has fewer cells, and no cell so far out.
_MOST_CELLS: Final = 1_000_000


class Inlet:
    """Reads what a terminal sends: keys, pastes, the mouse, reports.

    What is no UTF-8 becomes U+FFFD. What Textual's parser cannot read is dropped.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._parser = _Parser()
        self._tail = ""
        self._pasted: str | None = None
        self._pasted_at_s = 0.0

    def take(self, raw: bytes) -> Iterator[Message]:
        """What these bytes say, together with those before them."""
        text = self._decode(raw)
        while text:
            if self._pasted is None:
                text = yield from self._take_keys(text)
            else:
                text = yield from self._take_paste(text)

    def tick(self) -> Iterator[Message]:
        """What nothing has followed for long enough to say something: the key of escape. To be
        called often."""
        if self._pasted is not None:
            if self._clock() - self._pasted_at_s > _PASTE_PAUSES_S:
                yield from self._end_paste()
            return
        for message in self._surviving(self._parser.tick()):
            self._tail = ""
            yield message

    def _take_keys(self, text: str) -> Generator[Message, None, str]:
        """Read up to the beginning of a paste; returns what follows it."""
        seen = self._tail + text
        start = seen.find(BRACKETED_PASTE_START)
        if start < 0:
            self._tail = seen[1 - len(BRACKETED_PASTE_START) :]
            yield from self._surviving(self._parser.feed(text))
            return ""
        end = start + len(BRACKETED_PASTE_START) - len(self._tail)
        yield from self._surviving(self._parser.feed(text[:end]))
        self._tail, self._pasted, self._pasted_at_s = "", "", self._clock()
        return text[end:]

    def _take_paste(self, text: str) -> Generator[Message, None, str]:
        """Read up to the end of a paste; returns what follows it. Textual's parser would take an
        escape in it for the beginning of a key, and what follows for keys."""
        self._pasted_at_s = self._clock()
        content, end, rest = (self._tail + text).partition(BRACKETED_PASTE_END)
        # Its end may come in pieces.
        sure = len(content) if end else max(0, len(content) - len(BRACKETED_PASTE_END) + 1)
        self._pasted = f"{self._pasted or ''}{content[:sure]}"[:_LONGEST_PASTE]
        self._tail = content[sure:]
        if end:
            yield from self._end_paste()
        return rest

    def _end_paste(self) -> Iterator[Message]:
        pasted, self._pasted, self._tail = f"{self._pasted or ''}{self._tail}", None, ""
        for message in self._surviving(self._parser.feed(BRACKETED_PASTE_END)):
            # What the parser has seen of it is empty.
            if not isinstance(message, events.Paste):
                yield message
        yield events.Paste(pasted.replace("\x00", ""))

    def _surviving(self, messages: Iterable[Message]) -> Iterator[Message]:
        try:
            for message in messages:
                if not isinstance(message, events.Resize) or _is_possible(message):
                    yield message
        except Exception:
            # Whatever it is, keys that come later can be read.
            self._parser = _Parser(self._parser)


class _Parser(XTermParser):
    """Textual's parser, which reads on after keys and moves of the mouse that it cannot read."""

    def __init__(self, former: XTermParser | None = None) -> None:
        super().__init__()
        if former is not None:
            self.mouse_pixels = former.mouse_pixels
            self.terminal_size = former.terminal_size
            self.terminal_pixel_size = former.terminal_pixel_size

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        ignored = [events.Key(Keys.Ignore, None)]
        if key := _KEY.fullmatch(sequence):
            code, modifiers, event, text, end = key.groups(default="")
            if event == _RELEASED:
                return ignored
            if event or ":" in sequence:
                sequence = f"\x1b[{code};{modifiers}{text}{end}"
        try:
            keys = list(super()._sequence_to_key_events(sequence, alt))
        except (ValueError, OverflowError):
            return ignored
        return keys if all(map(_is_text, keys)) else ignored

    def parse_mouse_code(self, code: str) -> Message | None:
        """What the mouse does; None where that cannot be."""
        try:
            message = super().parse_mouse_code(code)
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        if isinstance(message, events.MouseEvent) and max(message.x, message.y) > _MOST_CELLS:
            return None
        return message


def _is_text(key: events.Key) -> bool:
    """Whether what a key types can be written; half of a surrogate pair cannot."""
    return key.character is None or not re.search("[\ud800-\udfff]", key.character)


def _is_possible(resize: events.Resize) -> bool:
    width, height = resize.size
    return 0 < width * height <= _MOST_CELLS and width > 0
