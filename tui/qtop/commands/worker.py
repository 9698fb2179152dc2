"""`qtop worker`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from qtop.commands.connect import Connection
from resque.state.queues import QueueList
from resque.wire.address import parse_url
from resque.worker.options import from_environment

#: The environment variable behind each option of the command.
_VARIABLES = {
    "count": "COUNT",
    "interval": "INTERVAL",
    "jobs_per_fork": "JOBS_PER_FORK",
    "time_limit": "RESQUE_JOB_TIMEOUT",
    "requeue_lost": "RESQUE_REQUEUE_LOST",
    "die_with_parent": "RESQUE_PARENT_PID",
}


def become_worker(
    queues: str,
    connection: Connection,
    *,
    require: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Replace this process by a worker, keeping its pid.

    `python -m resque.worker` carries none of this command's memory, which every fork would pay
    for. The URL travels in the environment: arguments are for everybody to read.
    Raises BadOption, BadUrl, NoQueueError and NoServer before it does so.
    """
    QueueList.parse(queues)
    with ExitStack() as private:
        url = private.enter_context(connection.use())
        parse_url(url)
        environ = {
            **os.environ,
            **_from_options(options),
            "QUEUES": queues,
            "REDIS_URL": url,
            "RESQUE_NAMESPACE": connection.namespace,
            "RESQUE_REQUIRE": ",".join(require),
        }
        from_environment(environ)
        # The worker holds a private server by itself; between the two processes only this
        # one's locks keep it, and they end with the exec.
        os.execve(sys.executable, [sys.executable, "-m", "resque.worker"], environ)


def _from_options(options: Mapping[str, Any]) -> dict[str, str]:
    environ = {
        variable: str(options[option])
        for option, variable in _VARIABLES.items()
        if options[option] is not None
    }
    if options["no_fork"]:
        environ["FORK_PER_JOB"] = "false"
    if options["shuffle"]:
        environ["RESQUE_SHUFFLE"] = "1"
    if options["weight"]:
        environ["RESQUE_WEIGHTS"] = ",".join(options["weight"])
    return environ
