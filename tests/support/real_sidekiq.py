"""A real Sidekiq, Ruby's, as a process on the tests' server: Debian's package `ruby-sidekiq`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.direct import Direct
from tests.support.waiting import PATIENCE_S, eventually

_JOBS: Final = Path(__file__).resolve().parents[1] / "interop" / "sidekiq_jobs.rb"
_PACKAGES: Final = "ruby-sidekiq and ruby-redis-namespace"
#: Why `.ci/run` could not install it. Read before the tests hide the environment.
_REASON: Final = os.environ.get("WITHOUT_SIDEKIQ", "")
#: How often it beats, and looks for what is due.
BEAT_S: Final = 0.4
POLL_S: Final = 0.4
#: How long it lets jobs run on when it is to stop.
_GRACE_S: Final = 1

#: Starts a Sidekiq with some queues; `namespace` and `beats_when_asked` may be given.
StartSidekiq = Callable[..., "RealSidekiq"]


class RealSidekiq:
    """One process. `identity` is what it calls itself in Redis."""

    def __init__(
        self,
        program: str,
        url: str,
        direct: Direct,
        *queues: str,
        namespace: str = "",
        beats_when_asked: bool = False,
    ) -> None:
        self._prefix = f"{namespace}:" if namespace else ""
        self._direct = direct
        self._folder = Path(tempfile.mkdtemp(prefix="q"))
        options = ["-r", str(_JOBS), "-c", "3", "-t", str(_GRACE_S)]
        for queue in queues or ("default",):
            options += ["-q", queue]
        settings = {"REDIS_URL": url, "NAMESPACE": namespace}
        settings["BEATS"] = "asked" if beats_when_asked else "by themselves"
        settings |= {"BEAT_S": str(BEAT_S), "POLL_S": str(POLL_S)}
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, *options],
                env={**os.environ, **settings},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.identity = str(eventually(self._identity, "Sidekiq beats"))

    def _identity(self) -> str | None:
        if self._process.poll() is not None:
            pytest.fail(f"Sidekiq has ended by itself. Its log:\n{self.log()}")
        members = (raw.decode() for raw in self._direct("SMEMBERS", f"{self._prefix}processes"))
        return next((each for each in members if each.split(":")[-2] == str(self.pid)), None)

    def push(self, class_name: str, *args: Any, queue: str = "default", **more: Any) -> str:
        """Push a job as Ruby's client does. Returns its jid."""
        job = job_of(class_name, *args, queue=queue, **more)
        self._direct("SADD", f"{self._prefix}queues", queue)
        self._direct("LPUSH", f"{self._prefix}queue:{queue}", json.dumps(job))
        return str(job["jid"])

    def beat(self) -> None:
        """Let it beat once, where it waits for that; at most one beat is asked for at a time."""
        if not self._direct("EXISTS", f"{self._prefix}own:beats"):
            self._direct("RPUSH", f"{self._prefix}own:beats", "1")

    def log(self) -> str:
        return (self._folder / "log").read_text("utf-8", "replace")[-3000:]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal: STOP freezes it, CONT lets it go on, KILL ends it at once."""
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait(PATIENCE_S)

    def wait(self) -> int:
        """Wait until it has ended by itself. Returns its status."""
        return self._process.wait(PATIENCE_S)

    def end(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def job_of(class_name: str, *args: Any, queue: str = "default", **more: Any) -> dict[str, Any]:
    """A job as Ruby's client of that version writes it."""
    jid = os.urandom(12).hex()
    now = 1_795_436_000.25
    times = {"created_at": now, "enqueued_at": now}
    return {"retry": True, "queue": queue, "class": class_name, "args": args, "jid": jid} | (
        times | more
    )


@pytest.fixture(scope="session")
def sidekiq_program() -> str:
    """Sidekiq's program. Without it: skipped; failed in CI where it could have been installed."""
    program = shutil.which("sidekiq")
    if program is not None:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        if told.stdout.startswith("Sidekiq 6."):
            return program
        pytest.skip(f"these tests are for Sidekiq 6, not for {told.stdout.strip() or program}")
    missing = f"Sidekiq is not installed: {_REASON or f'on Debian install {_PACKAGES}'}"
    could_be = shutil.which("apt-get") is not None and os.geteuid() == 0 and not _REASON
    if os.environ.get("CI") and could_be:
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture
def start_sidekiq(sidekiq_program: str, redis_url: str, direct: Direct) -> Iterator[StartSidekiq]:
    """Starts Sidekiqs on the empty server; all that still run end with the test."""
    started: list[RealSidekiq] = []

    def start(*queues: str, **options: Any) -> RealSidekiq:
        url = redis_url.partition("?")[0]
        process = RealSidekiq(sidekiq_program, url, direct, *queues, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.end()
