"""Commands that act on thousands of failures are killed half-way: each job is where it was or where
it should be, exactly once, and the action can be undone."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import FAILED, entry, fill, waiting
from tests.support.soak import SEEDS, TIMEOUT_S, either
from tests.support.waiting import eventually

from queuecore import audit
from queuecore.action_record import ActionRecord, Actor
from queuecore.stores import Store
from resque.keys import Keys

#: In the soak more than what is near the ends of a list.
JOBS = either(2000, 25_000)
KILLS = either(3, 12)
LONGEST_WAIT_S = 0.01
TARGET = "resque:queue:r"
PAYLOADS = [b'{"class":"A","args":[%d],"own":1.50}' % number for number in range(JOBS)]
FAILURES = [entry(number, payload, "r") for number, payload in enumerate(PAYLOADS)]


class Command:
    """`qtop` with some arguments, as an operator starts it."""

    def __init__(self, url: str, *args: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "qtop", *args],
            env={**os.environ, "REDIS_URL": url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill it. It has no children, so nothing of it goes on."""
        self._process.kill()
        self._process.communicate()

    def answer(self) -> bytes:
        """Wait until it has ended well. Returns what it printed."""
        out, err = self._process.communicate()
        assert self._process.returncode == 0, err
        return out


def kill_in_the_middle(
    start: Callable[[], Command], progress: Callable[[], int], chance: random.Random
) -> tuple[int, bytes]:
    """Start a command and kill it when it has done a part, again and again; let the last one end.
    Returns how many were killed before they ended, and what the last one printed."""
    killed = 0
    share = JOBS // KILLS
    for _ in range(KILLS):
        command = start()
        aim = progress() + chance.randrange(1, share)
        eventually(lambda c=command, a=aim: progress() >= a or c.has_ended(), "it gets on")  # type: ignore[misc]
        time.sleep(chance.random() * LONGEST_WAIT_S)
        killed += not command.has_ended()
        command.kill()
        if progress() == JOBS:
            return killed, b""
    return killed, start().answer()


def requeued(direct: Direct) -> int:
    count: int = direct("LLEN", TARGET)
    return count


def assert_each_is_in_one_place(direct: Direct) -> None:
    # Atomically: the server may still run what it was sent before the kill.
    direct("MULTI")
    direct("LRANGE", FAILED, 0, -1)
    direct("LRANGE", TARGET, 0, -1)
    failed, waits = direct("EXEC")
    jobs = Counter(waits)
    jobs.update(PAYLOADS[json.loads(each)["payload"]["args"][0]] for each in failed)
    assert jobs == Counter(PAYLOADS)
    # Unchanged: no entry says that it was retried, because none of these was.
    assert set(failed) <= set(FAILURES)


@pytest.fixture
def failures(direct: Direct) -> list[bytes]:
    fill(direct, FAILURES, FAILED)
    return FAILURES


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_repeatedly_killed_requeue_requeues_each_job_once_and_can_be_undone(
    direct: Direct, redis_url: str, store: Store, keys: Keys, failures: list[bytes], seed: int
) -> None:
    def start() -> Command:
        if requeued(direct):
            assert_each_is_in_one_place(direct)
        return Command(redis_url, "requeue", "--from", "failed", "--filter", "class:A", "--yes")

    killed, _ = kill_in_the_middle(start, lambda: requeued(direct), random.Random(seed))
    assert killed >= 1
    assert Counter(waiting(direct, TARGET)) == Counter(PAYLOADS)
    assert direct("EXISTS", FAILED) == 0
    assert direct("SMEMBERS", "resque:queues") == [b"r"]
    # Each run has its own id; the last is undone first, as an operator would.
    entries = store.run(audit.newest(keys, KILLS + 2))
    assert {entry.action for entry in entries} == {"requeue"}
    answers = [Command(redis_url, "undo", entry.id, "--json").answer() for entry in entries]
    undone = [json.loads(answer) for answer in answers]
    assert sum(each["done"] for each in undone) == JOBS
    assert [each["lost"] for each in undone] == [0] * len(entries)
    assert waiting(direct, FAILED) == failures
    assert direct("EXISTS", TARGET) == 0


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_repeatedly_killed_undo_takes_each_job_back_once(
    direct: Direct, redis_url: str, store: Store, keys: Keys, failures: list[bytes], seed: int
) -> None:
    trail = ActionRecord(Actor("me@here", "tests"), "requeue", "all", keys.failed(), JOBS)
    marks = store.run(list_actions.select(keys, lambda failure: True))
    assert store.run(list_actions.requeue(keys, marks, trail)).done == JOBS

    def start() -> Command:
        assert_each_is_in_one_place(direct)
        return Command(redis_url, "undo", trail.id, "--json")

    killed, answer = kill_in_the_middle(start, lambda: JOBS - requeued(direct), random.Random(seed))
    assert killed >= 1
    if answer:
        assert json.loads(answer)["lost"] == 0
    assert waiting(direct, FAILED) == failures
    assert direct("EXISTS", TARGET) == 0
    again = Command(redis_url, "undo", trail.id)
    eventually(again.has_ended, "it has nothing to do")
    again.kill()
    assert waiting(direct, FAILED) == failures
