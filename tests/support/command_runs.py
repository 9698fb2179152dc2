"""Runs `qtop`: in this process, where the process is not what is tested, or as a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Any, Final, NoReturn
from unittest import mock

import pytest
from setproctitle import getproctitle, setproctitle
from tests.support.commands import PATIENCE_S, Ran

from qtop.commands.cli import main

#: What only an interpreter that starts looks at.
_READ_AT_START: Final = ("PYTHON", "LC_", "LANG")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGWINCH)


def run_here(*words: str | bytes, **environ: str) -> Ran:
    """Run `qtop` with these words in this process, without a terminal; nothing to read on stdin.

    Only the variables of `environ` differ from the environment of this process. Streams, variables,
    time zone and title are as before afterwards. What else a command leaves behind fails the test:
    a signal's handler, another folder. So does a command that becomes another
    program (`worker`, `scheduler`): these need `run_program`. An exception that a user would see
    as a traceback is raised.
    """
    if early := [name for name in environ if name.startswith(_READ_AT_START)]:
        pytest.fail(f"{early[0]} only matters when Python starts: run the program")
    typed = [os.fsdecode(word) for word in words]
    with (
        _around(typed, environ),
        open(os.devnull, encoding="utf-8") as nothing,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        with (
            mock.patch("sys.stdin", nothing),
            _writing(out, "sys.stdout", errors="strict"),
            _writing(err, "sys.stderr", errors="backslashreplace"),
        ):
            status = _status_of(typed)
        return Ran(status, _written(out), _written(err))


def run_program(*words: str | bytes, **environ: str) -> Ran:
    """As `run_here`, but as a process of its own. Starting it costs some 0.4 s of CPU time."""
    done = subprocess.run(
        [sys.executable, "-m", "qtop", *words],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return Ran(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def _status_of(words: list[str]) -> int:
    """The status with which the command leaves."""
    try:
        main(words, prog_name="qtop")
    except SystemExit as left:
        if isinstance(left.code, str):
            print(left.code, file=sys.stderr)
            return 1
        return left.code or 0
    pytest.fail("the command returned instead of leaving")


@contextmanager
def _around(words: list[str], environ: Mapping[str, str]) -> Iterator[None]:
    """What a command finds in its process, and what it must leave as it was."""
    title, left = getproctitle(), _left_alone()
    try:
        with (
            mock.patch.dict(os.environ, environ),
            mock.patch("sys.argv", ["qtop", *words]),
            mock.patch("os.execve", _no_other_program),
        ):
            time.tzset()
            yield
    finally:
        time.tzset()
        setproctitle(title)
    assert _left_alone() == left, "the command left something changed"


def _left_alone() -> tuple[Any, ...]:
    handlers = [signal.getsignal(number) for number in _SIGNALS]
    return handlers, signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.getcwd()


def _no_other_program(*words: object) -> NoReturn:
    pytest.fail(f"the command becomes another program: {words[:2]}")


@contextmanager
def _writing(file: IO[bytes], name: str, *, errors: str) -> Iterator[None]:
    """Let the stream of this name write to a file, as Python would to a pipe."""
    stream = TextIOWrapper(file, encoding="utf-8", errors=errors, newline="")
    try:
        with mock.patch(name, stream):
            yield
            stream.flush()
    finally:
        stream.detach()


def _written(file: IO[bytes]) -> str:
    """What was written, by whatever way: also by a copy of the stream's number."""
    file.seek(0)
    return file.read().decode("utf-8")
