"""`qtop prune`: dead workers off the register."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import click

from qtop.actions.request import Prune, PruneCase
from qtop.commands.acting import confirm
from qtop.commands.connection import Connection, Session, change_options, connection_options
from qtop.commands.output import counted, json_line, leave, line, message
from qtop.commands.reading import Unread, search_strays
from qtop.model.job import FAILED, JobSource
from qtop.text.safe import safe


@click.command()
@click.argument("names", metavar="[WORKER]...", nargs=-1)
@connection_options
@click.option(
    "--requeue-lost",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Put their jobs back, each at most N times within a day, instead of failing them.",
)
@click.option(
    "--ignore-pids",
    is_flag=True,
    help="Also those whose process id runs on this machine: it may be another process by now.",
)
@change_options
def command(
    names: tuple[str, ...],
    connection: Connection,
    requeue_lost: int,
    ignore_pids: bool,
    as_json: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Take dead workers off the register.

    All of them, or those named. The jobs in their hands become failures. Dead is a worker whose
    last heartbeat is older than five minutes by the server's clock, and whose process is gone, as
    far as it can be seen from here. Without any heartbeat it may belong to another implementation,
    and stays, but for one on no register that holds its job for so long. The evidence is shown
    first, and a worker that gives a sign of life after that is spared.
    Before several are pruned it asks; --yes does not. There is no undo.

    \b
    Example: qtop prune --dry-run
    """
    with connection.open_to_change(JobSource("failed", FAILED), dry_run=dry_run) as session:
        unread = Unread()
        cases = _cases(session, names, ignore_pids, unread)
        dead = [case for case in cases if case.doubt is None]
        for case in cases:
            if case.doubt is not None:
                _tell_kept(case, case.doubt, as_json, "would keep" if dry_run else "kept")
        if not dead:
            unread.leave()
            leave("no worker is dead")
        if dry_run:
            for case in dead:
                _tell_plan(case, requeue_lost, as_json)
            unread.leave()
            return
        for case in dead:
            message(f"{case.worker_id}: {case.words}")
        request = Prune(tuple(dead), requeue_lost=requeue_lost, tell=partial(_tell, as_json))
        plan = session.plan(request)
        if len(dead) > 1 and not yes:
            confirm(f"prune {counted(len(dead), 'dead worker')}")
        outcome = session.carry_out(plan)
        if outcome.refused:
            message("somebody else prunes at the moment: look again in a minute")
    sys.exit(0 if outcome.done else 1)


def _cases(
    session: Session, names: Sequence[str], ignore_pids: bool, unread: Unread
) -> Sequence[PruneCase]:
    found = None if names else search_strays(session, unread)
    unlisted = [] if found is None else [each.name for each in found.of("record")]
    look = session.system.evidence(names, ignore_pids=ignore_pids, unlisted=unlisted)
    cases = session.run(look)
    for case in cases:
        for what, why in case.unread.items():
            unread.note(what, why)
    return cases


def _tell(as_json: bool, case: PruneCase, fate: str) -> None:
    """Tell what became of a worker."""
    job = {"failed": ": its job failed", "put back": ": its job is back on its queue"}.get(fate, "")
    if fate == "alive":
        _tell_kept(case, "it gave a sign of life meanwhile", as_json, "kept")
    elif as_json:
        line(json_line({"pruned": case.worker_id, "job": fate, **case.fields}))
    else:
        line(f"pruned {safe(case.worker_id)}{job}")


def _tell_kept(case: PruneCase, doubt: str, as_json: bool, done: str) -> None:
    if as_json:
        line(json_line({done.replace(" ", "_"): case.worker_id, **case.fields, "doubt": doubt}))
    else:
        message(f"{done} {case.worker_id}: {doubt}")


def _tell_plan(case: PruneCase, requeue_lost: int, as_json: bool) -> None:
    fate = case.fate(requeue_lost)
    if as_json:
        line(json_line({"would_prune": case.worker_id, "job": fate, **case.fields}))
        return
    then = {"failed": "; its job would fail", "put back": "; its job would go back"}.get(fate, "")
    line(f"would prune {safe(case.worker_id)}: {case.words}{then}")
