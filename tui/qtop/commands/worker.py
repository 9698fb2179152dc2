"""`qtop worker`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from qtop.commands.connect import Connection
from resque.state.queues import QueueList
from resque.wire.address import parse_url


def become_worker(
    queues: str,
    connection: Connection,
    *,
    require: Sequence[str],
    interval_s: float,
    parent_pid: int | None,
) -> None:
    """Replace this process by a worker, keeping its pid.

    `python -m resque.worker` carries none of this command's memory, which every fork would pay
    for. The URL travels in the environment: arguments are for everybody to read.
    Raises BadUrl, NoQueueError and NoServer before it does so.
    """
    QueueList.parse(queues)
    with ExitStack() as private:
        url = private.enter_context(connection.use())
        parse_url(url)
        environ = {
            **os.environ,
            "QUEUES": queues,
            "REDIS_URL": url,
            "RESQUE_NAMESPACE": connection.namespace,
            "RESQUE_REQUIRE": ",".join(require),
            "INTERVAL": str(interval_s),
            "RESQUE_PARENT_PID": "" if parent_pid is None else str(parent_pid),
        }
        # The worker holds a private server by itself; between the two processes only this
        # one's locks keep it, and they end with the exec.
        os.execve(sys.executable, [sys.executable, "-m", "resque.worker"], environ)
