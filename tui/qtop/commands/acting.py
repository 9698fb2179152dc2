"""Acting on what was selected: preview, question, the action with its trail, the numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import click

from qtop.actions.plan import Outcome, Plan, acted
from qtop.commands.connection import Connection, Session
from qtop.commands.output import counted, json_line, line, message, moment, tell_too_large
from qtop.search.fields import of_failure
from qtop.search.filter_language import Filter
from qtop.search.list_walk import LISTED_BYTES
from qtop.search.selection import Hit, JobSource, Scanned, Selection, scan
from qtop.systems.resque.connection import operator_identity as actor
from qtop.text.safe import safe
from queuecore import bulk, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import Decide, JobRef, Result
from queuecore.errors import OutcomeUnknown
from queuecore.exchange import Operation
from resque.keys import Keys
from resque.store import failures, poison, queues
from resque.store.failures import FAILED, Failure
from resque.store.lock_freeing import Leaving, and_free, noting

#: Does the action to what is marked.
Act = Callable[[Keys, Sequence[JobRef], ActionRecord], Operation[Result]]


@dataclass(frozen=True, slots=True)
class Verb:
    """An action in words: `requeue`, `requeued`; `puts_back` says that it pushes what it takes,
    so that its undo needs both."""

    name: str
    done: str
    puts_back: bool = True


@dataclass(frozen=True, slots=True)
class ActOptions:
    """What the command line says about how to act."""

    dry_run: bool
    yes: bool
    as_json: bool


def act(
    connection: Connection,
    source: JobSource,
    wanted: Filter,
    verb: Verb,
    how: Act,
    options: ActOptions,
    *,
    to: str | None = None,
    refusal: Callable[[bytes], str | None] = lambda raw: None,
    spare_poisoned: bool = False,
) -> NoReturn:
    """Do `how` to everything that matches, and leave with the exit status.

    Args:
        to: The queue that everything goes to, if it was named: it may be misspelt.
        refusal: Says for an item's bytes why it will be refused, for the preview.
        spare_poisoned: Of several failures leave those out that killed their process again and
            again.

    Raises StoreError and ChangeRefused.
    """
    with connection.open() as session:
        if not options.dry_run:
            session.refuse_if_read_only()
        named = [name for name in (source.queue, to) if name]
        session.refuse_if_sidekiqs(named, failures=source.kind == "failed")
        chosen, scanned = _choose(session, source, wanted, refusal, spare_poisoned)
        tell_too_large(scanned.too_large)
        if chosen.spared:
            message(
                f"spared {chosen.spared:,} that killed their process again and again: --poisoned "
                f"would {verb.name} them, too"
            )
        if not chosen.marks:
            message(f"nothing in {source} matches" if scanned.length else f"{source} is empty")
            sys.exit(1)
        if to is not None:
            tell_unknown(session, [to])
        elif verb.puts_back:
            session.refuse_if_sidekiqs(chosen.targets)
        size = chosen.size_bytes * (2 if verb.puts_back else 1)
        undo_s = tell_no_undo(session, size)
        if options.dry_run:
            _tell_plan(source, verb, chosen, scanned, options)
            sys.exit(0)
        if len(chosen.marks) > 1 and not options.yes:
            for text in chosen.details(moment):
                message(f"  {text}")
            confirm(f"{verb.name} {_how_many(source, chosen, scanned)}")
        trail = ActionRecord(
            actor(),
            verb.name,
            f"{source}, filter {wanted.text}" if wanted.text else str(source),
            source.key(session.keys),
            len(chosen.marks),
            queue=source.queue,
            undo_s=undo_s,
        )
        result = run_tracked(session, how(session.keys, chosen.marks, trail), trail)
        report(verb.name, verb.done, acted(verb.done, result, trail), as_json=options.as_json)


def _choose(
    session: Session,
    source: JobSource,
    wanted: Filter,
    refusal: Callable[[bytes], str | None],
    spare_poisoned: bool,
) -> tuple[Selection, Scanned]:
    chosen = Selection()
    suspects: list[tuple[Hit, Failure, str | None]] = []
    now = session.now()

    def take(hit: Hit) -> None:
        refused = None if hit.item.is_cut else refusal(hit.item.raw)
        if spare_poisoned and hit.failure is not None and poison.may_be(hit.failure):
            # Without its whole bytes: there may be many.
            failure = failures.read(windows.beginning(hit.item, LISTED_BYTES), hit.place)
            cut = Hit(failure.item, hit.place, of_failure(failure, now), failure)
            suspects.append((cut, failure, refused))
        else:
            chosen.add(hit, refused)

    scanned = session.run(scan(session.keys, source, wanted, now, take))
    poisoned: dict[str, int] = {}
    # Whoever selects a single one means it.
    if scanned.matched > 1:
        entries = [failure for _, failure, _ in suspects]
        poisoned = session.run(poison.among(session.keys, entries, list_name=source.name))
    for hit, _, refused in suspects:
        if hit.item.sha in poisoned:
            chosen.spared += 1
        else:
            chosen.add(hit, refused)
    return chosen, scanned


def tell_no_undo(session: Session, what: Plan | int) -> int:
    """Say so when nothing will be kept for the undo of a plan, or of so many bytes."""
    size_bytes = what.size_bytes if isinstance(what, Plan) else what
    limits = session.undo_limits
    if lifetime_s := limits.seconds_for(size_bytes):
        return lifetime_s
    why = "nothing is kept for an undo (undo_hours is 0)"
    if limits.lifetime_s:
        size, most = (size_bytes or 0) / 2**20, limits.most_bytes / 2**20
        why = f"{size:,.1f} MiB are too many to keep for an undo (at most {most:,g})"
    message(f"{why}: this cannot be undone")
    return 0


def tell_unknown(session: Session, names: Sequence[str]) -> None:
    """Say which of these queues there are not yet: perhaps they are misspelt. One round trip."""
    known = session.run(queues.names(session.keys))
    for name in names:
        if name not in known:
            message(f"note: there is no queue {name!r} yet")


def confirm(what: str) -> None:
    """Ask on a terminal whether to do it; without one --yes must have been said. Leaves with
    status 1 when not."""
    if not can_ask():
        message(f"{what}: say --yes to do it, or --dry-run to see more. Nothing was done.")
        sys.exit(1)
    if not click.confirm(safe(what) + "?", default=False, err=True):
        message("nothing was done")
        sys.exit(1)


def can_ask() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def run_tracked(session: Session, operation: Operation[Result], trail: ActionRecord) -> Result:
    """Carry out an action of many steps. When somebody interrupts it, say how to take back what
    was done. Raises KeyboardInterrupt then, and ChangeRefused."""
    try:
        return session.run(operation)
    except KeyboardInterrupt:
        way = f"is taken back by: qtop undo {trail.id}" if trail.undo_s else "cannot be undone"
        message(f"interrupted: what was done, if anything was, {way}")
        raise


def report(action: str, done: str, outcome: Outcome, *, as_json: bool) -> NoReturn:
    """Print the numbers and leave: with 0 when anything was done, else 1. Raises what stopped the
    action half-way, after the numbers."""
    undo = None if outcome.undoable is None else outcome.undoable.id
    reasons = dict(outcome.refused)
    refused = sum(reasons.values())
    if as_json:
        numbers = {"done": outcome.done, "gone": outcome.gone, "refused": refused}
        line(json_line({"action": action, **numbers, "reasons": reasons, "undo": undo}))
    else:
        line(f"{done} {outcome.done:,}, gone meanwhile {outcome.gone:,}, refused {refused:,}")
        for reason, count in reasons.items():
            message(f"refused {count:,}: {reason}")
        if undo is not None:
            message(f"to take it back: qtop undo {undo}")
    if outcome.stopped is not None:
        is_known = not isinstance(outcome.stopped, OutcomeUnknown)
        message("stopped half-way" + ("" if is_known else "; the last step may have happened"))
        raise outcome.stopped
    sys.exit(0 if outcome.done else 1)


def _tell_plan(
    source: JobSource, verb: Verb, chosen: Selection, scanned: Scanned, options: ActOptions
) -> None:
    refused = sum(chosen.refusals.values())
    if options.as_json:
        plan: dict[str, Any] = {
            "action": verb.name,
            "dry_run": True,
            "would": len(chosen.marks) - refused,
            "refused": refused,
            "spared": chosen.spared,
            "reasons": chosen.refusals,
            "of": scanned.length,
            "classes": chosen.classes,
            "queues": chosen.queues,
        }
        line(json_line(plan))
        return
    line(f"would {verb.name} {_how_many(source, chosen, scanned)}; refused {refused:,}")
    for text in chosen.details(moment):
        line(f"  {text}")


def _how_many(source: JobSource, chosen: Selection, scanned: Scanned) -> str:
    number = len(chosen.marks) - sum(chosen.refusals.values())
    of = f" of {scanned.length:,}" if len(chosen.marks) < scanned.length else ""
    return f"{counted(number, source.noun)}{of} in {safe(str(source))}"


# Taking items off a list, for commands.


def taken(
    keys: Keys, source: JobSource, marks: Sequence[JobRef], decide: Decide, trail: ActionRecord
) -> Operation[Result]:
    """Take items off their list; with waiting jobs go the locks of Ruby's plug-ins."""
    if source.kind != "queue":
        return bulk.take(keys, source.key(keys), marks, decide, trail)
    leaving = Leaving(keys, source.name)
    taking = bulk.take(keys, source.key(keys), marks, noting(leaving, decide), trail)
    return and_free(taking, leaving)


# What `--from` selects: failures, waiting jobs, items set aside.


class _SourceType(click.ParamType[JobSource]):
    name = "source"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> JobSource:
        if isinstance(value, JobSource):
            return value
        kind, colon, name = str(value).partition(":")
        if kind == "failed":
            return JobSource("failed", name or FAILED)
        if kind in ("queue", "unreadable") and colon:
            return JobSource("queue" if kind == "queue" else "unreadable", name)
        hint = "" if ":" in str(value) else f"; for the queue write queue:{value}"
        self.fail(
            f"{value!r} is none of: failed, queue:NAME, unreadable:NAME (what was set aside from "
            f"a queue), failed:LIST (where each queue has a list of failures){hint}",
            param,
            ctx,
        )


SOURCE: Final = _SourceType()

from_option = click.option(
    "--from",
    "source",
    type=SOURCE,
    required=True,
    metavar="SOURCE",
    help="Where: failed, queue:NAME, or unreadable:NAME for what was set aside from a queue.",
)
