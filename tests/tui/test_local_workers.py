"""Workers started here are real processes that are told to stop, and never stay behind."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from qtop.local_workers import (
    LOGS_KEPT,
    LocalWorker,
    LocalWorkers,
    worker_command,
    worker_environment,
)

STAND_IN = Path(__file__).with_name("stand_in_worker.py")
SECRET_URL = "redis://:secret@localhost:6379/0"
DEADLINE_S = 20.0


@dataclass
class Yard:
    """A place for stand-in workers."""

    folder: Path
    flags: list[str] = field(default_factory=list)
    changes: int = 0

    def __post_init__(self) -> None:
        self.finish = self.folder / "finish"
        self.workers = LocalWorkers(
            lambda queues: [sys.executable, str(STAND_IN), str(self.finish), queues, *self.flags],
            environment=worker_environment(SECRET_URL, {**os.environ, "PIDFILE": "/x"}),
            log_folder=self.folder / "log",
            on_change=self._changed,
        )

    def _changed(self) -> None:
        self.changes += 1

    async def start(self, queues: str = "mail") -> LocalWorker:
        """Start one and wait until it has set up its signals."""
        worker = await self.workers.start(queues)
        await until(lambda: "ready" in worker.log.read_text())
        return worker

    def state(self, pid: int) -> str:
        worker = self.workers.get(pid)
        assert worker is not None
        return worker.state


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that will be so."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    place = Yard(tmp_path)
    yield place
    await place.workers.end(finish_s=0, stop_s=0)
    assert not [child for child in psutil.Process().children() if is_stand_in(child)]


def is_stand_in(process: psutil.Process) -> bool:
    try:
        return str(STAND_IN) in process.cmdline()
    except psutil.Error:
        return False


async def test_a_worker_starts_in_a_session_of_its_own_and_logs_to_a_private_file(
    yard: Yard,
) -> None:
    worker = await yard.start("mail,low")
    assert worker.state == "starting"
    assert os.getsid(worker.pid) == worker.pid
    assert worker.log.name == f"worker-{worker.pid}.log"
    assert stat.S_IMODE(worker.log.stat().st_mode) == 0o600
    assert stat.S_IMODE(worker.log.parent.stat().st_mode) == 0o700
    assert worker.log.read_text().split() == ["ready", "mail,low", SECRET_URL, "False"]


async def test_a_registered_worker_runs(yard: Yard) -> None:
    worker = await yard.start()
    yard.workers.note_registered({worker.pid, 1})
    assert yard.state(worker.pid) == "running"
    assert yard.workers.pids == {worker.pid}


async def test_the_first_stop_lets_the_job_finish(yard: Yard) -> None:
    worker = await yard.start()
    assert "finishes its job" in yard.workers.stop(worker.pid)
    await until(lambda: "finishing" in worker.log.read_text())
    assert yard.state(worker.pid) == "finishing"
    yard.finish.touch()
    assert await yard.workers.wait(DEADLINE_S)
    ended = yard.workers.get(worker.pid)
    assert ended is not None
    assert (ended.state, ended.ending) == ("exited", "exited with 0")
    assert yard.workers.alive == ()
    assert "exited with 0 already" in yard.workers.stop(worker.pid)


async def test_the_second_stop_ends_it_now(yard: Yard) -> None:
    worker = await yard.start()
    yard.workers.stop(worker.pid)
    assert "stops now" in yard.workers.stop(worker.pid)
    assert await yard.workers.wait(DEADLINE_S)
    ended = yard.workers.get(worker.pid)
    assert ended is not None
    assert ended.ending == "ended by SIGTERM"


async def test_what_was_not_started_here_gets_no_signal(yard: Yard) -> None:
    assert "not started here" in yard.workers.stop(os.getpid())
    assert "not started here" in yard.workers.stop(None)


async def test_a_worker_that_dies_by_itself_is_told(yard: Yard) -> None:
    worker = await yard.start()
    psutil.Process(worker.pid).kill()
    await until(lambda: yard.state(worker.pid) == "exited")
    ended = yard.workers.get(worker.pid)
    assert ended is not None
    assert ended.ending == "ended by SIGKILL"
    assert yard.changes == 2


async def test_the_end_kills_even_those_that_ignore_it(tmp_path: Path) -> None:
    yard = Yard(tmp_path, flags=["--stubborn"])
    workers = [await yard.start(), await yard.start()]
    await yard.workers.end(finish_s=0.05, stop_s=0.05)
    assert await yard.workers.wait(DEADLINE_S)
    endings = {w.ending for w in yard.workers.all}
    assert endings == {"ended by SIGKILL"}
    assert not any(psutil.pid_exists(worker.pid) for worker in workers)


async def test_only_the_newest_logs_are_kept(yard: Yard) -> None:
    folder = yard.folder / "log"
    folder.mkdir()
    for number in range(LOGS_KEPT + 5):
        old = folder / f"worker-{900_000_000 + number}.log"
        old.touch()
        os.utime(old, (number, number))
    worker = await yard.start()
    logs = sorted(log.name for log in folder.glob("worker-*.log"))
    assert len(logs) == LOGS_KEPT
    assert worker.log.name in logs
    assert "worker-900000000.log" not in logs


async def test_a_command_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    workers = LocalWorkers(
        lambda queues: [str(tmp_path / "none")], environment={}, log_folder=tmp_path / "log"
    )
    with pytest.raises(OSError, match="none"):
        await workers.start("mail")
    assert workers.alive == ()


def test_the_command_names_everything_but_the_address() -> None:
    command = worker_command("ns", ["app.jobs", "more"], 4242)("high,low")
    assert command == [
        *(sys.executable, "-m", "qtop", "worker", "high,low"),
        *("--namespace", "ns", "--require", "app.jobs", "--require", "more"),
        *("--die-with-parent", "4242"),
    ]
