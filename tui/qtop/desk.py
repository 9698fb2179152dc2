"""From a key to its result: the refusal, the question, the deed, the word about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from qtop.actions import Actions
from qtop.actor import actor
from qtop.local_workers import LocalWorkers
from qtop.model import WorkerRow
from qtop.plans import Outcome, Plan, Plans
from qtop.screens.dialogs import (
    ConfirmDialog,
    LookingDialog,
    QuitDialog,
    WaitingDialog,
    WorkersDialog,
)
from qtop.source import Source
from qtop.text import safe
from qtop.undo_limits import undo_limits
from qtop.widgets.vtable import VTable
from resque.wire.exchange import Operation

if TYPE_CHECKING:
    from qtop.app import QtopApp

T = TypeVar("T")


class Desk:
    """Does what screens ask for.

    Args:
        app: Shows the questions and the results.
        source: Where actions go.
        local: The workers started here.
        read_only: Refuse whatever changes something.
    """

    def __init__(
        self, app: QtopApp, source: Source, local: LocalWorkers, *, read_only: bool
    ) -> None:
        self._app = app
        self._local = local
        self.plans = Plans(app.keys, actor(), undo_limits(os.environ))
        self._actions = Actions(source, read_only=read_only, trouble=lambda: app.stage.look.error)

    def begin(self, plan: Plan, table: VTable[Any] | None = None) -> None:
        """Carry out a plan, after a question if it needs one; `table` loses its marks then."""
        if not self._refused():
            self._ask(plan, table)

    def begin_after(self, what: str, look: Operation[T], plan: Callable[[T], Plan]) -> None:
        """Look at what a plan is about, then make the plan and begin it."""
        if not self._refused():
            # In front at once: what is typed ahead must not be taken for other actions.
            cover = LookingDialog(what)
            self._app.push_screen(cover)
            self._app.run_worker(self._look_first(what, look, plan, cover), group="desk")

    def pause_or_resume_all(self, *, is_paused: bool) -> None:
        """Pause everything, or resume it when it is paused."""
        self.begin(self.plans.pause_all(paused=not is_paused))

    def undo(self) -> None:
        """Take back the last action of this console."""
        if not self._actions.trails:
            self._app.say("nothing to take back: `qtop undo` knows earlier actions", "dim")
        elif not self._refused():
            self._ask(self.plans.undo(self._actions.trails[-1]), None)

    def ask_for_workers(self, queues: str) -> None:
        """Ask which workers to start on this machine, and start them."""

        def start(chosen: tuple[str, int] | None) -> None:
            if chosen is not None:
                wanted, count = chosen
                self._app.run_worker(self.start_workers([wanted] * count), group="desk")

        if not self._refused():
            self._app.push_screen(WorkersDialog(queues), start)

    async def start_workers(self, lists: Sequence[str]) -> None:
        """Start a worker on this machine for each list of queues."""
        pids: list[str] = []
        try:
            for queues in lists:
                worker = await self._local.start(queues)
                pids.append(str(worker.pid))
        except OSError as error:
            self._app.say(f"no worker could be started: {safe(str(error.strerror))}", "bad")
        else:
            logs = safe(str(self._local.log_folder))
            self._app.say(f"started {len(pids)} here: {', '.join(pids)}; logs in {logs}", "good")

    def stop_worker(self, row: WorkerRow) -> None:
        """Stop a worker that was started here: when its job is done; the second time, now."""
        if not self._refused(without_redis=True):
            pid = row.identity.pid if row.is_local else None
            self._app.say(self._local.stop(pid))

    async def leave(self) -> None:
        """End the console; with workers started here, after a question."""
        if not self._local.alive:
            self._app.exit()
            return
        choice = await self._app.push_screen_wait(QuitDialog(len(self._local.alive)))
        if choice is None:
            return
        self._local.stop_all(now=choice == "now")
        dialog = WaitingDialog(on_stop_now=lambda: self._local.stop_all(now=True))
        await self._app.push_screen(dialog)
        began_mono = self._app.clock()
        while self._local.alive:
            dialog.tell(len(self._local.alive), self._app.clock() - began_mono)
            await self._local.wait(1.0)
        self._app.exit()

    def _refused(self, *, without_redis: bool = False) -> bool:
        refusal = self._actions.refusal(without_redis=without_redis)
        if refusal is not None:
            self._app.say(refusal.text, refusal.tone)
        return refusal is not None

    async def _look_first(
        self, what: str, look: Operation[T], plan: Callable[[T], Plan], cover: LookingDialog
    ) -> None:
        seen = await self._actions.preview(what, look)
        if cover is not self._app.screen:
            return  # the question was left before it could be asked
        self._app.pop_screen()
        if isinstance(seen, Outcome):
            self._app.say(seen.text, seen.tone)
        else:
            self._ask(plan(seen), None)

    def _ask(self, plan: Plan, table: VTable[Any] | None) -> None:
        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._app.run_worker(self._carry_out(plan, table), group="desk")
            else:
                self._app.say("nothing was changed", "dim")

        if plan.danger in ("confirm", "typed"):
            self._app.push_screen(ConfirmDialog(plan), answered)
        else:
            answered(True)

    async def _carry_out(self, plan: Plan, table: VTable[Any] | None) -> None:
        app = self._app
        app.say(f"{plan.what} …", "dim")

        def progress(done: int, of: int) -> None:
            if of > 1:
                app.say(f"{plan.what}: {done:,} of {of:,} …", "dim")

        outcome = await self._actions.run(plan, progress)
        app.say(outcome.text, outcome.tone)
        if table is not None and outcome.tone != "bad":
            table.clear_marks()
        app.look_now()
