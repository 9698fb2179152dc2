"""What is asked of processes, on any machine, and of the jobs that they run: `qtop quiet`, `stop`,
`cancel`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

import click

from qtop.actions.plan import Plan
from qtop.actions.request import Cancel, Signal, Wish
from qtop.commands.acting import carry_out, confirm, report
from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.options import F, change_options
from qtop.commands.output import json_line, leave, line, message
from qtop.commands.reading import read_whole
from qtop.config.settings import SYSTEMS
from qtop.model.fleet import Process
from qtop.systems.system import Ability
from queuecore.errors import BadOption, StoreError

# Which system is meant: the one that can do it.


@contextmanager
def open_able(
    connection: Connection, ability: Ability, *, dry_run: bool = False
) -> Iterator[Session]:
    """The session of the place whose system can do this, for a change; where no system was found,
    of the usual place of one that can. Leaves with status 1 and the reason where none can. Raises
    ChangeRefused with --read-only, unless it is a `dry_run`, and BadOption where several can."""
    if not dry_run:
        connection.refuse_if_read_only()
    with connection.open_all() as places:
        is_named = "system" in connection.settings.origins
        if not places.is_empty or is_named:
            reasons = {each: _inability(each, ability) for each in places.sessions}
            able = [each for each, why in reasons.items() if why is None]
            if not able:
                leave(next(filter(None, reasons.values())))
            if len(able) > 1:
                places_of = (each.system.place for each in able)
                named = (f"--url {address} --namespace {name!r}" for address, name in places_of)
                raise BadOption(f"more than one place could be meant: {' or '.join(named)}")
            yield able[0]
            return
    for other in map(partial(_of_system, connection), SYSTEMS):
        with other.open() as session:
            if _inability(session, ability) is None:
                yield session
                return


def _of_system(connection: Connection, name: str) -> Connection:
    """The same connection for a system: in the namespace that was named, unless that is by the
    variable of another system."""
    usual, variable = SYSTEMS[name]
    origin = connection.settings.origins.get("namespace")
    others = {each for _, each in SYSTEMS.values() if each != variable}
    namespace = usual if origin is None or origin in others else connection.namespace
    values = {**connection.settings.values, "system": name, "namespace": namespace}
    settings = replace(connection.settings, values=values)
    return replace(connection, settings=settings, namespace=namespace)


def _inability(session: Session, ability: Ability) -> str | None:
    return session.system.abilities.get(ability, "this system cannot do that")


# Signals.

_EVERY: Final = click.option("--all", "everything", is_flag=True, help="All processes.")


def _signal_options(command: F) -> F:
    command = connection_options(_EVERY(change_options(command)))
    return click.argument("names", metavar="[PROCESS]...", nargs=-1)(command)


@click.command()
@_signal_options
def quiet(
    names: tuple[str, ...],
    connection: Connection,
    everything: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Have processes take no more jobs.

    PROCESS is what `qtop workers` calls it, or host:pid where only one is called so. Running jobs
    are finished; the process stays quiet as long as it lives. It reads that with its next
    heartbeat, within 10 s, and says that it is quiet with the one after; until it is read, `qtop
    undo` undoes it. For Sidekiq's processes, on any machine.

    \b
    Example: qtop quiet web-1:4711
    """
    asks = _Asking("quiet", "pause", asks_for_one=False)
    _signal(asks, names, connection, everything, dry_run, yes, as_json)


@click.command()
@_signal_options
def stop(
    names: tuple[str, ...],
    connection: Connection,
    everything: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Have processes end.

    PROCESS is what `qtop workers` calls it, or host:pid where only one is called so. It takes no
    more jobs, gives the running ones 25 s, unless set otherwise, puts what is unfinished then back
    onto its queues, and ends. It always asks; elsewhere than on a terminal --yes must be said.
    Until it is read, with the next heartbeat, `qtop undo` undoes it. For Sidekiq's processes,
    on any machine.

    \b
    Example: qtop stop web-1:4711 --dry-run
    """
    asks = _Asking("stop", "finish", asks_for_one=True)
    _signal(asks, names, connection, everything, dry_run, yes, as_json)


class _Asking(NamedTuple):
    """What a command asks of processes, and whether it asks a person also for a single one."""

    action: Ability
    wish: Wish
    asks_for_one: bool


def _signal(
    asks: _Asking,
    names: Sequence[str],
    connection: Connection,
    everything: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    if bool(names) == everything:
        raise click.UsageError("name processes, or use --all")
    with open_able(connection, asks.action, dry_run=dry_run) as session:
        chosen = _chosen(session, names)
        plan = session.plan(Signal(tuple(chosen), asks.wish))
        if not dry_run:
            if not yes and (plan.many > 1 or asks.asks_for_one):
                ask(plan)
            done = f"asked to {asks.action}:"
            outcome = carry_out(session, plan)
            report(asks.action, done, outcome, session=session, as_json=as_json)
        ids = [each.id for each in chosen]
        tell_would(session, asks.action, plan, as_json, processes=ids)


def ask(plan: Plan) -> None:
    """Say what a plan does, and ask whether to do it. Leaves with status 1 when not."""
    for text in _lines(plan):
        message(f"  {text}")
    confirm(plan.what)


def tell_would(session: Session, action: str, plan: Plan, as_json: bool, **more: Any) -> None:
    """Print what a plan would do; `more` are further fields of the line of JSON."""
    if as_json:
        would = {"action": action, "dry_run": True, "would": plan.many, **more}
        line(json_line(session.named(would)))
        return
    line(f"would {plan.what[0].lower()}{plan.what[1:]}")
    for text in _lines(plan):
        line(f"  {text}")


def _lines(plan: Plan) -> list[str]:
    return [text for detail in plan.details for text in detail.splitlines()]


def _chosen(session: Session, names: Sequence[str]) -> list[Process]:
    """The processes that are meant; without names all. Leaves with status 1 where there are none.
    Raises StoreError where they are unknown."""
    seen = session.run(read_whole(session.system.snapshot()))
    if seen.processes is None:
        raise StoreError(f"the processes are unknown: {seen.problems.get('workers', '')}")
    if not names:
        return list(seen.processes) or leave("no processes")
    found: dict[str, Process] = {}
    for name in names:
        meant = [each for each in seen.processes if each.id == name] or [
            each for each in seen.processes if f"{each.host}:{each.pid}" == name
        ]
        if len(meant) == 1:
            found[meant[0].id] = meant[0]
        else:
            many = f"{len(meant):,} have that name: use the full names"
            message(f"{name}: {many if meant else 'no such process'}")
    return list(found.values()) or leave("nothing was changed")


# Iterable jobs.


@click.command()
@click.argument("jids", metavar="JID...", nargs=-1, required=True)
@connection_options
@change_options
def cancel(
    jids: tuple[str, ...], connection: Connection, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Have iterable jobs end before they are done.

    JID is the id of a job of Sidekiq's, 7.3.3 or later, that has begun to iterate. It ends when it
    next writes its state, every 5 s between two iterations, and is not tried again; until then
    `qtop undo` undoes it. A job that keeps no state is left alone: its next start would fail.
    Before several are cancelled it asks.

    \b
    Example: qtop cancel 3f1c09c7a8d24b1e9f6a0d55 --dry-run
    """
    with open_able(connection, "cancel", dry_run=dry_run) as session:
        plan = session.plan(Cancel(jids))
        if not dry_run:
            if plan.many > 1 and not yes:
                ask(plan)
            outcome = carry_out(session, plan)
            report("cancel", "asked to end:", outcome, session=session, as_json=as_json)
        tell_would(session, "cancel", plan, as_json)
