"""The workers that were started here: each group, and its workers below it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from textual.timer import Timer

from qtop.keymap.keymap import Where
from qtop.local.groups import LocalWorker
from qtop.local.rows import LocalGroupRow, LocalRow, local_rows
from qtop.local.usage import Sampler, Usage
from qtop.monitor.state import ViewState
from qtop.screens import local_cells as texts
from qtop.screens.base import bindings
from qtop.screens.log import LogScreen
from qtop.screens.rows import MainScreen
from qtop.search.fields import Subject
from qtop.widgets.columns import Column
from qtop.widgets.table import Table
from queuecore.active_job import unwrapped
from resque.store.workers import may_run_on

SAMPLE_EVERY_S: Final = 2.0

COLUMNS: Final[tuple[Column[LocalRow], ...]] = (
    Column("name", "queues", 14, texts.name, flex=1, priority=100),
    Column("state", "state", 14, texts.state, priority=98, style=texts.state_tone),
    Column("job", "job", 20, texts.job, flex=5, priority=95),
    Column("elapsed", "for", 6, texts.elapsed, priority=85, align="right"),
    Column("cpu", "cpu", 5, texts.cpu, priority=80, align="right"),
    Column("memory", "memory", 7, texts.memory, priority=75, align="right"),
    Column("processed", "processed", 9, texts.processed, priority=50, align="right", style="dim"),
    Column(
        "failed", "failed", 6, texts.failed, priority=60, align="right", style=texts.failed_tone
    ),
    Column("restarts", "restarts", 8, texts.restarts, priority=65, align="right", style="warn"),
)


class LocalScreen(MainScreen):
    """All groups, in the order in which they were started."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "local")
    TAB: ClassVar[Where] = "local"
    BINDINGS = bindings(PLACES)

    def __init__(self) -> None:
        super().__init__()
        self._sampler = Sampler()
        self._usages: Mapping[int, Usage] = {}
        self._is_sampling = False
        self._sampling: Timer | None = None
        self._is_shown = False

    def make_table(self) -> Table[Any]:
        """The table."""
        return Table(
            COLUMNS,
            key=lambda row: row.key,
            clock=self.app.clock,
        )

    def show_board(self, view: ViewState) -> None:
        """Show the groups and what is registered of their workers."""
        is_frozen = view.frozen_since_mono is not None
        if not self.has_news(view) and is_frozen and self._is_shown:
            return
        self._is_shown = True
        table: Table[LocalRow] = self.table
        key = view.manner.sign("start_workers")
        table.empty_text = f"No workers were started here: press {key}, name queues and how many."
        table.stale = view.is_stale
        here = socket.gethostname()
        registered = (view.board.workers or ()) if view.board else ()
        on_host = [row for row in registered if may_run_on(row.identity, here)]
        self.show_rows(local_rows(self.app.local.groups, on_host, self._usages, view.now_mono))

    def subject(self, row: LocalRow) -> Subject:
        """A row as filters see it: by queues, process, state, job."""
        words = (texts.name(row).strip(), texts.state(row), texts.job(row))
        if isinstance(row, LocalGroupRow):
            return Subject(queue=row.group.about.queues, words=words)
        record = None if row.seen is None else row.seen.record
        job = (None, None) if record is None else unwrapped(record.class_name, record.args)
        return Subject(
            class_name=job[0],
            args=job[1],
            queue=row.worker.queues,
            worker=str(row.place.pid),
            age_s=None if row.seen is None else row.seen.elapsed_s,
            words=words,
        )

    # What processes cost, only while somebody looks

    def on_mount(self) -> None:
        """Show the first frame."""
        super().on_mount()
        self._sampling = self.set_interval(SAMPLE_EVERY_S, self._sample)
        self._sample()

    def on_screen_suspend(self) -> None:
        """Take no samples."""
        if self._sampling is not None:
            self._sampling.pause()

    def on_screen_resume(self) -> None:
        """Take samples again."""
        super().on_screen_resume()
        if self._sampling is not None:
            self._sampling.resume()

    def _sample(self) -> None:
        if self.app.local.pids and not self._is_sampling:
            self._is_sampling = True
            self.run_worker(self._take_sample(), group="usage")

    async def _take_sample(self) -> None:
        try:
            pids = self.app.local.pids
            self._usages = await asyncio.to_thread(self._sampler.sample, pids)
        finally:
            self._is_sampling = False
        if self.app.stage.view().frozen_since_mono is None:
            self.show_board(self.app.stage.view())

    # Keys

    def chosen_workers(self) -> list[LocalWorker]:
        """The marked workers, and those of marked groups; else what is under the cursor."""
        found: dict[tuple[str, int], LocalWorker] = {}
        for row in self.meant():
            for part in row.workers if isinstance(row, LocalGroupRow) else (row,):
                found[part.key] = part.worker
        return list(found.values())

    def on_table_opened(self, event: Table.Opened[LocalRow]) -> None:
        """Show the log."""
        self.action_log()

    def action_log(self) -> None:
        """Show what the worker under the cursor prints."""
        row: LocalRow | None = self.table.cursor_row
        if isinstance(row, LocalGroupRow):
            # Of what is wrong first; else of the first that lives.
            ranks = {"gave up": 0, "waiting": 1, "lost": 2, "ended": 4}
            ranked = sorted(row.workers, key=lambda each: ranks.get(each.place.state, 3))
            row = ranked[0] if ranked else None
        if row is not None:
            self.app.push_screen(LogScreen(row.worker))

    def action_stop_worker(self) -> None:
        """Stop the chosen workers; each press presses harder."""
        workers = self.chosen_workers()
        if workers:
            self.app.desk.local.stop(workers)

    def action_pause_worker(self) -> None:
        """Let the chosen workers take no more jobs, or take jobs again."""
        workers = self.chosen_workers()
        if workers:
            self.app.desk.local.pause(workers)

    def action_more_workers(self) -> None:
        """One worker more for the group under the cursor."""
        self._scale(1)

    def action_fewer_workers(self) -> None:
        """One worker less for the group under the cursor."""
        self._scale(-1)

    def _scale(self, by: int) -> None:
        row: LocalRow | None = self.table.cursor_row
        if row is not None:
            group = row.group if isinstance(row, LocalGroupRow) else row.worker.group
            self.app.desk.local.scale(group, by)

    def action_next_sort(self) -> None:
        """Say that there is one order only."""
        self.app.say("groups stay as they were started, their workers below them", "dim")

    action_reverse_sort = action_next_sort
