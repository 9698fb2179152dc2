"""Fixtures of the tests of the command line: commands on a real server."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.support.command_runs import run_here, run_program
from tests.support.commands import PATIENCE_S, Push, Qtop, encoded
from tests.support.direct import Direct


@pytest.fixture
def qtop(redis_url: str) -> Qtop:
    """Runs `qtop` with some arguments on the empty server, without a terminal, in this process."""
    return partial(run_here, REDIS_URL=redis_url, TZ="UTC")


@pytest.fixture
def qtop_program(redis_url: str) -> Qtop:
    """As `qtop`, but as a process of its own: for what the process itself is about."""
    return partial(run_program, REDIS_URL=redis_url, TZ="UTC")


@pytest.fixture
def on_terminal(redis_url: str) -> Callable[..., tuple[int, str]]:
    """Runs `qtop` on a terminal of its own, into which something was typed before."""

    def run(*args: str, typed: str = "", columns: int = 80, **env: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        os.write(ours, typed.encode())
        process = subprocess.Popen(
            [sys.executable, "-m", "qtop", *args],
            env={
                **os.environ,
                "REDIS_URL": redis_url,
                "COLUMNS": str(columns),
                "TERM": "xterm-256color",
                **env,
            },
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        shown = bytearray()
        try:
            while data := os.read(ours, 65_536):
                shown += data
        except OSError:
            pass  # Linux raises this when the other side was closed.
        finally:
            os.close(ours)
        return process.wait(PATIENCE_S), shown.decode("utf-8", "replace")

    return run


@pytest.fixture
def push(direct: Direct) -> Push:
    """Puts a job on a queue as Ruby does; returns its bytes."""

    def pushing(class_name: str, *args: object, queue: str = "mail") -> bytes:
        raw = encoded({"class": class_name, "args": list(args)})
        direct("SADD", "resque:queues", queue)
        direct("RPUSH", f"resque:queue:{queue}", raw)
        return raw

    return pushing


@pytest.fixture
def fail(direct: Direct) -> Push:
    """Puts a failure on the list as Ruby does; returns its bytes."""

    def failing(class_name: str, *args: object, **more: Any) -> bytes:
        entry = {
            "failed_at": "2026/11/23 12:15:48 UTC",
            "payload": {"class": class_name, "args": list(args)},
            "exception": "RuntimeError",
            "error": "it failed",
            "backtrace": ["a.rb:1", "b.rb:2"],
            "worker": "host:1:mail",
            "queue": "mail",
            **more,
        }
        raw = encoded(entry)
        direct("RPUSH", "resque:failed", raw)
        return raw

    return failing
