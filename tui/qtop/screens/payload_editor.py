"""Editing the payload of a job: the operator's editor or ours, the difference, the question."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Timer
from types import FrameType
from typing import Any, Final

from textual import events
from textual.app import SuspendNotSupported
from textual.widget import Widget
from textual.widgets import TextArea

from qtop.actions.request import Edit, Replace, Request
from qtop.model.job import Job
from qtop.model.job_list import JobList
from qtop.monitor.state import UiPolicy
from qtop.screens.console import Console
from qtop.screens.dialogs import CANCEL, Dialog, DialogButton
from qtop.search.selection import chosen_of
from qtop.text.payloads import BadPayload, changed, difference, draft, plain
from qtop.text.safe import safe
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from qtop.widgets.text_view import TextView
from queuecore.errors import StoreError


class PayloadText(TextArea):
    """A payload to change. What is pasted gets no other way to the screen than the payload."""

    def on_paste(self, event: events.Paste) -> None:
        """Take it in, with escapes for what cannot be shown."""
        event.prevent_default()
        event.stop()
        lines = event.text.expandtabs().splitlines()
        put = self.replace("\n".join(map(plain, lines)), *self.selection)
        self.move_cursor(put.end_location)


class EditorDialog(Dialog[str | None]):
    """A text to change, where no other editor is set. Gives the text. `policy` knows the keys."""

    AUTO_FOCUS = "TextArea"

    def __init__(self, text: str, policy: UiPolicy) -> None:
        yes, no = (policy.sign(each, in_text=True) for each in ("dialog.yes", "dialog.no"))
        line = f"{yes} continues, {no} cancels."
        super().__init__(
            "Edit the payload", (line,), (CANCEL, DialogButton("yes", "Review changes", "primary"))
        )
        self._text = text

    def compose_fields(self) -> Iterable[Widget]:
        yield PayloadText(self._text, id="text", tab_behavior="focus", soft_wrap=False)

    def action_yes(self) -> None:
        self.dismiss(self.query_one(TextArea).text)


class AgainDialog(Dialog[bool]):
    """Says what is wrong with an edited text, and offers to edit it again."""

    AUTO_FOCUS = "#yes"

    def __init__(self, problem: str) -> None:
        again = DialogButton("yes", "Edit again", "primary")
        super().__init__(
            "This cannot be requeued", (problem,), (DialogButton("no", "Cancel"), again)
        )

    def action_yes(self) -> None:
        self.dismiss(True)


class DifferenceDialog(Dialog[bool]):
    """Shows what an edit changes, and asks whether to do it.

    Args:
        title: The question.
        consequence: What becomes of the job.
        lines: The difference, as safe texts.
        verb: The word on the button.
    """

    AUTO_FOCUS = "#no"

    def __init__(self, title: str, consequence: str, lines: Iterable[str], verb: str) -> None:
        super().__init__(title, (consequence,), (CANCEL, DialogButton("yes", verb, "error")))
        self._difference = tuple(lines)

    def compose_fields(self) -> Iterable[Widget]:
        view = TextView(id="difference")
        view.show(TextLine(line, _tone(line)) for line in self._difference)
        yield view

    def action_yes(self) -> None:
        self.dismiss(True)


def _tone(line: str) -> str:
    if line.startswith(("---", "+++", "@@")):
        return "dim"
    return {"+": "good", "-": "bad"}.get(line[:1], "")


async def edit_job(app: Console, jobs: JobList, job: Job, table: Table[Any] | None = None) -> None:
    """Let a person edit the payload of a job and show what changes; then put it in the place of a
    waiting job, or requeue it where the job failed or was set aside."""
    source, gone = jobs.source, "already gone, or far from its last position"
    if source.kind == "failed":
        gone = "already gone"
    try:
        whole = await _whole_job(app, jobs, job)
    except StoreError as error:
        app.say(safe(str(error)), "bad")
        return
    found = gone if whole is None else jobs.payload(whole)
    if whole is None or isinstance(found, str):
        app.say(f"cannot be edited: {safe(str(found))}", "warn")
        return
    queue, before = found
    after = await _edited(app, before, *_question(source.kind, safe(queue)))
    if after is not None:
        request: Request = Edit(source, chosen_of(jobs, [whole]), payload=after)
        if source.kind == "queue":
            request = Replace(source, whole, after)
        app.actions.request(request, table)


def _question(kind: str, queue: str) -> tuple[str, str, str]:
    """What is asked for jobs of such a list: title, consequence, and the word on the button."""
    if kind == "queue":
        return "Change this job?", f"It keeps its place in {queue}.", "Change"
    leaves = "; the entry leaves the failures" if kind == "failed" else ""
    title = f"Requeue to {queue} with this payload?"
    return title, f"It goes to the queue's end{leaves}.", "Requeue"


async def _whole_job(app: Console, jobs: JobList, job: Job) -> Job | None:
    """A job with all its bytes; None when it is not found any more. Raises StoreError."""
    if not job.item.is_cut:
        return job
    [read] = await app.read(jobs.read([job]))
    return read


async def _edited(
    app: Console, before: bytes, title: str, consequence: str, verb: str
) -> bytes | None:
    """Let a person edit a payload, show what changes, and ask whether to go on. Returns the new
    payload; None when nothing is to be done, which was said."""
    try:
        after = await _changed(app, before)
    except BadPayload as error:
        app.say(f"cannot be edited: {safe(str(error))}", "warn")
        return None
    if after is None:
        app.say("nothing was changed: the payload is as it was", "dim")
        return None
    lines = map(app.state.policy.redactor.text, difference(before, after))
    consequence = f"{consequence} Undo: {app.state.policy.sign('undo')}."
    if await app.push_screen_wait(DifferenceDialog(title, consequence, lines, verb)):
        return after
    app.say("nothing was changed", "dim")
    return None


async def _changed(app: Console, before: bytes) -> bytes | None:
    """The new payload; None when nothing is to change. Raises BadPayload for what no editor can
    open."""
    text = draft(before)
    while (left := await _in_some_editor(app, text)) is not None:
        try:
            return changed(before, left)
        except BadPayload as error:
            if not await app.push_screen_wait(AgainDialog(safe(str(error)))):
                break
        text = left
    return None


def _suspended(app: Console, work: Callable[[], str]) -> str:
    """Do something with the terminal. Raises what `work` raises."""
    trouble: Exception | None = None
    with app.suspend():
        # Textual comes back only when all went well here.
        try:
            return work()
        except Exception as error:
            trouble = error
    raise trouble


async def _in_some_editor(app: Console, text: str) -> str | None:
    """What the operator's editor made of a text, or ours where there is none."""
    command = editor(os.environ)
    if command is not None:
        try:
            return _suspended(app, lambda: in_editor(command, text, lambda: app.is_leaving))
        except SuspendNotSupported:
            pass
        except OSError as error:
            app.say(f"{safe(command[0])}: {safe(error.strerror or str(error))}", "warn")
    return await app.push_screen_wait(EditorDialog(text, app.state.policy))


# The operator's own editor, which has the terminal while it runs.

#: How long an editor that is asked to leave has for that.
_PATIENCE_S: Final = 2.0


def editor(environ: Mapping[str, str]) -> list[str] | None:
    """The command of the editor that is set, `$VISUAL` before `$EDITOR`; None when none is."""
    for name in ("VISUAL", "EDITOR"):
        try:
            command = shlex.split(environ.get(name, ""))
        except ValueError:
            continue
        if command:
            return command
    return None


def in_editor(
    command: Sequence[str], text: str, is_over: Callable[[], bool] = lambda: False
) -> str:
    """Let a person change a text in a program. The file is private and gone afterwards.

    A signal that asks this process to leave ends the program within seconds, and is handled as
    without a program, too. `is_over` says whether one had come before. To be called by the main
    thread. Raises OSError when the program cannot be started or ends with an error. Waits until it
    ends.
    """
    # An editor may leave more beside it.
    with tempfile.TemporaryDirectory(prefix="qtop-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "payload.json"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        # The operator's own editor, chosen by the operator's own environment.
        status = in_terminal([*command, str(path)], is_over)
        if status != 0:
            raise OSError(0, f"{command[0]} ended with status {status}")
        return path.read_bytes().decode("utf-8", "surrogateescape")


def in_terminal(command: Sequence[str], is_over: Callable[[], bool]) -> int:
    """Run a program in the terminal until it ends, and return its status; signals are as of
    `in_editor`. Raises OSError when it cannot be started."""
    with _Signals() as signals, subprocess.Popen(command) as program:
        signals.pass_on(program, was_asked=is_over())
        program.wait()
    return program.returncode


class _Signals:
    """While a program has the terminal, what asks this process to leave asks the program, too: two
    cannot share a terminal, and one that is left behind would keep it."""

    def __init__(self) -> None:
        self._program: subprocess.Popen[bytes] | None = None
        self._asked: int | None = None
        self._patience: Timer | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        # What is typed to interrupt the program comes to both, and must not end the console.
        self._before = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._leave)
        return self

    def __exit__(self, *_: object) -> None:
        if self._patience is not None:
            self._patience.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def pass_on(self, program: subprocess.Popen[bytes], *, was_asked: bool) -> None:
        """Pass signals on to this program, also what came while it started."""
        self._program = program
        if was_asked or self._asked is not None:
            self._tell(program, self._asked or signal.SIGTERM)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self._asked = number
        if self._program is not None:
            self._tell(self._program, number)
        if callable(handler := self._before[number]):
            handler(number, frame)

    def _tell(self, program: subprocess.Popen[bytes], number: int) -> None:
        program.send_signal(number)
        if self._patience is None:
            self._patience = Timer(_PATIENCE_S, program.kill)
            self._patience.daemon = True
            self._patience.start()
