"""The workers that were started here: each group, and its workers below it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from qtop.keymap.keymap import Where
from qtop.local.groups import LocalWorker
from qtop.local.logs import Tail, level, without_colours
from qtop.local.usage import Sampler, Usage
from qtop.monitor.local_rows import LocalGroupRow, LocalRow, LocalWorkerRow, local_rows
from qtop.monitor.state import ViewState
from qtop.screens import local_cells as texts
from qtop.screens.base import ConsoleScreen, RowsScreen, bindings
from qtop.search.fields import Subject
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Column
from qtop.widgets.filter_input import InputField
from qtop.widgets.log_view import LogLine, LogView
from qtop.widgets.table import Table
from queuecore.active_job import unwrapped

# What a worker that was started here prints, as it comes.

#: How often more of the file is read, while the screen shows.
READ_EVERY_S: Final = 0.1


class SearchLine(InputField):
    """A line to type what to look for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c,ctrl+q", "leave", show=False, priority=True)
    ]

    def action_leave(self) -> None:
        self.value = ""
        self.post_message(self.Submitted(self, ""))


class LogScreen(ConsoleScreen):
    """The log of one place of a group: also of the processes that follow in it."""

    AUTO_FOCUS = "LogView"
    PLACES: ClassVar[tuple[Where, ...]] = ("texts", "log")
    TAB: ClassVar[Where] = "local"
    BINDINGS = bindings(PLACES)

    def __init__(self, worker: LocalWorker) -> None:
        super().__init__()
        self.log_view = LogView()
        self._worker = worker
        self._tail = Tail(worker.log)
        self._is_held = False
        self._shows_secrets: bool | None = None
        self._head = Bar(id="log-head")
        self._search = SearchLine(id="search", compact=True, placeholder="find")
        self._search.display = False
        self._reading: Timer | None = None

    def compose_body(self) -> Iterable[Widget]:
        yield self._head
        yield self.log_view
        yield self._search

    def show_view(self, view: ViewState) -> None:
        """Show what has become of the worker."""
        if self._shows_secrets not in (None, view.policy.is_revealed):
            self._tail.restart()
            self.log_view.clear()
        self._shows_secrets = view.policy.is_revealed
        group = self._worker.group
        number = self._worker.place.number
        place = next((each for each in group.places if each.number == number), self._worker.place)
        self._worker = LocalWorker(group, place)
        registered = (view.fleet.workers or ()) if view.fleet else ()
        seen = next((r for r in registered if r.is_local and r.process.pid == place.pid), None)
        row = LocalWorkerRow(self._worker, seen, None, view.now_mono)
        self._show_head(row)

    def _show_head(self, row: LocalWorkerRow) -> None:
        who = f" {texts.name(row).strip()} of {safe(self._worker.queues)}  "
        left = [Span(who, "strong", 90), Span(f"{texts.state(row)}  ", "accent", 85)]
        if problems := texts.problems(row):
            left.append(Span(f"{problems}  ", "bad", 80))
        if reason := texts.reason(row):
            left.append(Span(reason, "warn", 60))
        right = [Span(f" {safe(str(self._tail.path))} ", "dim", 20)]
        if self._is_held:
            right.insert(0, Span(" PAUSED ", "flag", 95))
        elif not self.log_view.follows:
            right.insert(0, Span(" not following ", "flag", 94))
        self._head.show(left, right)

    # What comes

    def on_mount(self) -> None:
        super().on_mount()
        self._reading = self.set_interval(READ_EVERY_S, self.read_more)
        self.read_more()

    def on_screen_suspend(self) -> None:
        """Read nothing while another screen is in front."""
        if self._reading is not None:
            self._reading.pause()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self._reading is not None and not self._is_held:
            self._reading.resume()

    def on_unmount(self) -> None:
        self._tail.close()

    def read_more(self) -> None:
        """Show a little of what is new: a bounded step, however much there is."""
        if self._is_held or not self.is_mounted:
            return
        try:
            piece = self._tail.read()
        except OSError as error:
            self.app.say(f"the log cannot be read: {safe(str(error.strerror))}", "bad")
            return
        lines: list[LogLine] = []
        if piece.passed_over:
            lines.append(LogLine(f"… {piece.passed_over:,} bytes passed over …", "own"))
        redact = self.app.state.policy.redactor.text
        for raw in piece.lines:
            plain = without_colours(raw).replace(b"\t", b"    ").rstrip(b"\r")
            text = redact(safe(plain))
            lines.append(LogLine(text, level(text)))
        self.log_view.append(lines)

    def copied(self) -> list[str]:
        return [line.text for line in self.log_view.lines]

    # Keys

    def action_follow(self) -> None:
        self.log_view.follow(not self.log_view.follows)
        self.show_view(self.app.state.view())

    @on(LogView.Moved)
    def show_whether_it_follows(self) -> None:
        self.show_view(self.app.state.view())

    def action_hold(self) -> None:
        self._is_held = not self._is_held
        if self._reading is not None:
            (self._reading.pause if self._is_held else self._reading.resume)()
        self.show_view(self.app.state.view())

    def action_search(self) -> None:
        self._search.display = True
        self._search.focus()

    @on(Input.Changed, "#search")
    def search_for(self, event: Input.Changed) -> None:
        """Mark while it is typed."""
        self.log_view.search(event.value)

    @on(Input.Submitted, "#search")
    def found(self, event: Input.Submitted) -> None:
        """Go to the newest line that has it."""
        self._search.display = False
        self.log_view.focus()
        if event.value:
            self._go(-1)

    def action_next_match(self) -> None:
        self._go(1)

    def action_previous_match(self) -> None:
        self._go(-1)

    def _go(self, step: int) -> None:
        if self.log_view.to_match(step):
            self.app.say(f"{counted(self.log_view.matches(), 'line')} with it", "dim")
        else:
            self.app.say("not in the lines there are; / looks for something", "dim")
        self.show_view(self.app.state.view())


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


class LocalScreen(RowsScreen):
    """All groups, in the order in which they were started."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "local")
    TAB: ClassVar[Where] = "local"
    BINDINGS = bindings(PLACES)

    def __init__(self) -> None:
        super().__init__()
        self._sampler = Sampler(self.app.system.left_alone)
        self._usages: Mapping[int, Usage] = {}
        self._is_sampling = False
        self._sampling: Timer | None = None
        self._is_shown = False

    def make_table(self) -> Table[Any]:
        return Table(COLUMNS, key=lambda row: row.key, clock=self.app.clock)

    def show_view(self, view: ViewState) -> None:
        """Show the groups and what is registered of their workers."""
        is_frozen = view.frozen_since_mono is not None
        if not self.has_news(view) and is_frozen and self._is_shown:
            return
        self._is_shown = True
        table: Table[LocalRow] = self.table
        key = view.policy.sign("start_workers")
        how = f"press {key}, name queues and how many"
        how = view.policy.forbidden.get("start_workers", how)
        table.empty_text = f"No workers were started here: {how}."
        table.stale = view.is_stale
        here = socket.gethostname()
        registered = (view.fleet.workers or ()) if view.fleet else ()
        system = self.app.system
        on_host = [row for row in registered if system.may_run_on(row.process, here)]
        self.pane.show_rows(local_rows(self.app.local.groups, on_host, self._usages, view.now_mono))

    def subject(self, row: LocalRow) -> Subject:
        """A row as filters see it: by queues, process, state, job."""
        words = (texts.name(row).strip(), texts.state(row), texts.job(row))
        if isinstance(row, LocalGroupRow):
            return Subject(queue=row.group.about.queues, words=words)
        held = None if row.seen is None else row.seen.job
        job = (None, None) if held is None else unwrapped(held.class_name, held.args)
        return Subject(
            class_name=job[0],
            args=job[1],
            queue=row.worker.queues,
            worker=str(row.place.pid),
            age_s=None if row.seen is None else row.seen.elapsed_s,
            words=words,
        )

    # What processes cost, only while the screen shows

    def on_mount(self) -> None:
        super().on_mount()
        self._sampling = self.set_interval(SAMPLE_EVERY_S, self._sample)
        self._sample()

    def on_screen_suspend(self) -> None:
        if self._sampling is not None:
            self._sampling.pause()

    def on_screen_resume(self) -> None:
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
        if self.app.state.view().frozen_since_mono is None:
            self.show_view(self.app.state.view())

    # Keys

    def chosen_workers(self) -> list[LocalWorker]:
        """The marked workers, and those of marked groups; else what is under the cursor."""
        found: dict[tuple[str, int], LocalWorker] = {}
        for row in self.pane.meant():
            for part in row.workers if isinstance(row, LocalGroupRow) else (row,):
                found[part.key] = part.worker
        return list(found.values())

    def on_table_opened(self, event: Table.Opened[LocalRow]) -> None:
        self.action_log()

    def action_log(self) -> None:
        row: LocalRow | None = self.table.cursor_row
        if isinstance(row, LocalGroupRow):
            # Of what is wrong first; else of the first that lives.
            ranks = {"gave up": 0, "waiting": 1, "lost": 2, "ended": 4}
            ranked = sorted(row.workers, key=lambda each: ranks.get(each.place.state, 3))
            row = ranked[0] if ranked else None
        if row is not None:
            self.app.push_screen(LogScreen(row.worker))

    def action_stop_worker(self) -> None:
        workers = self.chosen_workers()
        if workers:
            self.app.actions.local.stop(workers)

    def action_pause_worker(self) -> None:
        workers = self.chosen_workers()
        if workers:
            self.app.actions.local.pause(workers)

    def action_more_workers(self) -> None:
        self._scale(1)

    def action_fewer_workers(self) -> None:
        self._scale(-1)

    def _scale(self, by: int) -> None:
        row: LocalRow | None = self.table.cursor_row
        if row is not None:
            group = row.group if isinstance(row, LocalGroupRow) else row.worker.group
            self.app.actions.local.scale(group, by)

    def action_next_sort(self) -> None:
        self.app.say("groups stay as they were started, their workers below them", "dim")

    action_reverse_sort = action_next_sort
