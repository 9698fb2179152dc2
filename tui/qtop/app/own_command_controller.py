"""Runs the programs that the settings name, about the row under the cursor."""

from __future__ import annotations

import asyncio
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Sequence
from typing import Final

from textual.app import SuspendNotSupported

from qtop.actions.plan import Outcome, Plan, escalate
from qtop.config.own_commands import OwnCommand
from qtop.screens.console import Console
from qtop.screens.dialogs import ConfirmDialog
from qtop.screens.payload_editor import in_terminal
from qtop.search.fields import Subject
from qtop.text.safe import safe
from queuecore.errors import BadOption
from queuecore.exchange import Steps

#: Of what a program prints, so much is kept, for its last line.
_KEPT_BYTES: Final = 65_536


class OwnCommandController:
    """Fills in, asks, runs, and says what came of it; `read_only` refuses what may change
    something."""

    def __init__(self, app: Console, *, read_only: bool) -> None:
        self._app, self._read_only = app, read_only

    def request(self, command: OwnCommand, row: Subject | None) -> None:
        """Run a command about a row, after a question where it wants one."""
        if self._read_only and command.changes:
            self._app.say(f"{command.name}: this console is read-only", "warn")
            return
        if row is None:
            self._app.say("no row under the cursor", "dim")
            return
        try:
            words = command.words(_fields(row))
        except BadOption as error:
            self._app.say(f"{command.name}: {safe(str(error))}", "warn")
            return

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._app.run_worker(self._run(command, words), group="own")
            else:
                self._app.say("nothing was run", "dim")

        if command.confirm:
            self._app.push_screen(ConfirmDialog(self._plan(command, words)), answered)
        else:
            answered(True)

    def _plan(self, command: OwnCommand, words: Sequence[str]) -> Plan:
        shown = self._app.state.policy.redactor.text(" ".join(safe(word) for word in words))
        plan = Plan(f"Run {command.name}", "Run", (shown,), "confirm", _nothing)
        return escalate(plan, self._app.settings.production)

    async def _run(self, command: OwnCommand, words: Sequence[str]) -> None:
        name = command.name
        self._app.say(f"{name} …", "dim", stays=True)
        try:
            if command.terminal:
                with self._app.suspend():
                    status, said = in_terminal(words, lambda: self._app.is_leaving), ""
            else:
                status, said = await _beside(words)
        except SuspendNotSupported:
            self._app.say(f"{name}: needs a terminal", "warn", stays=True)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            self._app.say(f"{name}: {safe(str(error))}", "bad", stays=True)
        else:
            what = f"{name} ended with status {status}"
            text = self._app.state.policy.redactor.text(safe(said))
            tone = "good" if status == 0 else "warn"
            self._app.say(f"{what}{': ' if text else ''}{text}", tone, stays=True)


def _nothing() -> Steps[Outcome]:
    """What the plan itself does: the program is started by who asks."""
    yield from ()
    return Outcome("")


async def _beside(words: Sequence[str]) -> tuple[int, str]:
    """Run a program beside the console; gives its status and the last line that it printed. It
    reads nothing. Raises OSError."""
    program = await asyncio.create_subprocess_exec(
        *words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )
    kept = b""
    assert program.stdout is not None  # noqa: S101  as it was asked for
    while piece := await program.stdout.read(_KEPT_BYTES):
        kept = (kept + piece)[-_KEPT_BYTES:]
    lines = [line for line in kept.decode("utf-8", "replace").splitlines() if line.strip()]
    return await program.wait(), lines[-1] if lines else ""


def _fields(row: Subject) -> dict[str, str | None]:
    return {
        "id": row.id,
        "class": row.class_name,
        "queue": row.queue,
        "jid": row.jid,
        "worker": row.worker,
        "system": row.system,
    }
