"""Signals that ask the console to leave. None is lost, whatever the console does at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

NUMBERS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)


class LeaveSignals:
    """Notes the signals that ask to leave, from `with` to its end, for the main thread.

    asyncio would tell of a signal by a byte in the pipe that also wakes its loop for each key; the
    byte is dropped where that pipe is full. Here the handler itself notes the signal. A pipe of
    its own only wakes the loop, which is awake anyway while that pipe is full.
    """

    def __init__(self) -> None:
        self.is_asked = False
        self._before: dict[signal.Signals, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: Callable[[], object] = _nothing
        self._pipe: tuple[socket.socket, socket.socket] | None = None

    def __enter__(self) -> LeaveSignals:
        for number in NUMBERS:
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pipe is not None:
            signal.set_wakeup_fd(-1)
            for end in self._pipe:
                end.close()
        for number, handler in self._before.items():
            # None: it was not set by Python, and cannot be set by it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def tell(self, loop: asyncio.AbstractEventLoop, leave: Callable[[], object]) -> None:
        """Have `leave` called by the running loop at the first signal, also if that one has come
        already."""
        reader, writer = self._pipe = socket.socketpair()
        for end in self._pipe:
            end.setblocking(False)
        loop.add_reader(reader, _drain, reader)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._leave = leave
        self._loop = loop
        if self.is_asked:
            leave()

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        is_first, self.is_asked = not self.is_asked, True
        if is_first and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: so does the console
                self._loop.call_soon_threadsafe(self._leave)


def _drain(reader: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        reader.recv(4096)


def _nothing() -> None:
    pass
