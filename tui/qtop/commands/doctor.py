"""`qtop doctor`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import click

from qtop.commands import checks
from qtop.commands.checks import is_of_the_login, remedy, system_findings
from qtop.commands.connection import Connection, Session, connection_options, json_option
from qtop.commands.fleet_checks import SEE, find_out, fleet, lock_findings, schedule_findings
from qtop.commands.lists import look_around, master_lock
from qtop.commands.output import json_line, line
from qtop.config.limits import USUAL
from qtop.model.health import ServerInfo, skew_s
from qtop.monitor.incidents import server_checks
from qtop.monitor.incidents.server_checks import Finding
from qtop.text.safe import pad, safe
from queuecore.errors import AuthRefused, MissingCommand, QueueError, Refused, StoreError
from queuecore.exchange import Exchange, contact
from resque.store import neighbours, registration, schedules, server_info

_PINGS: Final = 10
_PING: Final = Exchange((("PING",),), lambda replies: replies[0], tolerant=True)
_CHECK_CELLS: Final = 12
_LEVEL_CELLS: Final = 7
_COLOURS: Final = {"OK": "green", "UNKNOWN": "yellow", "WARN": "yellow", "ERROR": "red"}
_STATUSES: Final = {"OK": 0, "UNKNOWN": 1, "WARN": 1, "ERROR": 2}
_OUT_OF_REACH: Final = 3
#: Checks of the way to a server, not of what is in it.
_OF_THE_WAY: Final = ("connection", "state", "latency")

#: One thing that is looked at: says what it found, or raises what kept it from looking.
DoctorCheck = Callable[[Session], Iterator[Finding]]


@click.command()
@connection_options
@json_option
def command(connection: Connection, as_json: bool) -> None:
    """Say what is wrong, and what to do about it.

    Looks at the server, this user's rights and the fleet. Changes nothing. Exit status: 0 all well,
    1 warnings or a check that could not be made, 2 errors, 3 where Redis cannot be
    reached, or none could be made.

    \b
    Example: qtop doctor --url redis://localhost:6379/0
    """
    told = []
    for finding in findings(connection):
        _print(finding, as_json)
        told.append(finding)
    sys.exit(_status(told))


def _status(told: Sequence[Finding]) -> int:
    """What the command exits with. That a server answers says nothing of what is in it."""
    levels = {each.level for each in told if each.check not in _OF_THE_WAY}
    if levels <= {"UNKNOWN"}:
        return _OUT_OF_REACH
    return max(_STATUSES[each.level] for each in told)


def findings(connection: Connection) -> Iterator[Finding]:
    """Everything that can be said, one after the other. Some 45 round trips, three for each
    1,000 keys of the database (600 at most) and two for each other namespace (100 at most). Raises
    nothing of Redis: what does not work is a finding."""
    try:
        with connection.open() as session:
            yield from _answers(session)
            for check, find in _CHECKS:
                yield from _tried(check, find, session)
    except QueueError as error:
        yield Finding("connection", "ERROR", str(error), remedy(error))


def _tried(check: str, find: DoctorCheck, session: Session) -> Iterator[Finding]:
    try:
        yield from find(session)
    except QueueError as error:
        yield checks.failed(check, error)


def _answers(session: Session) -> Iterator[Finding]:
    """Whether a Redis answers. One that refuses even a PING answers, too: its reason is told, and
    the other checks are made all the same. Raises what keeps all of them from being made."""
    begun_s = time.perf_counter()
    reply = session.run(_PING)
    took_ms = (time.perf_counter() - begun_s) * 1000
    if isinstance(reply, StoreError) and is_of_the_login(reply):
        raise reply
    with suppress(Refused):
        # What it refuses is told by `clock`.
        session.run(contact(session.address))
    yield Finding("connection", "OK", f"{session.address} answers, after {took_ms:.0f} ms")
    # A right or a command that is missing is told among the others.
    if isinstance(reply, StoreError) and not isinstance(reply, AuthRefused | MissingCommand):
        yield Finding("state", "ERROR", str(reply), remedy(reply))


def _latency(session: Session) -> Iterator[Finding]:
    taken: list[float] = []
    for _ in range(_PINGS):
        begun_s = time.perf_counter()
        session.run(_PING)
        taken.append((time.perf_counter() - begun_s) * 1000)
    yield checks.latency(taken)


def _server(session: Session) -> Iterator[Finding]:
    facts = session.run(server_info.facts(session.keys))
    yield checks.scripts(facts)
    if facts.info_problem is not None:
        yield checks.untold(facts.info_problem)
        return
    yield checks.version(facts)
    told = ServerInfo(facts.fields, facts.save)
    yield server_checks.role(told)
    yield from server_checks.memory(told)
    yield server_checks.connections(told)
    yield server_checks.persistence(told)


def _rights(session: Session) -> Iterator[Finding]:
    refused = session.run(server_info.refused_commands(session.keys))
    yield checks.rights(refused)
    if refused is not None:
        yield checks.commands(refused)


def _clock(session: Session) -> Iterator[Finding]:
    before_s = time.time()
    server_s = session.now().timestamp()
    yield server_checks.clock(skew_s(server_s, before_s, time.time()))


def _systems(session: Session) -> Iterator[Finding]:
    look = neighbours.look_around(session.keys, database=session.address.db, now=session.now())
    yield from system_findings(session.run(look), session.keys.namespace)


def _unregistered(session: Session) -> Iterator[Finding]:
    found, is_complete = session.run(registration.missing(session.keys))
    ours = session.run(registration.of_resque(session.keys, found, now=session.now()))
    yield checks.unregistered(ours, is_complete, len(found) - len(ours))


def _strays(session: Session) -> Iterator[Finding]:
    return checks.stray_findings(session.run(session.system().strays()))


def _locks(session: Session) -> Iterator[Finding]:
    yield lock_findings(session)


def _scheduler(session: Session) -> Iterator[Finding]:
    survey = look_around(session)
    why, system = survey.problems.get("scheduler"), survey.system
    if why is not None or system.taken is None or system.due is None:
        yield Finding("scheduler", "UNKNOWN", why or "not told", SEE)
        return
    overdue_s = system.taken.timestamp() - system.due
    is_due = overdue_s > USUAL.overdue_delay_s
    lock = master_lock(session)
    held = find_out(lambda: session.run(schedules.lease(lock)))
    told = server_checks.scheduler(held, is_due, overdue_s, system.schedules or 0)
    late = server_checks.late(None if held is None else held.owner, overdue_s)
    yield late if late is not None and told.level in ("OK", "UNKNOWN") else told


#: What is looked at, in the order in which it is told: each by itself, so that one that cannot be
#: looked at keeps no other from being told.
_CHECKS: Final[tuple[tuple[str, DoctorCheck], ...]] = (
    ("latency", _latency),
    ("server", _server),
    ("rights", _rights),
    ("clock", _clock),
    ("namespace", _systems),
    ("unregistered", _unregistered),
    ("strays", _strays),
    ("locks", _locks),
    ("fleet", fleet),
    ("scheduler", _scheduler),
    ("schedules", schedule_findings),
)


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
    level = click.style(pad(finding.level, _LEVEL_CELLS), fg=_COLOURS[finding.level])
    line(f"{level}  {pad(finding.check, _CHECK_CELLS)}  {safe(finding.text)}")
    if finding.remedy:
        line(f"{'':{_LEVEL_CELLS + 2 + _CHECK_CELLS}}  → {safe(finding.remedy)}")
