"""Which workers a person wants to start on this machine, and the command that starts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from queuecore.errors import QueueError

#: What may be in braces in a command.
COMMAND_WORDS: Final = ("queues", "namespace", "url", "interval")
MOST_PER_START: Final = 32


class BadOrder(QueueError):
    """A request that cannot be carried out: the message says what to change."""


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """Which workers a person wants to start.

    Attributes:
        queues: A list of queues as workers take it: names with commas, `*`, `!x`.
        count: How many workers.
        modules: Modules with jobs to load; for our own worker only.
        template: A command to run instead of our own worker: leading `NAME=value` words are
            environment, `{queues}`, `{namespace}`, `{url}` and `{interval}` are filled in.
        interval_s: Seconds between two looks at the queues; None for the worker's default.
        jobs_per_fork: How many jobs share a child; None for the worker's default.
        time_limit_s: Seconds after which a job is ended; None for no limit.
    """

    queues: str
    count: int = 1
    modules: tuple[str, ...] = ()
    template: str = ""
    interval_s: float | None = None
    jobs_per_fork: int | None = None
    time_limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class LaunchCommand:
    """How each worker of a request is started.

    Attributes:
        argv: The command line, without secrets: all users of the machine can read it.
        environment: Variables besides those of the console; may hold secrets.
        shown: Both as they would be typed in a shell, without secrets.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    shown: str


class QueueClasses(NamedTuple):
    """The classes of jobs that were seen to wait in a queue."""

    queue: str
    classes: tuple[str, ...] = ()

    def unknown(self, knows: Callable[[str], bool]) -> tuple[str, ...]:
        """Those of the classes that are not known."""
        return tuple(name for name in self.classes if not knows(name))
