"""Signals to registered workers that run on this machine, whoever started them.

A process id in Redis is a claim: the worker may be gone, its number another process's by now, or
its host another container of the same name. So nothing is signalled that does not call itself a
Resque worker and that began after the worker is said to have started.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import psutil

from resque.store.workers import Identity, may_run_on

Wish = Literal["finish", "end job", "stop now", "pause", "resume"]

SIGNALS: Final[Mapping[Wish, signal.Signals]] = {
    "finish": signal.SIGQUIT,
    "end job": signal.SIGUSR1,
    "stop now": signal.SIGTERM,
    "pause": signal.SIGUSR2,
    "resume": signal.SIGCONT,
}
"""What a Resque worker does on which signal (resque-protocol: Worker#register_signal_handlers)."""

TOLD: Final[Mapping[Wish, str]] = {
    "finish": "finishes its job, then ends",
    "end job": "its job ends now and becomes a failure; it goes on",
    "stop now": "its job ends now and becomes a failure; it ends",
    "pause": "takes no more jobs",
    "resume": "takes jobs again",
}

#: In the title of every Resque worker.
_TITLE: Final = "resque"
#: A worker registers after its process has begun, by its own clock.
_CLOCK_TOLERANCE: Final = timedelta(minutes=2)


def doubt(identity: Identity, started: datetime | None, host: str) -> str | None:
    """Why a worker cannot be signalled from here, in words; None when it can.

    Args:
        identity: Whose id says where it runs.
        started: When it registered, as Redis tells; None when that is unknown.
        host: The name of this machine.
    """
    if identity.pid is None or identity.host is None:
        return "its id names no process"
    if not may_run_on(identity, host):
        return f"it runs on {identity.host}, not here"
    if identity.pid <= 1:
        return f"{identity.pid} is no process of a worker"
    try:
        process = psutil.Process(identity.pid)
        title = " ".join(process.cmdline())
        began = datetime.fromtimestamp(process.create_time(), UTC)
    except psutil.NoSuchProcess:
        return f"there is no process {identity.pid} here"
    except psutil.Error:
        return f"process {identity.pid} is not yours to look at"
    if _TITLE not in title:
        return f"process {identity.pid} does not call itself a Resque worker"
    if started is not None and began > started + _CLOCK_TOLERANCE:
        return f"process {identity.pid} began after that worker did: another one"
    if identity.host != host and (started is None or began < started - _CLOCK_TOLERANCE):
        return f"process {identity.pid} may be another one: {identity.host} may be another machine"
    return None


def is_titled(pid: int) -> bool:
    """Whether a process calls itself a Resque worker."""
    try:
        return _TITLE in " ".join(psutil.Process(pid).cmdline())
    except (psutil.Error, ValueError, OverflowError):
        return False


def wish(identity: Identity, started: datetime | None, host: str, what: Wish) -> str | None:
    """Signal a worker. Returns why that could not be done, or None."""
    reason = doubt(identity, started, host)
    if reason is not None or identity.pid is None:
        return reason
    try:
        psutil.Process(identity.pid).send_signal(SIGNALS[what])
    except psutil.NoSuchProcess:
        return f"process {identity.pid} ended meanwhile"
    except psutil.AccessDenied:
        return f"process {identity.pid} belongs to another user"
    return None
