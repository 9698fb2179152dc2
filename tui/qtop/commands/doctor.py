"""`qtop doctor`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import click

from qtop.commands import checks
from qtop.commands.board import look
from qtop.commands.checks import Finding, named
from qtop.commands.connect import Connection, connection_options
from qtop.commands.options import json_option
from qtop.commands.output import json_line, line
from qtop.commands.session import Session
from qtop.model import Board
from qtop.text import pad, safe
from resque.errors import ResqueError
from resque.state import delayed, inspection, schedules
from resque.wire.exchange import single

_PINGS: Final = 10
_CHECK_CELLS: Final = 12
_FAILURES_READ: Final = 500
#: Redis fires what is due at its scheduler's next look: younger than this is no delay.
_PATIENCE_S: Final = 60
_COLOURS: Final = {"OK": "green", "WARN": "yellow", "ERROR": "red"}
_STATUS: Final = {"OK": 0, "WARN": 1, "ERROR": 2}


@click.command()
@connection_options
@json_option
def command(connection: Connection, as_json: bool) -> None:
    """Say what is wrong, and what to do about it.

    Looks at the server, this user's rights and the fleet. Changes nothing. Exit status: 0 all well,
    1 warnings, 2 errors.

    Example: qtop doctor --url redis://localhost:6379/0
    """
    status = 0
    for finding in findings(connection):
        _print(finding, as_json)
        status = max(status, _STATUS[finding.level])
    sys.exit(status)


def findings(connection: Connection) -> Iterator[Finding]:
    """Everything that can be said, one after the other. Some 20 round trips, and one for each
    1,000 keys of the database (200 at most). Raises nothing of Redis: what does not work is a
    finding."""
    try:
        with connection.open() as session:
            begun_s = time.perf_counter()
            session.run(single(("PING",), lambda reply: reply))
            took_ms = (time.perf_counter() - begun_s) * 1000
            text = f"{session.address} answers, after {took_ms:.0f} ms"
            yield Finding("connection", "OK", text)
            yield from _of_server(session)
            yield from _tried("namespace", lambda: [_namespaces(session, connection.namespace)])
            yield from _tried("fleet", lambda: _fleet(look(session, _FAILURES_READ)))
            yield from _tried("scheduler", lambda: [_scheduler(session)])
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
    yield from _tried("clock", lambda: [checks.clock(_skew_s(session))])


def _server(session: Session) -> Iterator[Finding]:
    facts = session.run(inspection.facts(session.keys))
    yield checks.version(facts)
    yield checks.role(facts)
    yield from checks.memory(facts)
    yield checks.persistence(facts)
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


def _namespaces(session: Session, ours: str) -> Finding:
    found, is_complete = session.run(inspection.namespaces(session.keys))
    return checks.namespaces(found, is_complete, ours)


def _fleet(board: Board) -> Iterator[Finding]:
    """What is odd about queues, workers and failures."""
    problems = list(board.totals.problems)
    problems += [f"queue {row.name}: {row.problem}" for row in board.queues if row.problem]
    if problems:
        remedy = "rename or delete the keys of another kind, or use another --namespace"
        yield Finding("keys", "ERROR", named(problems), remedy)
    paused = [row.name for row in board.queues if row.is_paused]
    if board.totals.is_paused:
        yield Finding("pauses", "WARN", "everything is paused", "qtop resume --all")
    elif paused:
        yield Finding("pauses", "WARN", f"paused: {named(paused)}", "qtop resume QUEUE")
    unserved = [row.name for row in board.queues if row.is_unserved]
    if unserved:
        text = f"jobs wait that nobody will take: {named(unserved)}"
        yield Finding("queues", "WARN", text, f"start a worker: qtop worker {unserved[0]}")
    else:
        yield Finding("queues", "OK", f"{len(board.queues):,}, all with jobs are served")
    dead = [row.identity.text for row in board.workers if row.condition == "dead?"]
    silent = [row.identity.text for row in board.workers if row.condition == "silent"]
    if dead:
        text = f"{len(dead):,} dead: {named(dead)}"
        yield Finding("workers", "WARN", text, "qtop prune")
    elif silent:
        yield Finding("workers", "WARN", f"silent: {named(silent)}", "look at their machines")
    else:
        yield Finding("workers", "OK", f"{len(board.workers):,}, none is silent")
    yield _unreadable(board)


def _unreadable(board: Board) -> Finding:
    aside = [row.name for row in board.queues if row.unreadable]
    failures = sum(row.failure.problem is not None for row in board.failures)
    if aside:
        text = f"items were set aside from {named(aside)}: they are no jobs"
        return Finding("jobs", "WARN", text, f"qtop show --from unreadable:{aside[0]}")
    if failures:
        text = f"{failures:,} of the newest failures cannot be read"
        return Finding("jobs", "WARN", text, "qtop failed")
    return Finding("jobs", "OK", "none was found that cannot be read")


def _scheduler(session: Session) -> Finding:
    keys = session.keys
    prefix = os.environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", "")
    master, _ = session.run(schedules.master(keys.master_lock(prefix)))
    _, moments = session.run(delayed.moments(keys, 0, 1))
    stored = session.run(schedules.stored(keys))
    overdue_s = session.now().timestamp() - moments[0].at if moments else 0.0
    return checks.scheduler(master, overdue_s > _PATIENCE_S, overdue_s, len(stored.configs))


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
