"""The jobs that the tests' workers perform; those of the recordings have their names.

Imported by worker processes: it must stay light. `trace` writes to the same list as the jobs of
the recordings did; keys that begin with `own:` are for the tests' eyes only.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from resque import Job, TermException


def connected() -> socket.socket:
    """A connection to the worker's Redis."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(os.environ["REDIS_URL"].removeprefix("unix://").partition("?")[0])
    return link


def packed(*words: str) -> bytes:
    """A command as Redis reads it."""
    parts = [b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words]
    return b"*%d\r\n%s" % (len(parts), b"".join(parts))


def send(*words: str) -> bytes:
    """One command to the worker's Redis, and the first bytes of its answer."""
    with connected() as link:
        link.sendall(packed(*words))
        return link.recv(4096)


def trace(text: str) -> None:
    send("RPUSH", "trace", text)


class OkJob(Job):
    queue = "default"
    name = "OkJob"

    @staticmethod
    def perform(*args: Any) -> None:
        pass


class FailJob(Job):
    queue = "default"
    name = "FailJob"

    @staticmethod
    def perform(message: str, *rest: Any) -> None:
        raise RuntimeError(message)


class SlowJob(Job):
    """Runs for so long; or, when the key `own:hold` says `for ever`, until it is ended from
    outside; or, when that key says anything else, until the key is gone."""

    queue = "default"
    name = "SlowJob"

    @staticmethod
    def perform(seconds: float, *rest: Any) -> None:
        held = send("GET", "own:hold")
        # From here without a function of ours: a test that ends this job when it sees the key finds
        # it in this function.
        sign, link = packed("SET", "own:asleep", "yes"), connected()
        link.sendall(sign)
        if held.startswith(b"$-1"):
            time.sleep(seconds)
        elif b"for ever" in held:
            time.sleep(600)
        else:
            while send("EXISTS", "own:hold").startswith(b":1"):
                time.sleep(0.005)


class IgnoreTerm(Job):
    queue = "default"
    name = "IgnoreTerm"

    @staticmethod
    def perform() -> None:
        while True:
            try:
                # Inside: a TERM may come as soon as the test sees this.
                send("SET", "own:asleep", "yes")
                time.sleep(600)
            except TermException:
                trace("ignored term")


class RescueTerm(Job):
    queue = "default"
    name = "RescueTerm"

    @staticmethod
    def perform() -> None:
        try:
            send("SET", "own:asleep", "yes")
            time.sleep(600)
        except TermException as error:
            trace(f"rescued Resque::TermException {error}")


class CustomError(Exception):
    """An application's own."""


class FailKinds(Job):
    """The ways to fail in the recording failure_kinds, as far as Python has them."""

    queue = "default"
    name = "FailKinds"

    @staticmethod
    def perform(kind: str, *rest: Any) -> None:
        texts = {
            "multiline": 'line one\nline two\ttab "quoted" \\ back / slash </script>',
            "unicode": "café 日本 😀 \u2028",
            "badutf8": "bad \udcff\udcfe bytes",
            "binary": "bin \udcff\udcfe bytes",
            "latin1": "caf\udce9",
            "empty": "",
            "nobacktrace": "no backtrace",
        }
        if kind in texts:
            raise RuntimeError(texts[kind])
        errors: dict[str, BaseException] = {
            "custom": CustomError(),
            "exit": SystemExit("exit"),
            "abort": SystemExit("aborting"),
            "nameerror": NameError("name 'no_such_thing' is not defined"),
            "zero": ZeroDivisionError("division by zero"),
            "throw": LookupError("nobody catches x"),
            "interrupt": KeyboardInterrupt(),
            "notimpl": NotImplementedError(),
        }
        if kind in errors:
            raise errors[kind]
        if kind == "exit!":
            os._exit(0)


class OneArg(Job):
    name = "OneArg"

    @staticmethod
    def perform(only: Any) -> None:
        pass


class KillSelf(Job):
    queue = "default"
    name = "KillSelf"

    @staticmethod
    def perform(number: str) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), signal.Signals[f"SIG{number}"])


class Note(Job):
    """Leaves a line in the list `trace`."""

    name = "Note"

    @staticmethod
    def perform(text: str) -> None:
        trace(text)


class PriorityJob(Job):
    """As in the recording queue_priority: the first of the low ones pushes one to `high`."""

    name = "PriorityJob"

    @staticmethod
    def perform(tag: str) -> None:
        trace(tag)
        if tag == "low:0":
            payload = '{"class":"PriorityJob","args":["late:0"]}'
            send("RPUSH", "resque:queue:high", payload)


class told(Job):
    """Adds a line to a file, then takes its time: for tests whose Redis goes away."""

    name = "Line"

    @staticmethod
    def perform(path: str, seconds: float = 0) -> None:
        with open(path, "a") as file:
            file.write("performed\n")
        time.sleep(seconds)


class Mark(Job):
    """Counts, in the hash `marks`, how often it was performed for a number."""

    name = "Mark"

    @staticmethod
    def perform(number: int) -> None:
        send("HINCRBY", "marks", str(number), "1")


def _overflow() -> NoReturn:
    _overflow()


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class EndBadly(Job):
    """One way to fail or to die, by its name."""

    name = "EndBadly"

    @staticmethod
    def perform(way: str) -> None:
        errors: dict[str, BaseException] = {
            "memory": MemoryError(),
            "interrupt": KeyboardInterrupt(),
            "empty": RuntimeError(),
            "huge": RuntimeError("x" * 5_000_000),
            "surrogate": RuntimeError("half \ud800 of a pair, byte \udcff"),
            "unspeakable": Unspeakable(),
            "controls": RuntimeError('nul \0 esc \x1b[2J quote " back \\ line\nend'),
            "stop": StopIteration("ended"),
        }
        if way in errors:
            raise errors[way]
        if way == "exit":
            sys.exit("leaving")
        if way == "exit 3":
            sys.exit(3)
        if way == "_exit":
            os._exit(0)
        if way == "_exit 7":
            os._exit(7)
        if way == "recursion":
            _overflow()
        if way == "bytes":
            b"\xff".decode()


class Echo(Job):
    """Leaves its arguments as JSON in the list `trace`."""

    name = "Echo"

    @staticmethod
    def perform(*args: Any) -> None:
        trace(json.dumps(args))
