"""`qtop edit`: another class, other arguments or a whole new payload for selected jobs."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import click

from qtop.actions.request import Edit
from qtop.commands.acting import act
from qtop.commands.connection import Connection
from qtop.commands.jobs import action_options
from qtop.commands.output import leave
from qtop.model.job import JobSource
from qtop.search.filter_language import Filter
from qtop.search.list_walk import Hit, scan
from qtop.search.selection import Selection
from qtop.text.payloads import BadPayload, changed, checked, draft
from queuecore.codec import decode


@click.command()
@action_options
@click.option("--class", "class_name", metavar="NAME", help="Another class.")
@click.option("--args", "args_json", metavar="JSON", help="Other arguments, a JSON list.")
@click.option("--payload", metavar="JSON", help="A whole new payload.")
@click.option("--to", metavar="QUEUE", help="Another queue.")
def command(
    source: JobSource,
    wanted: Filter,
    connection: Connection,
    class_name: str | None,
    args_json: str | None,
    payload: str | None,
    to: str | None,
    **options: Any,
) -> None:
    """Change jobs and enqueue them again.

    They go to the end of their queue. A failure leaves the failures with that, a waiting job
    its place. Without --class, --args and --payload the payload of a single job opens in $EDITOR.
    What is not changed keeps its bytes. More than one needs --yes, or an answer on a terminal.

    \b
    Example: qtop edit --from failed --filter id:3f2a --args '[42,"de"]'
    """
    request = _given(Edit(source, Selection(), to=to), class_name, args_json, payload)
    if request is None:
        edited = _edited(connection, source, wanted, to)
        request = Edit(source, Selection(), payload=edited, to=to)
    act(request, connection=connection, wanted=wanted, **options)


def _given(
    request: Edit, class_name: str | None, args_json: str | None, payload: str | None
) -> Edit | None:
    """The request with the change that the options ask for; None when they ask for none."""
    if class_name is None and args_json is None and payload is None:
        return None
    if payload is not None:
        if class_name is not None or args_json is not None:
            raise click.UsageError("--payload is the whole: leave out --class and --args")
        try:
            return replace(request, payload=checked(_bytes(payload)))
        except BadPayload as error:
            raise click.BadParameter(str(error), param_hint="--payload") from None
    args = None
    if args_json is not None:
        args = _bytes(args_json).strip()
        try:
            is_list = isinstance(decode(args), list)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--args") from None
        if not is_list:
            raise click.BadParameter("must be a JSON list, such as [42]", param_hint="--args")
    if class_name == "":
        raise click.BadParameter("is empty", param_hint="--class")
    return replace(request, class_name=class_name, args=args)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _edited(connection: Connection, source: JobSource, wanted: Filter, to: str | None) -> bytes:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("say what to change: --class, --args or --payload")
    with connection.open_to_change(source, to) as session:
        hits: list[Hit] = []
        jobs = session.system.jobs(source, newest_first=True)
        look = scan(jobs, wanted, session.now(), hits.append, limit=2, whole=True)
        session.run(look)
    if len(hits) != 1:
        leave(
            f"{'more than one job' if hits else 'nothing'} in {source} matches: "
            "the editor takes exactly one (id:... names it)"
        )
    job = jobs.payload(hits[0].job)
    if isinstance(job, str):
        leave(job)
    return _in_editor(job[1])


def _in_editor(payload: bytes) -> bytes:
    """The payload as a person left it; what says the same keeps its bytes."""
    try:
        text = draft(payload)
        after = click.edit(text, extension=".json")
        new = None if after is None else changed(payload, after)
    except BadPayload as error:
        leave(f"{error}; nothing was done")
    if new is None:
        leave("nothing was changed")
    return new
