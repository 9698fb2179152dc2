"""Real worker processes: started, watched, signalled by pid, and always ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
from tests.support.direct import Direct
from tests.support.waiting import PATIENCE_S, eventually

ROOT = Path(__file__).resolve().parents[2]
READY = ": Ready for a job"
_DISTURBING = ("QUEUE", "QUEUES", "INTERVAL", "REDIS_URL", "TZ")


class WorkerProcess:
    """A worker started as a user starts one, in the project's folder, with the sample jobs."""

    def __init__(
        self, url: str, queues: str, log: Path, *, module: str = "resque.worker", **env: str
    ) -> None:
        self._log = log
        self._children: dict[int, psutil.Process] = {}
        inherited = {k: v for k, v in os.environ.items() if k not in _DISTURBING}
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=inherited
                | {
                    "PYTHONPATH": str(ROOT / "engine"),
                    "REDIS_URL": url,
                    "QUEUES": queues,
                    "RESQUE_REQUIRE": "tests.support.jobs.sample_jobs,tests.support.jobs.hook_jobs",
                    "TZ": "UTC",
                }
                | env,
            )
        self.pid = self._process.pid
        shown = ",".join(q.strip() for q in queues.split(",") if not q.strip().startswith("!"))
        self.host_pid = f"{socket.gethostname()}:{self.pid}"
        self.id = f"{self.host_pid}:{shown}"

    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text("utf-8", "replace")

    def await_log(self, text: str) -> None:
        """Wait until it has printed `text`."""
        eventually(lambda: text in self.log() or self.has_ended(), f"{text!r} is printed")
        assert text in self.log(), f"it ended without {text!r}:\n{self.log()}"

    def await_ready(self) -> None:
        """Wait until it is registered."""
        self.await_log("is ready")

    def await_child(self) -> psutil.Process:
        """Wait until a child of it performs a job."""
        return eventually(self.performing, "a child performs")[0]

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the worker, not to its child."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait until it ends. Returns its exit status."""
        return self._process.wait(PATIENCE_S)

    def leave(self, number: signal.Signals = signal.SIGQUIT) -> int:
        """Ask it to end, and wait until it has. Returns its exit status."""
        self.send(number)
        return self.wait()

    def kill(self) -> None:
        """End the worker alone, at once; a child of it goes on."""
        self.children()
        self._process.kill()
        self._process.wait()

    def children(self) -> list[psutil.Process]:
        """The children it has at the moment."""
        try:
            found = psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []
        self._children.update({child.pid: child for child in found})
        return found

    def performing(self) -> list[psutil.Process]:
        """Its children that perform a job."""
        return [child for child in self.children() if ": Processing " in title_of(child)]

    def ready(self) -> list[psutil.Process]:
        """Its children that wait for a job."""
        return [child for child in self.children() if title_of(child).endswith(READY)]

    def title(self) -> str:
        """Its process title, as `ps` shows it."""
        return title_of(psutil.Process(self.pid))

    def end(self) -> None:
        """End it and its children, in any state."""
        self.children()
        if not self.has_ended():
            self._process.kill()
        self._process.wait()
        for child in self._children.values():
            # psutil compares start times: a process that took over a pid is left alone.
            if child.is_running():
                child.kill()


def title_of(process: psutil.Process) -> str:
    """A process title, as `ps` shows it; empty when the process has ended."""
    try:
        return " ".join(process.cmdline()).strip("\0 ")
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def await_marks(direct: Direct, worker: WorkerProcess, wanted: int) -> None:
    """Wait until so many jobs are done, or a fast worker has done all there were."""
    eventually(
        lambda: direct("HLEN", "marks") >= wanted or worker.has_ended(), f"{wanted} jobs are done"
    )
