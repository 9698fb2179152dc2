"""The job of the kill tests. Imported by worker processes: it must stay light."""

from __future__ import annotations

import time

from tests.support.jobs.sample_jobs import send

from resque import job


@job(name="MarkSlowly")
def mark_slowly(number: int, seconds: float) -> None:
    """Counts, in the hash `marks`, how often it was performed for a number; then takes its time, so
    that it can be killed."""
    send("HINCRBY", "marks", str(number), "1")
    time.sleep(seconds)
