"""`--watch` lists again and again: over the listing before on a terminal, after it in a pipe."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from tests.support.commands import PATIENCE_S, Push, Qtop
from tests.support.direct import Direct
from tests.support.terminal_emulator import Emulator

from qtop.commands.output import line, message
from qtop.commands.repeating import Printed, painted, run_once, separator
from queuecore.errors import BadOption, Unreachable

_AT: Final = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
_LISTINGS: Final = ("queues", "workers", "failed", "delayed", "schedules", "audit", "stats")


@contextmanager
def watching(url: str, *words: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A command with `--watch`; it is ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "qtop", *words, "--watch", "0.1", "--url", url],
        **{"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        if process.stdout is not None:
            process.stdout.close()


def test_in_a_pipe_each_listing_comes_after_a_line_with_the_time(
    redis_url: str, push: Push, direct: Direct
) -> None:
    push("A")
    with watching(redis_url, "queues", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(3)]
        assert first[0].startswith(b"# ")
        assert first[2].startswith(b"mail\t1\t")
        push("B")
        depths = (each.split(b"\t")[1] for each in process.stdout if each.startswith(b"mail\t"))
        assert b"2" in depths, "what changed is in a later one"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130


def test_lines_of_json_stay_json(redis_url: str, push: Push) -> None:
    push("A")
    with watching(redis_url, "queues", "--json", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = [json.loads(process.stdout.readline()) for _ in range(4)]
    assert [set(each) == {"at"} for each in found] == [True, False, True, False]
    assert found[1]["queue"] == "mail"


def test_on_a_terminal_each_listing_takes_the_place_of_the_one_before(
    redis_url: str, push: Push, direct: Direct
) -> None:
    push("A")
    ours, theirs = pty.openpty()
    terminal = Emulator(80, 24)
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with watching(redis_url, "queues", stdout=theirs, stdin=theirs, env=environ) as process:

        def until(text: str) -> None:
            while not any(text in row for row in terminal.display):
                terminal.feed(os.read(ours, 65_536).decode("utf-8", "replace"))

        until("mail")
        direct("SADD", "resque:queues", "another")
        direct("SREM", "resque:queues", "mail")
        until("another")
        while any("mail" in row for row in terminal.display):
            terminal.feed(os.read(ours, 65_536).decode("utf-8", "replace"))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    os.close(ours)
    os.close(theirs)


def test_what_does_not_fit_is_counted() -> None:
    rows = "".join(f"row {number}\n" for number in range(50))
    shown = painted(Printed(_AT, rows, "note: this\n"), 2.0, 40, 10)
    terminal = Emulator(40, 10)
    terminal.feed(shown)
    text = [row.rstrip() for row in terminal.display]
    assert text[0].startswith("every 2 s  2026-12-01 08:30:00")
    assert text[1:7] == [f"row {number}" for number in range(6)]
    assert "44 more lines" in text[7]
    assert text[8] == "note: this"


def test_a_listing_that_cannot_be_made_is_unknown_and_the_next_one_is_tried() -> None:
    def refused() -> None:
        line("half of it")
        raise Unreachable("no answer")

    listed = run_once(refused, is_terminal=False)
    assert (listed.out, listed.problem) == ("half of it\n", "no answer")
    assert json.loads(separator(listed, is_json=True))["unknown"] == "no answer"
    terminal = Emulator(40, 10)
    terminal.feed(painted(listed, 2.0, 40, 10))
    assert any("unknown: everything: no answer" in row for row in terminal.display)


def test_an_exit_status_ends_nothing_and_wrong_usage_does() -> None:
    def leaves() -> None:
        message("nothing matches the filter")
        sys.exit(1)

    def is_wrong() -> None:
        raise BadOption("no such profile")

    before = sys.stdout, sys.stderr
    assert run_once(leaves, is_terminal=True).err == "nothing matches the filter\n"
    with pytest.raises(BadOption):
        run_once(is_wrong, is_terminal=True)
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("name", _LISTINGS)
@pytest.mark.parametrize("seconds", ["0", "soon", "-1", "nan", "1e9"])
def test_seconds_that_make_no_sense_are_refused(qtop: Qtop, name: str, seconds: str) -> None:
    done = qtop(name, f"--watch={seconds}")
    assert done.status == 2
    assert seconds in done.err
