"""Jobs for tests of a worker with queues whose jobs it does not know."""

from __future__ import annotations

import os
import signal

from resque import Job


class StopParent(Job):
    """Stops the worker that has forked its process, and asks it to end as soon as it continues."""

    name = "StopParent"

    @staticmethod
    def perform() -> None:
        os.kill(os.getppid(), signal.SIGSTOP)
        os.kill(os.getppid(), signal.SIGQUIT)
