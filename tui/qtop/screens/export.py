"""Writing jobs to a file from the console."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Label

from qtop.actions.plan import ResultTone
from qtop.model.job import Job
from qtop.model.job_file import line_of
from qtop.model.job_list import Entry, JobList
from qtop.model.placed import UnreadPart
from qtop.screens import list_bars
from qtop.screens.console import Console
from qtop.screens.dialogs import CANCEL, Dialog, DialogButton
from qtop.search.list_search import walk
from qtop.search.selection import JobSearch
from qtop.text.progress import ProgressMeter
from qtop.text.redact import OPEN
from qtop.text.safe import safe
from qtop.widgets.filter_input import Box, InputField
from queuecore.errors import StoreError


class ExportChoice(NamedTuple):
    """Which jobs go into which file, and whether secrets go with them."""

    path: str
    is_all: bool
    with_secrets: bool


class ExportDialog(Dialog[ExportChoice | None]):
    """Asks for a file, and what to write into it."""

    AUTO_FOCUS = "#path"

    def __init__(self, path: str, chosen: str, all_of: str) -> None:
        buttons = [CANCEL]
        if chosen:
            buttons.append(DialogButton("yes", chosen, "primary"))
        if all_of:
            buttons.append(DialogButton("all", all_of))
        line = "One JSON object a line; an existing file is never overwritten."
        super().__init__("Export jobs to a file", (line,), buttons)
        self._path, self._has_chosen = path, bool(chosen)

    def compose_fields(self) -> Iterable[Widget]:
        yield Label("File:", classes="line")
        yield InputField(self._path, id="path")
        yield Box("with secrets, so that `qtop load` can load them back", id="secrets")

    @on(Input.Submitted)
    def action_yes(self) -> None:
        self._leave(is_all=not self._has_chosen)

    def press(self, button: str | None) -> None:
        if button == "all":
            self._leave(is_all=True)
        else:
            super().press(button)

    def _leave(self, *, is_all: bool) -> None:
        path = self.query_one("#path", Input).value.strip()
        if path:
            secrets = self.query_one("#secrets", Box).value
            self.dismiss(ExportChoice(path, is_all, secrets))


_PRIVATE: Final = 0o600


def _default_path(kind: str) -> str:
    """A path in the current folder that is not taken yet, most likely."""
    name = f"qtop-{kind}-{datetime.now():%Y%m%d-%H%M%S}.jsonl"
    try:
        return str(Path.cwd() / name)
    except OSError:  # the folder is gone
        return name


def create(path: str) -> TextIO:
    """A new file that only its owner can read. Raises OSError, also when there is one."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        where = Path(path).expanduser()
    except RuntimeError as error:  # ~ of a user who has no home
        raise OSError(errno.ENOENT, str(error)) from None
    return os.fdopen(os.open(where, flags, _PRIVATE), "w", encoding="ascii")


async def export(
    app: Console,
    jobs: JobList,
    chosen: Sequence[Job] | JobSearch,
    everything: JobSearch | None,
    what: str = "",
) -> None:
    """Ask for a file, and write into it what was chosen, or everything that matches."""
    button = f"Export {what}"
    if isinstance(chosen, Sequence):
        button = f"Export {len(chosen):,} {what}" if chosen else ""
    dialog = ExportDialog(
        _default_path(jobs.source.kind),
        button.rstrip(),
        "Export all that match" if everything else "",
    )
    choice = await app.push_screen_wait(dialog)
    if choice is None:
        return
    path = safe(choice.path)
    try:
        with create(choice.path) as file:
            writer = Writer(app, file, jobs, with_secrets=choice.with_secrets)
            await writer.write(everything if choice.is_all and everything is not None else chosen)
    except StoreError as error:
        app.say(f"{path} is not complete: {safe(str(error))}", "bad", stays=True)
    except OSError as error:
        app.say(f"{path}: {safe(error.strerror or str(error))}", "bad", stays=True)
    else:
        hidden = "" if choice.with_secrets else ", secrets hidden"
        missing = list_bars.but_for(writer.unread)
        tone: ResultTone = "warn" if missing else "good"
        app.say(f"{writer} to {path}{hidden}{missing}", tone, stays=True)


class Writer:
    """Writes jobs of one list to a file, whole, whatever their size."""

    def __init__(self, app: Console, file: TextIO, jobs: JobList, *, with_secrets: bool) -> None:
        self._app = app
        self._file = file
        self._jobs = jobs
        self._redactor = OPEN if with_secrets else app.state.policy.secrets
        self._cut: list[Job] = []
        self._written = self._gone = 0
        #: The places of which nothing could be read.
        self.unread: tuple[UnreadPart, ...] = ()

    def __str__(self) -> str:
        gone = f", skipped {self._gone:,} (already gone)" if self._gone else ""
        return f"exported {self._written:,}{gone}"

    async def write(self, jobs: Sequence[Job] | JobSearch) -> None:
        """Write these, or all that a search finds. Raises StoreError and OSError."""
        if isinstance(jobs, Sequence):
            for job in jobs:
                self._take(job)
            await self._read_cut()
            return

        def visit(entry: Entry) -> None:
            if (job := jobs.find(entry)) is not None:
                self._take(job)

        meter = ProgressMeter(self._app.clock)

        def tell(done: int, of: int) -> None:
            meter.note(done, of)
            self._app.say(f"{self}; searched {meter.words()} …", "dim", stays=True)

        read, way = self._app.read, self._jobs.walk()
        await walk(read, way, visit, tell, self._read_cut, sieve=jobs.sieve)
        self.unread = way.unread

    def _take(self, job: Job) -> None:
        if job.item.is_cut:
            self._cut.append(job)
        else:
            self._put(job)

    async def _read_cut(self) -> None:
        for job in self._cut:
            [read] = await self._app.read(self._jobs.read([job]))
            if read is None:
                self._gone += 1
            else:
                self._put(read)
        self._cut.clear()

    def _put(self, job: Job) -> None:
        self._file.write(line_of(self._jobs, job, self._redactor) + "\n")
        self._written += 1
