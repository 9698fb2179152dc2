"""The few words said to a server, over its socket: PING, INFO and SHUTDOWN."""

from __future__ import annotations

import enum
import socket
from pathlib import Path

from queuecore.errors import NoServer

#: For one answer from a server on the same machine.
ANSWER_TIMEOUT_S = 1.0
REPLY_LIMIT_BYTES = 256 * 1024


class State(enum.Enum):
    """What a PING says about a server."""

    READY = "answers"
    LOADING = "is still loading its data"
    SILENT = "does not answer"
    ABSENT = "does not listen at its socket"


def ask(path: Path, command: str) -> bytes:
    """Send one inline command and return the raw reply, empty when the other side hangs up.

    Raises OSError, of which TimeoutError is one.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(ANSWER_TIMEOUT_S)
        link.connect(str(path))
        link.sendall(f"{command}\r\n".encode())
        with link.makefile("rb") as stream:
            reply = stream.readline(REPLY_LIMIT_BYTES)
            size = reply[1:].strip()
            if reply.startswith(b"$") and size.isdigit():
                reply += stream.read(min(int(size), REPLY_LIMIT_BYTES))
    return reply


def ask_state(path: Path) -> State:
    """Ask whether a server is ready. Raises NoServer when something else answers."""
    try:
        reply = ask(path, "PING")
    except (FileNotFoundError, ConnectionRefusedError):
        return State.ABSENT
    except OSError:
        return State.SILENT
    if reply.startswith(b"-LOADING"):
        return State.LOADING
    # A long script or a full disk: alive, and its own error says more than ours would.
    if reply.startswith((b"+PONG", b"-BUSY", b"-MISCONF")):
        return State.READY
    if not reply:
        return State.SILENT
    raise NoServer(f"Something at {path} answers {reply[:80]!a}: it is not our Redis.")


def ask_info(path: Path) -> dict[str, str]:
    """Ask for the server's description of itself, empty when there is no answer."""
    try:
        reply = ask(path, "INFO").decode(errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in reply.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}
