"""Several workers under one parent, which restarts those that died."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from queuecore.values import NoReturn
from resque.worker import log
from resque.worker.signals import HURRIED, SignalState
from resque.worker.title import set_title
from resque.worker.upkeep import adopted

#: A worker that dies young is restarted after a pause that doubles up to this.
_LONGEST_PAUSE_S = 30.0
#: A worker that lived so long has shown that it can: the pause begins anew.
_GROWN_UP_S = 60.0
#: After a TERM, workers that are still there after this time are killed.
PATIENCE_S = 30.0


class ParentTie:
    """One worker's tie to the process that makes this. Raises OSError when no pipe can be made."""

    def __init__(self) -> None:
        self._parent_pid = os.getpid()
        self._worker_fd, self._parent_fd = os.pipe()

    def keep_parents_end(self) -> None:
        """In the parent after the fork, or when there was none."""
        os.close(self._worker_fd)

    def cut(self) -> None:
        """Let go of the parent's end: its worker is gone, or this is another worker."""
        os.close(self._parent_fd)

    def bind(self) -> None:
        """In the worker after the fork: have the system send this process a QUIT when the parent
        ends; at once when that has happened already."""
        # Imported here: no other worker needs it.
        import fcntl

        os.close(self._parent_fd)
        if hasattr(fcntl, "F_SETSIG"):
            fcntl.fcntl(self._worker_fd, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(self._worker_fd, fcntl.F_SETSIG, signal.SIGQUIT)
            flags = fcntl.fcntl(self._worker_fd, fcntl.F_GETFL)
            fcntl.fcntl(self._worker_fd, fcntl.F_SETFL, flags | os.O_ASYNC)
        if os.getppid() != self._parent_pid:
            os.kill(os.getpid(), signal.SIGQUIT)


class _Slot:
    """One worker of the pool: its process, since when it runs, when it may be started again."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.tie: ParentTie | None = None
        self.since_s = 0.0
        self.next_at_s = 0.0
        self._pause_s = 0.5

    def cut(self) -> None:
        """Let go of what ties its worker to this process."""
        if self.tie is not None:
            self.tie.cut()
            self.tie = None

    def put_off(self, now_s: float) -> None:
        """Its worker died, or none could be made: fill it again after a pause."""
        if now_s - self.since_s > _GROWN_UP_S:
            self._pause_s = 0.5
        self.next_at_s = now_s + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)


class Pool:
    """Runs `count` processes of `work`, each returning an exit status. A worker that returns 0
    has left on demand and is not replaced; after any other end it is started again. When this
    process is killed, each worker finishes its job and leaves."""

    def __init__(
        self,
        count: int,
        work: Callable[[], int],
        *,
        title: str,
        log: Callable[[str], None],
        graceful_term: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._slots = [_Slot() for _ in range(count)]
        self._work = work
        self._title = title
        self._log = log
        self._graceful_term = graceful_term
        self._patience_s = patience_s
        self._is_hurried = False
        self._adopted = adopted(lambda: [slot.pid for slot in self._slots])

    def run(self) -> int:
        """Keep the workers going until a signal asks to leave. Each of them hears of every signal
        that a worker obeys. Returns the exit status: 0, or 1 when workers had to be killed."""
        set_title(self._title)
        passed_on: list[int] = []
        signals = SignalState(on_signal=passed_on.append, graceful_term=self._graceful_term)
        with signals:
            while self._slots:
                if not signals.leave:
                    self._fill(signals)
                self._wait(signals)
                self._tell(passed_on)
                self._collect(signals)
                if self._adopted is not None:
                    self._adopted.collect()
                if self._is_hurried and not self._end_in_time():
                    return 1
        return 0

    def _fill(self, signals: SignalState) -> None:
        now_s = time.monotonic()
        for slot in self._slots:
            if slot.pid is None and now_s >= slot.next_at_s:
                slot.since_s = now_s
                try:
                    self._start(slot, signals)
                except OSError as error:
                    # The others are not to lose their parent for it.
                    text = f"no process for a worker: {error.strerror or error}"
                    self._log(log.told(text, level="error", event="no process"))
                    slot.put_off(now_s)

    def _start(self, slot: _Slot, signals: SignalState) -> None:
        log.flush()
        tie = ParentTie()
        try:
            with signals.held():
                pid = os.fork()
                if pid == 0:
                    self._become_worker(signals, tie)
        except OSError:
            tie.cut()
            raise
        finally:
            tie.keep_parents_end()
        slot.pid, slot.tie = pid, tie

    def _become_worker(self, signals: SignalState, tie: ParentTie) -> NoReturn:
        status = 1
        try:
            for slot in self._slots:
                slot.cut()
            tie.bind()
            signals.leave_to_another()
            status = self._work()
        except BaseException:
            with suppress(BaseException):
                sys.excepthook(*sys.exc_info())
        finally:
            log.flush()
            os._exit(status)

    def _wait(self, signals: SignalState) -> None:
        now_s = time.monotonic()
        empty = [slot.next_at_s for slot in self._slots if slot.pid is None]
        timeout_s = max(0.0, min(empty) - now_s) if empty and not signals.leave else 3600.0
        poll = select.poll()
        poll.register(signals.fileno(), select.POLLIN)
        poll.poll(timeout_s * 1000)
        signals.drain()

    def _tell(self, numbers: list[int]) -> None:
        while numbers:
            number = numbers.pop(0)
            # A QUIT is in no hurry, and a USR1, which is only passed on, is none that leaves.
            is_graceful = self._graceful_term and number == signal.SIGTERM
            self._is_hurried |= number in HURRIED and not is_graceful
            for slot in self._slots:
                if slot.pid is not None:
                    os.kill(slot.pid, number)

    def _collect(self, signals: SignalState) -> None:
        for slot in list(self._slots):
            if slot.pid is None:
                if signals.leave:
                    self._slots.remove(slot)
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid == 0:
                continue
            slot.pid = None
            slot.cut()
            if status == 0 or signals.leave:
                self._slots.remove(slot)
                continue
            text = f"worker process {pid} died ({_words(status)}); another takes its place"
            self._log(log.told(text, level="error", event="died"))
            slot.put_off(time.monotonic())

    def _end_in_time(self) -> bool:
        """After a TERM: wait for the workers, and kill those that are still there after that."""
        deadline_s = time.monotonic() + self._patience_s
        pids = {slot.pid for slot in self._slots if slot.pid is not None}
        while pids and time.monotonic() < deadline_s:
            pids -= {pid for pid in pids if os.waitpid(pid, os.WNOHANG)[0]}
            time.sleep(0.02)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._slots.clear()
        return not pids


def _words(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit status {code}"
