"""Stand-in workers, started as real ones are, and a check that none of them keeps running."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.support.waiting import eventually_async

from qtop.actions.request import LaunchRequest
from qtop.config.settings import DEFAULTS, Settings
from qtop.local.groups import LocalWorker, WorkerGroup
from qtop.local.workers import LocalWorkers
from qtop.systems.resque.system import ResqueSystem
from queuecore.address import parse_url
from resque.keys import Keys

STAND_IN = Path(__file__).parent / "programs" / "stand_in_worker.py"
SECRET_URL = "redis://:secret@localhost:6379/0"


def template(folder: Path, *flags: str) -> str:
    """The command of a stand-in as the settings hold it; a file `finish` in the folder means that
    jobs are done."""
    words = [sys.executable, str(STAND_IN), str(folder / "finish"), *flags]
    return f"QUEUES={{queues}} {shlex.join(words)}"


def script(folder: Path, *flags: str) -> str:
    """The command of a stand-in that a script starts; the script waits for it and forwards no
    signals."""
    variables, words = template(folder, *flags).split(" ", 1)
    return f"{variables} sh -c {shlex.quote(words + '; echo over')}"


def settings_for(command: str) -> Settings:
    """Settings with a worker's command."""
    return Settings(values={**DEFAULTS, "worker_command": command})


def of_folder(folder: Path) -> list[psutil.Process]:
    """The processes whose command line names this folder: supervisors of groups in it and their
    workers."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or ()
        is_dead = process.info["status"] == psutil.STATUS_ZOMBIE
        if process.pid != os.getpid() and not is_dead and any(str(folder) in w for w in words):
            found.append(process)
    return found


@dataclass
class StandIns:
    """The stand-in workers of one console, in a folder."""

    folder: Path
    finish_s: float = 30.0
    stop_s: float = 10.0
    changes: int = 0
    namespace: str = "resque"
    url: str = SECRET_URL

    def __post_init__(self) -> None:
        self.finish = self.folder / "finish"
        self.local = LocalWorkers(
            self.folder / "local",
            ResqueSystem(Keys(self.namespace), parse_url(self.url), url=self.url),
            environ={**os.environ, "PIDFILE": "/x"},
            on_change=self._changed,
            finish_s=self.finish_s,
            stop_s=self.stop_s,
        )

    def _changed(self) -> None:
        self.changes += 1

    def order(self, *flags: str, **more: Any) -> LaunchRequest:
        return LaunchRequest(
            **{"queues": "mail", "template": template(self.folder, *flags), **more}
        )

    async def start(self, *flags: str, **more: Any) -> WorkerGroup:
        """Start a group and wait until its workers have set up their signals."""
        group = await self.local.start(self.order(*flags, **more))
        await eventually_async(lambda: all("ready" in w.log.read_text() for w in group.workers))
        return group

    def states(self) -> list[str]:
        return [worker.place.state for worker in self.local.all]

    async def until_states(self, *states: str) -> None:
        await eventually_async(lambda: self.states() == list(states))

    @property
    def first(self) -> LocalWorker:
        return self.local.all[0]
