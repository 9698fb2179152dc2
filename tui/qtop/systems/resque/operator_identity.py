"""Who acts: the same in the console and in the commands, so that each can undo the other's."""

from __future__ import annotations

import getpass
import socket

import resque
from queuecore.action_record import Actor


def operator_identity() -> Actor:
    """`user@host`, and this version of qtop."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run with a user id that nobody has named.
        user = "unknown"
    who = f"{user}@{socket.gethostname()}".encode("utf-8", "replace").decode()
    return Actor(who, f"qtop {resque.__version__}")
