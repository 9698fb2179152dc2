"""Resque in Python: enqueue, perform and operate jobs that Ruby Resque understands.

    from resque import Resque, job

    @job(queue="sleep", name="Sleeper")
    def sleeper(seconds): ...

    Resque("redis://localhost:6379/0").enqueue(sleeper, 5)

Importing this package is cheap: what talks to Redis is loaded when it is first used.
"""

from __future__ import annotations

from queuecore import __version__ as __version__
from resque.errors import (
    BelongsToSidekiq,
    DirtyExit,
    DontPerform,
    NoClassError,
    NoQueueError,
    ResqueError,
    StoreError,
    TermException,
    UnknownJob,
)
from resque.jobs import Job, Registry, Retry, job, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from resque.client import Info, Resque

__all__ = [
    "BelongsToSidekiq",
    "DirtyExit",
    "DontPerform",
    "Info",
    "Job",
    "NoClassError",
    "NoQueueError",
    "Registry",
    "Resque",
    "ResqueError",
    "Retry",
    "StoreError",
    "TermException",
    "UnknownJob",
    "job",
    "registry",
]


def __getattr__(name: str) -> Any:
    if name in ("Resque", "Info"):
        from resque import client

        return getattr(client, name)
    raise AttributeError(f"module 'resque' has no attribute {name!r}")
