"""Workers started from inside the console: real processes that end with it.

Each has a session of its own, so that Ctrl+C and Ctrl+Z reach the console alone, and is told to die
with the console, however that ends. What it prints goes to a file: nothing of it depends on the
console being quick.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

State = Literal["starting", "running", "finishing", "stopping", "exited"]

LOGS_KEPT: Final = 20
#: What was killed is gone at once, unless the kernel itself is stuck.
_KILLED_S: Final = 5.0
_STEERING: Final = ("BACKGROUND", "COUNT", "INTERVAL", "PIDFILE", "QUEUE", "QUEUES")

#: Makes the command of a worker for a list of queues.
Command = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class LocalWorker:
    """One worker started here. `status` is its exit status, negative for a signal."""

    pid: int
    queues: str
    log: Path
    state: State = "starting"
    status: int | None = None

    @property
    def ending(self) -> str:
        """How it ended, in words; empty while it lives."""
        if self.status is None:
            return ""
        if self.status < 0:
            return f"ended by {signal.Signals(-self.status).name}"
        return f"exited with {self.status}"


def worker_command(namespace: str, require: Sequence[str], console_pid: int) -> Command:
    """The command line of real workers. The address is not in it: others can read command lines,
    and it may hold a password."""

    def command(queues: str) -> list[str]:
        modules = [word for module in require for word in ("--require", module)]
        return [
            *(sys.executable, "-m", "qtop", "worker", queues),
            *("--namespace", namespace, *modules),
            *("--die-with-parent", str(console_pid)),
        ]

    return command


def worker_environment(url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of workers: the console's own, with the address, and without the settings
    of Resque's worker that would turn it into something else."""
    kept = {name: value for name, value in environ.items() if name not in _STEERING}
    return {**kept, "REDIS_URL": url}


class LocalWorkers:
    """The workers started by this console.

    Args:
        command: Makes the command line for a list of queues.
        environment: The whole environment of the workers, with `REDIS_URL`.
        log_folder: Where their output goes; made, for this user alone, when the first one starts.
        on_change: Called in the event loop whenever the state of a worker changes.
    """

    def __init__(
        self,
        command: Command,
        *,
        environment: Mapping[str, str],
        log_folder: Path,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self.log_folder = log_folder
        self._on_change = on_change
        self._workers: dict[int, LocalWorker] = {}
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._watches: set[asyncio.Task[None]] = set()

    @property
    def all(self) -> tuple[LocalWorker, ...]:
        """All workers ever started here, also those that ended."""
        return tuple(self._workers.values())

    @property
    def alive(self) -> tuple[LocalWorker, ...]:
        """Those that have not ended."""
        return tuple(w for w in self._workers.values() if w.state != "exited")

    @property
    def pids(self) -> frozenset[int]:
        """The processes that have not ended."""
        return frozenset(worker.pid for worker in self.alive)

    def get(self, pid: int | None) -> LocalWorker | None:
        """The worker with this process, None when it was not started here."""
        return None if pid is None else self._workers.get(pid)

    async def start(self, queues: str) -> LocalWorker:
        """Start a worker for a list of queues. Call it in the main thread's event loop: a worker
        dies with the thread that started it. Raises OSError when there cannot be one."""
        log = self._new_log()
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command(queues),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        named = log.with_name(f"worker-{process.pid}.log")
        log.replace(named)
        worker = LocalWorker(process.pid, queues, named)
        self._workers[worker.pid] = worker
        self._processes[worker.pid] = process
        watch = asyncio.create_task(self._watch(worker.pid, process))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        self._on_change()
        return worker

    async def _watch(self, pid: int, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self._set(pid, "exited", status)

    def note_registered(self, pids: Collection[int]) -> None:
        """Take in which processes are registered in Redis as workers: those run."""
        for worker in self.alive:
            if worker.state == "starting" and worker.pid in pids:
                self._set(worker.pid, "running")

    def stop(self, pid: int | None) -> str:
        """Stop a worker: the first time when its job is done, the second time now.

        Returns:
            What was done, in words. Signals go to processes started here and to no other.
        """
        worker = self.get(pid)
        if worker is None:
            return "not started here: stop it where it runs"
        if worker.state == "exited":
            return f"worker {worker.pid} {worker.ending} already"
        if worker.state in ("starting", "running"):
            self._signal(worker.pid, signal.SIGQUIT, "finishing")
            return f"worker {worker.pid} finishes its job and ends; x again stops it now"
        self._signal(worker.pid, signal.SIGTERM, "stopping")
        return f"worker {worker.pid} stops now; its job counts as failed"

    def stop_all(self, *, now: bool) -> None:
        """Stop every worker: now, or when its job is done."""
        for worker in self.alive:
            if now:
                self._signal(worker.pid, signal.SIGTERM, "stopping")
            elif worker.state in ("starting", "running"):
                self._signal(worker.pid, signal.SIGQUIT, "finishing")

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all have ended. False when some have not after `timeout_s`."""
        watches = tuple(self._watches)
        if watches:
            await asyncio.wait(watches, timeout=timeout_s)
        return not self.alive

    async def end(self, *, finish_s: float, stop_s: float) -> None:
        """End them all within a time: finish, then stop, then kill."""
        self.stop_all(now=False)
        if await self.wait(finish_s):
            return
        self.stop_all(now=True)
        if await self.wait(stop_s):
            return
        for worker in self.alive:
            self._signal(worker.pid, signal.SIGKILL, "stopping")
        await self.wait(_KILLED_S)

    def _signal(self, pid: int, number: signal.Signals, state: State) -> None:
        try:
            self._processes[pid].send_signal(number)
        except ProcessLookupError:
            return  # it has ended; its watch is about to say so
        self._set(pid, state)

    def _set(self, pid: int, state: State, status: int | None = None) -> None:
        self._workers[pid] = replace(self._workers[pid], state=state, status=status)
        if state == "exited":
            self._processes.pop(pid, None)
        self._on_change()

    def _new_log(self) -> Path:
        self.log_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        in_use = {worker.log for worker in self.alive}
        logs = sorted(self.log_folder.glob("worker-*.log"), key=lambda p: p.stat().st_mtime)
        old = [log for log in logs if log not in in_use]
        for log in old[: max(0, len(logs) - LOGS_KEPT + 1)]:
            log.unlink(missing_ok=True)
        log = self.log_folder / f"worker-new-{os.getpid()}.log"
        # Nobody else's file, and no link to one, is ever written to.
        log.unlink(missing_ok=True)
        os.close(os.open(log, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return log
