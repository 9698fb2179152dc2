"""A fleet at one moment, as the console knows it: with failures as jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from qtop.model.job import Job
from queuecore import fleet
from queuecore.fleet import Process as Process
from queuecore.fleet import Queue as Queue
from queuecore.fleet import RunningJob as RunningJob

Snapshot = fleet.FleetSnapshot[Job]

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
#: A snapshot of which all is unknown.
NOTHING_SEEN: Final = Snapshot(_LONG_AGO, None, None, None, None, None, None, None)
