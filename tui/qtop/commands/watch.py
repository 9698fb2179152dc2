"""`qtop watch`: a process without a screen that remembers what other processes run."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType
from typing import Final

import click

from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.options import json_option
from qtop.commands.output import json_line, line, message, moment
from qtop.commands.sidekiq_processes import open_able
from qtop.model.fleet import Sighting
from qtop.text.safe import safe
from queuecore.errors import StoreError

#: What ends it.
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: A process beats every 5 s, or every 10 s; what it runs is kept for 60 s after its last beat.
_USUAL_S: Final = 5.0
_LONGEST_S: Final = 30.0


@click.command()
@connection_options
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.1, _LONGEST_S),
    default=_USUAL_S,
    show_default=True,
    help="Refresh interval, s.",
)
@click.option("--once", is_flag=True, help="Refresh once and exit.")
@json_option
def watch(connection: Connection, interval_s: float, once: bool, as_json: bool) -> None:
    """Remember what processes run, for `qtop rescue`.

    It has no screen. It keeps in Redis for a day what each of Sidekiq's processes ran when it was
    last seen, so that whoever comes after a crash can put back what was lost, and prints a line for
    each process that comes, leaves, crashes or comes back. What is kept is bounded: 20,000
    processes, 50,000 jobs, 64 MiB. While Redis does not answer it says so once, and tries again.
    INT and TERM end it, with status 0. Several of them do no harm.

    \b
    Example: qtop watch --json
    """
    with open_able(connection, "watch") as session:
        if once:
            _look(session, as_json)
            return
        with _EndSignals() as ending:
            _watch(session, ending, interval_s, as_json)


def _watch(session: Session, ending: _EndSignals, interval_s: float, as_json: bool) -> None:
    """Look again and again until it is asked to end. Raises StoreError where the first look
    fails."""
    _look(session, as_json)
    trouble = ""
    while not ending.come_within(interval_s):
        try:
            _look(session, as_json)
        except StoreError as error:
            if str(error) != trouble:
                message(f"not watched: {error}")
            trouble = str(error)
        else:
            if trouble:
                message("watched again")
            trouble = ""


def _look(session: Session, as_json: bool) -> None:
    for each in session.run(session.system.remember()):
        _tell(session, each, as_json)


def _tell(session: Session, each: Sighting, as_json: bool) -> None:
    if as_json:
        line(json_line(session.named(each.fields)))
    else:
        line(f"{moment(each.at)} {safe(each.identity)} {each.words}")


class _EndSignals:
    """Notes the first signal that asks to end, from `with` to its end; a second one ends at
    once."""

    def __enter__(self) -> _EndSignals:
        # The handler only writes a byte: it may run at any moment, also within a wait.
        self._reader, self._writer = os.pipe()
        self._before = {
            each: usual
            for each in _ENDING
            if (usual := signal.getsignal(each)) is not signal.SIG_IGN
        }
        for each in self._before:
            signal.signal(each, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
        os.close(self._reader)
        os.close(self._writer)

    def come_within(self, seconds: float) -> bool:
        """Wait for so long, or until one has come. Returns whether one has."""
        return bool(select.select([self._reader], [], [], seconds)[0])

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        os.write(self._writer, b".")

    def _restore(self) -> None:
        for each, usual in self._before.items():
            signal.signal(each, usual)
