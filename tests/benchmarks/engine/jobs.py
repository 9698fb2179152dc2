"""The jobs as our worker knows them."""

from __future__ import annotations

from tests.benchmarks.engine import work

from resque import job

noop = job(queue="bench", name="Noop")(work.noop)
stamp = job(queue="bench", name="Stamp")(work.stamp)
late = job(queue="bench", name="Late")(work.late)
