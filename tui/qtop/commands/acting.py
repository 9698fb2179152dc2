"""Acting on what was selected: preview, question, the action with its trail, the numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NoReturn

import click

from qtop.actions.plan import Outcome, Plan, skipped
from qtop.actions.request import Delete, JobRequest, RunNow
from qtop.actions.stopping import Stopped
from qtop.commands.cli import EXIT_UNREACHABLE
from qtop.commands.connection import Connection, Session, SystemScope
from qtop.commands.output import (
    CHANGED,
    counted,
    json_line,
    leave,
    line,
    message,
    moment,
    tell_too_large,
)
from qtop.model.job import JobSource
from qtop.search.filter_language import Filter
from qtop.search.list_walk import Scanned, choose
from qtop.search.selection import Selection
from qtop.text.safe import safe
from queuecore.errors import OutcomeUnknown

#: What is done, in words.
_DONE: Final = {
    **{"requeue": "requeued", "delete": "deleted", "move": "moved", "edit": "edited"},
    **{"run now": "ran now", "kill": "killed", "reschedule": "rescheduled"},
}


def act(
    request: JobRequest,
    *,
    connection: Connection,
    wanted: Filter,
    warns_of: str | None = None,
    spares: bool = False,
    only: SystemScope | None = None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> NoReturn:
    """Make a request of everything in its list that matches, and leave with the exit status.

    Args:
        only: The system that it is for, where that is not any.
        warns_of: The queue that everything goes to, if it was named: it may be misspelt.
        spares: Of several failures leave those out that killed their process again and again.

    Raises StoreError and ChangeRefused.
    """
    source, verb = request.source, _verb(request)
    with connection.open_to_change(source, warns_of, dry_run=dry_run, only=only) as session:
        system = session.system
        chooser = system.chooser(source, system.refusal(request), spares=spares)
        jobs = system.jobs(source, newest_first=True)
        operation = choose(jobs, wanted, session.now(), chooser.take)
        scanned = session.run(operation, f"searching {source}")
        chosen = session.run(chooser.settle())
        tell_too_large(scanned.too_large)
        if scanned.is_broken:
            message(f"note: {CHANGED}")
        if chosen.spared:
            message(
                f"skipped {chosen.spared:,} that killed their process repeatedly: --poisoned "
                f"would {verb} them, too"
            )
        if not chosen.refs:
            leave(f"nothing in {source} matches" if scanned.length else f"{source} is empty")
        if warns_of is not None:
            tell_unknown(session, [warns_of])
        elif not isinstance(request, Delete):
            session.run(system.admit(chosen.targets))
        subject = f"{source}, filter {wanted.text}" if wanted.text else str(source)
        plan = session.plan(replace(request, chosen=chosen, subject=subject))
        if plan.meanwhile:
            message(plan.meanwhile)
        tell_no_undo(plan)
        redactor = connection.redactor(is_whole=False)
        samples = [each.line(redactor) for each in plan.samples]
        if dry_run:
            _tell_plan(session, verb, source, chosen, scanned, samples, as_json)
            sys.exit(0)
        if len(chosen.refs) > 1 and not yes:
            for text in (*chosen.details(moment), *samples):
                message(f"  {text}")
            of = f" of {session.label}" if session.is_among else ""
            confirm(f"{verb} {_how_many(source, chosen, scanned)}{of}")
        report(verb, _DONE[verb], carry_out(session, plan), session=session, as_json=as_json)


def _verb(request: JobRequest) -> str:
    return "run now" if isinstance(request, RunNow) else type(request).__name__.lower()


def tell_no_undo(plan: Plan) -> None:
    """Say so when nothing will be kept for the undo of a plan."""
    if plan.no_undo:
        message(f"{plan.no_undo}: cannot be undone")


def tell_unknown(session: Session, names: Sequence[str]) -> None:
    """Say which of these queues there are not yet: perhaps they are misspelt. One round trip."""
    known = session.run(session.system.queue_names())
    for name in names:
        if name not in known:
            message(f"note: queue {name!r} does not exist yet")


def confirm(what: str) -> None:
    """Ask on a terminal whether to do it; without one --yes must have been said. Leaves with
    status 1 when not."""
    require_person(what)
    if not click.confirm(safe(what) + "?", default=False, err=True):
        leave("nothing was changed")


def require_person(what: str) -> None:
    """Leave with status 1 where no one can be asked whether to do it."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        leave(f"{what}: say --yes to do it, or --dry-run to see more. Nothing was changed.")


def carry_out(session: Session, plan: Plan) -> Outcome:
    """As `Session.carry_out`. Where there is no outcome, because it was stopped or ended at once,
    says how to take back what was done. Raises KeyboardInterrupt then, and as `Session.run`."""
    try:
        return session.carry_out(plan)
    except (KeyboardInterrupt, Stopped):
        way = "cannot be undone"
        if plan.record is not None and plan.record.undo_s:
            way = f"can be undone with: qtop undo {plan.record.id}"
        message(f"interrupted: what was done, if anything was, {way}")
        raise KeyboardInterrupt from None


def leave_if_stopped(outcome: Outcome) -> None:
    """Where an action was interrupted, say how many it did not change. Raises KeyboardInterrupt
    then."""
    if isinstance(outcome.stopped, Stopped):
        rest = f"{outcome.left:,} were not changed" if outcome.left else "all were changed"
        message(f"interrupted: {rest}")
        raise KeyboardInterrupt


def raise_if_stopped(outcome: Outcome) -> None:
    """As `leave_if_stopped`; where something else stopped an action half-way, say so and raise
    it."""
    leave_if_stopped(outcome)
    if outcome.stopped is not None:
        is_known = not isinstance(outcome.stopped, OutcomeUnknown)
        message("stopped half-way" + ("" if is_known else "; the last step may have happened"))
        raise outcome.stopped


def report(
    action: str,
    done: str,
    outcome: Outcome,
    *,
    as_json: bool,
    session: Session | None = None,
    is_partial: bool = False,
) -> NoReturn:
    """Print the numbers and leave: with 0 when anything was done, else 1; with 3 where a part of
    what it was about could not be read (`is_partial`). Raises what stopped the action half-way,
    after the numbers; KeyboardInterrupt where that was an interrupt."""
    tell_outcome(action, done, outcome, as_json=as_json, session=session)
    sys.exit(EXIT_UNREACHABLE if is_partial else 0 if outcome.done else 1)


def tell_outcome(
    action: str, done: str, outcome: Outcome, *, as_json: bool, session: Session | None
) -> None:
    """Print the numbers. Raises as `report`."""
    undo = None if outcome.undoable is None else outcome.undoable.id
    reasons = dict(outcome.refused)
    refused = sum(reasons.values())
    if as_json:
        numbers = {"done": outcome.done, "gone": outcome.gone, "refused": refused}
        if outcome.stopped is not None:
            numbers["left"] = outcome.left
        fields = {"action": action, **numbers, "reasons": reasons, "undo": undo}
        line(json_line(fields if session is None else session.named(fields)))
    else:
        line(f"{done} {outcome.done:,}{skipped(outcome.gone, refused)}")
        for reason, count in reasons.items():
            message(f"refused {count:,}: {reason}")
        if undo is not None:
            message(f"to undo it: qtop undo {undo}")
    raise_if_stopped(outcome)


def _tell_plan(
    session: Session,
    verb: str,
    source: JobSource,
    chosen: Selection,
    scanned: Scanned,
    samples: Sequence[str],
    as_json: bool,
) -> None:
    refused = sum(chosen.refusals.values())
    if as_json:
        plan = {
            "action": verb,
            "dry_run": True,
            "would": len(chosen.refs) - refused,
            "refused": refused,
            "spared": chosen.spared,
            "reasons": chosen.refusals,
            "of": scanned.length,
            "classes": chosen.classes,
            "queues": chosen.queues,
        }
        line(json_line(session.named(plan)))
        return
    of = f" of {safe(session.label)}" if session.is_among else ""
    line(f"would {verb} {_how_many(source, chosen, scanned)}{of}; refused {refused:,}")
    for text in (*chosen.details(moment), *samples):
        line(f"  {text}")


def _how_many(source: JobSource, chosen: Selection, scanned: Scanned) -> str:
    number = len(chosen.refs) - sum(chosen.refusals.values())
    of = f" of {scanned.length:,}" if len(chosen.refs) < scanned.length else ""
    return f"{counted(number, source.noun)}{of} in {safe(str(source))}"
