"""Imports the console once, and becomes a copy of itself for each program that it is sent.

    program_forker.py SOCKET_NUMBER

Each request is a JSON object with `program`, `arguments` and `environ`, and two file descriptors:
the terminal, and a socket to which the number of the process goes, and its exit status after it.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import time
from contextlib import suppress
from typing import Any

# What the programs import, and a console until its first poll: this is what takes long.
import qtop.app.app
import qtop.app.terminal.driver
import qtop.screens.overview
import qtop.screens.queues
import qtop.systems.resque.system  # noqa: F401
import queuecore.stores  # noqa: F401

MOST_BYTES = 1_000_000


def next_program(requests: socket.socket) -> dict[str, Any]:
    """Return in a new process for each request that comes; this one ends when there are none."""
    while True:
        message, fds, _, _ = socket.recv_fds(requests, MOST_BYTES, 2)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            request: dict[str, Any] = json.loads(message)
            terminal, answers = fds
            take(terminal, answers, request)
            return request
        for fd in fds:
            os.close(fd)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def take(terminal: int, answers: int, request: dict[str, Any]) -> None:
    """Be the program's process: with a session of its own, this terminal, these arguments and
    these variables. Its parent tells how it ends."""
    if (pid := os.fork()) != 0:
        os.close(terminal)
        os.write(answers, b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    os.close(answers)
    os.setsid()
    for fd in range(3):
        os.dup2(terminal, fd)
    os.close(terminal)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.path[0] = ""
    sys.argv = ["-c", *request["arguments"]]
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()


gc.freeze()
with socket.socket(fileno=int(sys.argv[1])) as given:
    found = next_program(given)
exec(compile(found["program"], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102
