"""What refreshes cost: those of Sidekiq beside those of a Resque as large, and what it costs a
Resque that the systems of its database are looked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.benchmarks.console.fleets import fill, work_on
from tests.benchmarks.console.sidekiq_fleet import beat, fill_sidekiq
from tests.benchmarks.engine.bench_server import BenchServer

from qtop.systems.finding import Sought, first_look, search
from queuecore.address import parse_url
from queuecore.cooperative import at_once
from queuecore.exchange import Exchange, Operation, drive
from queuecore.stores import Store
from resque.keys import Keys
from resque.store.snapshot import SnapshotReader
from sidekiq.keys import SidekiqKeys
from sidekiq.store.snapshot import SidekiqSnapshotReader

T = TypeVar("T")

#: So many of the newest failures are part of a refresh, as in the console.
_FAILURES = 500
_NAMESPACE = "resque"
#: Such a part of all workers is heard of between two refreshes.
SHARES = {"at rest": 0, "a tenth beats": 10, "all beat": 1}

#: By what was measured: its figures.
Rows = dict[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Fleet:
    """How large each of the two systems is, and how often each thing is done."""

    queues: int = 1_000
    processes: int = 500
    workers: int = 5_000
    failures: int = 100_000
    looks: int = 40


#: For the test of the harness.
TINY_FLEET = Fleet(5, 4, 10, 50, 2)


class Refreshes:
    """Measures on one server. `say` gets a line for each measurement; `only` is a word that the
    names of what is measured contain."""

    def __init__(
        self, server: BenchServer, fleet: Fleet, say: Callable[[str], None], only: str = ""
    ) -> None:
        self._server, self._fleet, self._say, self._only = server, fleet, say, only

    def rows(self) -> Rows:
        """All figures. Both systems have the same bytes of failures."""
        fleet, client, rows = self._fleet, self._server.client, Rows()
        names = [f"{what}, {share}" for share in SHARES for what in ("sidekiq", "resque")]
        if any(self._only in f"refresh: {name}" for name in names):
            self._server.empty()
            fill(client, fleet.queues, fleet.workers, fleet.failures, 1_000)
            fill_sidekiq(client, fleet.queues, fleet.processes, fleet.failures, 1_000)
            rows |= self._refreshes()
        if self._only in "refresh: finding":
            self._server.empty()
            fill(client, fleet.queues, fleet.workers, fleet.failures, 1_000)
            rows |= self._finding()
        return rows

    def _refreshes(self) -> Rows:
        keys, of_sidekiq = Keys(_NAMESPACE), SidekiqKeys()
        resque = SnapshotReader(keys, failures_limit=_FAILURES)
        sidekiq = SidekiqSnapshotReader(of_sidekiq, failures_limit=_FAILURES)
        rows: Rows = {}
        with Store(self._server.url) as store:
            for share, every in SHARES.items():
                for name, look, change in (
                    ("sidekiq", sidekiq.look, self._beats),
                    ("resque", resque.look, self._works),
                ):
                    turns = _Looks(self._server, store)
                    turns.take(look())
                    found = turns.measured(
                        self._fleet.looks,
                        lambda look=look: look(),  # type: ignore[misc]
                        lambda turn, change=change, every=every: change(turn, every),  # type: ignore[misc]
                    )
                    rows[f"{name}, {share}"] = found
                    self._say(f"refresh: {name}, {share}")
        return rows

    def _beats(self, turn: int, every: int) -> None:
        fleet = self._fleet
        if every:
            some = range(turn % every, fleet.processes, every)
            beat(self._server.client, some, fleet.queues, turn)

    def _works(self, turn: int, every: int) -> None:
        if every:
            work_on(self._server.client, turn, self._fleet.queues, self._fleet.workers, every)

    def _finding(self) -> Rows:
        """A look for systems, once a minute, and a search, at the start and each ten minutes, in a
        database of Resque's alone; beside a refresh."""
        url = self._server.url
        sought = Sought(parse_url(url), _NAMESPACE, url=url)
        reader = SnapshotReader(Keys(_NAMESPACE), failures_limit=_FAILURES)
        rows: Rows = {}
        with Store(url) as store:
            turns = _Looks(self._server, store)
            found = turns.run(first_look(sought))
            kinds: Sequence[tuple[str, Callable[[], Operation[Any]]]] = (
                ("finding: a refresh of Resque", reader.look),
                ("finding: a look for systems", lambda: first_look(sought)),
                ("finding: a search of all keys", lambda: search(sought, found)),
            )
            for name, do in kinds:
                turns.take(do())
                rows[name] = turns.measured(self._fleet.looks, do, lambda turn: None)
                self._say(f"refresh: {name}")
        return rows


class _Looks:
    """Runs operations on one connection, and measures them."""

    def __init__(self, server: BenchServer, store: Store) -> None:
        self._server, self._store = server, store
        self._round_trips = 0

    def run(self, operation: Operation[T]) -> T:
        """Its result; each exchange that sends something counts as a round trip."""
        return drive(operation, self._send)

    def take(self, operation: Operation[Any]) -> None:
        """Do it, with the reading of what it gives in slices, if it gives such."""
        given = self.run(operation)
        if hasattr(given, "send"):
            at_once(given)

    def measured(
        self, times: int, do: Callable[[], Operation[Any]], change: Callable[[int], None]
    ) -> Mapping[str, Any]:
        """What doing it costs on average: round trips, processor time of both sides in ms; how many
        hashes of what threads run were read, and how often KEYS was sent at all."""
        self._round_trips, cpu_s, redis_s, read, keys = 0, 0.0, 0.0, 0, 0
        for turn in range(times):
            change(turn)
            self._server.client.config_resetstat()
            before_s, begun_s = self._redis_s(), time.process_time()
            self.take(do())
            cpu_s += time.process_time() - begun_s
            redis_s += self._redis_s() - before_s
            stats = self._server.client.info("commandstats")
            read += int(stats.get("cmdstat_hkeys", {}).get("calls", 0))
            keys += int(stats.get("cmdstat_keys", {}).get("calls", 0))
        return {
            "round_trips": self._round_trips / times,
            "redis_ms": redis_s * 1_000 / times,
            "cpu_ms": cpu_s * 1_000 / times,
            "read": read / times,
            "keys": keys,
        }

    def _send(self, exchange: Exchange[Any]) -> Any:
        self._round_trips += bool(exchange.commands)
        return self._store.run(exchange)

    def _redis_s(self) -> float:
        used = self._server.client.info("cpu")
        return float(used["used_cpu_user"] + used["used_cpu_sys"])
