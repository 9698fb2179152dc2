"""Operators in processes of their own, which may be killed in the midst of an action."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import psutil
import pytest
from tests.support.waiting import eventually

from queuecore.bulk import JobRef
from sidekiq.store.entry_search import EntryRef

_PROGRAM: Final = "tests.support.programs.mortal_operator"
#: How often what is to happen meanwhile happens.
_EVERY_S: Final = 0.02
#: How few entries one script takes: then even a small action has many steps.
AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Numbers:
    """What came of an action: how many were done, how many were gone (of an undo: lost), and how
    many exchanges it took."""

    done: int
    gone: int
    exchanges: int


@dataclass(frozen=True, slots=True)
class Death:
    """When to kill: after so many exchanges, and so many seconds later. A number beyond the last
    exchange kills nothing. With SIGSTOP it is not killed, but stands still until `thaw`."""

    after: int
    delay_s: float = 0.0
    signal: int = signal.SIGKILL


_NEVER: Final = Death(-1)


class OperatorProcess:
    """One operator. It does one action at a time: `start` one, then take the `answer`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._process = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def take(
        self, act: str, key: str, refs: Sequence[JobRef], operation: str, death: Death = _NEVER
    ) -> None:
        """Start to requeue, delete or move these entries of a list (to the queue `r`), or to run or
        delay these delayed jobs of one moment (until another). Those that are requeued are walked
        to; for the others the list is turned."""
        self._start(act, operation, death, key=key, refs=[(ref.place, ref.sha) for ref in refs])

    def take_entries(
        self, act: str, refs: Sequence[EntryRef], operation: str, death: Death = _NEVER
    ) -> None:
        """Start to run or kill these entries of Sidekiq's `retry`."""
        pairs = [(ref.score, ref.sha) for ref in refs]
        self._start(act, operation, death, key="retry", refs=pairs)

    def take_waiting(
        self, act: str, key: bytes, refs: Sequence[JobRef], operation: str, death: Death = _NEVER
    ) -> None:
        """Start to delete, edit or move these jobs of one of Sidekiq's queues (to the queue
        `other`), which is turned for them."""
        pairs = [(ref.place, ref.sha) for ref in refs]
        self._start(act, operation, death, key=key.decode(), refs=pairs)

    def undo(self, operation: str, death: Death = _NEVER, *, is_of_sidekiq: bool = False) -> None:
        """Start to undo an operation."""
        self._start("undo", operation, death, is_of_sidekiq=is_of_sidekiq)

    def _start(self, act: str, operation: str, death: Death, **more: object) -> None:
        order = {"act": act, "operation": operation, "url": self._url, "at_once": AT_ONCE, **more}
        order |= asdict(death)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self, meanwhile: Callable[[], object] | None = None) -> Numbers | None:
        """Wait for what comes of the action, with `meanwhile` called again and again; None when it
        was killed."""
        output = self._process.stdout
        assert output is not None
        while meanwhile is not None and not select.select([output], [], [], _EVERY_S)[0]:
            meanwhile()
        line = output.readline()
        assert line, "the operator's program has ended by itself"
        numbers = json.loads(line)
        return None if numbers is None else Numbers(*numbers)

    def await_frozen(self) -> None:
        """Wait until the action has stopped in its midst."""
        process = psutil.Process(self._process.pid)
        eventually(
            lambda: [each.status() for each in process.children()] == [psutil.STATUS_STOPPED],
            "the action is stopped",
        )

    def thaw(self) -> None:
        """Let a stopped action go on."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        # Also a stopped child.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


@pytest.fixture
def operators(redis_url: str) -> Iterator[list[OperatorProcess]]:
    """Three operators, who work on the empty server."""
    started = [OperatorProcess(redis_url) for _ in range(3)]
    yield started
    for operator in started:
        operator.end()


@pytest.fixture
def operator(redis_url: str) -> Iterator[OperatorProcess]:
    """One operator."""
    started = OperatorProcess(redis_url)
    yield started
    started.end()
