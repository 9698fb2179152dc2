"""What a run consists of, and how long it may take; the results as plain data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from tests.benchmarks.engine import measures, systems
from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.engine.systems import System

#: By the name of a measurement: one value (or mapping of values) for each repeat.
Results = dict[str, list[Any]]

#: The queues that workers serve when pick-up is measured, by the names of the table.
SERVED: dict[str, Sequence[str]] = {
    "1 queue": ("bench",),
    "4 queues": (*(f"empty-{n}" for n in range(3)), "bench"),
    "16 queues": (*(f"empty-{n}" for n in range(15)), "bench"),
    "*": ("*",),
}
_TWO = ("first", "bench")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Times in seconds; `drain_s` is about how long a queue lasts."""

    repeats: int = 3
    drain_s: float = 1.5
    pick_ups: int = 25
    idle_s: float = 3.0
    enqueues: int = 2_000
    most_workers: int = 8
    queues: tuple[int, ...] = (1, 10, 100, 1_000)
    payload_bytes: tuple[int, ...] = (100, 1_000, 10_000, 100_000, 1_000_000)
    #: How long the lists are on which operators act; a single action is stopped after `action_s`.
    entries: int = 1_000_000
    action_s: float = 60.0
    #: After this time no further repeat begins.
    enough_s: float = 200.0


QUICK = Size(1, 1.0, 15, 2.0, 500, 4, (1, 100), (100, 100_000), 100_000, 20.0)
#: For the test of the harness: every measurement once, too short for real results.
TINY = Size(1, 0.02, 2, 0.1, 5, 1, (2,), (100,), 500)


class Run:
    """Measures a set of systems on one server, interleaved."""

    def __init__(
        self,
        server: BenchServer,
        size: Size,
        chosen: Sequence[System],
        say: Callable[[str], None],
    ) -> None:
        self._server = server
        self._size = size
        self._systems = list(chosen)
        self._say = say
        self._rates = {system.name: float(system.guess_per_s) for system in chosen}
        self.results: Results = {}

    def all(self) -> Results:
        """All measurements. One that cannot be made is reported and left out."""
        begun_s = time.monotonic()
        for repeat in range(self._size.repeats):
            if repeat and time.monotonic() - begun_s > self._size.enough_s:
                self._say(f"no time for more than {repeat} of {self._size.repeats} repeats")
                break
            # Reversed each time, so that a machine that becomes slower does not favour one system.
            ordered = self._systems if repeat % 2 == 0 else self._systems[::-1]
            for system in ordered:
                for name, measure in self._of_a_repeat(system):
                    self._take(f"{system.name} / {name}", measure)
        self._growth()
        return self.results

    def _take(self, name: str, measure: Callable[[], Any]) -> None:
        begun_s = time.monotonic()
        try:
            value = measure()
        except (RuntimeError, OSError) as error:
            self._say(f"{name}: {error}")
            return
        self.results.setdefault(name, []).append(value)
        self._say(f"{name} ({time.monotonic() - begun_s:.1f} s)")

    def _of_a_repeat(self, system: System) -> Iterator[tuple[str, Callable[[], Any]]]:
        for workers in (1, 2):
            yield f"drain, {workers}", partial(self._drain, system, workers)
        if not system.has_client:
            return
        size, server = self._size, self._server
        yield "rest", lambda: asdict(measures.rest(system, server, size.idle_s, _TWO))
        is_ours = system.name == systems.FORK
        for served in SERVED if is_ours else ("1 queue",):
            queues = SERVED[served] if system.name != systems.SIDEKIQ else ("bench",)
            yield (
                f"pick-up, {served}",
                partial(measures.pick_up_ms, system, server, size.pick_ups, queues),
            )
        if is_ours:
            yield "rest, *", lambda: asdict(measures.rest(system, server, size.idle_s, ("*",)))
        for mode, count in (("single", size.enqueues), ("bulk", size.enqueues * 10)):
            if mode == "single" or system.name != systems.RUBY_FORK:
                yield (
                    f"enqueue, {mode}",
                    partial(measures.enqueued_per_s, system, server, mode, count),
                )

    def _drain(self, system: System, workers: int, **more: Any) -> dict[str, Any]:
        jobs = max(10, min(60_000, int(self._rates[system.name] * self._size.drain_s)))
        jobs = jobs * 3 // 2 if workers > 1 else jobs
        drained = measures.drain(system, self._server, jobs, workers, **more)
        if workers == 1 and not more:
            self._rates[system.name] = drained.jobs_per_s
        return asdict(drained)

    def _growth(self) -> None:
        """How the default worker, and the one of many jobs, scale with more of everything."""
        by_name = {system.name: system for system in self._systems}
        for system in (
            by_name[name] for name in (systems.FORK, systems.HUNDRED) if name in by_name
        ):
            workers = 1
            while workers <= self._size.most_workers:
                self._grow(system, f"{workers} workers", workers)
                workers *= 2
            for count in self._size.queues:
                names = (*(f"empty-{n}" for n in range(count - 1)), "bench")
                self._grow(system, f"{count:,} queues", 1, queues=names)
        for bytes_each in self._size.payload_bytes:
            if systems.FORK in by_name:
                self._payload(by_name[systems.FORK], bytes_each)

    def _grow(self, system: System, name: str, workers: int, **more: Any) -> None:
        self._take(f"{system.name} / growth, {name}", lambda: self._drain(system, workers, **more))

    def _payload(self, system: System, bytes_each: int) -> None:
        # At most 64 MB in the queue.
        jobs = max(
            10, min(int(self._rates[system.name] * self._size.drain_s), 64_000_000 // bytes_each)
        )
        self._take(
            f"{system.name} / growth, {bytes_each:,} bytes a payload",
            lambda: asdict(measures.drain(system, self._server, jobs, payload_bytes=bytes_each)),
        )
