"""The newest failures in groups, for a glance: of all there are, `groups` tells. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from qtop.monitor.rows import FailureRow
from qtop.search.failure_groups import GroupKey, Reader


class NewestGroup(NamedTuple):
    """Failures that are the same failure, among the newest: how many, and the newest of them."""

    fingerprint: GroupKey
    number: int
    newest: FailureRow


class GroupMemory:
    """What makes each of the newest failures the same as others. Each entry is read once."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._known: dict[str, GroupKey] = {}

    def note(self, rows: Sequence[FailureRow]) -> None:
        """Read what is new among the newest failures, and forget the others. About 10 us a KB of
        what is new."""
        known, self._known = self._known, {}
        for row in rows:
            item = row.failure.item
            mark = known.get(item.sha)
            if mark is None:
                cut: list[bytes | int] = [item.raw, item.size, item.sha.encode()]
                mark = self._reader.read(cut if item.is_cut else item.raw).fingerprint
            self._known[item.sha] = mark

    def of(self, row: FailureRow) -> GroupKey:
        """The fingerprint of a failure that was noted."""
        return self._known[row.failure.item.sha]

    def groups(self, rows: Sequence[FailureRow]) -> tuple[NewestGroup, ...]:
        """Failures that were noted, in groups, the one with the most first. `rows` are the newest,
        the newest first. O(rows)."""
        counts: dict[GroupKey, int] = {}
        newest: dict[GroupKey, FailureRow] = {}
        for row in rows:
            mark = self.of(row)
            counts[mark] = counts.get(mark, 0) + 1
            newest.setdefault(mark, row)
        found = [NewestGroup(mark, n, newest[mark]) for mark, n in counts.items()]
        return tuple(sorted(found, key=lambda group: -group.number))
