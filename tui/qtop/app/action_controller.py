"""From a key to its result: the refusal, the question, the action, the message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from rich.cells import cell_len

from qtop.actions.plan import (
    Operator,
    Outcome,
    Plan,
    Refusal,
    Throttle,
    Trail,
    escalate,
    operator_identity,
)
from qtop.actions.request import AnyRequest, PauseAll, Placed, Reschedule, Undo
from qtop.actions.runner import ActionRunner, ForegroundPriority, Progress
from qtop.actions.stopping import reined
from qtop.keymap import keymap
from qtop.model.job import JobSource
from qtop.model.job_list import Entry
from qtop.monitor.incidents.incident import Incident
from qtop.screens import list_bars
from qtop.screens.console import Console
from qtop.screens.dialogs import (
    ConfirmDialog,
    DateDialog,
    LookingDialog,
)
from qtop.search.list_search import walk
from qtop.search.selection import JobSearch, RefusalCheck, Selection, nothing_refused
from qtop.text.format import both_times
from qtop.text.progress import ProgressMeter
from qtop.text.safe import crop, safe
from qtop.widgets.table import Table
from queuecore.audit import AuditEntry
from queuecore.exchange import Operation, Steps, steps_of
from queuecore.times import wall_now

T = TypeVar("T")
#: What comes of preparing a request, and what goes on with it.
Made = Plan | Refusal | Outcome
Then = Callable[[Made], None]

#: What a key that stops an action under way is called on the screens that have one.
_STOPPING: Final = ("stop", "stop_looking")
_LEAST_CELLS: Final = 10
#: The bar of an action that is under way, where there is room for so much.
_BAR_CELLS, _LEAST_BAR_CELLS = 12, 4
_REDRAW_S: Final = 1.0


class ActionController:
    """Does what screens ask for: see `Actions`. With `read_only` it refuses whatever
    changes something."""

    def __init__(
        self,
        app: Console,
        *,
        read_only: bool,
    ) -> None:
        self._app, self._read_only = app, read_only
        #: An action that looks for its jobs goes before searches in the background.
        self.precedence = ForegroundPriority()
        #: What is under way is to be taken back as soon as it has stopped.
        self._takes_back = False
        #: What is under way is an undo, which cannot be taken back itself.
        self._is_undo = False
        self.operator = Operator(
            operator_identity(), app.settings.undo_limits, app.state.policy.sign
        )
        self._actions = ActionRunner(
            app.read, read_only=read_only, trouble=lambda: app.state.poll.error
        )

    def refuses(self, *, without_redis: bool = False) -> bool:
        """As `Actions.refuses`; with `without_redis` for what needs no Redis."""
        refusal = self._actions.refusal(without_redis=without_redis)
        if refusal is None and not without_redis and (why := self.not_ours()):
            refusal = Outcome(why, "warn")
        if refusal is not None:
            self._app.say(refusal.text, refusal.tone)
        return refusal is not None

    def not_ours(self, queue: str | None = None) -> str | None:
        """Why a queue, or the namespace, is another system's, in safe words; None when it is not,
        as of the newest health report."""
        whose = self._app.state.ownership
        why = None if whose is None else whose.refusal(queue)
        return None if why is None else safe(why)

    async def preview(self, what: str, operation: Operation[T]) -> T | Outcome:
        """Read what an action is about. Returns why not when it cannot be read."""
        return await self._actions.preview(what, operation)

    def request(
        self,
        request: AnyRequest,
        table: Table[Any] | None = None,
        *,
        looking: str = "checking",
    ) -> None:
        """As `Actions.request`. `looking` is shown only if preparing has to read anything."""

        def ask(made: Made) -> None:
            if isinstance(made, Plan) and table is not None:
                made = _with_marks(made, table)
            self._ask(made, table)

        if not self.refuses():
            self._prepare(request, ask, looking)

    def _prepare(self, request: AnyRequest, then: Then, looking: str = "checking") -> None:
        """Go on with the plan for a request; below a dialog if preparing has to read anything."""
        steps = self._steps(request)
        try:
            next(steps)
        except StopIteration as end:
            then(end.value)
            return
        steps.close()
        self._look_first(looking, self._steps(request), then)

    def _steps(self, request: AnyRequest) -> Steps[Plan | Refusal]:
        return self._app.prepare(request, self.operator)

    def request_after(
        self, looking: str, operation: Operation[T], make: Callable[[T], AnyRequest]
    ) -> None:
        def steps() -> Steps[Plan | Refusal]:
            seen: T = yield from steps_of(operation)
            return (yield from self._steps(make(seen)))

        if not self.refuses():
            self._look_first(looking, steps(), self._ask, Throttle())

    def _look_first(
        self,
        looking: str,
        steps: Steps[Plan | Refusal],
        then: Then,
        pace: Throttle | None = None,
    ) -> None:
        """Prepare a plan below a dialog; with a `pace` the look can be stopped: what the steps make
        of that is their own."""

        def look(tell: Progress) -> Awaitable[Made]:
            return self._actions.preview(looking, reined(steps, pace, tell))

        def stop() -> None:
            if pace is not None:
                pace.is_stopped = True

        self._look_below(looking, look, then, None if pace is None else stop)

    def begin_after_search(
        self,
        what: str,
        search: Callable[[Progress], Awaitable[Plan | Refusal]],
        table: Table[Any] | None = None,
    ) -> None:
        """As `request_after` for a search of many steps that makes the plan."""

        async def look(tell: Progress) -> Made:
            with self.precedence.ahead():
                return await self._actions.look(what, search(tell))

        if not self.refuses():
            self._look_below(what, look, partial(self._ask, table=table))

    def _look_below(
        self,
        what: str,
        look: Callable[[Progress], Awaitable[Made]],
        then: Then,
        stop: Callable[[], None] | None = None,
    ) -> None:
        """Look below a dialog, and put what comes then in its place. Leaving it ends the look;
        `stop` ends only what has not been looked at."""
        # In front at once: what is typed ahead must not be taken for other actions.
        cover = LookingDialog(what, self._app.clock, stop)

        async def uncover() -> None:
            made = await look(cover.tell)
            if await cover.comes_to_front():
                # Without its callback, which would cancel the look that this ends.
                self._app.pop_screen()
                then(made)

        looking = self._app.run_worker(uncover(), group="action")
        self._app.push_screen(cover, lambda _: looking.cancel())

    def request_found(
        self,
        search: JobSearch,
        make: Callable[[Selection], AnyRequest],
        table: Table[Any] | None = None,
        *,
        refusal: RefusalCheck = nothing_refused,
        spares: bool = False,
        looking: str = "searching for all matches",
    ) -> None:
        """As `Actions.request_found`. `refusal` and `spares` are those of `Chooser`; `looking` is
        shown meanwhile."""
        source = search.wanted.source
        jobs = self._app.system.jobs(source)
        chooser = self._app.system.chooser(source, refusal, spares=spares)

        async def plan(tell: Progress) -> Plan | Refusal:
            def visit(entry: Entry) -> bool:
                job = search.find(entry)
                return job is None or chooser.take(job, entry.value)

            way = jobs.walk()
            await walk(self._app.read, way, visit, tell, sieve=search.sieve)
            chosen = await self._app.read(chooser.settle())
            chosen.too_large = search.too_large
            chosen.unread = tuple(
                {each.place: each for each in (*chosen.unread, *way.unread)}.values()
            )
            # Delayed jobs that cannot be read are none, and the outcome says so.
            if chosen.refs or source.kind == "delayed":
                return await self._app.read(self._steps(make(chosen)))
            if not chosen.spared:
                return Refusal(f"nothing matches{list_bars.but_for(chosen.unread)}")
            key, number = self._app.state.policy.sign("requeue"), f"{chosen.spared:,}"
            return Refusal(f"all {number} matches killed their process repeatedly: use {key}")

        self.begin_after_search(looking, plan, table)

    def stop(self) -> bool:
        is_stopping = self._actions.stop()
        if is_stopping:
            self._app.say("stopping", "dim")
        return is_stopping

    def pause_or_resume_all(self) -> None:
        is_paused = self._app.state.is_paused
        if is_paused is None:
            self._app.say("unknown whether everything is paused: nothing was changed", "warn")
            return
        self.request(self._app.state.everywhere("pause_all", PauseAll(not is_paused)))

    def acknowledge(self, incident: Incident) -> None:
        from qtop.app.acknowledging import acknowledge

        acknowledge(self._app, incident, self.operator.actor.who, read_only=self._read_only)

    def undo(self) -> None:
        """As `Actions.undo`. An action that is under way is stopped, and what it has done is undone
        after a question; an undo only stops."""
        if self.stop():
            if self._is_undo:
                return
            self._takes_back = True
            self._app.say("stopping; then asks whether to undo what was done", "dim")
        elif self._actions.is_busy:
            self.refuses()
        elif not self._actions.trails:
            key = self._app.state.policy.sign("show_history")
            self._app.say(f"nothing to undo in this session; older actions: History ({key})", "dim")
        else:
            self.request(self._actions.trails[-1].undo())

    def undo_deed(self, audit_entry: AuditEntry) -> None:
        """As `Actions.undo_deed`, or say why that cannot be."""
        # The screen that asks for it has loaded these.
        from qtop.screens.history import consequence, question

        if audit_entry.undo_left_s is None:
            self._app.say(" ".join(consequence(audit_entry)), "warn")
            return
        undo = Undo.of(audit_entry, *question(audit_entry))
        self.request(Placed(audit_entry.system, undo) if audit_entry.system else undo)

    def ask_for_moment(
        self, source: JobSource, chosen: Selection, table: Table[Any] | None = None
    ) -> None:
        def reschedule(moment: datetime | None) -> None:
            if moment is not None:
                self.request(Reschedule(source, chosen, moment), table)

        def ask(made: Made) -> None:
            if not isinstance(made, Plan):
                self._ask(made)
                return
            # Lines that name the moment are about no moment that anybody has chosen.
            lines = [line for line in made.details if named not in line]
            self._push_date(f"{made.what}?", lines, reschedule)

        if not self.refuses():
            now = datetime.now(UTC)
            named = both_times(now)
            self._prepare(Reschedule(source, chosen, now), ask)

    def ask_when(self, title: str, then: Callable[[datetime], None]) -> None:
        def chosen(moment: datetime | None) -> None:
            if moment is not None:
                then(moment)

        if not self.refuses():
            self._push_date(title, (), chosen)

    def _push_date(
        self, title: str, details: Sequence[str], then: Callable[[datetime | None], None]
    ) -> None:
        fleet = self._app.state.view().fleet
        ahead = timedelta(0) if fleet is None else fleet.server_time - datetime.now(UTC)
        self._app.push_screen(DateDialog(title, details, lambda: wall_now() + ahead), then)

    def _ask(
        self, made: Made, table: Table[Any] | None = None, *, kept: Outcome | None = None
    ) -> None:
        """Carry out a plan, after a question if it needs one; show why there is none. `kept` is
        what an action has changed, and what is shown where the plan that undoes it is declined."""
        if not isinstance(made, Plan):
            self._app.say(made.text, made.tone)
            return

        def begin(plan: Plan) -> None:
            self._app.run_worker(self._carry_out(plan, table), group="action")

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                begin(dialog.plan)
            elif kept is not None:
                self._app.say(kept.text, kept.tone, stays=True)
            else:
                self._app.say("nothing was changed", "dim")

        plan = escalate(self._with_samples(made), self._app.settings.production)
        if plan.danger in ("confirm", "typed"):
            dialog = ConfirmDialog(plan)
            self._app.push_screen(dialog, answered)
        else:
            begin(plan)

    def _with_samples(self, plan: Plan) -> Plan:
        """A plan whose details have its samples, without secrets."""
        redactor = self._app.state.policy.redactor
        samples = tuple(each.line(redactor) for each in plan.samples)
        return replace(plan, details=(*samples, *plan.details)) if samples else plan

    def _how_to_stop(self) -> str:
        """The key for it, on a screen that has one; or that it was stopped."""
        if self._actions.is_stopping:
            # Its list may have to be put in order first.
            return "; stopping"
        places = getattr(self._app.screen, "PLACES", ())
        actions = (
            keymap.of(places, rebound=self._app.settings.keys) if self._actions.can_stop else ()
        )
        key = next((each.keys[0] for each in actions if each.id in _STOPPING), None)
        return "" if key is None else f"; {keymap.key_sign(key)} stops"

    async def _carry_out(self, plan: Plan, table: Table[Any] | None) -> None:
        app = self._app
        app.say(f"{plan.what} …", "dim", stays=True)

        meter = ProgressMeter(app.clock)

        def progress(done: int, of: int) -> None:
            meter.note(done, of)
            show()

        def show() -> None:
            if meter.of > 1:
                # Where there is little room, the figures are worth more than what they are about,
                # and that is worth more than a bar.
                far = f"{meter.words()}{self._how_to_stop()}"
                room = app.size.width - 2 - cell_len(far)
                bar_cells = min(_BAR_CELLS, room - cell_len(plan.what) - 3)
                bar = f"{meter.bar(bar_cells)} " if bar_cells >= _LEAST_BAR_CELLS else ""
                what = crop(plan.what, max(_LEAST_CELLS, room - 2))
                app.say(f"{what}: {bar}{far}", "dim", stays=True)

        self._takes_back = False
        self._is_undo = plan.record is not None and plan.record.action == "undo"
        # Also when nothing advances: then the time left is not known any more.
        redraw = app.set_interval(_REDRAW_S, show)
        try:
            outcome = await self._actions.run(plan, progress)
        finally:
            redraw.stop()
        app.say(outcome.text, outcome.tone, stays=True)
        if table is not None and outcome.tone != "bad":
            table.clear_marks()
        app.poll_now(after_action=True)
        if self._takes_back and outcome.trail is not None:
            self._ask_to_take_back(outcome, outcome.trail)

    def _ask_to_take_back(self, outcome: Outcome, trail: Trail) -> None:
        """Ask about what an action did until it was stopped. Where that is kept, its result is on
        the screen again: something was changed."""
        request = trail.undo(f"It {outcome.text}.")
        if isinstance(request, Undo):
            request = replace(request, many=outcome.done)
        if not self.refuses():
            self._prepare(request, partial(self._ask, kept=outcome))


def _with_marks(plan: Plan, table: Table[Any]) -> Plan:
    """A plan for what is chosen in a table. Rows that are not on the page are never touched without
    a question, which says how many of them there are."""
    away = table.rows.marked_elsewhere
    if not away:
        return plan
    are = "1 of them is" if away == 1 else f"{away:,} of them are"
    details = (*plan.details, f"{are} on other pages.")
    danger = "confirm" if plan.danger == "undoable" else plan.danger
    return replace(plan, details=details, danger=danger)
