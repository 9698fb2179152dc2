"""Jobs that are retried without a record of the attempts before the last. Imported by worker
processes, never together with `process_jobs`: it has a `RetryLater`, too."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.support.jobs.sample_jobs import send

from resque import Job, Retry


def run_of(name: str) -> int:
    """Count a run; returns how many there were."""
    return int(send("HINCRBY", "own:runs", name, "1")[1:])


class RetryLater(Job):
    """As in the recording plugin_retry_suppression."""

    name = "RetryLater"
    retry = Retry(limit=3, delays_s=(3600,), suppress_failures=True)

    @staticmethod
    def perform(*args: Any) -> None:
        raise RuntimeError("later")


class Tried(Job):
    """Retried at once, twice; succeeds in the run that its argument names."""

    name = "Tried"
    retry = Retry(limit=2, delays_s=(0,), suppress_failures=True)

    @staticmethod
    def perform(good_run: int) -> None:
        run = run_of("Tried")
        if run != good_run:
            raise RuntimeError(f"run {run}")


class Dies(Job):
    """Retried later, once; ends its process."""

    name = "Dies"
    retry = Retry(limit=1, delays_s=(60,), suppress_failures=True)

    @staticmethod
    def perform() -> None:
        os.kill(os.getpid(), signal.SIGKILL)
