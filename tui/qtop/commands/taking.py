"""Taking items off a list, for commands."""

from __future__ import annotations

from collections.abc import Sequence

from qtop.finding.scanning import Source
from resque.state import bulk
from resque.state.bulk import Decide, Mark, Result
from resque.state.lock_freeing import Leaving, and_free, noting
from resque.state.trail import Trail
from resque.wire.exchange import Operation
from resque.wire.keys import Keys


def taken(
    keys: Keys, source: Source, marks: Sequence[Mark], decide: Decide, trail: Trail
) -> Operation[Result]:
    """Take items off their list; with waiting jobs go the locks of Ruby's plug-ins."""
    if source.kind != "queue":
        return bulk.take(keys, source.key(keys), marks, decide, trail)
    leaving = Leaving(keys, source.name)
    taking = bulk.take(keys, source.key(keys), marks, noting(leaving, decide), trail)
    return and_free(taking, leaving)
