"""`qtop --once`: one look as text, for pipes, cron and people in a hurry."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len

from qtop.commands.board import look, look_around
from qtop.commands.connect import Connection
from qtop.commands.output import counted, line, moment
from qtop.display import cells
from qtop.display.text import count, crop, pad, safe
from qtop.rows.condition import CONDITIONS
from qtop.rows.model import Board, QueueRow
from qtop.verdicts import Judge, Verdict

_FAILURES: Final = 10
_QUEUES: Final = 40
_WORKERS: Final = 20
_WIDTH: Final = 120


def print_once(connection: Connection) -> None:
    """Print what is wrong, and one look at queues, workers and failures. Six round trips. Raises
    StoreError."""
    with connection.open() as session:
        survey = look_around(session)
        board = look(session, 500, has_waits=True, whose=survey.ownership)
        where = f"{session.address}, namespace {connection.namespace}"
    redactor = connection.redactor(is_whole=False)
    width = min(_WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _WIDTH
    verdicts = Judge().judge(board, 0.0, survey=survey, rtt_ms=None)
    for text in report(board, where, verdicts, width):
        line(redactor.text(text))


def report(
    board: Board, where: str, verdicts: Sequence[Verdict], width: int = _WIDTH
) -> Iterator[str]:
    """The lines of a look: totals, what is wrong, queues, workers, failures; worst first. Rows of
    tables are cut at `width`, sentences never."""
    totals = board.totals
    yield f"qtop  {safe(where)}  {board.server_time:%Y-%m-%d %H:%M:%S %Z}"
    paused = "  PAUSED: no worker takes jobs" if totals.is_paused else ""
    yield (
        f"{counted(totals.waiting, 'job')} waiting in {counted(totals.queues, 'queue')}, "
        f"{totals.working:,} of {counted(totals.workers, 'worker')} working, "
        f"{count(totals.failed)} failed{paused}"
    )
    yield ""
    for verdict in verdicts:
        severity = "ok" if verdict.severity == "good" else verdict.severity
        yield f"{pad(severity, 4)}  {safe(verdict.text)}"
    for table in (_queues(board), _workers(board), _failures(board)):
        yield from (crop(row, width) for row in table)


def _queues(board: Board) -> Iterator[str]:
    rows = sorted(board.queues, key=_trouble)
    table = [
        (
            safe(row.name),
            "unknown" if row.depth is None else f"{row.depth:,}",
            cells.duration(row.next_waits_s),
            f"{row.serving:,}",
            cells.queue_failed(row),
            cells.queue_state(row),
        )
        for row in rows[:_QUEUES]
    ]
    titles = ("QUEUE", "WAITING", "NEXT WAITS", "WORKERS", "FAILED", "")
    yield from _table(titles, table, len(rows), "no queues")


def _trouble(row: QueueRow) -> tuple[bool, int]:
    return not cells.queue_state(row), -(row.depth or 0)


def _workers(board: Board) -> Iterator[str]:
    rows = sorted(board.workers, key=lambda row: CONDITIONS.index(row.condition))
    table = [
        (
            safe(row.identity.text),
            row.condition,
            cells.heartbeat(row),
            cells.worker_elapsed(row),
            cells.worker_job(row),
        )
        for row in rows[:_WORKERS]
    ]
    titles = ("WORKER", "STATE", "HEARTBEAT", "FOR", "JOB")
    yield from _table(titles, table, len(rows), "no workers")


def _failures(board: Board) -> Iterator[str]:
    table = [
        (
            moment(row.failure.failed_at),
            cells.failure_class(row.failure),
            cells.optional(row.failure.queue),
            cells.optional(row.failure.exception),
            cells.failure_error(row.failure),
        )
        for row in board.failures[:_FAILURES]
    ]
    total = board.totals.failed if board.totals.failed is not None else len(table)
    yield from _table(
        ("FAILED", "CLASS", "QUEUE", "EXCEPTION", "ERROR"), table, total, "no failures"
    )


def _table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], total: int, none: str
) -> Iterator[str]:
    yield ""
    if not rows:
        yield none
        return
    everything = [titles, *rows]
    widths = [min(40, max(cell_len(row[i]) for row in everything)) for i in range(len(titles))]
    for row in everything:
        padded = (pad(text, width) for text, width in zip(row[:-1], widths, strict=False))
        yield "  ".join((*padded, row[-1])).rstrip()
    if len(rows) < total:
        yield f"and {total - len(rows):,} more"
