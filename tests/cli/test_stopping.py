"""Ctrl+c while a command changes jobs: what is done stays done, and is counted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.commands import PATIENCE_S, Qtop, Ran, encoded
from tests.support.direct import Direct
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

from queuecore.address import parse_url

#: More than one step of any action touches.
MANY = 5_000
FAILURES = "resque:failed"
AUDIT = b"resque:qtop:audit"
REQUEUE = ("requeue", "--from", "failed", "--yes")
COUNTED_AS_LEFT = "interrupted: {:,} were not changed"
ENDED_AT_ONCE = "interrupted: what was done, if anything was, can be undone with: qtop undo "

Send = Callable[["subprocess.Popen[str]"], bool]


def once(number: int) -> Send:
    """Sends one signal; the command then gets Redis's answer."""

    def send(process: subprocess.Popen[str]) -> bool:
        process.send_signal(number)
        return True

    return send


def twice(process: subprocess.Popen[str]) -> bool:
    """Interrupts the command again once it has noticed the first time: then TERM is as it was.
    Redis does not answer."""
    status = Path(f"/proc/{process.pid}/status")

    def has_noticed() -> bool:
        [caught] = re.findall(r"^SigCgt:\t(\w+)", status.read_text(), re.MULTILINE)
        return not int(caught, 16) >> (signal.SIGTERM - 1) & 1

    assert not has_noticed()
    process.send_signal(signal.SIGINT)
    eventually(has_noticed, "the command has noticed")
    process.send_signal(signal.SIGINT)
    eventually(lambda: process.poll() is not None, "the command ends")
    return False


ONCE = once(signal.SIGINT)


@pytest.fixture
def interrupted(redis_url: str) -> Callable[..., Ran]:
    """Runs a command that gets signals while Redis answers its first step that changes jobs."""
    path = parse_url(redis_url).path
    assert path is not None

    def run(*words: str, send: Send = ONCE) -> Ran:
        running: list[subprocess.Popen[str]] = []

        def forward(command: Sequence[bytes], reply: Any) -> bool:
            is_done = AUDIT in command and command[0] in (b"EVAL", b"EVALSHA")
            if is_done and not isinstance(reply, Exception) and running:
                return send(running.pop())
            return True

        with Proxy(Path(path), forward) as proxy:
            process = subprocess.Popen(
                [sys.executable, "-m", "qtop", *words],
                env={**os.environ, "REDIS_URL": proxy.url, "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            running.append(process)
            out, err = process.communicate(timeout=PATIENCE_S)
        assert not running, "no step changed anything"
        return Ran(process.returncode, out, err)

    return run


def fail_many(direct: Direct) -> list[bytes]:
    """Many failures; returns their bytes."""
    payload = {"class": "Mail", "args": []}
    entry = {"payload": payload, "exception": "E", "error": "it failed", "queue": "mail"}
    raws = [encoded({**entry, "payload": {**payload, "args": [n]}}) for n in range(MANY)]
    direct("RPUSH", FAILURES, *raws)
    return raws


def counts(direct: Direct) -> tuple[int, int]:
    """How many jobs wait, and how many have failed."""
    return direct("LLEN", "resque:queue:mail"), direct("LLEN", FAILURES)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_done_and_says_the_counts(
    interrupted: Callable[..., Ran], qtop: Qtop, direct: Direct, number: int
) -> None:
    raws = fail_many(direct)
    ran = interrupted(*REQUEUE, send=once(number))
    waiting, failed = counts(direct)
    assert 0 < waiting < MANY
    assert waiting + failed == MANY
    assert (ran.status, ran.out) == (
        130,
        f"requeued {waiting:,}\n",
    )
    way_back, left = ran.err.splitlines()
    assert left == COUNTED_AS_LEFT.format(failed)
    assert qtop(*way_back.partition("qtop ")[2].split()).status == 0
    assert direct("LRANGE", FAILURES, 0, -1) == raws


def test_what_was_left_alone_is_a_number_of_the_json(
    interrupted: Callable[..., Ran], direct: Direct
) -> None:
    fail_many(direct)
    ran = interrupted("delete", "--from", "failed", "--yes", "--json")
    [numbers] = ran.objects
    assert numbers["left"] == direct("LLEN", FAILURES) == MANY - numbers["done"]
    assert 0 < numbers["done"] < MANY


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_second_interrupt_ends_the_command_at_once(
    interrupted: Callable[..., Ran], direct: Direct
) -> None:
    fail_many(direct)
    ran = interrupted(*REQUEUE, send=twice)
    assert (ran.status, ran.out) == (130, "")
    assert ran.err.startswith(ENDED_AT_ONCE)
    assert sum(counts(direct)) == MANY


def test_an_interrupt_after_the_last_step_is_none_the_less_one(
    interrupted: Callable[..., Ran], direct: Direct
) -> None:
    direct("RPUSH", FAILURES, *fail_many(direct)[:1])
    direct("LTRIM", FAILURES, 0, 0)
    ran = interrupted(*REQUEUE)
    assert (ran.status, ran.out) == (130, "requeued 1\n")
    assert ran.err.endswith("interrupted: all were changed\n")


def test_a_load_stops_between_two_parts(
    interrupted: Callable[..., Ran], qtop: Qtop, direct: Direct, tmp_path: Path
) -> None:
    raws = fail_many(direct)
    file = str(tmp_path / "jobs.jsonl")
    assert qtop("export", file, "--from", "failed", "--no-redact").status == 0
    direct("DEL", FAILURES)
    ran = interrupted("load", file, "--yes")
    done = direct("LLEN", FAILURES)
    assert 0 < done < MANY
    assert direct("LRANGE", FAILURES, 0, -1) == raws[:done]
    assert ran.status == 130
    assert ran.out.splitlines()[-1] == f"loaded {done:,}, refused 0"
    assert ran.err.splitlines()[-1] == COUNTED_AS_LEFT.format(MANY - done)


def test_an_undo_that_is_interrupted_can_go_on(
    interrupted: Callable[..., Ran], qtop: Qtop, direct: Direct
) -> None:
    raws = fail_many(direct)
    assert qtop(*REQUEUE).status == 0
    ran = interrupted("undo")
    waiting, failed = counts(direct)
    assert (ran.status, waiting + failed) == (130, MANY)
    assert waiting > 0
    assert ran.out.startswith(f"undone {failed:,} of ")
    way_on, counted = ran.err.splitlines()[-2:]
    assert counted == COUNTED_AS_LEFT.format(waiting)
    assert qtop(*way_on.partition("qtop ")[2].split()).status == 0
    assert direct("LRANGE", FAILURES, 0, -1) == raws


def test_a_prune_stops_between_two_workers(interrupted: Callable[..., Ran], direct: Direct) -> None:
    names = [f"web-1:{number}:mail" for number in range(1, 4)]
    direct("SADD", "resque:workers", *names)
    for name in names:
        direct("HSET", "resque:workers:heartbeat", name, "2020-01-01T00:00:00+00:00")
    ran = interrupted("prune", "--yes", *names)
    assert (ran.status, ran.out) == (130, f"pruned {names[0]}\n")
    assert ran.err.splitlines()[-1] == COUNTED_AS_LEFT.format(2)
    assert direct("SCARD", "resque:workers") == 2
