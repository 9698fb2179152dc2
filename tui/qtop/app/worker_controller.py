"""From a key to its result, for the workers on this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from qtop.actions.plan import Outcome, Plan, Refusal, escalate
from qtop.actions.request import LaunchRequest
from qtop.app.action_controller import ActionController
from qtop.app.places import ConsolePlaces
from qtop.local.groups import CannotStart, GroupAction, LocalWorker, WorkerGroup
from qtop.local.import_check import ModuleMemory
from qtop.local.processes import ancestors
from qtop.local.workers import LocalWorkers
from qtop.monitor.rows import WorkerRow
from qtop.screens.console import Console
from qtop.screens.dialogs import ConfirmDialog, QuitDialog, StartDialog, WaitingDialog
from qtop.screens.local import LogScreen
from qtop.text.safe import counted, safe
from queuecore.errors import QueueError
from queuecore.exchange import Steps, drive

#: What a press asks of the workers in these states, and what that means. Each press does the first
#: of these that applies to any.
_PRESSES: Final[tuple[tuple[frozenset[str], GroupAction, str], ...]] = (
    (
        frozenset({"running", "paused", "waiting", "gave up"}),
        "finishing",
        "finishes its job and ends; {} again: stops now",
    ),
    (frozenset({"finishing"}), "stopping", "stops now; its job moves to Failed"),
    (frozenset({"stopping"}), "kill", "killed, with its child processes"),
)

#: What an action is called in the question and on record.
_VERBS: Final[Mapping[GroupAction, str]] = {
    **{"finishing": "stop", "stopping": "stop now", "kill": "kill"},
    **{"pause": "pause", "resume": "resume"},
}


class LocalWorkerController:
    """Does what screens ask for with the workers started here: see `LocalActions`. `gate` says
    whether an action may be, `places` where the jobs are that they work on."""

    def __init__(
        self,
        app: Console,
        local: LocalWorkers,
        gate: ActionController,
        places: ConsolePlaces,
        require: Sequence[str],
    ) -> None:
        self._app, self._local, self._gate, self._places = app, local, gate, places
        profile = app.settings.profile
        #: Takes the modules that workers were started with.
        self._memory = ModuleMemory(
            local.folder.with_name("modules.json"),
            " ".join(places.starting.system.place) if profile is None else f"profile {profile}",
        )
        modules = tuple(require) or self._memory.recall()
        template = app.settings.values["worker_command"] or ""
        #: What the start dialog shows: later it is what was started last.
        self._last = LaunchRequest("*", modules=modules, template=template)

    # Starting

    def ask(self, queues: Sequence[str], systems: Iterable[str] = ()) -> None:
        if self._gate.refuses():
            return
        elsewhere = next(filter(None, map(self._not_here, systems)), None)
        if elsewhere is not None:
            self._app.say(elsewhere, "warn")
            return
        reasons = [self._gate.not_ours(queue) for queue in queues]
        if reasons and all(reasons):
            self._app.say(reasons[0] or "", "warn")
            return

        def chosen(request: LaunchRequest | None) -> None:
            if request is not None:
                self._last = request
                self._app.run_worker(self.start([request]), group="action")

        request = replace(self._last, queues=",".join(queues), count=1)
        self._app.push_screen(StartDialog(request, self), chosen)

    def _not_here(self, system: str) -> str | None:
        """Why no worker can be started for a place, in safe words; None where one can, and for no
        label."""
        able = self._places.starting.name
        if system in ("", able):
            return None
        why = self._app.state.lacking("start_workers").get(system)
        return f"{safe(system)}: {why or f'workers can be started here for {safe(able)} only'}"

    def shown(self, request: LaunchRequest) -> str | Refusal:
        made = self._places.starting.system.launch(request)
        if isinstance(made, Refusal):
            return made
        return self._app.state.policy.redactor.text(safe(made.shown))

    async def trouble(self, request: LaunchRequest) -> str | None:
        return await self._local.trouble(request) or await self._unknown(request)

    async def _unknown(self, request: LaunchRequest) -> str | None:
        """Why our own worker would only fail what waits; None when it would not."""
        if request.template:
            return None
        look = self._places.starting.system.waiting_classes(request)
        waiting = await self._gate.preview("checking the queues", self._places.at_start(look))
        if isinstance(waiting, Outcome):
            return waiting.text
        return await self._local.unknown(request, waiting)

    async def start_first(self, lists: Sequence[str]) -> None:
        """Take in what was left running, and start a worker for each list of queues."""
        found = self._local.adopt()
        if found:
            runs = f"{counted(found, 'worker')} {'runs' if found == 1 else 'run'}"
            self._app.say(f"{runs} here, left running: {self._shows()}", "good", stays=True)
        # Named on the command line: as `qtop worker`, they name in their logs what they do not
        # know, and leave it alone.
        await self.start([replace(self._last, queues=queues, count=1) for queues in lists])

    async def start(self, requests: Sequence[LaunchRequest]) -> None:
        pids: list[str] = []
        for request in requests:
            self._app.say("starting …", "dim", stays=True)
            try:
                group = await self._local.start(request)
            except CannotStart as error:
                self._app.say(f"no worker could be started: {safe(str(error))}", "bad", stays=True)
                return
            if not request.template:
                self._memory.keep(request.modules)
            pids += [str(place.pid) for place in group.places if place.pid is not None]
            self._note("start", request.count, request.queues)
        if pids:
            listed = ", ".join(pids[:5]) + (" …" if len(pids) > 5 else "")
            word = f"started {len(pids)} here: {listed}; {self._shows()}, with logs"
            self._app.say(word, "good", stays=True)

    # What they print

    def show_log(self, row: WorkerRow) -> None:
        self._app.run_worker(self._show_log(row), group="log", exclusive=True)

    async def _show_log(self, row: WorkerRow) -> None:
        host, pid = row.process.host, row.process.pid
        is_here = self._app.system.may_run_on(row.process, socket.gethostname())
        worker = None
        if is_here and pid is not None:
            # The command that was started may have the worker as a child.
            worker = self._local.of_process(await asyncio.to_thread(ancestors, pid))
        if worker is not None:
            self._app.push_screen(LogScreen(worker))
            return
        where = "its id names no host" if host is None else f"host {safe(host)}"
        if is_here:
            where = "on this machine, but not from here"
        self._app.say(f"its log is where it was started: {where}", "dim")

    # What becomes of them

    def stop(self, workers: Sequence[LocalWorker]) -> None:
        for states, action, words in _PRESSES:
            meant = [worker for worker in workers if worker.place.state in states]
            if meant:
                if not self._gate.refuses(without_redis=True):
                    self._ask_to_stop(action, meant, words.format(self._sign("stop_worker")))
                return
        self._forget_ended(workers)

    def _ask_to_stop(self, action: GroupAction, workers: Sequence[LocalWorker], words: str) -> None:
        states = {worker.key: worker.place.state for worker in workers}

        def run() -> Steps[Outcome]:
            yield from ()  # nothing is sent to Redis
            # A worker that has changed its state since the question needs no signal any more.
            meant = [each for each in self._local.all if states.get(each.key) == each.place.state]
            return self._act(action, meant, words)

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._show_result(drive(run(), lambda step: None))
            else:
                self._app.say("nothing was changed", "dim")

        verb, many = _VERBS[action].capitalize(), len(workers)
        one = f"worker {workers[0].pid or ''}".strip()
        what = f"{verb} {one if many == 1 else counted(many, 'worker')}"
        queues = ", ".join(dict.fromkeys(safe(worker.queues) for worker in workers))
        details = (f"Queues: {queues}", f"It {words}." if many == 1 else f"Each {words}.")
        plan = Plan(what, verb.split()[0], details, "confirm", run, many=many)
        plan = escalate(plan, self._app.settings.production)
        self._app.push_screen(ConfirmDialog(plan), answered)

    def pause(self, workers: Sequence[LocalWorker]) -> None:
        running = [worker for worker in workers if worker.place.state == "running"]
        paused = [worker for worker in workers if worker.place.state == "paused"]
        if not running and not paused:
            self._app.say("no running worker to pause", "dim")
        elif not self._gate.refuses(without_redis=True):
            key = self._sign("pause_worker")
            words = f"paused; {key} again resumes"
            if running:
                self._show_result(self._act("pause", running, words))
            else:
                self._show_result(self._act("resume", paused, "resumed"))

    def scale(self, group: WorkerGroup, by: int) -> None:
        """As `LocalActions.scale`. Those that gave up get another try first."""
        if self._gate.refuses(without_redis=True):
            return
        gave_up = any(place.state == "gave up" for place in group.places)
        wanted = group.wanted if by > 0 and gave_up else max(0, group.wanted + by)
        is_heard = self._local.scale(group, wanted)
        workers = counted(wanted, "worker")
        if isinstance(is_heard, Refusal):
            self._app.say(is_heard.text, "warn")
        elif not is_heard:
            key = self._sign("start_workers")
            self._app.say(f"the group has ended: {key} starts a new one", "warn")
        else:
            queues = group.about.queues
            self._note("start" if by > 0 else "stop", 1, queues)
            again = "restarting those that gave up: " if by > 0 and gave_up else ""
            self._app.say(f"{again}{workers} for {safe(queues)}")

    # Leaving

    async def leave(self) -> None:
        """End the console; with workers started here, after a question."""
        alive = self._local.alive
        if not alive:
            self._app.exit()
            return
        are_to_stay = all(worker.group.is_detached for worker in alive)
        choice = await self._app.push_screen_wait(QuitDialog(len(alive), are_to_stay=are_to_stay))
        if choice == "leave":
            await self._leave_running()
        elif choice is not None:
            await self._end_all(now=choice == "now")

    def _wait_no_more(self, choice: str) -> None:
        if choice == "now":
            self._local.stop_all(now=True)
        else:
            # Those that finish do so without the console, too.
            self._app.run_worker(self._leave_running(), group="leave")

    async def _leave_running(self) -> None:
        if await self._local.detach_all():
            self._app.exit()
        else:
            self._app.say("not all of them could be left running", "bad")

    async def _end_all(self, *, now: bool) -> None:
        living = self._local.alive
        self._local.stop_all(now=now)
        lists = ", ".join(dict.fromkeys(worker.queues for worker in living))
        self._note("stop now" if now else "stop", len(living), lists)
        dialog = WaitingDialog(self._wait_no_more)
        await self._app.push_screen(dialog)
        began_mono = self._app.clock()
        while self._local.alive:
            dialog.tell(len(self._local.alive), self._app.clock() - began_mono)
            await self._local.wait(1.0)
        self._app.exit()

    # In words

    def _sign(self, action_id: str) -> str:
        return self._app.state.policy.sign(action_id)

    def _shows(self) -> str:
        return f"{self._sign('show_local')} shows them"

    def _show_result(self, outcome: Outcome) -> None:
        self._app.say(outcome.text, outcome.tone, stays=True)

    def _act(self, action: GroupAction, workers: Sequence[LocalWorker], words: str) -> Outcome:
        if not workers:
            return Outcome("already ended", "warn")
        asked = self._local.ask(action, workers)
        if not asked:
            return Outcome("their supervisor does not answer; they end by themselves", "warn")
        lists = dict.fromkeys(worker.queues for worker in workers)
        self._note(_VERBS[action], asked, ", ".join(lists))
        if len(workers) == 1:
            return Outcome(f"worker {workers[0].pid or ''} {words}".replace("  ", " "), "")
        return Outcome(f"{counted(asked, 'worker')}: each {words}", "")

    def _note(self, action: str, many: int, queues: str) -> None:
        """Put on record what was done to workers, for History. Where Redis does not take it, it is
        done all the same, and nothing waits for it."""
        what = f"{counted(many, 'worker')} for {queues} on {socket.gethostname()}"

        async def note() -> None:
            with suppress(QueueError):
                place = self._places.starting
                record = place.system.note(self._gate.operator, action, what[:200], many)
                await place.source.run(record)

        self._app.run_worker(note(), group="record")

    def _forget_ended(self, workers: Sequence[LocalWorker]) -> None:
        groups = {worker.group.id: worker.group for worker in workers}
        gone = [group for group in groups.values() if group.is_gone]
        for group in gone:
            self._local.forget(group)
        word = "removed from the list; its logs are kept for a while" if gone else "already ended"
        self._app.say(word, "dim")
