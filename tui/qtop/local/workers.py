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

from qtop.local import import_check, launch
from qtop.local.groups import GroupAction, LocalWorker, WorkerGroup, adopt_groups, found, tidy
from qtop.local.import_check import unknown_classes
from qtop.local.launch import MOST_IN_ALL, BadOrder, LaunchCommand, LaunchRequest
from qtop.local.state_file import GroupInfo
from qtop.text.safe import safe
from resque.store.waiting_classes import WaitingClasses

#: When the console is gone, however that came about: for jobs to finish, then for workers to stop.
FINISH_S: Final = 30.0
STOP_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.2
_CONFIRM_S: Final = 5.0


class LocalWorkers:
    """The groups of workers that this console has.

    Args:
        folder: Where their folders are.
        address: The Redis, without secrets.
        url: The same with its password, for the workers; never shown.
        namespace: The prefix of Resque's keys.
        environ: The console's environment.
        on_change: Called in the event loop whenever something has changed.
        finish_s: How long workers may finish their jobs when the console is gone.
        stop_s: How long they may take to stop after that, before they are killed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        address: str,
        url: str,
        namespace: str,
        environ: Mapping[str, str],
        on_change: Callable[[], None] = lambda: None,
        finish_s: float = FINISH_S,
        stop_s: float = STOP_S,
    ) -> None:
        self.folder = folder
        self.groups: list[WorkerGroup] = []
        self._address, self._url, self._namespace = address, url, namespace
        self._environ, self._on_change = environ, on_change
        self._finish_s, self._stop_s = finish_s, stop_s
        self._numbers = itertools.count(1)
        self._starting = 0
        self._watch: asyncio.Task[None] | None = None

    # What there is

    @property
    def all(self) -> list[LocalWorker]:
        """All workers, also those that ended."""
        return [worker for group in self.groups for worker in group.workers]

    @property
    def alive(self) -> list[LocalWorker]:
        """Those that have a process."""
        return [worker for worker in self.all if worker.place.is_alive]

    @property
    def pids(self) -> frozenset[int]:
        """The processes there are."""
        return frozenset(w.place.pid for w in self.alive if w.place.pid is not None)

    @property
    def ending(self) -> int:
        """How many are told to end."""
        return sum(w.place.state in ("finishing", "stopping") for w in self.alive)

    @property
    def ages(self) -> bool:
        """Whether what is shown of them changes by the mere passing of time."""
        return any(w.place.state in ("finishing", "stopping", "waiting") for w in self.all)

    def get(self, pid: int | None) -> LocalWorker | None:
        """The worker with this process; None when it was not started here."""
        return next((w for w in self.alive if pid is not None and w.pid == pid), None)

    def of_process(self, pids: Sequence[int]) -> LocalWorker | None:
        """The worker with the first of these processes that is one's, also of one that has ended;
        None when none is."""
        known = {worker.place.pid: worker for worker in (*self.all, *self.alive)}
        return next((known[pid] for pid in pids if pid in known), None)

    # Starting

    def recipe(self, wanted: LaunchRequest) -> LaunchCommand:
        """The command line for an order. Raises BadOrder."""
        return launch.recipe(wanted, url=self._url, namespace=self._namespace)

    async def trouble(self, wanted: LaunchRequest) -> str | None:
        """Why an order cannot be carried out, in one safe line; None when it seems that it can.
        Nothing is started but a process for each module that is tried."""
        try:
            made = self.recipe(wanted)
            self._check_room(wanted.count)
        except BadOrder as error:
            return safe(str(error))
        environment = launch.environment(made, self._environ)
        program = made.argv[0]
        if shutil.which(program, path=environment.get("PATH")) is None:
            is_there = os.sep in program and Path(program).exists()
            reason = "may not be run" if is_there else "is not found"
            return f"the command {safe(program)} {reason}"
        modules = () if wanted.template else wanted.modules
        for module in modules:
            if (why := await import_check.trouble(module, environment)) is not None:
                return why
        return None

    async def unknown(self, wanted: LaunchRequest, waiting: Sequence[WaitingClasses]) -> str | None:
        """Why our own worker is not to be started for an order while these jobs wait, in one safe
        sentence; None when it knows them, or the order is for another program. A process imports
        the modules. Raises BadOrder."""
        if wanted.template or not any(each.classes for each in waiting):
            return None
        environment = launch.environment(self.recipe(wanted), self._environ)
        known = await import_check.known(wanted.modules, environment)
        if known is None:
            return "it cannot be found out which jobs the modules declare: nothing was started"
        return unknown_classes(waiting, known)

    async def start(self, wanted: LaunchRequest) -> WorkerGroup:
        """Start a group. Raises BadOrder and CannotStart."""
        made = self.recipe(wanted)
        self._check_room(wanted.count)
        about = GroupInfo(
            wanted.queues,
            made.shown,
            made.argv,
            wanted.count,
            self._address,
            self._namespace,
            self._finish_s,
            self._stop_s,
        )
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{next(self._numbers)}"
        self._starting += wanted.count
        try:
            tidy(self.folder, {group.id for group in self.groups})
            environment = launch.environment(made, self._environ)
            group = await found(self.folder, name, about, environment)
        finally:
            self._starting -= wanted.count
        self._take([group])
        return group

    def adopt(self) -> int:
        """Take in the workers that run here without a console. Returns how many there are."""
        groups = list(adopt_groups(self.folder, self._address, self._namespace))
        self._take(groups)
        return sum(len(group.report.alive) for group in groups if group.report is not None)

    def _check_room(self, count: int) -> None:
        there = self._starting + sum(group.wanted for group in self.groups)
        if there + count > MOST_IN_ALL:
            raise BadOrder(f"at most {MOST_IN_ALL} workers run from here; there are {there}")

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
        """Ask something of workers. Returns how many could be asked."""
        asked = sum([worker.group.ask_for_one(do, worker.place) for worker in workers])
        self._on_change()
        return asked

    def scale(self, group: WorkerGroup, wanted: int) -> bool:
        """Have a group get more workers or fewer; those that gave up try again. Raises BadOrder;
        False when its supervisor does not listen."""
        self._check_room(max(0, wanted - group.wanted))
        return group.scale(wanted)

    def forget(self, group: WorkerGroup) -> None:
        """Show a group that has ended no longer. Its logs stay."""
        self.groups = [each for each in self.groups if each is not group]
        self._on_change()

    def stop_all(self, *, now: bool) -> None:
        """Have every worker finish its job and end, or end now."""
        for group in self.groups:
            group.ask("leave", now=now)

    async def detach_all(self) -> bool:
        """Have every worker stay when the console leaves. False when one could not be told."""
        living = [group for group in self.groups if not group.is_gone]
        for group in living:
            group.ask("detach")
        await self._until(lambda: all(g.is_detached or g.is_gone for g in living), _CONFIRM_S)
        return all(group.is_detached or group.is_gone for group in living)

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until none is alive. False when some still are after `timeout_s`."""
        await self._until(lambda: not self.alive, timeout_s)
        return not self.alive

    async def close(self, timeout_s: float) -> None:
        """Let go of all groups. Those that are not detached end: what has not ended within
        `timeout_s` does so by itself, without this console."""
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
