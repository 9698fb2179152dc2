"""From a key to its result: the refusal, the question, the deed, the word about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, escalate
from qtop.actions.plan import operator_identity as actor
from qtop.actions.request import PauseAll, Request, Reschedule, Undo
from qtop.actions.runner import ActionRunner, ForegroundPriority, Progress
from qtop.app.worker_controller import LocalWorkerController
from qtop.keymap import keymap
from qtop.local.import_check import ModuleMemory
from qtop.local.workers import LocalWorkers
from qtop.model.job import JobSource
from qtop.model.job_list import Entry
from qtop.model.launch import LaunchRequest
from qtop.screens import audit_text
from qtop.screens.console import Console
from qtop.screens.dialogs import ConfirmDialog, DateDialog, LookingDialog
from qtop.screens.paging import with_marks
from qtop.search.follower import walk
from qtop.search.job_search import JobSearch
from qtop.search.selection import RefusalCheck, Selection, nothing_refused
from qtop.systems.system import SystemRunner
from qtop.text.safe import safe
from qtop.widgets.table import Table
from queuecore.audit import AuditEntry
from queuecore.exchange import Exchange, Operation, Steps, drive
from queuecore.times import wall_now

T = TypeVar("T")

#: What a key that stops an action under way is called on the screens that have one.
_STOPPING: Final = ("stop", "stop_looking")


class ActionController:
    """Does what screens ask for.

    Args:
        app: Shows the questions and the results.
        source: Where actions go.
        local: The workers started here.
        require: Modules with jobs, for those.
        read_only: Refuse whatever changes something.
    """

    def __init__(
        self,
        app: Console,
        source: SystemRunner,
        local: LocalWorkers,
        require: Sequence[str],
        *,
        read_only: bool,
    ) -> None:
        self._app = app
        #: An action that looks for its jobs goes before searches in the background.
        self.precedence = ForegroundPriority()
        #: What is under way is to be taken back as soon as it has stopped.
        self._takes_back = False
        self._operator = Operator(actor(), app.settings.undo_limits, app.state.policy.sign)
        self._actions = ActionRunner(
            source.run, read_only=read_only, trouble=lambda: app.state.look.error
        )
        template = app.settings.values["worker_command"] or ""
        profile, namespace = app.settings.profile, app.system.place.namespace
        memory = ModuleMemory(
            local.folder.with_name("modules.json"),
            f"{app.address} {namespace}" if profile is None else f"profile {profile}",
        )
        modules = tuple(require) or memory.recall()
        self.local = LocalWorkerController(
            app,
            local,
            self,
            LaunchRequest("*", modules=modules, template=template),
            memory,
        )

    def refuses(self, *, without_redis: bool = False) -> bool:
        """Whether nothing can be changed now, or none that does `without_redis`; then
        the reason is said."""
        return self._refused(without_redis=without_redis)

    async def preview(self, what: str, look: Operation[T]) -> T | Outcome:
        """Read what an action is about. Returns why not when it cannot be read."""
        return await self._actions.preview(what, look)

    def request(
        self, request: Request, table: Table[Any] | None = None, *, looking: str = "looking at it"
    ) -> None:
        """Prepare a request, ask if that is needed, and carry it out; `table` loses its marks then.
        `looking` is shown while it is prepared, if that has to read anything."""
        if self._refused():
            return
        steps = self._steps(request)
        try:
            next(steps)
        except StopIteration as end:
            made = end.value
            if isinstance(made, Plan) and table is not None:
                made = with_marks(made, table)
            self._prepared(made, table)
            return
        steps.close()
        self._look_first(looking, self._steps(request))

    def _steps(self, request: Request) -> Steps[Plan | Refusal]:
        return self._app.system.prepare(request, self._operator)

    def _prepared(self, made: Plan | Refusal, table: Table[Any] | None) -> None:
        if isinstance(made, Refusal):
            self._app.say(made.text, "warn")
        else:
            self._ask(made, table)

    def request_after(self, looking: str, look: Operation[T], make: Callable[[T], Request]) -> None:
        """Read what a request is about, make the request of it, and go on as `request`."""

        def steps() -> Steps[Plan | Refusal]:
            seen: T
            if isinstance(look, Exchange):
                seen = yield look
            else:
                seen = yield from look
            return (yield from self._steps(make(seen)))

        if not self._refused():
            self._look_first(looking, steps())

    def _look_first(self, looking: str, steps: Steps[Plan | Refusal]) -> None:
        # In front at once: what is typed ahead must not be taken for other actions.
        cover = LookingDialog(looking)
        self._app.push_screen(cover)
        self._app.run_worker(self._prepare(looking, steps, cover), group="desk")

    def begin_after_search(
        self,
        what: str,
        search: Callable[[Progress], Awaitable[T]],
        plan: Callable[[T], Plan | str],
        table: Table[Any] | None = None,
    ) -> None:
        """Look for what a plan is about, as long as that takes, then make the plan and begin it, or
        say why there is none. Leaving the dialog stops the search."""
        if self._refused():
            return
        cover = LookingDialog(what)
        looking = self._app.run_worker(
            self._search_first(what, search, plan, cover, table), group="desk"
        )
        self._app.push_screen(cover, lambda _: looking.cancel())

    def request_found(
        self,
        search: JobSearch,
        make: Callable[[Selection], Request],
        table: Table[Any] | None = None,
        *,
        refusal: RefusalCheck = nothing_refused,
        spares: bool = False,
        looking: str = "looking for all that match",
    ) -> None:
        """Look through a list for all that a search finds, make a request of it, and go on as
        `request`. `refusal` and `spares` are those of `Chooser`; `looking` is shown meanwhile."""
        source = search.wanted.source
        chooser = self._app.system.chooser(source, refusal, spares=spares)

        async def choose(tell: Progress) -> Selection:
            def visit(entry: Entry) -> bool:
                job = search.find(entry)
                return job is None or chooser.take(job)

            await walk(self._app.read, self._app.system.jobs(source).walk(), visit, tell)
            chosen = await self._app.read(chooser.settle())
            chosen.too_large = search.too_large
            return chosen

        def plan(chosen: Selection) -> Plan | str:
            # Delayed jobs that cannot be read are none, and the outcome says so.
            if chosen.marks or source.kind == "delayed":
                made = drive(self._steps(make(chosen)), lambda step: None)
                return made if isinstance(made, Plan) else made.text
            if chosen.spared:
                key = self._app.state.policy.sign("requeue")
                number = f"{chosen.spared:,}"
                return f"the {number} that match killed their process repeatedly: use {key}"
            return "nothing matches (any more)"

        self.begin_after_search(looking, choose, plan, table)

    @property
    def can_stop(self) -> bool:
        """Whether an action is under way that can be stopped."""
        return self._actions.can_stop

    def stop(self) -> bool:
        """Stop the action that is under way; False when there is none."""
        return self._actions.stop()

    def pause_or_resume_all(self, *, is_paused: bool | None) -> None:
        """Pause everything, or resume it when it is paused; nothing when that is unknown."""
        if is_paused is None:
            self._app.say("whether everything is paused is unknown: nothing was changed", "warn")
            return
        self.request(PauseAll(not is_paused))

    def undo(self) -> None:
        """Take back the last action of this console. One that is under way is stopped, and what it
        has done is taken back after a question."""
        if self._actions.stop():
            self._takes_back = True
            self._app.say("stopping; then you are asked whether to take back what was done", "dim")
        elif self._actions.is_busy:
            self._refused()
        elif not self._actions.trails:
            self._app.say("nothing to take back: `qtop undo` knows earlier actions", "dim")
        else:
            self.request(Undo.of(self._actions.trails[-1]))

    def undo_deed(self, deed: AuditEntry) -> None:
        """Take back an action that is on record, after a question, or say why that cannot be."""
        if deed.undo_left_s is None:
            self._app.say(" ".join(audit_text.consequence(deed)), "warn")
            return
        self.request(Undo.of(deed, *audit_text.question(deed)))

    def ask_for_moment(
        self, source: JobSource, chosen: Selection, table: Table[Any] | None = None
    ) -> None:
        """Ask until when to delay jobs, and do it."""

        def reschedule(moment: datetime | None) -> None:
            if moment is not None:
                self.request(Reschedule(source, chosen, moment), table)

        if not self._refused():
            fleet = self._app.state.view().fleet
            ahead = timedelta(0) if fleet is None else fleet.server_time - datetime.now(UTC)
            request = Reschedule(source, chosen, datetime.now(UTC))
            plan = drive(self._steps(request), lambda step: None)
            assert isinstance(plan, Plan)  # noqa: S101  of chosen jobs there is always one
            self._app.push_screen(
                DateDialog(f"{plan.what}?", plan.details[:-2], lambda: wall_now() + ahead),
                reschedule,
            )

    def _refused(self, *, without_redis: bool = False) -> bool:
        refusal = self._actions.refusal(without_redis=without_redis)
        if refusal is None and not without_redis:
            refusal = self._not_ours()
        if refusal is not None:
            self._app.say(refusal.text, refusal.tone)
        return refusal is not None

    def _not_ours(self) -> Outcome | None:
        """Why nothing may be changed where Sidekiq lives alone, as of the newest survey."""
        surveyed = self._app.state.surveyed
        whose = None if surveyed is None else surveyed.ownership
        why = None if whose is None else whose.refusal()
        return None if why is None else Outcome(safe(why), "warn")

    async def _prepare(
        self, looking: str, steps: Steps[Plan | Refusal], cover: LookingDialog
    ) -> None:
        made = await self._actions.preview(looking, steps)
        if not await cover.comes_to_front():
            return  # the question was left before it could be asked
        self._app.pop_screen()
        if isinstance(made, Outcome):
            self._app.say(made.text, made.tone)
        else:
            self._prepared(made, None)

    async def _search_first(
        self,
        what: str,
        search: Callable[[Progress], Awaitable[T]],
        plan: Callable[[T], Plan | str],
        cover: LookingDialog,
        table: Table[Any] | None,
    ) -> None:
        with self.precedence.ahead():
            seen = await self._actions.look(what, search(cover.tell))
        if not await cover.comes_to_front():
            return  # the question was left before it could be asked
        # Without its callback, which would cancel what runs here.
        self._app.pop_screen()
        if isinstance(seen, Outcome):
            self._app.say(seen.text, seen.tone)
            return
        made = plan(seen)
        if isinstance(made, str):
            self._app.say(made, "warn")
        else:
            self._ask(made, table)

    def _ask(self, plan: Plan, table: Table[Any] | None) -> None:
        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._app.run_worker(self._carry_out(plan, table), group="desk")
            else:
                self._app.say("nothing was changed", "dim")

        plan = escalate(plan, self._app.settings.production)
        if plan.danger in ("confirm", "typed"):
            self._app.push_screen(ConfirmDialog(plan), answered)
        else:
            answered(True)

    def _how_to_stop(self) -> str:
        """The key for it, on a screen that has one."""
        places = getattr(self._app.screen, "PLACES", ())
        actions = keymap.of(places, rebound=self._app.settings.keys) if self.can_stop else ()
        key = next((each.keys[0] for each in actions if each.id in _STOPPING), None)
        return "" if key is None else f"; {keymap.key_sign(key)} stops"

    async def _carry_out(self, plan: Plan, table: Table[Any] | None) -> None:
        app = self._app
        app.say(f"{plan.what} …", "dim", stays=True)

        def progress(done: int, of: int) -> None:
            if of > 1:
                far = f"{plan.what}: {done:,} of {of:,} …"
                app.say(f"{far}{self._how_to_stop()}", "dim", stays=True)

        self._takes_back = False
        outcome = await self._actions.run(plan, progress)
        app.say(outcome.text, outcome.tone, stays=True)
        if table is not None and outcome.tone != "bad":
            table.clear_marks()
        app.look_now(after_deed=True)
        if self._takes_back and outcome.undoable is not None:
            self.request(Undo.of(outcome.undoable, f"It {outcome.text}."))
