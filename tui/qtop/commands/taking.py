"""Taking items off a list, for commands."""

from __future__ import annotations

from collections.abc import Sequence

from qtop.search.selection import JobSource
from queuecore import bulk
from queuecore.action_record import ActionRecord
from queuecore.bulk import Decide, JobRef, Result
from queuecore.exchange import Operation
from resque.keys import Keys
from resque.store.lock_freeing import Leaving, and_free, noting


def taken(
    keys: Keys, source: JobSource, marks: Sequence[JobRef], decide: Decide, trail: ActionRecord
) -> Operation[Result]:
    """Take items off their list; with waiting jobs go the locks of Ruby's plug-ins."""
    if source.kind != "queue":
        return bulk.take(keys, source.key(keys), marks, decide, trail)
    leaving = Leaving(keys, source.name)
    taking = bulk.take(keys, source.key(keys), marks, noting(leaving, decide), trail)
    return and_free(taking, leaving)
