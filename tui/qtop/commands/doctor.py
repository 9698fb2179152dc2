"""`qtop doctor`: looks at a server and its fleet, and says what is wrong with them."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Final

import click

from qtop.commands.cli import EXIT_UNREACHABLE
from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.options import json_option
from qtop.commands.output import json_line, line
from qtop.commands.reading import read_whole
from qtop.config.limits import USUAL
from qtop.model.fleet import NOTHING_SEEN, Snapshot
from qtop.model.health import Finding, FindingLevel, ServerInfo, skew_s
from qtop.monitor.incidents import server
from qtop.monitor.incidents.incident import Incident, Severity
from qtop.monitor.incidents.rules import IncidentRules, without_others
from qtop.monitor.incidents.server import FRESH_S, LIFETIME_S, Lease
from qtop.monitor.incidents.workers import stray_incidents
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import FleetRows
from qtop.systems.system import DiagnosisPart
from qtop.text.safe import count, counted, pad, safe
from queuecore import errors

_PINGS: Final = 10
_CHECK_CELLS: Final = 12
_LEVEL_CELLS: Final = 7
_COLOURS: Final = {"OK": "green", "UNKNOWN": "yellow", "WARN": "yellow", "ERROR": "red"}
_STATUSES: Final = {"OK": 0, "UNKNOWN": 1, "WARN": 1, "ERROR": 2}
_FAILURES_READ: Final = 500
#: Of so many of the longest queues that no worker serves, the classes are read.
_QUEUES_SAMPLED: Final = 20
#: What the system says of the jobs in a snapshot.
_OF_JOBS: Final[tuple[DiagnosisPart, ...]] = ("items", "poison", "duplicates")
#: Checks of the connection to a server, not of what is in it.
_OF_CONNECTION: Final = ("connection", "state", "latency")

#: One thing that is looked at: says what it found, or raises what kept it from looking.
DoctorCheck = Callable[[Session], Iterator[Finding]]


@click.command()
@connection_options
@json_option
@click.option(
    "--nagios",
    is_flag=True,
    help="As a plugin of Nagios: a status line with performance data first; exit status 0 OK, "
    "1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
)
def doctor(connection: Connection, as_json: bool, nagios: bool) -> None:
    """Say what is wrong, and what to do about it.

    Checks the server, this user's rights and the fleet. Changes nothing. Exit status: 0 all well,
    1 warnings or a check that could not be made, 2 errors, 3 where Redis cannot be
    reached, or none could be made: for one of several systems is enough. With --read-only, rights
    to change something are not needed.

    \b
    Example: qtop doctor --url redis://localhost:6379/0
    """
    if nagios:
        if as_json:
            raise click.UsageError("--nagios and --json exclude each other")
        sys.exit(_print_for_nagios(connection))
    found: dict[Session | None, list[Finding]] = {}
    for session, finding in _redacted(connection):
        _print(session, finding, as_json)
        found.setdefault(session, []).append(finding)
    sys.exit(max(map(_status, found.values())))


def _redacted(connection: Connection) -> Iterator[tuple[Session | None, Finding]]:
    # The arguments of jobs may be in them.
    redact = connection.redactor(is_whole=False).text
    for session, each in findings(connection):
        yield session, replace(each, text=redact(each.text), remedy=redact(each.remedy))


def _print_for_nagios(connection: Connection) -> int:
    # Imported here: people read the other form.
    from qtop.commands.nagios import PlacedFinding, report

    begun_s = time.monotonic()
    found = [
        PlacedFinding(each, session.label if session is not None and session.is_among else "")
        for session, each in _redacted(connection)
    ]
    lines, status = report(found, time.monotonic() - begun_s)
    for each in lines:
        line(each)
    return status


def _status(found: Sequence[Finding]) -> int:
    """What the command exits with for one place. That a server answers says nothing of what is in
    it."""
    levels = {each.level for each in found if each.check not in _OF_CONNECTION}
    if levels <= {"UNKNOWN"}:
        return EXIT_UNREACHABLE
    return max(_STATUSES[each.level] for each in found)


def findings(connection: Connection) -> Iterator[tuple[Session | None, Finding]]:
    """Everything that can be said, one after the other, and of which place, if any could be found.
    For each place some 50 round trips, three for each 1,000 keys of the database (600 at most) and
    two for each other namespace (100 at most). Raises nothing of Redis: what does not work is a
    finding."""
    with ExitStack() as stack:
        try:
            places = stack.enter_context(connection.open_all())
        except errors.QueueError as error:
            yield None, _no_connection(error)
            return
        is_answered = True
        for session in places.sessions:
            for finding in _of_place(session):
                is_answered &= (finding.check, finding.level) != ("connection", "ERROR")
                yield session, _only_read(finding) if connection.is_read_only else finding
        # Where nothing is answered that says it all.
        for what, why in places.unread.items() if is_answered else ():
            text = f"unknown: {what}: {why}"
            advice = "name the one you mean with --system"
            yield places.current, Finding("systems", "UNKNOWN", text, advice)


def _of_place(session: Session) -> Iterator[Finding]:
    try:
        yield from _answers(session)
        for check, find in _CHECKS:
            yield from _tried(check, find, session)
    except errors.QueueError as error:
        yield _no_connection(error)


def _only_read(finding: Finding) -> Finding:
    """A finding for somebody who changes nothing: a right to read that is missing is found by the
    check that needs it."""
    if finding.check != "rights" or finding.level != "ERROR":
        return finding
    return replace(finding, level="OK", text=f"not needed to read: {finding.text}", remedy="")


def _no_connection(error: errors.QueueError) -> Finding:
    return Finding("connection", "ERROR", str(error), remedy(error))


def _tried(check: str, find: DoctorCheck, session: Session) -> Iterator[Finding]:
    try:
        yield from find(session)
    except errors.QueueError as error:
        yield _failed(check, error)


def _answers(session: Session) -> Iterator[Finding]:
    """Whether a Redis answers. One that refuses even a PING answers, too: its reason is a finding,
    and the other checks are made all the same. Raises what keeps all of them from being made."""
    system = session.system
    refused, took_ms = _ping(session)
    if refused is not None and is_of_the_login(refused):
        raise refused
    with suppress(errors.Refused):
        # What it refuses is a finding of `clock`.
        session.run(system.contact())
    yield Finding("connection", "OK", f"{system.place.address} answers, after {took_ms:.0f} ms")
    # A right or a command that is missing is found by other checks.
    is_found_later = isinstance(refused, errors.AuthRefused | errors.MissingCommand)
    if refused is not None and not is_found_later:
        yield Finding("state", "ERROR", str(refused), remedy(refused))


def _ping(session: Session) -> tuple[errors.StoreError | None, float]:
    """Why even a ping is refused, and how long it took in milliseconds."""
    begun_s = time.perf_counter()
    return session.run(session.system.ping()), (time.perf_counter() - begun_s) * 1000


def _latency(session: Session) -> Iterator[Finding]:
    yield latency([_ping(session)[1] for _ in range(_PINGS)])


def _server(session: Session) -> Iterator[Finding]:
    facts = session.run(session.system.server())
    if facts is None:
        return
    yield scripts(facts)
    if facts.problem is not None:
        what = "version, role, memory, eviction, connections and persistence were not checked"
        why = facts.problem
        yield Finding("server", "UNKNOWN", f"{what}: {why}", remedy(why))
        return
    yield version(facts)
    yield server.role(facts)
    yield from server.memory(facts)
    yield server.connections(facts)
    yield server.persistence(facts)


def _clock(session: Session) -> Iterator[Finding]:
    before_s = time.time()
    server_s = session.now().timestamp()
    yield server.clock(skew_s(server_s, before_s, time.time()))


def _strays(session: Session) -> Iterator[Finding]:
    """Whether there are jobs that no index leads to, beside those of queues. What is only kept for
    an undo, or while a job is tried again, is not lost."""
    found = session.run(session.system.strays())
    strays = [each for each in stray_incidents(found) if each.kind != "queue"]
    for each in strays:
        yield Finding("strays", "WARN", each.sentence, each.advice)
    if not found.is_complete:
        text = "only the first 200,000 keys were searched for jobs that are in no index"
        yield Finding("strays", "UNKNOWN", text, "give the jobs a database of their own")
    elif not strays:
        copies = counted(len(found.found) - len(found.lost), "key")
        text = f"every job is in an index; {copies} with copies"
        yield Finding("strays", "OK", text)


def _fleet(session: Session) -> Iterator[Finding]:
    system = session.new_system(failures_read=_FAILURES_READ)
    seen = session.run(read_whole(system.snapshot()))
    builder = RowBuilder(system)
    fleet = builder.add(seen, 0.0)
    report = session.run(session.system.health())
    unserved = [row for row in fleet.queues or () if row.is_unserved]
    longest = sorted(unserved, key=lambda row: -(row.depth or 0))[:_QUEUES_SAMPLED]
    first = session.run(session.system.next_jobs([row.name for row in longest], samples=True))
    report = replace(report, next_jobs=first.jobs, waiting=first.waiting)
    ours = fleet if report.ownership is None else without_others(fleet, report.ownership)
    theirs = len(fleet.queues or ()) - len(ours.queues or ())
    rules = IncidentRules(abilities=system.abilities, served_by=builder.served_by)
    yield from of_fleet(ours, rules.fleet(fleet, 0.0, report), theirs)
    rows = fleet.workers or ()
    suspects = {row.id for row in rows if row.condition in ("dead?", "silent")}
    for part in _OF_JOBS:
        find = partial(_of_system, part, seen=seen, suspects=suspects)
        for finding in _tried(part, find, session):
            if finding.level == "OK" and fleet.totals.problems:
                # What was not read may hold it.
                finding = replace(finding, level="UNKNOWN", remedy=SEE)
            yield finding


def _of_system(
    part: DiagnosisPart,
    session: Session,
    *,
    seen: Snapshot = NOTHING_SEEN,
    suspects: Collection[str] = (),
) -> Iterator[Finding]:
    """What the system itself finds out about a part, also before it fails."""
    found: list[Finding] = []
    try:
        session.run(session.system.diagnose(part, found.append, seen, suspects))
    finally:
        yield from found


def _scheduler(session: Session) -> Iterator[Finding]:
    report = session.run(session.system.health())
    why, system = report.problems.get("scheduler"), report.system
    if why is None and system.master is None and system.taken is not None:
        # Each of its processes moves what is due: the fleet tells.
        return
    if why is not None or system.taken is None or system.due is None:
        yield Finding("scheduler", "UNKNOWN", why or "unknown", SEE)
        return
    overdue_s = system.taken.timestamp() - system.due
    is_due = overdue_s > USUAL.overdue_delay_s
    held = find_out(lambda: session.run(session.system.scheduler_lock()))
    finding = server.scheduler(held, is_due, overdue_s, system.schedules or 0)
    late = server.late(None if held is None else held.owner, overdue_s)
    yield late if late is not None and finding.level in ("OK", "UNKNOWN") else finding


# Whether the scheduler that holds the lock still renews it.

#: Where reading it once is not enough, the lock is watched: twice as long as a scheduler waits.
_LOOKS: Final = 22
_EVERY_S: Final = 0.5
#: A renewal moves the end by seconds; what is less is the time that answers take.
_MOVED_S: Final = 1.0

#: Who holds the lock, and for how many more seconds (None: it never ends).
ReadLock = Callable[[], tuple[str | None, float | None]]


def find_out(
    read: ReadLock,
    *,
    sleep: Callable[[float], None] = time.sleep,
    runs_here: Callable[[str], bool | None] | None = None,
) -> Lease | None:
    """What is known of the lock; None when it is free. One round trip; where it was not
    renewed just now, and its owner may live, 22 more in 11 s. Raises what `read` raises."""
    owner, left_s = read()
    if owner is None:
        return None
    if left_s is None:
        return Lease(owner)
    idle_s = LIFETIME_S - left_s
    if 0 <= idle_s < FRESH_S:
        return Lease(owner, idle_s, left_s)
    if (runs_here or _runs_here)(owner) is False:
        return Lease(owner, max(0.0, idle_s), left_s, is_gone=True)
    return _watched(read, owner, left_s, sleep)


def _watched(
    read: ReadLock, owner: str, left_s: float, sleep: Callable[[float], None]
) -> Lease | None:
    for _ in range(_LOOKS):
        sleep(_EVERY_S)
        owner_now, left_now_s = read()
        if owner_now is None:
            return None
        if left_now_s is None:
            return Lease(owner_now)
        if owner_now != owner or left_now_s > left_s + _MOVED_S - _EVERY_S:
            return Lease(owner_now, 0.0, left_now_s)
        left_s = left_now_s
    # How old a lock is that lasts longer than usual is not known: no longer fresh.
    return Lease(owner, max(FRESH_S, LIFETIME_S - left_s), left_s)


def _runs_here(owner: str) -> bool | None:
    """Whether a scheduler of this machine runs; None for one of another."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname() or not (pid.isascii() and pid.isdigit()) or len(pid) > 10:
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


#: What is looked at, in the order of the findings: each by itself, so that one check that fails
#: keeps no other from being made.
_CHECKS: Final[tuple[tuple[str, DoctorCheck], ...]] = (
    ("latency", _latency),
    ("server", _server),
    ("rights", partial(_of_system, "rights")),
    ("clock", _clock),
    ("namespace", partial(_of_system, "namespace")),
    ("unregistered", partial(_of_system, "unregistered")),
    ("strays", _strays),
    ("locks", partial(_of_system, "locks")),
    ("order", partial(_of_system, "order")),
    ("fleet", _fleet),
    ("scheduler", _scheduler),
    ("schedules", partial(_of_system, "schedules")),
)


def _print(session: Session | None, finding: Finding, as_json: bool) -> None:
    if as_json:
        found = {"check": finding.check, "level": finding.level, "text": finding.text}
        fields = {**found, "remedy": finding.remedy or None}
        line(json_line(fields if session is None else session.named(fields)))
        return
    level = click.style(pad(finding.level, _LEVEL_CELLS), fg=_COLOURS[finding.level])
    of = f"{safe(session.label)}: " if session is not None and session.is_among else ""
    line(f"{level}  {pad(finding.check, _CHECK_CELLS)}  {of}{safe(finding.text)}")
    if finding.remedy:
        line(f"{'':{_LEVEL_CELLS + 2 + _CHECK_CELLS}}  → {safe(finding.remedy)}")


# What to do about an error of Redis, for those who ask `qtop doctor`.

#: The first that fits; a subclass comes before its base.
_REMEDIES: Final[tuple[tuple[type[errors.QueueError], str], ...]] = (
    (
        errors.TooManyClients,
        "end clients that are not needed, or raise maxclients in its configuration",
    ),
    (errors.Unreachable, "correct the URL, or start Redis there"),
    (errors.BadUrl, "correct the URL"),
    (errors.NotRedis, "correct the host and port of the URL"),
    (errors.NoServer, "name a Redis with --url"),
    (errors.MissingCommand, "allow the command there, or do without the features that need it"),
    (errors.NotPersisting, "free its disk, check its log, then BGSAVE"),
    (errors.OutOfMemory, "raise maxmemory where the machine has more, or let workers catch up"),
    (errors.ReadOnly, "connect to the primary"),
    (errors.Busy, "wait until that is over, then run it again"),
    (
        errors.WrongType,
        "check whose key it is before you change it: another system may use this namespace",
    ),
)
#: What refuses everything that has no login, or a wrong one, in Redis's own words.
_OF_THE_LOGIN: Final = ("NOAUTH", "WRONGPASS", "DENIED")


def remedy(error: errors.QueueError) -> str:
    if isinstance(error, errors.AuthRefused):
        right = "extend the user's rights: `rights` lists what is missing"
        return "correct the login in the URL" if is_of_the_login(error) else right
    fitting = (text for kind, text in _REMEDIES if isinstance(error, kind))
    return next(fitting, "fix this first, then run it again")


def is_of_the_login(error: errors.QueueError) -> bool:
    """Whether an error says that nothing can be asked without another login."""
    is_refused = isinstance(error, errors.AuthRefused)
    return is_refused and any(f"says: {code}" in str(error) for code in _OF_THE_LOGIN)


_SLOW_MS: Final = 50


def _failed(check: str, error: errors.QueueError) -> Finding:
    return Finding(check, "UNKNOWN", str(error), remedy(error))


def latency(round_trips_ms: Sequence[float]) -> Finding:
    """How long a round trip takes; at least one was measured."""
    middle, worst = median(round_trips_ms), max(round_trips_ms)
    text = f"a round trip takes {middle:.1f} ms, at worst {worst:.1f} ms"
    if middle <= _SLOW_MS:
        return Finding("latency", "OK", text)
    return Finding("latency", "WARN", text, "run qtop and the workers nearer to Redis")


def version(facts: ServerInfo) -> Finding:
    fields = facts.fields
    name = "Valkey" if "valkey_version" in fields else "Redis"
    number = fields.get("valkey_version") or fields.get("redis_version", "unknown")
    text = f"{name} {number}"
    # Valkey says there which Redis it is compatible with.
    found = re.match(r"(\d+)\.(\d+)", fields.get("redis_version", ""))
    if found is None:
        return Finding("version", "UNKNOWN", text, "check that it is 6.2 or newer")
    parts = (int(found[1]), int(found[2]))
    if parts < (5, 0):
        return Finding("version", "ERROR", text, "use 6.2 or newer: the record needs streams")
    if parts < (6, 2):
        return Finding("version", "WARN", text, "use 6.2 or newer: undo of a clear needs it")
    return Finding("version", "OK", text)


def scripts(facts: ServerInfo) -> Finding:
    if facts.script_problem is None:
        return Finding("scripts", "OK", "Lua scripts can be run")
    if isinstance(facts.script_problem, errors.Busy):
        return _failed("scripts", facts.script_problem)
    what_to_do = "allow EVAL and EVALSHA: nothing works without"
    return Finding("scripts", "ERROR", str(facts.script_problem), what_to_do)


# What Overview says of a fleet, and what is well in it.

_LEVELS: Final[dict[Severity, FindingLevel]] = {
    "crit": "ERROR",
    "warn": "WARN",
    "info": "OK",
    "good": "OK",
}
#: What to do where something could not be read.
SEE: Final = "see what `state` and `rights` say"


def of_fleet(
    fleet_rows: FleetRows, incidents: Iterator[Incident], theirs: int
) -> Iterator[Finding]:
    """What Overview says of a fleet, and what is well in it, without `theirs`: so many queues are
    Sidekiq's. Information is no reason to act."""
    rest = f"; {theirs:,} more of Sidekiq's, not checked" if theirs else ""
    number = None if fleet_rows.queues is None else len(fleet_rows.queues)
    wrong: set[str] = set()
    for incident in incidents:
        level = _LEVELS[incident.severity]
        remedy = "" if level == "OK" else incident.advice
        if incident.doubt is not None:
            level = "UNKNOWN"
            remedy = SEE if incident.doubt == "unread" else remedy
        wrong |= {incident.check} if level != "OK" else set()
        yield Finding(incident.check, level, incident.sentence, remedy)
    is_whole = not fleet_rows.totals.problems
    knows_depths = is_whole and all(row.depth is not None for row in fleet_rows.queues or ())
    for check, is_known, text in (
        ("queues", knows_depths, f"{count(number)}, workers for all that have jobs{rest}"),
        ("workers", is_whole, f"{count(fleet_rows.totals.workers)}, none is silent"),
        ("jobs", is_whole, "none unreadable, none runs long"),
    ):
        if check in wrong:
            continue
        if is_known:
            yield Finding(check, "OK", text)
        else:
            yield Finding(check, "UNKNOWN", "some of it could not be read: see `keys`", SEE)
