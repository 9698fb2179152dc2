"""Watches what the processes run, so that what one lost can be named when it has died: for the
console, and for a process without a screen that also keeps it in Redis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from qtop.model.fleet import Event, Sighting
from queuecore.exchange import Steps
from queuecore.fleet import Process, RunningJob
from queuecore.keys import name_bytes
from queuecore.values import replace
from sidekiq.codec import instant_of
from sidekiq.errors import Refused
from sidekiq.keys import SidekiqKeys
from sidekiq.store import rescue, work, work_memory
from sidekiq.store.rescue import LostProcess
from sidekiq.store.work_memory import RememberedProcess, WorkLook, WorkMemory


class WorkWatch:
    """A memory of what the processes of one namespace run, fed by each look."""

    def __init__(self, keys: SidekiqKeys) -> None:
        self._keys = keys
        #: None before the first look.
        self._memory: WorkMemory | None = None
        self._told: dict[str, tuple[RememberedProcess, tuple[RunningJob, ...]]] = {}

    @property
    def memory(self) -> WorkMemory:
        """What is remembered."""
        return self._memory or WorkMemory()

    def look(self) -> Steps[None]:
        """Look at what the processes run; at first also at what is stored. Costs as
        `work_memory.look`, and once as `work_memory.stored`. Where that is refused, nothing new is
        known."""
        with suppress(Refused):
            yield from self._feed()

    def _feed(self) -> Steps[WorkLook]:
        if self._memory is None:
            self._memory = WorkMemory()
            with suppress(Refused):
                self._memory = yield from work_memory.stored(self._keys)
        seen = yield from work_memory.look(self._keys, self._memory)
        self._memory = work_memory.fed(self._memory, seen)
        return seen

    def keep(self) -> Steps[tuple[Sighting, ...]]:
        """Look, store what is new for a day, and say what happened since the look before; at first,
        since it was stored. Costs as `look` and `work_memory.store`. Raises StoreError."""
        if self._memory is None:
            self._memory = yield from work_memory.stored(self._keys)
        before = self._memory
        seen = yield from self._feed()
        yield from work_memory.store(self._keys, before, self.memory, seen.at_s)
        at = instant_of(seen.at_s) or datetime.fromtimestamp(0, UTC)
        return tuple(_changes(before, self.memory, at))

    def lost(self) -> tuple[LostProcess, ...]:
        """The processes that are known to be gone."""
        return rescue.lost(self.memory)

    def told(self, processes: Iterable[Process]) -> dict[str, Process]:
        """Those of some processes that are gone, with what they ran when they were last seen.
        O(processes), and what the jobs of those that went since cost to read."""
        found: dict[str, Process] = {}
        before, self._told = self._told, {}
        for each in processes:
            facts, known = each.facts, self.memory.processes.get(each.id)
            if facts is None or not facts.is_gone or known is None:
                continue
            was = before.get(each.id)
            pair = was if was is not None and was[0] == known else (known, _jobs(known))
            self._told[each.id] = pair
            found[each.id] = replace(each, facts=replace(facts, last_jobs=pair[1]))
        return found


def _jobs(process: RememberedProcess) -> tuple[RunningJob, ...]:
    running = (work.running(name_bytes(thread), raw) for thread, raw in process.work.items())
    never = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(running, key=lambda job: (job.since or never, job.thread or "")))


def _changes(before: WorkMemory, now: WorkMemory, at: datetime) -> Iterator[Sighting]:
    for identity, process in sorted(now.processes.items()):
        was = before.processes.get(identity)
        event = _event(was, process)
        if event is not None:
            yield _sighting(process, event, at)
    for identity in sorted(before.processes.keys() - now.processes.keys()):
        was = before.processes[identity]
        yield _sighting(was, "left" if was.fate == "alive" else "forgotten", at)


def _event(was: RememberedProcess | None, now: RememberedProcess) -> Event | None:
    if now.fate == "alive":
        if was is None:
            return "seen"
        return None if was.fate == "alive" else "back"
    if was is not None and was.fate == now.fate:
        return None
    return "crashed" if now.fate == "crashed" else "gone"


def _sighting(process: RememberedProcess, event: Event, at: datetime) -> Sighting:
    many = len(process.work) + process.left_out
    return Sighting(process.identity, event, at, many, process.left_out)
