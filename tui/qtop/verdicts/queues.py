"""What is wrong with queues: nobody serves them, they grow, they are paused, they cannot be read.
Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from qtop.config.thresholds import Thresholds
from qtop.display.cells import rate
from qtop.display.text import counted
from qtop.rows.model import Board, QueueRow
from qtop.verdicts.verdict import Lead, Verdict, first_few
from resque.state import delayed
from resque.state.survey import Survey

#: How often depths are noted while a queue is watched for growth.
_NOTES: Final = 12


def judged(board: Board, grown: Sequence[Grown], *, is_shared: bool = False) -> Iterator[Verdict]:
    """What is wrong with the queues at a look; `is_shared` says that there are others, which are
    not Resque's. O(queues)."""
    yield from _unknown(board)
    yield from _unserved(board, "'*'" if not is_shared else "")
    yield from _growing(grown)
    yield from _unreadable(board)


def _unknown(board: Board) -> Iterator[Verdict]:
    remedy = "rename or delete the keys of another kind, or use another --namespace"
    for problem in board.totals.problems:
        yield Verdict("keys", "bad", problem, "unknown", problem, None, remedy)
    wrong = [
        Verdict(
            "keys",
            "bad",
            f"queue {row.name}: {row.problem}",
            "queue",
            row.name,
            Lead("queues", row.name),
            remedy,
        )
        for row in board.queues
        if row.problem
    ]
    yield from first_few(
        wrong,
        lambda rest: Verdict(
            "keys", "bad", f"{rest:,} more queues cannot be read", "queue", "", Lead("queues")
        ),
    )


def _unserved(board: Board, everything: str) -> Iterator[Verdict]:
    # What somebody paused is told as such.
    rows = [row for row in board.queues if row.is_unserved and not row.is_paused]
    rows.sort(key=lambda row: -(row.depth or 0))
    wait = _wait(sum(row.depth or 0 for row in rows))
    if rows and not any(row.serving for row in board.queues):
        names = ", ".join(row.name for row in rows[:3]) + (", …" if len(rows) > 3 else "")
        text = f"no worker is alive that takes any: {wait} in {names}"
        served = everything or (rows[0].name if len(rows) == 1 else "QUEUES")
        remedy = f"start one: qtop worker {served}"
        yield Verdict("queues", "bad", text, "no worker", "", Lead("workers"), remedy)
        return
    yield from first_few(
        [_one_unserved(row) for row in rows],
        lambda rest: Verdict(
            "queues",
            "bad",
            f"nobody serves {rest:,} more queues: {wait} unserved in all",
            "unserved",
            lead=Lead("queues", filter="unserved"),
            remedy="start workers for them: qtop worker QUEUES",
        ),
    )


def _one_unserved(row: QueueRow) -> Verdict:
    remedy = f"start a worker: qtop worker {row.name}"
    text = f"nobody serves {row.name}: {_wait(row.depth or 0)}"
    return Verdict("queues", "bad", text, "unserved", row.name, Lead("queues", row.name), remedy)


def _wait(jobs: int) -> str:
    return f"{counted(jobs, 'job')} {'waits' if jobs == 1 else 'wait'}"


def _growing(grown: Sequence[Grown]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for each in grown:
        row, rates = each.row, each.row.rates
        if row.is_paused or row.is_unserved:
            continue  # why it grows is told
        flow, end = "", ", never empty"
        if rates.in_per_s is not None and rates.out_per_s is not None:
            come, go = (
                rate(per_s, is_estimate=rates.is_estimate)
                for per_s in (rates.in_per_s, rates.out_per_s)
            )
            flow = f": {come} come, {go} go a second"
            if rates.in_per_s <= rates.out_per_s:
                # They are of the last seconds: what has grown for minutes may just recover.
                flow = end = ""
        text = f"{row.name} grows by {rate(each.per_s)} jobs/s{flow}; {row.depth:,} wait{end}"
        verdicts.append(
            Verdict(
                "queues",
                "warn",
                text,
                "growing",
                row.name,
                Lead("queues", row.name),
                f"more workers for it: qtop worker {row.name}",
                each.since,
            )
        )
    return first_few(
        verdicts,
        lambda rest: Verdict(
            "queues", "warn", f"{rest:,} more queues grow", "growing", "", Lead("queues")
        ),
    )


def _unreadable(board: Board) -> Iterator[Verdict]:
    rows = [row for row in board.queues if row.unreadable]
    yield from first_few(
        [
            Verdict(
                "jobs",
                "warn",
                f"{counted(row.unreadable, 'item')} of {row.name} set aside: workers cannot read "
                f"{'it' if row.unreadable == 1 else 'them'}",
                "unreadable",
                row.name,
                Lead("queues", row.name),
                f"qtop show --from unreadable:{row.name}",
            )
            for row in rows
        ],
        lambda rest: Verdict(
            "jobs",
            "warn",
            f"unreadable items were set aside from {rest:,} more queues",
            "unreadable",
            lead=Lead("queues", filter="unreadable"),
        ),
    )


def delayed_aside(board: Board, survey: Survey) -> Iterator[Verdict]:
    """Delayed jobs that a scheduler could not move to a queue. (Where there is a queue of the name
    under which they lie, its own row tells.)"""
    if survey.aside and not any(row.name == delayed.ASIDE for row in board.queues):
        yield Verdict(
            "jobs",
            "warn",
            f"{counted(survey.aside, 'delayed job')} set aside: unreadable, or no queue to go to",
            "unreadable",
            delayed.ASIDE,
            Lead("scheduled"),
            f"qtop show --from unreadable:{delayed.ASIDE}",
        )


class Grown(NamedTuple):
    """A queue that does not keep up: by how many jobs a second it has grown, and since when."""

    row: QueueRow
    per_s: float
    since: datetime


class Growth:
    """Remembers depths, to find the queues that have grown for a while and still do."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._for_s, self._by = thresholds.grow_for_s, thresholds.grow_by_jobs
        self._notes: deque[tuple[float, dict[str, int]]] = deque()
        self._since: dict[str, datetime] = {}

    def add(self, board: Board, at_mono: float) -> list[Grown]:
        """Take in a look; return what grows, fastest first. O(queues)."""
        notes = self._notes
        if board.totals.falls.breaks_counts:
            notes.clear()  # what was noted was of another database
        if not notes or at_mono - notes[-1][0] >= self._for_s / _NOTES:
            notes.append((at_mono, {q.name: q.depth for q in board.queues if q.depth is not None}))
        while len(notes) > 1 and notes[1][0] <= at_mono - self._for_s:
            notes.popleft()
        first_mono, first = notes[0]
        seconds = at_mono - first_mono
        if seconds < self._for_s or seconds <= 0:
            return []
        # Growth that is over is no worry: the last quarter must show it too.
        recent = next(seen for noted, seen in reversed(notes) if noted <= at_mono - seconds / 4)
        grown: list[Grown] = []
        for row in board.queues:
            depth = row.depth or 0
            was = first.get(row.name, depth)
            if depth - was >= max(self._by, 1) and depth > recent.get(row.name, depth):
                since = board.server_time - timedelta(seconds=seconds)
                since = self._since.setdefault(row.name, since)
                grown.append(Grown(row, (depth - was) / seconds, since))
        names = {each.row.name for each in grown}
        self._since = {name: since for name, since in self._since.items() if name in names}
        return sorted(grown, key=lambda each: -each.per_s)
