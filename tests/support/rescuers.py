"""Operators in processes of their own who put lost jobs back, and may be killed meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final

import pytest
from tests.support.operator_process import Death

_PROGRAM: Final = "tests.support.programs.mortal_rescuer"
#: A job as a process wrote it: identity, thread, entry, when it was last seen.
Held = tuple[str, str, str, float]


class Rescuer:
    """One operator. It does one rescue at a time: `start` one, then take the `answer`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._process = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, jobs: Sequence[Held], death: Death) -> None:
        """Start to put these jobs back."""
        order = {"url": self._url, "jobs": jobs, **asdict(death)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> int | None:
        """How many it put back; None when it was killed."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the rescuer's program has ended by itself"
        number: int | None = json.loads(line)
        return number

    def end(self) -> None:
        # Its children end by themselves.
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def rescuers(redis_url: str) -> Iterator[list[Rescuer]]:
    """Three operators, who work on the empty server."""
    started = [Rescuer(redis_url) for _ in range(3)]
    yield started
    for each in started:
        each.end()
