"""Signs that workers hold something else than at the look before. To read what each of thousands
holds is dear: it takes a script, since it may be huge. Their counts are cheap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from queuecore.exchange import Command, Reply
from resque.errors import StoreError
from resque.store.columns import batches, rows
from resque.store.question import Question

#: So many idle workers are asked at once whether any has a job now.
_IDLE = 100

#: The replies about each of many; None where they were not asked.
_Rows = list[Reply] | None


class Heartbeats:
    """Finds out who may hold something else: `glance` and `see` in a look's first round trip;
    then `records_due` and `ask_counts` say whom to ask, and `judge` looks at what they answered.

    Who was idle has a record now, or one of a hundred beside it has. Who had a job has counted it
    since, as processed or, with some implementations only, as failed; failures are rare, and the
    first one after some time without is a sign for the next look. Who turns out to go from job to
    job without counting is always asked, until it counts.

    Args:
        records: What the workers hold.
        counts: Of how many jobs they processed, and of how many failed.
    """

    def __init__(self, records: Question[Any], counts: tuple[Question[Any], Question[Any]]) -> None:
        self._records = records
        self._counts = counts
        self._idle: list[Sequence[int]] = []
        self._asked: list[list[Command]] = [[], []]
        self._is_known = False
        self._seen: list[_Rows] = [None, None]
        self._stirred: set[int] = set()
        self._doubted: set[int] = set()
        self._late: set[int] = set()
        self._before: tuple[list[Reply], ...] = ()

    def skip(self) -> list[Command]:
        """Send nothing: everything will be asked."""
        self._idle, self._asked, self._is_known = [], [[], []], False
        return []

    def glance(self, counting: Sequence[bool]) -> list[Command]:
        """What to send; `counting` says of which of the counts."""
        records = self._records
        idle = [at for at, raw in enumerate(records.column.raws) if raw is None]
        self._idle = list(batches(idle, _IDLE))
        self._asked = [
            each.all() if wanted else []
            for each, wanted in zip(self._counts, counting, strict=True)
        ]
        self._is_known = True
        asked: list[Command] = [
            ("EXISTS", *(records.keys[at] for at in part)) for part in self._idle
        ]
        return [*asked, *self._asked[0], *self._asked[1]]

    def see(self, replies: Iterator[Reply]) -> None:
        """Read the answers to the glance."""
        awake = [next(replies) for _ in self._idle]
        self._seen = [self._rows(replies, asked) for asked in self._asked]
        answers = [*awake, *(self._seen[0] or ()), *(self._seen[1] or ())]
        if any(isinstance(each, StoreError) for each in answers):
            self._is_known = False
        moved = {
            at
            for each, now in zip(self._counts, self._seen, strict=True)
            if now is not None
            for at, (raw, was) in enumerate(zip(now, each.column.raws, strict=True))
            if raw != was
        }
        self._doubted -= moved
        held = self._records.column.raws
        self._stirred = self._late | {at for at in moved if held[at] is not None}
        for answer, part in zip(awake, self._idle, strict=True):
            if answer:
                self._stirred.update(part)

    def _rows(self, replies: Iterator[Reply], asked: list[Command]) -> _Rows:
        return rows(replies, asked, len(self._records.keys)) if asked else None

    def arrange(self, places: Sequence[int | None]) -> None:
        """Follow the workers to other places, as `Column.arrange`, after `see`."""
        now_at = {was: at for at, was in enumerate(places) if was is not None}
        for signs in (self._stirred, self._doubted, self._late):
            now = [now_at[at] for at in signs if at in now_at]
            signs.clear()
            signs.update(now)
        self._seen = [
            None if each is None else [None if at is None else each[at] for at in places]
            for each in self._seen
        ]

    def records_due(self, due: list[int], stays: Sequence[bool]) -> list[int] | None:
        """Whose record to ask for, besides those that are `due`; None: everybody's. `stays` says
        of each of Resque's own counts whether it stays."""
        if not self._is_known or not (stays[0] or self._seen[0] is not None):
            return None
        return sorted({*due, *self._stirred, *self._doubted})

    def ask_counts(self, which: int, due: list[int], *, stays: bool) -> list[Command]:
        """What to send for one of the counts: those that are `due` are asked again."""
        early = self._seen[which] if self._is_known else None
        question = self._counts[which]
        return question.ask(due if stays or early is not None else None, early)

    def remember(self) -> None:
        """Before the answers are taken in."""
        columns = (each.column for each in (self._records, *self._counts))
        self._before = tuple(column.raws for column in columns)

    def judge(self) -> None:
        """After they were."""
        held_before, *counts_before = self._before
        held = self._records.column.raws

        def counted(at: int) -> bool:
            counts = zip(self._counts, counts_before, strict=True)
            return any(each.column.raws[at] != before[at] for each, before in counts)

        changed = {
            at
            for at in self._records.due or ()
            if held_before[at] is not None and held_before[at] != held[at]
        }
        self._doubted = {at for at in self._doubted | changed if not counted(at)}
        self._late = set()
        asked, failed = self._records.due, self._counts[1].column.raws
        if asked is not None and self._counts[1].due is None:
            pairs = enumerate(zip(failed, counts_before[1], strict=True))
            self._late = {at for at, (raw, was) in pairs if raw != was}.difference(asked)
