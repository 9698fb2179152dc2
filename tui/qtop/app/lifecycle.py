"""How the console ends: on a signal, without a terminal, in a crash. Always with the terminal as it
was, and never with data on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from qtop.text.safe import safe
from queuecore.home import make_private

if TYPE_CHECKING:
    from textual.app import App

# Threads that the end does not wait for.

P = ParamSpec("P")
T = TypeVar("T")


class UnwaitedThreads(ThreadPoolExecutor):
    """Runs each function in a thread of its own, which does not keep the process alive.

    For an event loop's calls that block: a name server that does not answer holds its caller for
    half a minute, and the loop's own threads would delay the end of the console for as long. Only
    for functions that may be left in the middle.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin; the future gets what the function returns or raises."""
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        Thread(target=run, name=f"qtop-{getattr(fn, '__name__', 'call')}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Return at once: there is nothing that has to be finished."""


# Signals that ask the console to leave. None is lost, whatever the console does at that moment.

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
        self._leave_soon: Callable[[], object] | None = None
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
        self._leave_soon = lambda: loop.call_soon_threadsafe(leave)
        if self.is_asked:
            leave()

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        is_first, self.is_asked = not self.is_asked, True
        if is_first and self._leave_soon is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: so does the console
                self._leave_soon()


def _drain(reader: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        reader.recv(4096)


# What is kept of a crash: where it happened, and nothing of the data.

#: Errors of these kinds speak of code; the messages of others may quote data.
_SPEAKING: Final = (
    TypeError,
    AttributeError,
    NameError,
    ImportError,
    ZeroDivisionError,
    AssertionError,
)
_LONGEST_MESSAGE: Final = 300


def _describe(error: BaseException) -> str:
    """An error and what caused it, without the values of variables. Messages that may quote data
    are left out."""
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        kind = type(cause)
        said = f": {safe(str(cause))[:_LONGEST_MESSAGE]}" if isinstance(cause, _SPEAKING) else ""
        frames = "".join(traceback.format_tb(cause.__traceback__))
        parts.append(f"{kind.__module__}.{kind.__qualname__}{said}\n{frames}")
        cause = cause.__cause__ or cause.__context__
    return "\ncaused by\n".join(parts)


def _write_report(error: BaseException, folder: Path) -> Path | None:
    """Write the description of an error to a new file for this user alone. None when no file can
    be written."""
    path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        make_private(folder)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(_describe(error))
    except OSError:
        return None
    return path


WATCHDOG_S: Final = 5.0


def stdin_is_a_terminal() -> bool:
    """Whether there is a terminal to read keys from."""
    return os.isatty(0)


class Lifecycle:
    """What brings an app to its end, and the last words of one that crashed.

    Reports of crashes go to `log_folder`, which is made when needed. `terminal_is_there` is asked
    every five seconds; when it is not, the app ends.
    """

    def __init__(
        self, app: App[None], log_folder: Path, terminal_is_there: Callable[[], bool]
    ) -> None:
        self._app = app
        self._log_folder = log_folder
        self._terminal_is_there = terminal_is_there
        self._crash_word: str | None = None
        #: Heard while the app runs within them.
        self.signals: Final = LeaveSignals()

    @property
    def is_leaving(self) -> bool:
        """Whether the app was asked to leave, or leaves."""
        return self._app._exit or self.signals.is_asked

    @property
    def status(self) -> int:
        """The exit status, if the app gives no other one."""
        return int(self._crash_word is not None)

    def watch(self) -> None:
        """Begin to listen to signals and to watch the terminal, if there is a real one; from now on
        no call that blocks is waited for at the end."""
        app, loop = self._app, asyncio.get_running_loop()
        loop.set_default_executor(UnwaitedThreads())
        if app.is_headless:
            return
        self.signals.tell(loop, app.exit)
        app.set_interval(WATCHDOG_S, self.check_terminal)
        # After ctrl+z and fg the terminal is empty, and nothing has changed.
        app.app_resume_signal.subscribe(app, lambda _: app.refresh(layout=True))

    def check_terminal(self) -> None:
        """End when the terminal is gone: no key can come any more."""
        if not self._terminal_is_there():
            self._app.exit(return_code=1)

    def note_crash(self, error: BaseException) -> None:
        """Write what happened to a file, the first time. Textual's own report would print the
        values of variables: job arguments, perhaps a password."""
        from textual.worker import WorkerFailed

        if self._crash_word is None:
            error = error.error if isinstance(error, WorkerFailed) else error
            report = _write_report(error, self._log_folder)
            where = f"; see {report}" if report else ""
            self._crash_word = f"qtop crashed ({type(error).__name__}){where}"

    def print_last_word(self) -> None:
        """Say on stderr that the app has crashed, once."""
        if self._crash_word is not None:
            print(self._crash_word, file=sys.__stderr__)
            self._crash_word = None
