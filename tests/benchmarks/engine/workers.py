"""Worker processes of any system: started, stopped for a while, measured, and ended by pid."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.engine.systems import System

ROOT = Path(__file__).resolve().parents[3]
_LEAVE_TIMEOUT_S = 10.0
_DISTURBING = (
    *("COUNT", "FORK_PER_JOB", "INTERVAL", "JOBS_PER_FORK", "QUEUE", "QUEUES"),
    "PYTHONDONTWRITEBYTECODE",  # an installed package is compiled once
)


class Workers:
    """Some workers of one system."""

    def __init__(
        self, system: System, server: BenchServer, count: int, queues: Sequence[str]
    ) -> None:
        env = environment(server) | dict(system.env) | {"QUEUES": ",".join(queues)}
        self.started_s = time.time()
        self._processes = [
            subprocess.Popen(
                system.worker,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(count)
        ]

    def tree(self) -> list[psutil.Process]:
        """The workers and all that they have started."""
        found: list[psutil.Process] = []
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                top = psutil.Process(process.pid)
                found += [top, *top.children(recursive=True)]
        return found

    def check(self) -> None:
        """Raise when a worker has ended by itself."""
        for process in self._processes:
            if process.poll() is not None:
                raise RuntimeError(f"a worker has ended with status {process.returncode}")

    def pause(self) -> None:
        """Stop all of them (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Continue them."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def cpu_s(self) -> float:
        """The processor time of all of them, and of what they have waited for, so far."""
        spent = 0.0
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent += times.user + times.system + times.children_user + times.children_system
        return spent

    def pss_mib(self) -> float:
        """The memory that is theirs, shared pages divided by their users (Linux; else 0)."""
        total = 0
        for process in self.tree():
            with suppress(psutil.NoSuchProcess, AttributeError):
                total += process.memory_full_info().pss
        return total / 2**20

    def end(self) -> None:
        """End them, by force if they do not end by themselves."""
        everything = self.tree()
        self.go_on()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LEAVE_TIMEOUT_S)
        for left in everything:
            with suppress(psutil.NoSuchProcess):
                left.kill()
        for process in self._processes:
            process.wait()


def environment(server: BenchServer) -> dict[str, str]:
    """The environment of workers and enqueuing programs."""
    inherited = {k: v for k, v in os.environ.items() if k not in _DISTURBING}
    where = {"BENCH_PORT": str(server.port), "BENCH_URL": server.url, "REDIS_URL": server.url}
    return inherited | where | {"PYTHONPATH": f"{ROOT / 'engine'}{os.pathsep}{ROOT}"}


@contextmanager
def working(
    system: System, server: BenchServer, count: int = 1, queues: Sequence[str] = ("first", "bench")
) -> Iterator[Workers]:
    """Workers that run while the block runs."""
    workers = Workers(system, server, count, queues)
    try:
        yield workers
    finally:
        workers.end()
