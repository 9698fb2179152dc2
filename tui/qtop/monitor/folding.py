"""Queues whose names begin alike as one row with their sums. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Final, NamedTuple

from qtop.monitor.changes import Rates, sum_if_known
from qtop.monitor.rows import QueueRow, empty_in_s

#: What ends the part of a name that queues may share.
_END: Final = re.compile(r"[_\-:./]")

#: Which rows are one: their place, and the beginning of their names.
Fold = tuple[str, str]


class Folding(NamedTuple):
    """Which queues are folded: those whose names begin with one of the `prefixes`; and where so
    many share the part of their names before the first `_`, `-`, `:`, `.` or `/`, those, too
    (`least`; 0: never)."""

    prefixes: tuple[str, ...] = ()
    least: int = 0

    @property
    def is_off(self) -> bool:
        return not self.prefixes and not self.least

    def prefix_of(self, name: str) -> str | None:
        """The beginning by which a queue may be folded; None: it never is."""
        for prefix in self.prefixes:
            if name.startswith(prefix):
                return prefix
        found = _END.search(name, 1) if self.least else None
        return None if found is None else name[: found.end()]


def folded(rows: Sequence[QueueRow], folding: Folding, opened: Collection[Fold]) -> list[QueueRow]:
    """The rows, those that are folded as one where the first of them was; not those of `opened`
    folds. A fold has two queues at least. O(queues)."""
    groups: defaultdict[Fold, list[QueueRow]] = defaultdict(list)
    folds = [fold_of(row, folding) for row in rows]
    for row, fold in zip(rows, folds, strict=True):
        if fold is not None and fold not in opened:
            groups[fold].append(row)
    is_one = {fold: _is_folded(fold, found, folding) for fold, found in groups.items()}
    shown: list[QueueRow] = []
    done: set[Fold] = set()
    for row, fold in zip(rows, folds, strict=True):
        if fold is None or not is_one.get(fold, False):
            shown.append(row)
        elif fold not in done:
            done.add(fold)
            shown.append(_sum(fold, groups[fold]))
    return shown


def fold_of(row: QueueRow, folding: Folding) -> Fold | None:
    """The fold that a queue may be in; None: none."""
    prefix = folding.prefix_of(row.name)
    return None if prefix is None else (row.system, prefix)


def fold_with(rows: Iterable[QueueRow], key: Hashable, folding: Folding) -> Fold | None:
    """The fold of the queue whose row has this key."""
    row = next((each for each in rows if each.key == key), None)
    return None if row is None else fold_of(row, folding)


def _is_folded(fold: Fold, found: Sequence[QueueRow], folding: Folding) -> bool:
    least = 2 if fold[1] in folding.prefixes else max(2, folding.least)
    return len(found) >= least


def _sum(fold: Fold, rows: list[QueueRow]) -> QueueRow:
    """One row for several queues. What is unknown of one is unknown of all; how many workers take
    from them cannot be added up, for one may take from several: only that none does is known."""
    system, prefix = fold
    depth = sum_if_known(row.depth for row in rows)
    rates = _rates(row.rates for row in rows)
    is_paused = {row.is_paused for row in rows}
    return QueueRow(
        name=f"{prefix}*",
        depth=depth,
        depths=_depths(rows),
        polls=max(row.polls for row in rows),
        rates=rates,
        empty_in_s=empty_in_s(depth, rates),
        is_paused=is_paused.pop() if len(is_paused) == 1 else False,
        unreadable=sum_if_known(row.unreadable for row in rows),
        serving=0 if all(row.serving == 0 for row in rows) else None,
        in_hand=sum_if_known(row.in_hand for row in rows),
        failed=sum_if_known(row.failed for row in rows),
        failed_is_all=all(row.failed_is_all for row in rows),
        problem=next((row.problem for row in rows if row.problem is not None), None),
        next_waits_s=_longest(rows, lambda row: row.next_waits_s),
        latency_s=_longest(rows, lambda row: row.latency_s),
        system=system,
        members=tuple(rows),
    )


def _rates(rates: Iterable[Rates]) -> Rates:
    each = list(rates)
    into = [rate.in_per_s for rate in each]
    out = [rate.out_per_s for rate in each]
    known_in = [rate for rate in into if rate is not None]
    known_out = [rate for rate in out if rate is not None]
    return Rates(
        sum(known_in) if len(known_in) == len(each) else None,
        sum(known_out) if len(known_out) == len(each) else None,
        any(rate.is_estimate for rate in each),
    )


def _depths(rows: Sequence[QueueRow]) -> tuple[int | None, ...]:
    """The course of all depths together, as far back as the shortest of them goes."""
    length = min(len(row.depths) for row in rows)
    tails = [row.depths[len(row.depths) - length :] for row in rows]
    return tuple(sum_if_known(each) for each in zip(*tails, strict=True))


def _longest(rows: Sequence[QueueRow], of: Callable[[QueueRow], float | None]) -> float | None:
    known = [seconds for row in rows if (seconds := of(row)) is not None]
    return max(known, default=None)
