"""`qtop rescue`: puts back what processes lost that died."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from qtop.actions.plan import Refusal
from qtop.actions.request import Prune, PruneCase
from qtop.commands.acting import carry_out, report
from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.options import change_options
from qtop.commands.output import message
from qtop.commands.reading import Unread
from qtop.commands.sidekiq_processes import ask, open_able, tell_would


@click.command()
@click.argument("names", metavar="[PROCESS]...", nargs=-1)
@connection_options
@click.option(
    "--unsure",
    is_flag=True,
    help="Also jobs that may be elsewhere, and those of processes that may have stopped cleanly.",
)
@click.option(
    "--ignore-pids",
    is_flag=True,
    help="Also of processes whose id is in use on this machine: it may be another process by now.",
)
@change_options
def rescue(
    names: tuple[str, ...],
    connection: Connection,
    unsure: bool,
    ignore_pids: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Rescue the jobs of crashed processes.

    With open-source Sidekiq, what a process runs when it dies is lost. Consoles that watched it
    know what that was, and so does everybody for a day where `qtop watch` runs. The jobs that are
    nowhere else go to the front of their queues, each exactly once, whoever else does it; all of
    them, or those of the processes that are named. The evidence is shown first, and it always
    asks; elsewhere than on a terminal --yes must be said. A job may have ended after the last
    heartbeat of its process: then it runs twice. `qtop undo` undoes it for jobs that no
    worker has taken.

    \b
    Example: qtop rescue --dry-run
    """
    with open_able(connection, "rescue", dry_run=dry_run) as session:
        unread = Unread()
        cases = _cases(session, names, ignore_pids, unread)
        request = Prune(tuple(cases), forces=unsure)
        plan = session.run(session.system.prepare(request, session.operator))
        if isinstance(plan, Refusal):
            for case in cases:
                message(f"{case.worker_id}: {case.words}")
            message(plan.text)
            unread.leave()
            sys.exit(1)
        if not dry_run:
            if not yes:
                ask(plan)
            outcome = carry_out(session, plan)
            is_partial = bool(unread)
            report(
                *("rescue", "rescued", outcome),
                session=session,
                as_json=as_json,
                is_partial=is_partial,
            )
        fields = [case.fields for case in cases]
        tell_would(session, "rescue", plan, as_json, cases=fields)
    unread.leave()


def _cases(
    session: Session, names: Sequence[str], ignore_pids: bool, unread: Unread
) -> Sequence[PruneCase]:
    """What is known of the processes. What of it could not be read is said, and noted."""
    evidence = session.system.evidence(names, ignore_pids=ignore_pids)
    cases = session.run(evidence, "searching for lost jobs")
    for case in cases:
        for what, why in case.unread.items():
            unread.note(what, why)
    return cases
