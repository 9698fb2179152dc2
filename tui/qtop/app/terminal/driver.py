"""The terminal, with a way of writing to it that outlives it and sends no more than is needed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import selectors
import signal
from typing import Any, Final

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from qtop.app.terminal.diff import Output
from qtop.app.terminal.inlet import Inlet
from qtop.app.terminal.output_thread import OutputThread
from qtop.text.glyphs import to_ascii

#: How long the end waits for a terminal that takes nothing.
_LAST_WORDS_S: Final = 2.0
#: How long the thread that reads keys takes to notice that it is to end.
_LOOK_UP_S: Final = 0.1
#: Where Textual writes to.
_TERMINAL: Final = 2
_PAINTS: Final = re.compile(r"\x1b\[[0-9]+;[0-9]+H")


class TerminalDriver(LinuxDriver):
    """Textual's driver, on a terminal that may vanish, or be far away."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._output = Output()
        self._outlet: OutputThread | None = None

    def resize(self, size: Size) -> None:
        """Learn the size; what the terminal shows is not known from now on."""
        self._output.resize(size.width, size.height)

    def write(self, data: str) -> None:
        """Write what the terminal does not show already. Never waits for it: Textual does, and a
        terminal that takes nothing would hold up keys, looks, and even the end."""
        if self._outlet is None:
            return  # The terminal is somebody else's.
        if self._outlet.refuses and _PAINTS.match(data):
            self._output.forget()
            return
        sent = self._output.passed(data)
        if sent:
            self._outlet.write(sent)

    def start_application_mode(self) -> None:
        """Set the terminal up."""
        loop = asyncio.get_running_loop()

        def caught_up() -> None:
            with contextlib.suppress(RuntimeError):  # the end came first
                loop.call_soon_threadsafe(self._paint_anew)

        # Textual's own thread for writing gets nothing to do.
        self._outlet = self._outlet or OutputThread(_TERMINAL, caught_up)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._is_reading:
            self._follow_size(loop)
        else:
            self.close()  # In the background it was not begun.

    def stop_application_mode(self) -> None:
        """Leave the terminal as it was. After ctrl+z it is a shell's: then it is left alone, and
        to touch it would stop this process once more."""
        if self._outlet is not None:
            super().stop_application_mode()

    def disable_input(self) -> None:
        """Take no more keys."""
        if self._outlet is not None:
            super().disable_input()

    def close(self) -> None:
        """Let go of the terminal."""
        super().close()
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.stop(_LAST_WORDS_S)

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
            # Without keys, nothing could end the console but a signal.
            self._app.call_later(self._app._handle_exception, error)

    def run_input_thread(self) -> None:
        """Pass on what the terminal sends, until the exit event."""
        inlet = Inlet()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_LOOK_UP_S):
                    for message in inlet.take(self._read()):
                        self.process_message(message)
                for message in inlet.tick():
                    self.process_message(message)

    def _read(self) -> bytes:
        try:
            raw = os.read(self.fileno, 4096)
        except OSError:
            raw = b""
        if not raw:
            # The terminal is gone: it is for the app to notice that, and to end.
            self.exit_event.wait(_LOOK_UP_S)
        return raw

    def _paint_anew(self) -> None:
        self._output.forget()
        self._app.refresh(layout=True)

    def _sigcont_application(self, *_: Any) -> None:
        """Come back after ctrl+z.

        A SIGCONT without one, as after `kill -STOP` or beside a service manager's SIGTERM, finds
        everything running. Begun twice, two threads would share the keys, and what the terminal
        was like before would be lost.
        """
        # Not here, where it may be within a write, and where what asked to leave is not done yet.
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().call_soon_threadsafe(self._continue)

    def _continue(self) -> None:
        if self._app._exit:
            return
        if self._must_signal_resume:
            super()._sigcont_application()
        elif self._is_reading:
            self._begin_anew()

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
