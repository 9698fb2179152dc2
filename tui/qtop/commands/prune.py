"""`qtop prune`: dead workers off the register."""

from __future__ import annotations

import os
import socket
import sys

import click

from qtop.actor import actor
from qtop.commands.connect import Connection, connection_options
from qtop.commands.options import dry_run_option, json_option
from qtop.commands.output import counted, json_line, line, message
from qtop.commands.session import Session
from qtop.condition import condition
from qtop.text import ago, safe
from resque.state import notes, pruning, snapshot
from resque.state.snapshot import WorkerState
from resque.state.trail import Trail
from resque.wire.times import wall_now


@click.command()
@connection_options
@click.option(
    "--requeue-lost",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Put their jobs back, each at most N times within a day, instead of failing them.",
)
@json_option
@dry_run_option
def command(connection: Connection, requeue_lost: int, as_json: bool, dry_run: bool) -> None:
    """Take dead workers off the register.

    The jobs in their hands become failures. Dead is a worker whose last heartbeat is older than
    five minutes by the server's clock. Without any heartbeat it may belong to another
    implementation, and stays.

    Example: qtop prune --dry-run
    """
    with connection.open() as session:
        if not dry_run:
            session.refuse_if_read_only()
        look = session.run(snapshot.take(session.keys, tails={}, failures_limit=0))
        dead = [worker for worker in look.workers if condition(worker) == "dead?"]
        if not dead:
            message("no worker is dead")
            sys.exit(1)
        if dry_run:
            for worker in dead:
                _tell(worker, as_json)
            return
        pruned = _prune(session, requeue_lost)
    if not pruned:
        message("somebody else prunes at the moment: look again in a minute")
        sys.exit(1)
    for worker_id in pruned:
        line(json_line({"pruned": worker_id}) if as_json else f"pruned {safe(worker_id)}")


def _prune(session: Session, requeue_lost: int) -> list[str]:
    me = f"{socket.gethostname()}:{os.getpid()}:qtop"
    pruned = session.run(pruning.prune(session.keys, me, wall_now, requeue_lost=requeue_lost))
    if pruned:
        what = counted(len(pruned), "dead worker")
        source = session.keys.workers()
        trail = Trail(actor(), "prune", what, source, len(pruned), undo_s=0)
        session.run(notes.note(session.keys, trail, len(pruned)))
    return pruned


def _tell(worker: WorkerState, as_json: bool) -> None:
    name, record = worker.identity.text, worker.record
    job = record.class_name if record is not None else None
    if as_json:
        line(
            json_line(
                {"would_prune": name, "heartbeat_age_s": worker.heartbeat_age_s, "class": job}
            )
        )
        return
    holds = "" if record is None else f", holds {safe(job or 'a job')}"
    line(f"would prune {safe(name)}: silent for {ago(worker.heartbeat_age_s)}{holds}")
