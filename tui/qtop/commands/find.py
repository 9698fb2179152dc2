"""`qtop find`: where a job is, wherever it may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import click

from qtop.commands.board import look
from qtop.commands.connect import Connection, connection_options
from qtop.commands.options import DEFAULT_LIMIT, FILTER, json_option, limit_option, redact_option
from qtop.commands.output import Column, leave_if_none, message, tell_too_large, write
from qtop.commands.session import Session
from qtop.commands.systems import tell
from qtop.display.cells import job_class, optional
from qtop.display.text import ago, safe
from qtop.finding.filter_terms import Subject, of_delayed, of_hand, text_of
from qtop.finding.filters import Filter
from qtop.finding.scanning import Hit, Source, scan
from qtop.finding.walking import LISTED_BYTES
from qtop.rows.model import Board, age_at
from resque.state import delayed_windows, failures
from resque.state.delayed import ASIDE
from resque.state.delayed_windows import Parked
from resque.wire.exchange import Steps

_ID_CHARACTERS: Final = 10
_COLUMNS = (
    Column("WHERE", may_shrink=True),
    Column("HOW"),
    Column("CLASS", may_shrink=True),
    Column("ARGS", may_shrink=True),
    Column("QUEUE", may_shrink=True),
    Column("ID"),
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A job in a place. `where` is what `--from` takes, where it takes the place at all."""

    where: str
    how: str
    subject: Subject
    raw: bytes


@click.command()
@connection_options
@redact_option
@json_option
@limit_option(DEFAULT_LIMIT)
@click.argument("wanted", type=FILTER, metavar="FILTER")
def command(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """Find jobs, wherever they are.

    Delayed, waiting, set aside, in hand and failed ones. FILTER is that of the other commands:
    class:, args:, queue:, id: and words. Places are looked through in the order in which jobs pass
    them: one that is on its way meanwhile is met at least once. Lists are named as --from of other
    commands takes them.

    \b
    Example: qtop find 'class:ChargeCard args.0:4711'
    """
    if wanted.is_empty:
        raise click.UsageError("an empty filter finds everything: say what to look for")
    found: list[_Found] = []
    with connection.open() as session:
        tell(session)
        search = _Search(session, wanted, limit, found)
        is_partial = not search.delayed() or not search.listed() or not search.failed()
    tell_too_large(search.too_large)
    leave_if_none(found, is_filtered=True)
    redactor = connection.redactor(is_whole=as_json)
    write(found, _COLUMNS, _cells, _fields, as_json=as_json, redactor=redactor)
    if is_partial:
        message(f"the first {len(found):,}: --limit 0 shows all")


class _Search:
    """Looks through one kind of place after the other. Each method returns whether it came to the
    end; it does not when there were enough before."""

    def __init__(self, session: Session, wanted: Filter, limit: int, found: list[_Found]) -> None:
        self._session, self._keys = session, session.keys
        self._wanted, self._limit = wanted, limit
        self._found = found
        self._now = session.now()
        self.too_large = 0

    def delayed(self) -> bool:
        """The delayed jobs."""
        return self._session.run(self._delayed())

    def listed(self) -> bool:
        """What waits in queues, what was set aside from them, what workers hold."""
        board = look(self._session, 0)
        for problem in board.totals.problems:
            message(problem)
        for row in board.queues:
            if row.problem:
                message(f"queue {row.name}: {row.problem}")
                continue
            if not self._scan(Source("queue", row.name)):
                return False
            if row.unreadable and not self._scan(Source("unreadable", row.name)):
                return False
        if not self._scan(Source("unreadable", ASIDE)):
            return False
        return all(map(self._take, _in_hand(look(self._session, 0))))

    def failed(self) -> bool:
        """The failures, in all their lists."""
        lists = self._session.run(failures.lists(self._keys))
        return all(self._scan(Source("failed", name)) for name in lists)

    def _take(self, found: _Found) -> bool:
        """Keep what matches; whether there is room for more."""
        if self._wanted.matches(found.subject):
            if self._is_full:
                return False
            self._found.append(found)
        return True

    @property
    def _is_full(self) -> bool:
        return bool(self._limit) and len(self._found) >= self._limit

    def _delayed(self) -> Steps[bool]:
        is_whole = True

        def visit(parked: Sequence[Parked], done: int, total: int) -> bool:
            nonlocal is_whole
            is_whole = all(map(self._take, self._of_parked(parked)))
            return is_whole

        yield from delayed_windows.walk(self._keys, visit, max_bytes=LISTED_BYTES)
        return is_whole

    def _of_parked(self, parked: Sequence[Parked]) -> Iterator[_Found]:
        for each in parked:
            if each.job is not None:
                due_s = each.moment.at - self._now.timestamp()
                how = f"due in {ago(due_s)}" if due_s >= 0 else "due"
                yield _Found("delayed", how, of_delayed(each.job, due_s), each.job.item.raw)

    def _scan(self, source: Source) -> bool:
        """Look through a list, the next jobs first, but the newest failures."""
        hits: list[Hit] = []
        # One more than there is room for tells that there are more.
        room = self._limit - len(self._found) + 1 if self._limit else 0
        is_queue = source.kind == "queue"
        scanned = self._session.run(
            scan(
                self._keys,
                source,
                self._wanted,
                self._now,
                hits.append,
                limit=room,
                from_head=is_queue,
            )
        )
        self.too_large += scanned.too_large
        return all(self._take(_of_hit(source, hit, self._now)) for hit in hits)


def _of_hit(source: Source, hit: Hit, now: datetime) -> _Found:
    if hit.failure is not None:
        age_s = age_at(now, hit.failure.failed_at)
        how = "failed" if age_s is None else f"failed {ago(age_s)} ago"
    elif source.kind == "queue":
        how = "next" if hit.place == 0 else f"after {hit.place:,}"
    else:
        how = "set aside"
    return _Found(str(source), how, hit.subject, hit.item.raw)


def _in_hand(board: Board) -> Iterator[_Found]:
    for row in board.workers:
        if row.record is not None:
            record, worker = row.record, row.identity.text
            how = "in hand" if row.elapsed_s is None else f"in hand for {ago(row.elapsed_s)}"
            raw = record.raw if record.payload is None else record.payload
            yield _Found(f"worker {worker}", how, of_hand(record, worker), raw)


def _cells(found: _Found) -> tuple[str, ...]:
    subject = found.subject
    is_known = subject.is_readable
    return (
        safe(found.where),
        found.how,
        job_class(subject.class_name, None) if is_known else "unreadable",
        safe(text_of(subject.args) if is_known else subject.words[0]),
        optional(subject.queue),
        subject.id[:_ID_CHARACTERS],
    )


def _fields(found: _Found) -> Mapping[str, Any]:
    subject = found.subject
    return {
        "where": found.where,
        "how": found.how,
        "id": subject.id or None,
        "class": subject.class_name,
        "args": subject.args,
        "queue": subject.queue,
        "raw": found.raw,
    }
