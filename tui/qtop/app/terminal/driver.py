"""Textual's driver for a terminal that may be slow, far away or gone: input, output, set-up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import selectors
import signal
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Iterable, Iterator
from queue import SimpleQueue
from typing import Any, Final

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.keys import Keys
from textual.message import Message

from qtop.app.terminal.diff import Output
from qtop.text.format import to_ascii

# Input: bytes from the terminal become Textual's messages. No byte may end the console.

#: A key in kitty's protocol: its code (perhaps with those of other layouts), modifiers (perhaps
#: with the kind of event), its text.
_KEY: Final = re.compile(r"\x1b\[(\d*)[\d:]*(?:;(\d*)(?::(\d*))?)?(;[\d:]*)?([u~A-FHPQRS])")
_RELEASED: Final = "3"
#: Most characters of a paste that are kept: no field here takes more.
_LONGEST_PASTE: Final = 1 << 20
#: A paste ends when nothing has come for so long: without its end mark, all that is typed later
#: would be part of it.
_PASTE_PAUSES_S: Final = 5.0
#: Larger sizes and coordinates are errors.
_MOST_CELLS: Final = 1_000_000


class InputReader:
    """Reads what a terminal sends: keys, pastes, the mouse, reports. Bytes that are not UTF-8
    become U+FFFD. What Textual's parser cannot read is dropped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._parser = _Parser()
        self._tail = ""
        self._pasted: str | None = None
        self._pasted_at_s = 0.0

    def take(self, raw: bytes) -> Iterator[Message]:
        """The messages of these bytes, together with the bytes before them."""
        text = self._decode(raw)
        while text:
            if self._pasted is None:
                text = yield from self._take_keys(text)
            else:
                text = yield from self._take_paste(text)

    def tick(self) -> Iterator[Message]:
        """The messages that are due because nothing has followed, such as the escape key. To be
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
        """Read up to the end of a paste; returns what follows it. Textual's parser would read an
        escape character within a paste as the beginning of a key."""
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
            # The parser has seen an empty paste.
            if not isinstance(message, events.Paste):
                yield message
        yield events.Paste(pasted.replace("\x00", ""))

    def _surviving(self, messages: Iterable[Message]) -> Iterator[Message]:
        try:
            for message in messages:
                if not isinstance(message, events.Resize) or _is_possible(message):
                    yield message
        except Exception:
            # A new parser can read the keys that follow.
            self._parser = _Parser(self._parser)


class _Parser(XTermParser):
    """Textual's parser, which goes on after keys and mouse events that it cannot read."""

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
        """The mouse event; None for one that cannot be."""
        try:
            message = super().parse_mouse_code(code)
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        if isinstance(message, events.MouseEvent) and max(message.x, message.y) > _MOST_CELLS:
            return None
        return message


def _is_text(key: events.Key) -> bool:
    """Whether the character of a key can be encoded; half of a surrogate pair cannot."""
    return key.character is None or not re.search("[\ud800-\udfff]", key.character)


def _is_possible(resize: events.Resize) -> bool:
    width, height = resize.size
    return 0 < width * height <= _MOST_CELLS and width > 0


# Output: a thread writes, so that nothing else waits for the terminal.

#: When more bytes wait for the terminal (a few whole screens), frames are left out.
MOST_WAITING: Final = 256 << 10
#: Bytes written at once.
_AT_ONCE: Final = 16 << 10


class OutputThread:
    """Writes to a terminal that may be slow, stopped or gone. Begins at once. `on_caught_up` is
    called in this thread when all was written, after something was refused."""

    def __init__(self, fd: int, on_caught_up: Callable[[], None]) -> None:
        self._fd = fd
        self._on_caught_up = on_caught_up
        # A signal handler may add to it while something is being added.
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()
        # Each is changed by one thread only.
        self._given = self._taken = 0
        self._has_refused = False
        self._thread = threading.Thread(target=self._run, name="qtop-output", daemon=True)
        self._thread.start()

    @property
    def refuses(self) -> bool:
        """Whether the terminal is so far behind that a new frame would come too late."""
        is_behind = self._given - self._taken > MOST_WAITING
        self._has_refused = self._has_refused or is_behind
        return is_behind

    def write(self, text: str) -> None:
        """Queue a text for writing. Never waits."""
        raw = text.encode("utf-8", "replace")
        self._given += len(raw)
        self._waiting.put(raw)

    def stop(self, within_s: float) -> None:
        """Write what is queued, as far as the terminal takes it within this time."""
        self._waiting.put(None)
        self._thread.join(within_s)

    def _run(self) -> None:
        while (raw := self._waiting.get()) is not None:
            self._write(raw)
            if self._has_refused and self._waiting.empty():
                self._has_refused = False
                self._on_caught_up()

    def _write(self, raw: bytes) -> None:
        at = 0
        while part := raw[at : at + _AT_ONCE]:
            try:
                sent = os.write(self._fd, part)
            except OSError:
                sent = len(part)  # The terminal is gone.
            self._taken += sent
            at += sent


#: How long the end of the console waits for a terminal that takes nothing.
_LAST_WORDS_S: Final = 2.0
#: How long the thread that reads keys takes to notice that it is to end.
_LOOK_UP_S: Final = 0.1
#: Where Textual writes to.
_TERMINAL: Final = 2
_PAINTS: Final = re.compile(r"\x1b\[[0-9]+;[0-9]+H")


class TerminalDriver(LinuxDriver):
    """Textual's driver, for a terminal that may vanish or be far away."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._output = Output()
        self._output_thread: OutputThread | None = None

    def resize(self, size: Size) -> None:
        """Note the new size; the cells of the terminal are unknown from now on."""
        self._output.resize(size.width, size.height)

    def write(self, data: str) -> None:
        """Write what the terminal does not show yet. Never waits: with Textual's own driver a
        terminal that takes nothing would hold up keys, polls, and even the end."""
        if self._output_thread is None:
            return  # Another program has the terminal.
        if self._output_thread.refuses and _PAINTS.match(data):
            self._output.forget()
            return
        sent = self._output.passed(data)
        if sent:
            self._output_thread.write(sent)

    def start_application_mode(self) -> None:
        loop = asyncio.get_running_loop()

        def caught_up() -> None:
            with contextlib.suppress(RuntimeError):  # The loop has ended.
                loop.call_soon_threadsafe(self._paint_anew)

        # Textual's own output thread is not used.
        self._output_thread = self._output_thread or OutputThread(_TERMINAL, caught_up)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._is_reading:
            self._follow_size(loop)
        else:
            self.close()  # A process in the background does not get the terminal.

    def stop_application_mode(self) -> None:
        """Restore the terminal. After ctrl+z it belongs to a shell: then it is not touched, which
        would stop this process once more."""
        if self._output_thread is not None:
            super().stop_application_mode()

    def disable_input(self) -> None:
        if self._output_thread is not None:
            super().disable_input()

    def close(self) -> None:
        super().close()
        output_thread, self._output_thread = self._output_thread, None
        if output_thread is not None:
            output_thread.stop(_LAST_WORDS_S)

    def _follow_size(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the app each size that the terminal gets, the newest last.

        Textual's handler of SIGWINCH reads the size and posts it. When the next signal comes
        between the two, its handler runs within the first one, and the older size is posted last:
        the app would paint for that one until the next change. Here the handler only asks the loop
        to read the size.
        """

        def changed(*_: Any) -> None:
            asyncio.run_coroutine_threadsafe(self._post_size(), loop)

        signal.signal(signal.SIGWINCH, changed)
        # Until this moment Textual's handler was the one.
        changed()

    async def _post_size(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self._app.post_message(events.Resize(size, size))

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as error:
            # Without this thread only a signal could end the console.
            self._app.call_later(self._app._handle_exception, error)

    def run_input_thread(self) -> None:
        """Pass on messages from the terminal, until the exit event."""
        reader = InputReader()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_LOOK_UP_S):
                    for message in reader.take(self._read()):
                        self.process_message(message)
                for message in reader.tick():
                    self.process_message(message)

    def _read(self) -> bytes:
        try:
            raw = os.read(self.fileno, 4096)
        except OSError:
            raw = b""
        if not raw:
            # The terminal is gone: the app notices that and ends.
            self.exit_event.wait(_LOOK_UP_S)
        return raw

    def _paint_anew(self) -> None:
        self._output.forget()
        self._app.refresh(layout=True)

    def _sigcont_application(self, *_: Any) -> None:
        """Go on after ctrl+z.

        A SIGCONT may also come without ctrl+z: after `kill -STOP`, or with a service manager's
        SIGTERM. Then everything is still running and must not be started again: two threads would
        read the keys, and the former state of the terminal would be lost.
        """
        # Later, since the signal may have come within a write, or while the console is ending.
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().call_soon_threadsafe(self._continue)

    def _continue(self) -> None:
        if self._app._exit:
            return
        if self._must_signal_resume:
            super()._sigcont_application()
        elif self._is_reading and self._app.is_running:
            # A shell may have used the terminal meanwhile.
            self._must_signal_resume = True
            self.suspend_application_mode()
            self.resume_application_mode()

    @property
    def _is_reading(self) -> bool:
        return self._key_thread is not None and self._key_thread.is_alive()


class AsciiDriver(TerminalDriver):
    """The same for a terminal that has nothing but ASCII. All output passes through it, so that
    screens need not care."""

    def write(self, data: str) -> None:
        super().write(to_ascii(data))
