"""`qtop incidents` and `qtop acknowledge`: what is wrong, and that somebody knows."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from qtop.actions.plan import operator_identity
from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.fleet import judge_place
from qtop.commands.options import SPAN, json_option
from qtop.commands.output import json_line, leave, line
from qtop.commands.reading import Unread, visit_all
from qtop.model.health import Acknowledgement
from qtop.monitor.incidents.acknowledged import how
from qtop.monitor.incidents.incident import SEVERITY_NAMES, Incident, Severity
from qtop.text.safe import pad, safe
from queuecore.acknowledging import MOST_S
from queuecore.digests import sha1_hex

_STATUSES: Final[Mapping[Severity, int]] = {"crit": 2, "warn": 1, "info": 0, "good": 0}
_ID_CHARACTERS: Final = 8
_LABEL_CELLS: Final = 16


@click.command()
@connection_options
@json_option
def incidents(connection: Connection, as_json: bool) -> None:
    """Say what is wrong now, and why.

    As the console says it at its first refresh: rates, and what only shows over time, need the
    console. Incidents that were acknowledged are listed and do not count. Exit status: 0 nothing
    wrong, 1 at worst WARN, 2 CRIT, 3 when something could not be read.

    \b
    Example: qtop incidents --json
    """
    unread = Unread()
    redactor = connection.redactor(is_whole=False)
    worst = 0
    with connection.open_all() as places:

        def visit(session: Session, part: Unread) -> None:
            nonlocal worst
            _, found = judge_place(session, part)
            for each in found:
                if each.severity == "good" and as_json:
                    continue
                if not each.is_acknowledged:
                    worst = max(worst, _STATUSES[each.severity])
                if as_json:
                    # Each value by itself: a text that is too long is cut, an object never.
                    line(json_line(redactor.value(session.named(_fields(each)))))
                else:
                    of = f"{session.label}: " if session.is_among else ""
                    for text in _lines(each, of):
                        line(redactor.text(text))

        visit_all(places, unread, visit)
    unread.leave()
    sys.exit(worst)


def incident_id(incident: Incident) -> str:
    """What names an incident to `qtop acknowledge`: the same one at each refresh."""
    raw = "\0".join(incident.key).encode("utf-8", "surrogateescape")
    return sha1_hex(raw)[:_ID_CHARACTERS]


def _fields(incident: Incident) -> dict[str, Any]:
    done = incident.acknowledged
    return {
        "id": incident_id(incident),
        "severity": SEVERITY_NAMES[incident.severity],
        "check": incident.check,
        "kind": incident.kind,
        "subject": incident.subject or None,
        "text": incident.text,
        "figures": incident.figures or None,
        "since": None if incident.is_older else incident.since,
        "cause": incident.cause or None,
        "evidence": [list(each) for each in incident.evidence],
        "meaning": incident.meaning or None,
        "remedies": [each.command or each.words for each in incident.remedies],
        "is_certain": incident.doubt is None,
        "acknowledged": None if done is None else _done_fields(done),
    }


def _done_fields(done: Acknowledgement) -> dict[str, Any]:
    return {
        "who": done.who,
        "reason": done.reason,
        "at": done.at,
        "until": done.until,
        "ends_with_it": done.ends_with_it,
    }


def _lines(incident: Incident, of: str) -> Iterator[str]:
    name = SEVERITY_NAMES[incident.severity]
    if incident.severity == "good":
        yield f"{pad(name, 4)}  {safe(of + incident.sentence)}"
        return
    done = incident.acknowledged
    more = "" if done is None else f" ({how(done)})"
    yield f"{pad(name, 4)}  {incident_id(incident)}  {safe(of + incident.sentence + more)}"
    if incident.cause:
        yield f"      {safe(incident.cause)}"
    for label, value in incident.evidence:
        yield f"      {pad(safe(label), _LABEL_CELLS)}  {safe(value)}"
    if incident.advice:
        yield f"      → {safe(incident.advice)}"


@click.command()
@click.argument("incident_id_wanted", metavar="ID")
@click.option("--for", "seconds", type=SPAN, help="For how long: 15m, 1h, 8h. At most 7 days.")
@click.option("--until-resolved", is_flag=True, help="Until it is resolved, at most 7 days.")
@click.option("--end", "ends", is_flag=True, help="End the acknowledgement.")
@click.option("--reason", default="", help="Reason, shown in all consoles.")
@connection_options
def acknowledge(
    incident_id_wanted: str,
    seconds: float | None,
    until_resolved: bool,
    ends: bool,
    reason: str,
    connection: Connection,
) -> None:
    """Acknowledge an incident.

    Consoles count it in one line below the others then.

    ID is as qtop incidents shows it. What becomes worse is shown again. Exit status 1 when there is
    no such incident.

    \b
    Example: qtop acknowledge 3f2a9c0d --for 1h --reason 'deploy under way'
    """
    if sum((seconds is not None, until_resolved, ends)) != 1:
        raise click.UsageError("give one of --for, --until-resolved and --end")
    unread = Unread()
    redact = connection.redactor(is_whole=False).text
    with connection.open_to_change() as session:
        fleet, found = judge_place(session, unread)
        incident = _named(found, incident_id_wanted)
        if incident is None:
            leave(f"no incident {incident_id_wanted} now: see qtop incidents")
        if ends:
            session.run(session.system.forget_acknowledged(incident.key))
            line(redact(f"no longer acknowledged: {safe(incident.text)}"))
            return
        now_s = fleet.server_time.timestamp()
        until = now_s + (MOST_S if seconds is None else min(seconds, MOST_S))
        who = operator_identity().who
        done = Acknowledgement(
            *(incident.key, incident.severity, who, reason, now_s, until, until_resolved)
        )
        known = session.run(session.system.acknowledged())
        if not session.run(session.system.acknowledge(done, known)):
            leave("too many acknowledgements: nothing was changed")
        line(redact(safe(f"{incident.text}: {how(done)}")))


def _named(found: Sequence[Incident], wanted: str) -> Incident | None:
    open_ones = (each for each in found if each.severity != "good")
    return next((each for each in open_ones if incident_id(each) == wanted), None)
