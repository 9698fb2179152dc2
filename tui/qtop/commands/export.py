"""`qtop export` and `qtop load`: jobs to a file, and back."""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple, TextIO

import click

from qtop.actions.request import Load
from qtop.commands.acting import carry_out, confirm, raise_if_stopped
from qtop.commands.connection import Connection, Session, admit, connection_options
from qtop.commands.options import (
    SOURCE,
    Parsed,
    dry_run_option,
    filter_option,
    from_option,
    redact_option,
    yes_option,
)
from qtop.commands.output import CHANGED, counted, line, message
from qtop.commands.reading import Unread, visit_all
from qtop.config.settings import SYSTEMS
from qtop.model.job import Job, JobSource
from qtop.model.job_file import BadExport, line_of, read_line
from qtop.search.filter_language import Filter
from qtop.search.list_walk import choose, scan
from qtop.search.selection import RefusalCheck
from qtop.text.safe import safe

_PRIVATE: Final = 0o600
_MOST_COMPLAINTS: Final = 10
_QUEUES: Final = "queues"

_file = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))


@click.command()
@_file
@from_option
@filter_option
@redact_option
@connection_options
def export(path: Path, source: JobSource, wanted: Filter, connection: Connection) -> None:
    """Write failures or jobs to a new file.

    One JSON object a line, with the exact bytes; only you can read the file. What sounds like a
    secret is hidden, unless --no-redact says otherwise; lines in which something was hidden cannot
    be loaded back. Where there are several systems each line says its own, and `qtop load` takes
    those of one. `-` writes to standard output.

    \b
    Example: qtop export failures.jsonl --from failed --filter 'age>7d' --no-redact
    """
    written = 0
    unread = Unread()
    with connection.open_all() as places, _created(path) as file:
        redactor = connection.redactor(is_whole=False)
        is_shown = file.isatty()

        def visit(session: Session, part: Unread) -> None:
            jobs = session.system.jobs(source)

            def write(job: Job, value: object = None) -> None:
                nonlocal written
                if is_shown:
                    session.progress.make_way()
                of = session.label if places.is_several else ""
                file.write(line_of(jobs, job, redactor, of) + "\n")
                written += 1

            # Both in the order in which the list is listed.
            look = choose if source.kind == "failed" else scan
            operation = look(jobs, wanted, session.now(), write, whole=True)
            what = f"what else is in {source}"
            scanned = part.try_to(session, what, operation, f"exporting {source}")
            if scanned is not None and scanned.is_broken:
                part.note(what, CHANGED)

        try:
            visit_all(places, unread, visit, places.holding(source))
        except KeyboardInterrupt:
            message(f"interrupted: {counted(written, source.noun)} exported, the rest is missing")
            raise
    message(f"exported {counted(written, source.noun)}")
    unread.leave()
    sys.exit(0 if written else 1)


@contextmanager
def _created(path: Path) -> Iterator[TextIO]:
    """A new file. One that stays empty is removed: it would tell that there was nothing, and be in
    the way of the next try."""
    if str(path) == "-":
        with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii") as file:
            yield file
        return
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        number = os.open(path, flags, _PRIVATE)
    except OSError as error:
        raise click.ClickException(f"{safe(str(path))}: {error.strerror}") from None
    try:
        with os.fdopen(number, "w", encoding="ascii") as file:
            yield file
    finally:
        if path.stat().st_size == 0:
            path.unlink()


def _target(text: str) -> JobSource | str:
    return _QUEUES if text == _QUEUES else SOURCE.convert(text, None, None)


@click.command()
@_file
@click.option(
    "--to",
    "target",
    type=Parsed("target", _target),
    metavar="TARGET",
    help="failed, failed:NAME, queue:NAME, or `queues`: each job to its own queue. Default: the "
    "list it came from.",
)
@connection_options
@dry_run_option
@yes_option
def load(
    path: Path, target: JobSource | str | None, connection: Connection, dry_run: bool, yes: bool
) -> None:
    """Load failures or jobs back from a file.

    As `qtop export` wrote them, byte for byte and in the order they had on their lists, to the ends
    of these; what was on the lists before stays. Lines that were changed, or in which secrets are
    hidden, are refused. What was loaded twice is there twice. Sidekiq's jobs go to queues, where
    those of another queue get the new one as their `queue`, or to failed:dead at the time when they
    failed last; a dead job that is there already is refused.

    \b
    Example: qtop load failures.jsonl --to failed --dry-run
    """
    with connection.open_all() as places:
        session = places.single("no target for these jobs")
        plan, refused = _sorted_out(session, path, target)
        for source, lines in plan.items():
            line(f"{'would load' if dry_run else 'to load'} {len(lines):,} to {safe(str(source))}")
        message(f"refused {refused:,}")
        if not plan:
            sys.exit(1)
        if not dry_run:
            session.refuse_if_read_only()
        admit(session, list(plan))
        total = sum(map(len, plan.values()))
        if dry_run or (total > 1 and not yes):
            _tell_details(session, target, plan)
        if dry_run:
            sys.exit(0)
        if total > 1 and not yes:
            confirm(f"load {counted(total, 'item')}")
        done = 0
        for source, lines in plan.items():
            request = _load(source, target, _items(session, path, target, lines), len(lines))
            outcome = carry_out(session, session.plan(request))
            done += outcome.done
            for reason, many in outcome.refused:
                message(f"refused {many:,}: {reason}")
                refused += many
            if outcome.stopped is not None:
                line(f"loaded {done:,}, refused {refused:,}")
                raise_if_stopped(replace(outcome, left=total - done))
    line(f"loaded {done:,}, refused {refused:,}")
    sys.exit(0 if done else 1)


def _tell_details(session: Session, target: JobSource | str | None, plan: _Lines) -> None:
    """Say what is not seen in the lines of a file, such as what is left out because it is there."""
    plans = (session.plan(_load(to, target, (), len(lines))) for to, lines in plan.items())
    for text in dict.fromkeys(chain.from_iterable(each.details for each in plans)):
        message(f"  {text}")


def _load(
    to: JobSource, target: JobSource | str | None, items: Iterable[bytes] = (), number: int = 0
) -> Load:
    """The request for a list. Without a `target`, each item returns to where it was."""
    return Load(to, items, number, returns=target is None)


#: Of each line its item's place on its own list, and where in the file it begins; by the list that
#: it goes to.
_Lines = dict[JobSource, list[tuple[int, int]]]


def _sorted_out(session: Session, path: Path, target: JobSource | str | None) -> tuple[_Lines, int]:
    """What goes where of a file, and how many of its lines are refused; why is said of some."""
    plan: _Lines = defaultdict(list)
    checks: dict[JobSource, RefusalCheck] = {}
    refused = 0
    for number, begin, raw in _read(path):
        landing: Landing | object = _landing(session, raw, target)
        if isinstance(landing, Landing):
            source = landing.source
            if source not in checks:
                checks[source] = session.system.refusal(_load(source, target))
            why = checks[source](landing.raw)
            if why is None:
                plan[source].append((landing.place, begin))
                continue
            landing = why
        refused += 1
        if refused <= _MOST_COMPLAINTS:
            message(f"line {number:,} refused: {landing}")
    return plan, refused


class Landing(NamedTuple):
    """The list that an item goes to, what goes there, and its place on its own list."""

    source: JobSource
    raw: bytes
    place: int


def _read(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """The lines of a file with an item, each with its number and beginning."""
    begin = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if raw.strip():
                    yield number, begin, raw
                begin += len(raw)
    except OSError as error:
        raise click.ClickException(f"{safe(str(path))}: {error.strerror}") from None


def _landing(session: Session, written: bytes, target: JobSource | str | None) -> Landing | str:
    """Where the item of a line goes; or why it goes nowhere."""
    try:
        item = read_line(written.decode("utf-8", "replace"))
        origin = SOURCE.convert(item.source, None, None)
        if not _may_be_of(session.kind, item.system):
            return f"it is of {item.system}, not of {session.kind}"
    except BadExport as error:
        return str(error)
    except click.BadParameter:
        return "it does not name its list"
    raw, queue = item.item.raw, item.queue
    to = JobSource("queue", queue) if target == _QUEUES else target or origin
    assert isinstance(to, JobSource)  # noqa: S101  the only word was handled
    if origin.kind != to.kind:
        if to.kind == "failed":
            return f"{to} does not take what was in {origin}"
        if origin.kind == "failed":
            job = session.system.jobs(origin).payload(Job(item.item))
            if isinstance(job, str):
                return job
            raw = job[1]
    return Landing(to, raw, item.place)


def _may_be_of(kind: str, label: str) -> bool:
    """Whether a job may be of a system, by what its place was called: a name of a system, perhaps
    with more behind it, or any other."""
    named = re.split("[:@]", label)[0]
    return named == kind or named not in SYSTEMS


def _items(
    session: Session, path: Path, target: JobSource | str | None, lines: Sequence[tuple[int, int]]
) -> Iterator[bytes]:
    """What goes to one list of these lines, in the order of the list they are from. An export
    begins with whatever was at hand; the newest failure, for example."""
    with path.open("rb") as file:
        for _, begin in sorted(lines):
            file.seek(begin)
            landing = _landing(session, file.readline(), target)
            if isinstance(landing, Landing):
                yield landing.raw
