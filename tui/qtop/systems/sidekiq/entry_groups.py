"""Reads of entries of Sidekiq's sets only what groups them, and remembers what it has read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from qtop.model.job_list import GroupFacts
from qtop.search.failure_groups import KeyMaker, unreadable
from qtop.systems.sidekiq.job_reader import failed_at, names_of
from queuecore.active_job import unwrapped
from queuecore.windows import Item
from sidekiq.codec import JobRecord
from sidekiq.store.entries import SetEntry

#: Deflated backtraces that are remembered, and how long each may be.
_MOST_TRACES, _LONGEST_TRACE = 5_000, 4_000
_TOO_LARGE: Final = "too large to list"
_KEPT_IN: Final[Mapping[str, Literal["", "retry", "dead"]]] = {"retry": "retry", "dead": "dead"}


class EntryGroups:
    """Reads entries in passing. Bounded memory."""

    def __init__(self) -> None:
        self._maker = KeyMaker()
        self._traces: dict[str, tuple[str, ...]] = {}

    def read(self, entry: SetEntry) -> GroupFacts:
        """What groups an entry. Never raises. O(bytes)."""
        record = entry.record
        moment = failed_at(entry.listed_in, entry.at, record)
        is_cut = isinstance(entry.content, Item)
        name, _ = unwrapped(*names_of(record))
        exception = record.text("error_class")
        if record.problem is not None and not (is_cut and (name or exception)):
            key = unreadable(_TOO_LARGE if is_cut else record.problem)
        else:
            error = record.text("error_message")
            key = self._maker.key(name, exception, error, self._backtrace(record))
        kept_in = _KEPT_IN.get(entry.listed_in, "")
        return GroupFacts(key, record.queue, moment, kept_in=kept_in)

    def _backtrace(self, record: JobRecord) -> tuple[str, ...]:
        """The lines of a backtrace: jobs that failed alike have the same one, to the byte."""
        packed = record.text("error_backtrace")
        if packed is None or len(packed) > _LONGEST_TRACE:
            return record.backtrace
        known = self._traces.get(packed)
        if known is None:
            if len(self._traces) >= _MOST_TRACES:
                self._traces.clear()
            known = self._traces[packed] = record.backtrace
        return known
