"""Finds out for `qtop doctor` whether the scheduler that holds the lock still renews it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Final

from qtop.monitor.incidents.lease import FRESH_S, LIFETIME_S, Lease

#: Where one look does not tell, the lock is watched: twice as long as a scheduler waits.
_LOOKS: Final = 22
_EVERY_S: Final = 0.5
#: A renewal moves the end by seconds; what is less is the time that answers take.
_MOVED_S: Final = 1.0

#: Who holds the lock, and for how many more seconds (None: it never ends).
Read = Callable[[], tuple[str | None, float | None]]


def find_out(
    read: Read,
    *,
    sleep: Callable[[float], None] = time.sleep,
    runs_here: Callable[[str], bool | None] | None = None,
) -> Lease | None:
    """What is known of the lock; None when it is free. One round trip; where it was not
    renewed just now, and its owner may live, 22 more in 11 s. Raises what `read` raises."""
    owner, left_s = read()
    if owner is None:
        return None
    if left_s is None:
        return Lease(owner)
    idle_s = LIFETIME_S - left_s
    if 0 <= idle_s < FRESH_S:
        return Lease(owner, idle_s, left_s)
    if (runs_here or _runs_here)(owner) is False:
        return Lease(owner, max(0.0, idle_s), left_s, is_gone=True)
    return _watched(read, owner, left_s, sleep)


def _watched(read: Read, owner: str, left_s: float, sleep: Callable[[float], None]) -> Lease | None:
    for _ in range(_LOOKS):
        sleep(_EVERY_S)
        owner_now, left_now_s = read()
        if owner_now is None:
            return None
        if left_now_s is None:
            return Lease(owner_now)
        if owner_now != owner or left_now_s > left_s + _MOVED_S - _EVERY_S:
            return Lease(owner_now, 0.0, left_now_s)
        left_s = left_now_s
    # How old a lock is that lasts longer than usual is not known: no longer fresh.
    return Lease(owner, max(FRESH_S, LIFETIME_S - left_s), left_s)


def _runs_here(owner: str) -> bool | None:
    """Whether a scheduler of this machine runs; None for one of another."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname() or not (pid.isascii() and pid.isdigit()) or len(pid) > 10:
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
