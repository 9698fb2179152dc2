"""`qtop doctor`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import click

from qtop.commands import checks, systems
from qtop.commands.board import look_around
from qtop.commands.connect import Connection, connection_options
from qtop.commands.options import json_option
from qtop.commands.output import json_line, line
from qtop.commands.session import Session
from qtop.config.thresholds import USUAL
from qtop.display.cells import failure_class
from qtop.display.text import pad, safe
from qtop.rows.boards import History
from qtop.rows.model import Board
from qtop.verdicts import Judge, Severity, server_checks
from qtop.verdicts.ownership import without_sidekiqs
from qtop.verdicts.server_checks import Finding, Level
from resque.errors import ResqueError
from resque.state import duplicates, inspection, neighbours, poison, registration, snapshot
from resque.state.survey import Survey
from resque.wire.exchange import single

_PINGS: Final = 10
_CHECK_CELLS: Final = 12
_FAILURES_READ: Final = 500
#: In how many of the longest queues jobs are compared with each other.
_QUEUES_COMPARED: Final = 20
_COLOURS: Final = {"OK": "green", "WARN": "yellow", "ERROR": "red"}
_LEVELS: Final[dict[Severity, Level]] = {"bad": "ERROR", "warn": "WARN", "note": "OK", "good": "OK"}
_STATUS: Final = {"OK": 0, "WARN": 1, "ERROR": 2}


@click.command()
@connection_options
@json_option
def command(connection: Connection, as_json: bool) -> None:
    """Say what is wrong, and what to do about it.

    Looks at the server, this user's rights and the fleet. Changes nothing. Exit status: 0 all well,
    1 warnings, 2 errors.

    \b
    Example: qtop doctor --url redis://localhost:6379/0
    """
    status = 0
    for finding in findings(connection):
        _print(finding, as_json)
        status = max(status, _STATUS[finding.level])
    sys.exit(status)


def findings(connection: Connection) -> Iterator[Finding]:
    """Everything that can be said, one after the other. Some 35 round trips, two for each 1,000
    keys of the database (400 at most) and two for each other namespace (100 at most). Raises
    nothing of Redis: what does not work is a finding."""
    try:
        with connection.open() as session:
            begun_s = time.perf_counter()
            session.run(single(("PING",), lambda reply: reply))
            took_ms = (time.perf_counter() - begun_s) * 1000
            text = f"{session.address} answers, after {took_ms:.0f} ms"
            yield Finding("connection", "OK", text)
            yield from _of_server(session)
            yield from _tried("namespace", lambda: _systems(session, connection.namespace))
            yield from _tried("unregistered", lambda: [_unregistered(session)])
            yield from _tried("fleet", lambda: _fleet(session))
            yield from _tried("scheduler", lambda: [_scheduler(look_around(session))])
    except ResqueError as error:
        remedy = "correct the URL, or start Redis there"
        yield Finding("connection", "ERROR", str(error), remedy)


def _tried(check: str, find: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from find()
    except ResqueError as error:
        yield checks.failed(check, error)


def _of_server(session: Session) -> Iterator[Finding]:
    yield from _tried("latency", lambda: [checks.latency(_round_trips_ms(session))])
    yield from _tried("server", lambda: _server(session))
    yield from _tried(
        "rights", lambda: [checks.rights(session.run(inspection.missing_rights(session.keys)))]
    )
    yield from _tried("clock", lambda: [server_checks.clock(_skew_s(session))])


def _server(session: Session) -> Iterator[Finding]:
    facts = session.run(inspection.facts(session.keys))
    yield checks.version(facts)
    yield server_checks.role(facts)
    yield from server_checks.memory(facts)
    yield server_checks.connections(facts)
    yield server_checks.persistence(facts)
    yield checks.scripts(facts)


def _round_trips_ms(session: Session) -> list[float]:
    taken: list[float] = []
    for _ in range(_PINGS):
        begun_s = time.perf_counter()
        session.run(single(("PING",), lambda reply: reply))
        taken.append((time.perf_counter() - begun_s) * 1000)
    return taken


def _skew_s(session: Session) -> float:
    before_s = time.time()
    server_s = session.now().timestamp()
    return server_s - (before_s + time.time()) / 2


def _systems(session: Session, ours: str) -> Iterator[Finding]:
    look = neighbours.look_around(session.keys, database=session.address.db, now=session.now())
    yield from systems.findings(session.run(look), ours)


def _unregistered(session: Session) -> Finding:
    found, is_complete = session.run(registration.missing(session.keys))
    ours = session.run(registration.of_resque(session.keys, found, now=session.now()))
    return checks.unregistered(ours, is_complete, len(found) - len(ours))


def _fleet(session: Session) -> Iterator[Finding]:
    """What is odd about queues, workers and jobs."""
    seen = session.run(snapshot.take(session.keys, tails={}, failures_limit=_FAILURES_READ))
    board = History().add(seen, 0.0)
    yield from _of_board(board, look_around(session))
    poisoned = session.run(poison.among(session.keys, seen.failures))
    deadly = [failure for failure in seen.failures if failure.item.sha in poisoned]
    yield checks.poison([failure_class(each) for each in deadly])
    longest = sorted((row for row in board.queues if row.depth), key=lambda row: -(row.depth or 0))
    names = [row.name for row in longest[:_QUEUES_COMPARED]]
    alike = session.run(duplicates.waiting_alike(session.keys, names))
    troubled = {row.identity.text for row in board.workers if row.condition in ("dead?", "silent")}
    yield checks.duplicates(duplicates.in_hands(seen.workers), troubled, alike)


def _of_board(board: Board, survey: Survey) -> Iterator[Finding]:
    """What Overview says of a fleet, and what is well in it. A note is no reason to act."""
    wrong: set[str] = set()
    for verdict in Judge().fleet(board, 0.0, survey):
        level = _LEVELS[verdict.severity]
        wrong |= {verdict.check} if level != "OK" else set()
        yield Finding(verdict.check, level, verdict.text, "" if level == "OK" else verdict.remedy)
    ours = board if survey.ownership is None else without_sidekiqs(board, survey.ownership)
    theirs = len(board.queues) - len(ours.queues)
    rest = f"; {theirs:,} more of Sidekiq's, not looked into" if theirs else ""
    for check, text in (
        ("queues", f"{len(ours.queues):,}, all with jobs are served{rest}"),
        ("workers", f"{len(board.workers):,}, none is silent"),
        ("jobs", "none was found that cannot be read"),
    ):
        if check not in wrong:
            yield Finding(check, "OK", text)


def _scheduler(survey: Survey) -> Finding:
    why = survey.problems.get("scheduler")
    if why is not None or survey.taken is None or survey.due is None:
        return Finding("scheduler", "ERROR", why or "not told", "allow what `rights` names")
    overdue_s = survey.taken.timestamp() - survey.due
    is_due = overdue_s > USUAL.overdue_delay_s
    master = survey.master or None
    late = server_checks.late(master, overdue_s)
    return late or server_checks.scheduler(master, is_due, overdue_s, survey.schedules or 0)


def _print(finding: Finding, as_json: bool) -> None:
    if as_json:
        line(
            json_line(
                {
                    "check": finding.check,
                    "level": finding.level,
                    "text": finding.text,
                    "remedy": finding.remedy or None,
                }
            )
        )
        return
    level = click.style(pad(finding.level, 5), fg=_COLOURS[finding.level])
    line(f"{level}  {pad(finding.check, _CHECK_CELLS)}  {safe(finding.text)}")
    if finding.remedy:
        line(f"{'':7}{'':{_CHECK_CELLS}}  → {safe(finding.remedy)}")
