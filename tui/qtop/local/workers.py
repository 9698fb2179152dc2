"""All workers that were started on this machine: their groups, and what can be done to them."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from qtop.actions.plan import Refusal
from qtop.actions.request import LaunchCommand, LaunchRequest, QueueClasses
from qtop.local import import_check
from qtop.local.groups import (
    CannotStart,
    GroupAction,
    LocalWorker,
    WorkerGroup,
    adopt_groups,
    start_group,
    tidy,
)
from qtop.local.import_check import unknown_classes
from qtop.local.state_file import GroupInfo
from qtop.systems.system import System
from qtop.text.safe import safe

#: After the console has ended: the time for jobs to finish, then for workers to stop.
FINISH_S: Final = 30.0
STOP_S: Final = 10.0
MOST_IN_ALL: Final = 64
_LOOK_EVERY_S: Final = 0.2
_CONFIRM_S: Final = 5.0


class LocalWorkers:
    """The groups of workers that this console has.

    `folder` is where the folders of groups are; `on_change` is called in the event loop after each
    change. After the console has ended, workers may take `finish_s` to finish their jobs, then
    `stop_s` to stop, before they are killed.
    """

    def __init__(
        self,
        folder: Path,
        system: System,
        *,
        environ: Mapping[str, str],
        on_change: Callable[[], None] = lambda: None,
        finish_s: float = FINISH_S,
        stop_s: float = STOP_S,
    ) -> None:
        self.folder = folder
        self.groups: list[WorkerGroup] = []
        self.system = system
        self._environ, self._on_change = environ, on_change
        self._finish_s, self._stop_s = finish_s, stop_s
        self._numbers = itertools.count(1)
        self._starting = 0
        self._watch: asyncio.Task[None] | None = None

    # What runs here

    @property
    def all(self) -> list[LocalWorker]:
        """All workers, also those that ended."""
        return [worker for group in self.groups for worker in group.workers]

    @property
    def alive(self) -> list[LocalWorker]:
        return [worker for worker in self.all if worker.place.is_alive]

    @property
    def pids(self) -> frozenset[int]:
        return frozenset(w.place.pid for w in self.alive if w.place.pid is not None)

    @property
    def ending(self) -> int:
        """How many are asked to end."""
        return sum(w.place.state in ("finishing", "stopping") for w in self.alive)

    @property
    def ages(self) -> bool:
        """Whether their display changes with time alone."""
        return any(w.place.state in ("finishing", "stopping", "waiting") for w in self.all)

    def get(self, pid: int | None) -> LocalWorker | None:
        """The worker with this process; None when it was not started here."""
        return next((w for w in self.alive if pid is not None and w.pid == pid), None)

    def of_process(self, pids: Sequence[int]) -> LocalWorker | None:
        """The worker of the first of these processes that belongs to one, also to one that has
        ended; None when none does."""
        known = {worker.place.pid: worker for worker in (*self.all, *self.alive)}
        return next((known[pid] for pid in pids if pid in known), None)

    # Starting

    async def trouble(self, request: LaunchRequest) -> str | None:
        """Why a request cannot be carried out, in one safe line; None when it seems that it can.
        Starts a process for each module, to try to import it."""
        command = self._command(request)
        if isinstance(command, Refusal):
            return command.text
        environment = command.environment_in(self._environ)
        program = command.argv[0]
        if shutil.which(program, path=environment.get("PATH")) is None:
            is_there = os.sep in program and Path(program).exists()
            reason = "may not be run" if is_there else "is not found"
            return f"the command {safe(program)} {reason}"
        for module in () if request.template else request.modules:
            if (why := await import_check.trouble(module, environment)) is not None:
                return why
        return None

    async def unknown(self, request: LaunchRequest, waiting: Sequence[QueueClasses]) -> str | None:
        """Why our own worker should not be started while these jobs wait, in one safe sentence;
        None when it knows their classes, or when the request is for another program. A process
        imports the modules."""
        command = self.system.launch(request)
        if isinstance(command, Refusal):
            return command.text
        if not command.names_program or not any(each.classes for each in waiting):
            return None
        environment = command.environment_in(self._environ)
        known = await import_check.known(command.names_program, request.modules, environment)
        if known is None:
            return "cannot read which jobs the modules declare: nothing was started"
        return unknown_classes(waiting, known)

    async def start(self, request: LaunchRequest) -> WorkerGroup:
        """Start a group. Raises CannotStart."""
        command = self._command(request)
        if isinstance(command, Refusal):
            raise CannotStart(command.text)
        about = GroupInfo(
            request.queues,
            command.shown,
            command.argv,
            request.count,
            *self.system.place,
            self._finish_s,
            self._stop_s,
        )
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{next(self._numbers)}"
        self._starting += request.count
        try:
            tidy(self.folder, {group.id for group in self.groups})
            environment = command.environment_in(self._environ)
            group = await start_group(self.folder, name, about, environment)
        finally:
            self._starting -= request.count
        self._take([group])
        return group

    def _command(self, request: LaunchRequest) -> LaunchCommand | Refusal:
        command = self.system.launch(request)
        return command if isinstance(command, Refusal) else self._full(request.count) or command

    def adopt(self) -> int:
        """Adopt the workers that run here without a console. Returns how many there are."""
        groups = list(adopt_groups(self.folder, self.system.place))
        self._take(groups)
        return sum(len(group.report.alive) for group in groups if group.report is not None)

    def _full(self, count: int) -> Refusal | None:
        """Why there is no room for so many more; None when there is."""
        there = self._starting + sum(group.wanted for group in self.groups)
        if there + count <= MOST_IN_ALL:
            return None
        return Refusal(f"at most {MOST_IN_ALL} workers can run from here; {there} are running")

    def _take(self, groups: Iterable[WorkerGroup]) -> None:
        self.groups += groups
        if self.groups and (self._watch is None or self._watch.done()):
            self._watch = asyncio.create_task(self._look_after())
        self._on_change()

    async def _look_after(self) -> None:
        while any(not group.is_gone for group in self.groups):
            await asyncio.sleep(_LOOK_EVERY_S)
            self._refresh()

    # Ending

    def ask(self, do: GroupAction, workers: Iterable[LocalWorker]) -> int:
        """Send a request to workers. Returns to how many it could be sent."""
        asked = sum([worker.group.ask_for_one(do, worker.place) for worker in workers])
        self._on_change()
        return asked

    def scale(self, group: WorkerGroup, wanted: int) -> bool | Refusal:
        """Give a group more workers or fewer; slots that gave up try again. False when its
        supervisor does not listen."""
        return self._full(max(0, wanted - group.wanted)) or group.scale(wanted)

    def forget(self, group: WorkerGroup) -> None:
        """Remove an ended group from the list. Its logs stay."""
        self.groups = [each for each in self.groups if each is not group]
        self._on_change()

    def stop_all(self, *, now: bool) -> None:
        """Ask all workers to finish their jobs and end, or to end now."""
        for group in self.groups:
            group.ask("leave", now=now)

    async def detach_all(self) -> bool:
        """Ask all groups to stay when the console ends. False when one did not confirm it."""
        living = [group for group in self.groups if not group.is_gone]
        for group in living:
            group.ask("detach")
        await self._until(lambda: all(g.is_detached or g.is_gone for g in living), _CONFIRM_S)
        return all(group.is_detached or group.is_gone for group in living)

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until no worker is alive. False when one still is after `timeout_s`."""
        await self._until(lambda: not self.alive, timeout_s)
        return not self.alive

    async def close(self, timeout_s: float) -> None:
        """Let go of all groups. Those that are not detached end; after `timeout_s` they do so
        without this console."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait((self._watch,))
        leaving = [group for group in self.groups if not group.is_detached]
        for group in leaving:
            group.ask("leave", now=False)
        await self._until(lambda: all(group.is_gone for group in leaving), timeout_s)
        for group in self.groups:
            group.let_go()

    async def _until(self, condition: Callable[[], bool], timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await asyncio.sleep(_LOOK_EVERY_S / 4)
                    self._refresh()
        except TimeoutError:
            pass

    def _refresh(self) -> None:
        changed = [group for group in self.groups if group.refresh()]
        if changed:
            self._on_change()
