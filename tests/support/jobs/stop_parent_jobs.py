"""Jobs for tests of what a worker does with queues whose jobs it does not know."""

from __future__ import annotations

import os
import signal

from resque import Job


class StopParent(Job):
    """Stops the worker that has forked its process, and tells it to leave as soon as it goes on."""

    name = "StopParent"

    @staticmethod
    def perform() -> None:
        os.kill(os.getppid(), signal.SIGSTOP)
        os.kill(os.getppid(), signal.SIGQUIT)
