"""What is done to queues and workers: `qtop pause`, `resume`, `clear`, `register`,
`reorder`, `prune`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import click

from qtop.actions.plan import Outcome, Plan, Refusal, typeable
from qtop.actions.request import Clear, Index, Pause, PauseAll, Prune, PruneCase, Register, Reorder
from qtop.commands.acting import (
    carry_out,
    confirm,
    leave_if_stopped,
    report,
    require_person,
    tell_no_undo,
    tell_outcome,
    tell_unknown,
)
from qtop.commands.connection import (
    Connection,
    OpenPlaces,
    Session,
    SystemScope,
    admit,
    connection_options,
)
from qtop.commands.options import SOURCE, TURNED, F, change_options, dry_run_option, json_option
from qtop.commands.output import counted, json_line, leave, line, message
from qtop.commands.reading import Unread, search_strays, visit_all
from qtop.model.job import FAILED, JobSource
from qtop.systems.system import Ability
from qtop.text.safe import safe

# Queues: paused, cleared, registered.


def _pause_options(command: F) -> F:
    everything = click.option("--all", "everything", is_flag=True, help="All workers and queues.")
    command = connection_options(everything(json_option(dry_run_option(command))))
    return click.argument("names", metavar="[QUEUE]...", nargs=-1)(command)


@click.command()
@_pause_options
def pause(**options: Any) -> None:
    """Let no worker take jobs from queues.

    With --all from any. Running jobs are finished. Ruby workers obey --all; single queues only with
    the resque-pause plugin.

    \b
    Example: qtop pause mail reports
    """
    _pause(**options, is_pause=True)


@click.command()
@_pause_options
def resume(**options: Any) -> None:
    """Let workers take jobs from queues again.

    Queues that were paused singly stay so with --all: name them too.

    \b
    Example: qtop resume mail
    """
    _pause(**options, is_pause=False)


def _pause(
    names: tuple[str, ...],
    connection: Connection,
    everything: bool,
    as_json: bool,
    dry_run: bool,
    is_pause: bool,
) -> None:
    if bool(names) == everything:
        raise click.UsageError("name queues, or use --all")
    action, done = ("pause", "paused") if is_pause else ("resume", "resumed")
    named = tuple(dict.fromkeys(names))
    what = "everything" if everything else ", ".join(named)
    with connection.open_to_change(*named, dry_run=dry_run, able="pause") as session:
        if "" in names and "" not in session.run(session.system.queue_names()):
            # An unset variable leaves it, more often than a queue has it.
            raise click.UsageError("the name of a queue is empty, and there is no such queue")
        if is_pause and names:
            tell_unknown(session, names)
        if session.is_among:
            message(f"note: {what} of {session.label}, not of other systems")
        if dry_run:
            _refuse_if_unable(session, "pause_all" if everything else "pause")
            would = {"action": action, "dry_run": True, "would": what}
            line(json_line(session.named(would)) if as_json else f"would {action} {safe(what)}")
            return
        request = PauseAll(is_pause) if everything else Pause(named, is_pause)
        outcome = session.carry_out(session.plan(request))
    changed = outcome.done
    undo = None if outcome.undoable is None else outcome.undoable.id
    if as_json:
        fields = {"action": action, "done": changed, "undo": undo}
        line(json_line(session.named(fields)))
    elif changed:
        line(f"{done} {safe(what)}" + ("" if everything else f": {counted(changed, 'queue')}"))
    else:
        message(f"{what}: {'paused already' if is_pause else 'not paused'}")
    if undo is not None and not as_json:
        message(f"to undo it: qtop undo {undo}")
    sys.exit(0 if changed else 1)


def _refuse_if_unable(session: Session, ability: Ability) -> None:
    """Leave with status 1 where the system cannot do it, and say why."""
    why = session.system.abilities[ability]
    if why is not None:
        leave(f"{why}: nothing was changed")


@click.command()
@click.argument("source", type=SOURCE, metavar="SOURCE")
@connection_options
@change_options
@click.option("--remove", is_flag=True, help="Also remove the queue from the list of queues.")
def clear(
    source: JobSource, connection: Connection, remove: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete everything that is in a list now.

    SOURCE is failed, queue:NAME or unreadable:NAME. What arrives meanwhile stays. On a terminal you
    type the name first; elsewhere --yes must be said. Up to 256 MiB are kept for a day, for `qtop
    undo`. With a queue's jobs go the locks that resque-loner or its like has put on them, if the
    queue is empty then.

    \b
    Example: qtop clear queue:mail --dry-run
    """
    if remove and source.kind != "queue":
        raise click.UsageError("--remove is for queues")
    with connection.open_to_change(source, dry_run=dry_run) as session:
        plan = session.plan(Clear(source, remove, str(source)))
        jobs, action = plan.many, "remove" if remove else "clear"
        what = f"{counted(jobs, source.noun)} in {safe(str(source))}"
        if not jobs and not remove and not dry_run:
            leave(f"{source} is empty")
        if plan.size_bytes is None:
            message("its size is unknown: undo keeps it, whatever its size")
        tell_no_undo(plan)
        if plan.besides:
            message(plan.besides)
        if dry_run:
            would: dict[str, object] = {"action": action, "dry_run": True, "would": jobs}
            would |= {"besides": plan.besides} if plan.besides else {}
            line(json_line(session.named(would)) if as_json else f"would delete {what}")
            sys.exit(0 if jobs or remove else 1)
        if not yes:
            _confirm_by_name(f"delete {what}", source)
        outcome = carry_out(session, plan)
    if jobs and outcome.refused:
        leave("the list kept changing: check it, then try again. Nothing was deleted.")
    if jobs:
        report(action, "deleted", outcome, session=session, as_json=as_json)
    if not outcome.done:
        leave(f"{source} is not an empty registered queue: nothing was changed")
    line("removed the name of an empty queue")


def _confirm_by_name(what: str, source: JobSource) -> None:
    require_person(what)
    word = typeable(source.name)
    question = f'{what}. Type "{word}" to confirm'
    typed = click.prompt(question, default="", show_default=False, err=True)
    if typed != word:
        leave("that is not the name: nothing was changed")


@click.command()
@click.argument("names", metavar="[QUEUE]...", nargs=-1)
@click.option(
    "--delayed",
    "moments",
    multiple=True,
    metavar="MOMENT",
    callback=lambda ctx, param, value: tuple(map(_moment, value)),
    help="Register the jobs delayed until then (epoch seconds) in the schedule again.",
)
@click.option(
    "--failures",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Register a list of failures, such as mail_failed.",
)
@connection_options
@json_option
@dry_run_option
def register(
    names: tuple[str, ...],
    moments: tuple[str, ...],
    lists: tuple[str, ...],
    connection: Connection,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Put queues on the set of queues.

    One that holds jobs but is not in that set is seen neither by a console nor by workers with a
    pattern: `qtop doctor` finds them, and delayed jobs and failures to which no list leads.
    `qtop clear queue:NAME --remove` is the way back.

    \b
    Example: qtop register mail
    """
    if not (names or moments or lists):
        raise click.UsageError("name what to register: queues, --delayed or --failures")
    done = 0
    with connection.open_to_change(*names, dry_run=dry_run) as session:
        wanted: dict[Index, tuple[str, ...]]
        wanted = {"queue": names, "delayed": moments, "failures": lists}
        for what, named in wanted.items():
            for name, is_missing in session.run(session.system.unregistered(what, named)):
                outcome = Outcome("", done=int(is_missing))
                if is_missing and not dry_run:
                    outcome = session.carry_out(session.plan(Register(what, name)))
                done += outcome.done
                _tell_registered(session, what, name, outcome.done > 0, dry_run, as_json)
                leave_if_stopped(outcome)
    sys.exit(0 if done else 1)


def _tell_registered(
    session: Session, what: Index, name: str, changed: bool, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        fields = {"action": "register", what: name, "done": int(changed)}
        line(json_line(session.named(fields)))
    elif changed:
        line(f"{'would register' if dry_run else 'registered'} {safe(name)}")
    elif what == "queue":
        message(f"{name}: is already registered")
    else:
        message(f"{name}: is already registered, or empty")


def _moment(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise click.BadParameter(f"{text!r} is no moment in epoch seconds")
    return text


@click.command()
@click.argument("sources", type=TURNED, metavar="[SOURCE]...", nargs=-1)
@connection_options
@change_options
def reorder(
    sources: tuple[JobSource, ...], connection: Connection, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Put lists in order that were left turned.

    All of them, of all systems, or those named: failed, queue:NAME, unreadable:NAME, or
    delayed:SECOND. An action on many jobs in the depths of a long list moves its items from the
    head to the tail, once around. Where the program is ended in the middle, nothing is lost and
    qtop reads the list in its order all the same, but Resque's own tools and workers do not: `qtop
    doctor` finds such lists. The next action, undo or clear of many does the same. A list that
    another program changes is left alone.

    \b
    Example: qtop reorder failed
    """
    if not dry_run:
        connection.refuse_if_read_only()
    unread, done = Unread(), 0
    with connection.open_all() as places:
        plans = _reorder_plans(places, sources, unread)
        for session, plan in plans:
            what = f"reorder {counted(plan.many, 'list')}"
            if dry_run:
                would = {"action": "reorder", "dry_run": True, "would": plan.many}
                line(json_line(session.named(would)) if as_json else f"would {what}")
        many = sum(plan.many for _, plan in plans)
        if dry_run:
            unread.leave()
            return
        if many > 1 and not yes:
            confirm(f"reorder {counted(many, 'list')}")
        for session, plan in plans:
            outcome = session.carry_out(plan)
            tell_outcome("reorder", "reordered", outcome, session=session, as_json=as_json)
            done += outcome.done
    unread.leave()
    sys.exit(0 if done else 1)


def _reorder_plans(
    places: OpenPlaces, sources: tuple[JobSource, ...], unread: Unread
) -> list[tuple[Session, Plan]]:
    """What would be put in order: in the place that the lists are of, or, where none is named, in
    all. Says it on stderr. Leaves with the reason where there is nothing to do."""
    plans: list[tuple[Session, Plan]] = []
    refusals: list[str] = []

    def prepare(session: Session, _: Unread) -> None:
        admit(session, sources)
        made = session.run(session.system.prepare(Reorder(sources), session.operator))
        if isinstance(made, Refusal):
            refusals.append(made.text)
            return
        plans.append((session, made))
        for text in made.details:
            message(f"{session.label}: {text}" if session.is_among else text)

    meant = [places.meant(sources)] if sources else None
    visit_all(places, unread, prepare, meant)
    if not plans:
        unread.leave()
        leave("; ".join(dict.fromkeys(refusals)))
    return plans


# Workers: dead ones off the register.


_PRUNE: Final = SystemScope(
    "resque",
    "Sidekiq needs no prune: dead processes leave its set by themselves; `qtop rescue` requeues "
    "the jobs that they lost",
)


@click.command()
@click.argument("names", metavar="[WORKER]...", nargs=-1)
@connection_options
@click.option(
    "--requeue-lost",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Requeue their jobs, each at most N times within a day, instead of moving them to Failed.",
)
@click.option(
    "--ignore-pids",
    is_flag=True,
    help="Also those whose process id is in use on this machine: it may be another process by now.",
)
@change_options
def prune(
    names: tuple[str, ...],
    connection: Connection,
    requeue_lost: int,
    ignore_pids: bool,
    as_json: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Prune dead workers.

    All of them, or those named. Their running jobs move to Failed. Dead is a worker whose
    last heartbeat is older than five minutes by the server's clock, and whose process is gone, as
    far as it can be seen from here. Without any heartbeat it may belong to another implementation,
    and stays, but for one not registered that holds its job for so long. The evidence is shown
    first, and a worker whose heartbeat returns after that is skipped.
    Before that it asks, for there is no undo; --yes does not. For Resque's workers;
    `qtop rescue` puts back the jobs of Sidekiq's processes.

    \b
    Example: qtop prune --dry-run
    """
    failures = JobSource("failed", FAILED)
    with connection.open_to_change(failures, dry_run=dry_run, only=_PRUNE) as session:
        unread = Unread()
        cases = _cases(session, names, ignore_pids, unread)
        dead = [case for case in cases if case.doubt is None]
        for case in cases:
            if case.doubt is not None:
                _tell_kept(session, case, case.doubt, as_json, "would keep" if dry_run else "kept")
        if not dead:
            unread.leave()
            leave("no dead workers")
        if dry_run:
            for case in dead:
                _tell_pruned(session, as_json, case, case.fate(requeue_lost), dry_run=True)
            unread.leave()
            return
        for case in dead:
            message(f"{case.worker_id}: {case.words}")
        request = Prune(
            tuple(dead), requeue_lost=requeue_lost, tell=partial(_tell_pruned, session, as_json)
        )
        plan = session.plan(request)
        if not yes:
            confirm(f"prune {counted(len(dead), 'dead worker')}")
        outcome = carry_out(session, plan)
        leave_if_stopped(outcome)
        if outcome.refused:
            message("another prune is running: try again in a minute")
    sys.exit(0 if outcome.done else 1)


def _cases(
    session: Session, names: Sequence[str], ignore_pids: bool, unread: Unread
) -> Sequence[PruneCase]:
    found = None if names else search_strays(session, unread)
    unlisted = [] if found is None else [each.name for each in found.of("record")]
    evidence = session.system.evidence(names, ignore_pids=ignore_pids, unlisted=unlisted)
    cases = session.run(evidence)
    for case in cases:
        for what, why in case.unread.items():
            unread.note(what, why)
    return cases


#: What becomes of the job of a dead worker, in words: what was done, what would be.
_FATES: Final = {
    "failed": (": its job moved to Failed", "; its job would move to Failed"),
    "put back": (": its job was requeued", "; its job would be requeued"),
}


def _tell_pruned(
    session: Session, as_json: bool, case: PruneCase, fate: str, *, dry_run: bool = False
) -> None:
    if fate == "alive":
        _tell_kept(session, case, "its heartbeat returned", as_json, "kept")
    elif as_json:
        done = "would_prune" if dry_run else "pruned"
        line(json_line(session.named({done: case.worker_id, "job": fate, **case.fields})))
    else:
        then, would = _FATES.get(fate, ("", ""))
        name = safe(case.worker_id)
        line(f"would prune {name}: {case.words}{would}" if dry_run else f"pruned {name}{then}")


def _tell_kept(session: Session, case: PruneCase, doubt: str, as_json: bool, done: str) -> None:
    if as_json:
        fields = {done.replace(" ", "_"): case.worker_id, **case.fields, "doubt": doubt}
        line(json_line(session.named(fields)))
    else:
        message(f"{done} {case.worker_id}: {doubt}")
