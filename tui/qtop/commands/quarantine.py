"""`qtop quarantine`: moves jobs that kill their workers to where no worker takes them."""

from __future__ import annotations

import sys

import click

from qtop.actions.plan import Plan
from qtop.actions.request import Quarantine
from qtop.commands.acting import carry_out, confirm, report, tell_no_undo
from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.options import change_options
from qtop.commands.output import json_line, leave, line, message
from qtop.model.job import FAILED, Job, JobSource
from qtop.search.filter_language import parse
from qtop.search.list_walk import scan
from qtop.text.safe import counted, safe


@click.command()
@click.argument("failure_id", metavar="[ID]", required=False)
@connection_options
@change_options
def quarantine(
    failure_id: str | None, connection: Connection, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Move copies of a job out of reach of all workers.

    ID is that of one of its failures, as qtop failed lists it. Failures of the same class and
    arguments, and copies that wait in its queue, go to quarantine:QUEUE. Without an ID, the queues
    are listed of which jobs are in quarantine: qtop show --from quarantine:QUEUE shows them, qtop
    move puts them to a queue again.

    \b
    Example: qtop quarantine 3f2a9c0d11 --dry-run
    """
    source = JobSource("failed", FAILED)
    with connection.open_to_change(source, dry_run=dry_run or failure_id is None) as session:
        if failure_id is None:
            _list(session, as_json)
        job = _found(session, source, failure_id or "")
        plan: Plan = session.plan(Quarantine(source, job))
        for text in plan.details:
            message(f"  {text}")
        tell_no_undo(plan)
        if dry_run:
            would = {"action": "quarantine", "dry_run": True, "would": plan.many}
            text = f"would quarantine {counted(plan.many, 'job')}"
            line(json_line(session.named(would)) if as_json else text)
            sys.exit(0)
        if not yes:
            confirm(plan.what)
        report(
            "quarantine", "quarantined", carry_out(session, plan), session=session, as_json=as_json
        )


def _list(session: Session, as_json: bool) -> None:
    """List the queues of which jobs are in quarantine, and leave: with status 1 where none is."""
    names = session.run(session.system.quarantined())
    for name in names:
        outline = session.run(session.system.jobs(JobSource("quarantine", name)).outline())
        fields = {"queue": name, "quarantined": outline.length}
        text = f"{safe(name)}: {counted(outline.length, 'job')} in quarantine"
        line(json_line(session.named(fields)) if as_json else text)
    if not names:
        leave("nothing is in quarantine")
    sys.exit(0)


def _found(session: Session, source: JobSource, failure_id: str) -> Job:
    """The failure with this id, or with the only one that begins so; leaves with status 1 where
    there is none, or are several."""
    found: dict[str, Job] = {}

    def note(job: Job) -> None:
        if len(found) < 2:
            found.setdefault(job.id, job)

    wanted = parse(f"id:{failure_id}")
    session.run(
        scan(session.system.jobs(source), wanted, session.now(), note),
        f"searching {source}",
    )
    if not found:
        leave(f"no failure with id {failure_id}")
    if len(found) > 1:
        leave(f"more than one failure has an id that begins with {failure_id}: give more of it")
    return next(iter(found.values()))
