"""How the console ends: on a signal, without a terminal, in a crash. Always with the terminal as it
was, and never with data on it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any, Final, ParamSpec, TypeVar

from textual import events
from textual.worker import WorkerFailed

from qtop.app import crash
from qtop.app.input_queue import InputQueue
from qtop.app.leave_signals import LeaveSignals
from qtop.app.terminal.driver import TerminalDriver

# Threads that nobody waits for.

P = ParamSpec("P")
T = TypeVar("T")


class UnwaitedThreads(ThreadPoolExecutor):
    """Runs each function in a thread of its own, which does not keep the process alive.

    For an event loop's calls that block: a name server that does not answer holds its caller for
    half a minute, and the loop's own threads would hold up for as long whoever wants to leave. Only
    for functions that may be left in the middle.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin; the future gets what the function returns or raises."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        Thread(target=run, name=f"qtop-{getattr(fn, '__name__', 'call')}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Return at once: there is nothing that has to be finished."""


WATCHDOG_S: Final = 5.0


class Lifeline(InputQueue):
    """An app that ends well.

    Args:
        log_folder: For reports of crashes; made when needed.
        terminal_is_there: Asked every five seconds; when it is not, the app ends.
        driver: What draws on the terminal.
    """

    def __init__(
        self,
        log_folder: Path,
        terminal_is_there: Callable[[], bool] | None = None,
        driver: type[TerminalDriver] = TerminalDriver,
    ) -> None:
        super().__init__(driver_class=driver)
        self._log_folder = log_folder
        self._terminal_is_there = terminal_is_there or _stdin_is_a_terminal
        self._crash_word: str | None = None
        self._signals = LeaveSignals()

    def run(self, **options: Any) -> None:
        """Run until the end. What asks to leave is heard from here on; raises nothing that happens
        in the console. For the main thread."""
        with self._signals:
            super().run(**options)

    @property
    def is_leaving(self) -> bool:
        """Whether the console was asked to leave, or leaves."""
        return self._exit or self._signals.is_asked

    def watch_over_end(self) -> None:
        """Begin to listen to signals and to watch the terminal, if there is a real one; from now on
        no call that blocks is waited for at the end."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(UnwaitedThreads())
        if self.is_headless:
            return
        self._signals.tell(loop, self.exit)
        self.set_interval(WATCHDOG_S, self.check_terminal)
        # After ctrl+z and fg the terminal is empty, and nothing has changed.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))

    def on_resize(self, event: events.Resize) -> None:
        """Tell the driver: on a terminal of another size nothing is where it was."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.resize(event.size)
            if self._screen_stack and event.size == self.screen.outer_size:
                # It had another size for a moment. Textual sees no change, and would paint nothing.
                self.refresh(layout=True)

    def action_repaint(self) -> None:
        """Draw everything anew, whatever the terminal shows."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.resize(self.size)
        self.refresh(layout=True)

    def check_terminal(self) -> None:
        """End when the terminal is gone: nobody would ever press a key again."""
        if not self._terminal_is_there():
            self.exit(return_code=1)

    def _handle_exception(self, error: Exception) -> None:
        """End with a short word; what happened goes to a file. Textual's own report prints the
        values of variables: job arguments, perhaps a password."""
        self._note_crash(error.error if isinstance(error, WorkerFailed) else error)
        super()._handle_exception(error)

    def _note_crash(self, error: BaseException) -> None:
        if self._crash_word is None:
            report = crash.write_report(error, self._log_folder)
            where = f"; see {report}" if report else ""
            self._crash_word = f"qtop crashed ({type(error).__name__}){where}"

    def exit(self, result: None = None, return_code: int = 0, message: Any = None) -> None:
        """End, with status 1 if not another one is given and something has crashed."""
        has_crashed = self._crash_word is not None
        super().exit(result, return_code or int(has_crashed), message)

    def panic(self, *renderables: Any) -> None:
        """End without showing anything of the error, but never without a word."""
        self._note_crash(sys.exception() or RuntimeError())
        self._return_code = 1
        self._close_messages_no_wait()

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        if self._crash_word is not None:
            print(self._crash_word, file=sys.__stderr__)
            self._crash_word = None


def _stdin_is_a_terminal() -> bool:
    return os.isatty(0)
