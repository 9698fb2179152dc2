"""Which workers a person wants to start on this machine, and the command that starts them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

#: What may be in braces in a command.
COMMAND_WORDS: Final = ("queues", "namespace", "url", "interval")
MOST_PER_START: Final = 32


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
        dropped: Variables of the console that would change what the workers do.
        names_program: Python: imports the modules of its second argument and the following, and
            writes the names of their jobs as JSON to the descriptor of the first. Empty where the
            command runs another program than our own worker.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    shown: str
    dropped: Collection[str] = ()
    names_program: str = ""

    def environment_in(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of the workers that a console with these variables starts."""
        kept = {name: value for name, value in environ.items() if name not in self.dropped}
        return {**kept, **self.environment}


class QueueClasses(NamedTuple):
    """The classes of jobs that were seen to wait in a queue."""

    queue: str
    classes: tuple[str, ...] = ()
