"""A fleet at one moment, as the console knows it: with failures as jobs."""

from __future__ import annotations

from qtop.model.job import Job
from queuecore import fleet
from queuecore.fleet import Process as Process
from queuecore.fleet import Queue as Queue
from queuecore.fleet import RunningJob as RunningJob

Snapshot = fleet.FleetSnapshot[Job]
