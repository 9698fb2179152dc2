"""Ctrl+c while Python still loads, and while a command works."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.support.commands import PATIENCE_S
from tests.support.waiting import eventually

from qtop.commands.cli import main

#: A module that takes long to load, and writes a file when its load has begun.
SLOW = "import pathlib, time\npathlib.Path({told!r}).touch()\ntime.sleep(600)\n"


def interrupted(folder: Path, module: str, *words: str, **env: str) -> tuple[int, str]:
    """The status and the errors of a command that is interrupted while it loads a module."""
    told = folder / "told"
    (folder / f"{module}.py").write_text(SLOW.format(told=str(told)))
    process = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(folder), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: told.exists() or process.poll() is not None, "the module is loaded")
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, err


def test_the_command_line_ends_without_a_message(tmp_path: Path) -> None:
    ended = interrupted(tmp_path, "click", "-m", "qtop", "queues")
    assert ended == (-signal.SIGINT, "")


@pytest.mark.redis
@pytest.mark.parametrize("command", [["worker", "mail"], ["scheduler"]])
def test_a_worker_and_a_scheduler_end_without_a_message(
    tmp_path: Path, redis_url: str, command: list[str]
) -> None:
    words = ["-m", "qtop", *command, "--require", "slow_jobs"]
    ended = interrupted(tmp_path, "slow_jobs", *words, REDIS_URL=redis_url)
    assert ended == (-signal.SIGINT, "")


def test_a_command_that_is_interrupted_has_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(main.commands, "stats", interrupt)
    ran = CliRunner().invoke(main, ["stats"])
    assert (ran.exit_code, ran.output) == (130, "")
