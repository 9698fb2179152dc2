"""`make bench-console`: what the console costs, against its targets. About five minutes; `--quick`
for one. Figures are of this machine and this moment: compare those of one run only."""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.console.fleets import fill, working
from tests.benchmarks.console.scans import Scans
from tests.benchmarks.console.sidekiq_fleet import THREADS, fill_sidekiq
from tests.benchmarks.console.terminal import Terminal, environment
from tests.benchmarks.engine.bench_server import BenchServer

#: What a poll sends. The few commands that its scripts call are counted twice.
_OF_A_LOOK = {"time", "smembers", "hgetall", "get", "exists", "mget", "llen", "evalsha"}
#: Sixty polls at four a second, and some more.
_TRENDS_FULL_S = 18.0
#: So many keys are pressed for a figure.
_KEYS = 200
#: The cursor is so many rows from the top before it is moved up and down.
_FROM_THE_TOP = 5


@dataclass(frozen=True)
class Figure:
    """One measurement. `target` is the goal in words; None: for information only."""

    what: str
    value: float
    unit: str
    target: float | None = None

    def line(self) -> str:
        """The figure as a line of the table."""
        target = "" if self.target is None else f"{self.target:g} {self.unit}"
        judged = "" if self.target is None else ("met" if self.value <= self.target else "MISSED")
        return f"{self.what:58} {self.value:10,.2f} {self.unit:9} {target:>12} {judged}"


class Bench:
    """Measures on one server."""

    def __init__(self, server: BenchServer, folder: Path, *, quick: bool, many: int = 0) -> None:
        self._server = server
        self._folder = folder
        self._watch_s = 5.0 if quick else 15.0
        self._repeats = 3 if quick else 7
        self._rows = 20_000 if quick else 100_000
        self._many = many or (100_000 if quick else 1_000_000)

    def run(self, only: str = "") -> Iterator[Figure]:
        """All figures, in the order in which they are measured, or those of one part."""
        for measure in (
            self.starts,
            self.small,
            self.busy,
            self.large,
            self.rows,
            self.scans,
            self.many,
            self.retries,
            self.places,
        ):
            if only in ("", measure.__name__):
                yield from measure()

    def starts(self) -> Iterator[Figure]:
        """Commands, and the console's first frames, on ten queues."""
        fill(self._server.client, 10, 10, 20, 500)
        yield Figure("qtop --version", self._command("--version"), "ms", 60)
        for words in (("queues",), ("failed", "--limit", "20"), ("--once",)):
            yield Figure(f"qtop {' '.join(words)}", self._command(*words), "ms", 250)
        frame_ms, data_ms = self._first("")
        yield Figure("first frame", frame_ms, "ms", 300)
        yield Figure("first data", data_ms, "ms", 500)
        _, data_ms = self._first("2")
        yield Figure("first data, another screen asked for meanwhile", data_ms, "ms")

    def _first(self, screen: str, awaited: str = "queue-0003") -> tuple[float, float]:
        """The times until the first frame and until the first data; medians."""
        frames, data = [], []
        for _ in range(self._repeats):
            with self._console(screen) as terminal:
                frame_s = terminal.until(lambda text: "qtop" in text)
                frames.append((frame_s - terminal.begun_s) * 1_000)
                data_s = terminal.until(lambda text: awaited in text)
                data.append((data_s - terminal.begun_s) * 1_000)
        return statistics.median(frames), statistics.median(data)

    def small(self) -> Iterator[Figure]:
        """Ten queues in which nothing happens, after the trends are as long as they get."""
        with self._console("2", "--interval", "0.25") as terminal:
            terminal.until(lambda text: "queue-0003" in text)
            terminal.watch(_TRENDS_FULL_S)
            terminal.type("--")
            terminal.settle(1.5)
            bytes_per_s, cpu = terminal.watch(self._watch_s)
            yield Figure("10 quiet queues: to the terminal", bytes_per_s, "B/s", 0)
            yield Figure("10 quiet queues: CPU", cpu * 100, "% core", 1)
            yield Figure("10 quiet queues: memory", terminal.rss_mb(), "MB")

    def busy(self) -> Iterator[Figure]:
        """Fifty queues, each of which changes at every poll."""
        fill(self._server.client, 50, 20, 20, 500)
        script = (
            "for i = 0, 49 do redis.call('RPUSH', string.format('resque:queue:queue-%04d', i), "
            """'{"class":"A","args":[' .. ARGV[1] .. ']}') end"""
        )
        with self._console("2") as terminal:
            terminal.until(lambda text: "queue-0003" in text)
            terminal.settle(1.5)
            before, begun_s = terminal.written, time.perf_counter()
            for turn in range(int(self._watch_s)):
                self._server.client.eval(script, 0, turn)
                terminal.watch(1.0)
            rate = (terminal.written - before) / (time.perf_counter() - begun_s)
            yield Figure("50 busy queues: to the terminal", rate, "B/s", 2_048)

    def large(self) -> Iterator[Figure]:
        """A thousand queues and five thousand workers, at rest and while each fourth of them goes
        on to another job every second."""
        client = self._server.client
        fill(client, 1_000, 5_000, 500, 1_000)
        with self._console("2") as terminal:
            terminal.until(lambda text: "queue-" in text)
            terminal.settle(1.5)
            yield from self._looks(terminal, "5,000 workers at rest")
            yield from self._keys(terminal, "3", "5,000 workers at rest")
            terminal.type("2")
            with working(client, 1_000, 5_000):
                yield from self._looks(terminal, "5,000 busy workers")
                yield from self._keys(terminal, "3", "5,000 busy workers")
            yield Figure("5,000 workers: memory", terminal.rss_mb(), "MB")

    def _looks(self, terminal: Terminal, where: str) -> Iterator[Figure]:
        """What polls cost the server and the console."""
        self._server.client.config_resetstat()
        _, cpu = terminal.watch(self._watch_s)
        stats = self._server.client.info("commandstats")
        usec = sum(stats.get(f"cmdstat_{name}", {}).get("usec", 0) for name in _OF_A_LOOK)
        looks = max(1, stats.get("cmdstat_time", {}).get("calls", 1))
        yield Figure(f"{where}: Redis a look", usec / looks / 1e3, "ms", 5)
        yield Figure(f"{where}: CPU of qtop", cpu * 100, "% core", 10)

    def rows(self) -> Iterator[Figure]:
        """A queue with many jobs, also while Redis does not answer."""
        fill(self._server.client, 3, 2, 20, 500)
        jobs = [f'{{"class":"Kind{n % 9}","args":[{n}]}}' for n in range(self._rows)]
        self._server.client.rpush("resque:queue:queue-0002", *jobs)
        with self._console("2") as terminal:
            terminal.until(lambda text: "queue-0002" in text)
            terminal.type("\r")
            terminal.until(lambda text: "Kind3" in text)
            yield from self._keys(terminal, "", f"{self._rows:,} waiting jobs")
            pid = int(self._server.client.info("server")["process_id"])
            os.kill(pid, signal.SIGSTOP)
            try:
                terminal.watch(3.0)
                yield from self._keys(terminal, "", "while Redis is stopped", limit_s=5.0)
            finally:
                os.kill(pid, signal.SIGCONT)

    def scans(self) -> Iterator[Figure]:
        """Filters by commands and by the console's search, beside a walk that only reads."""
        fill(self._server.client, 3, 2, self._rows, 1_000)
        scans = Scans(self._server.url)
        for what, per_s, ratio in scans.rates(self._rows):
            yield Figure(f"{what}: entries", per_s, "/s")
            yield Figure(f"{what}: time to that of LRANGE", ratio, "times")

    def many(self) -> Iterator[Figure]:
        """A very long list of failures of 1 KB."""
        fill(self._server.client, 3, 2, self._many, 1_000)
        name = f"{self._many:,} failures"
        with self._console("2") as terminal:
            terminal.until(lambda text: "queue-0002" in text)
            begun_s = time.perf_counter()
            terminal.type("4")
            first_s = terminal.until(lambda text: "Kind" in text)
            yield Figure(f"{name}: first page", (first_s - begun_s) * 1_000, "ms", 200)
            yield from self._keys(terminal, "", f"during the scan of {name}")
            yield Figure(f"{name}: memory", terminal.rss_mb(), "MB", 150)
            yield from self._bulk(terminal, name)

    def retries(self) -> Iterator[Figure]:
        """Sidekiq's retries of 1 KB, while they are counted by groups."""
        server, name = self._server, f"{self._rows:,} retries"
        server.empty()
        fill_sidekiq(server.client, 10, 5, self._rows, 1_000)
        with self._console("2") as terminal:
            terminal.until(lambda text: "sq-0003" in text)
            terminal.watch(2.0)
            before_s, begun_s = self._redis_s(), time.perf_counter()
            terminal.type("4")
            terminal.until(lambda text: "scanned" in text)
            # Groups change places meanwhile: a key may leave the cursor in its row.
            taken: list[float] = []
            while "scanned" in terminal.text():
                terminal.watch(0.01)
                taken.append(terminal.press("j" if len(taken) % 20 < 10 else "k"))
            took_s = time.perf_counter() - begun_s
            of_redis = (self._redis_s() - before_s) / took_s
            yield from _quantiles(f"while {name} are counted", taken)
            yield Figure(f"{name}: counted", self._rows / took_s, "/s")
            yield Figure(f"{name}: of Redis' time", of_redis * 100, "%", 5)
            yield Figure(f"{name}: memory", terminal.rss_mb(), "MB", 150)

    def places(self) -> Iterator[Figure]:
        """Resque alone in its database, and beside a Sidekiq with as many threads: what the second
        system costs. Nothing happens in either. The cursor does not come to the last queue."""
        for what, is_with in (("Resque alone", False), ("Resque and Sidekiq", True)):
            server = self._server
            fill(server.client, 12, 200, 500, 1_000)
            awaited = "queue-0003"
            if is_with:
                fill_sidekiq(server.client, 12, 200 // THREADS, 500, 1_000)
                awaited = "sq-0003"
            yield from self._of_places(what, awaited)

    def _of_places(self, what: str, awaited: str) -> Iterator[Figure]:
        frame_ms, data_ms = self._first("2", awaited)
        yield Figure(f"{what}: first frame", frame_ms, "ms", 300)
        yield Figure(f"{what}: first data of all", data_ms, "ms")
        with self._console("2", "--interval", "0.25") as terminal:
            terminal.until(lambda text: awaited in text)
            terminal.watch(_TRENDS_FULL_S)
            terminal.type("--")
            terminal.watch(2.0)
            before_s, begun_s = self._redis_s(), time.perf_counter()
            bytes_per_s, cpu = terminal.watch(self._watch_s)
            of_redis = (self._redis_s() - before_s) / (time.perf_counter() - begun_s)
            yield Figure(f"{what}, at rest: to the terminal", bytes_per_s, "B/s", 0)
            yield Figure(f"{what}, at rest: CPU", cpu * 100, "% core")
            yield Figure(f"{what}, at rest: CPU of Redis", of_redis * 100, "% core")
            yield from self._keys(terminal, "2", what)
            yield Figure(f"{what}: memory", terminal.rss_mb(), "MB")

    def _redis_s(self) -> float:
        used = self._server.client.info("cpu")
        return float(used["used_cpu_user"] + used["used_cpu_sys"])

    def _bulk(self, terminal: Terminal, name: str) -> Iterator[Figure]:
        """Requeue each tenth of the failures, found by a filter."""
        client, matches = self._server.client, f"{self._many // 10:,}"
        terminal.type("t")
        terminal.until(lambda text: "newest first" in text)
        begun_s = time.perf_counter()
        terminal.type("/class:Kind3\r")
        terminal.until(lambda text: f"{matches} match" in text)
        scanned_s = time.perf_counter() - begun_s
        yield Figure(f"{name}: scan by a filter", self._many / scanned_s, "/s")
        terminal.type("R")
        terminal.until(lambda text: f"Requeue {matches} failed jobs?" in text)
        terminal.settle()
        terminal.type("\r\r")
        terminal.until(lambda text: f" of {matches} …" in text)
        before, begun_s = client.llen("resque:queue:mail"), time.perf_counter()
        taken = self._moves(terminal, lambda: "requeued" not in terminal.text())
        done, took_s = client.llen("resque:queue:mail") - before, time.perf_counter() - begun_s
        yield Figure(f"bulk on {name}: requeued", done / took_s, "/s")
        yield from _quantiles(f"during the bulk on {name}", taken)
        yield Figure(f"bulk on {name}: memory", terminal.rss_mb(), "MB", 80)

    def _moves(self, terminal: Terminal, goes_on: Callable[[], bool]) -> list[float]:
        """Move the cursor up and down while something goes on. Returns how long each took."""
        for _ in range(_FROM_THE_TOP):
            terminal.move("j")
        taken: list[float] = []
        while len(taken) < _KEYS and goes_on():
            taken.append(terminal.move("j" if len(taken) % 20 < 10 else "k"))
        return taken

    def _keys(
        self, terminal: Terminal, first: str, where: str, limit_s: float = 20.0
    ) -> Iterator[Figure]:
        if first:
            terminal.type(first)
        terminal.settle()
        taken: list[float] = []
        deadline_s = time.perf_counter() + limit_s
        while len(taken) < _KEYS and time.perf_counter() < deadline_s:
            taken.append(terminal.press("j" if len(taken) % 20 < 10 else "k"))
        yield from _quantiles(where, taken)

    def _console(self, screen: str, *more: str) -> Terminal:
        terminal = Terminal(self._server.url, self._folder, more=more)
        if screen:
            terminal.type(screen)
        return terminal

    def _command(self, *words: str) -> float:
        taken = []
        for _ in range(self._repeats):
            begun_s = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "qtop", *words],
                env=environment(self._server.url),
                stdout=subprocess.DEVNULL,
                check=False,
            )
            taken.append((time.perf_counter() - begun_s) * 1_000)
        return statistics.median(taken)


def _quantiles(where: str, taken_ms: list[float]) -> Iterator[Figure]:
    """How long keys took; nothing where what went on was over before the first key."""
    if taken_ms:
        taken_ms.sort()
        p99_ms = taken_ms[int(len(taken_ms) * 0.99)]
        yield Figure(f"{where}: key to repaint, median", statistics.median(taken_ms), "ms")
        yield Figure(f"{where}: key to repaint, p99", p99_ms, "ms", 50)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="make bench-console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller databases, shorter looks")
    parser.add_argument("--only", default="", help="one part: large, many (failures), ...")
    parser.add_argument("--many", type=int, default=0, help="how many failures these are")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here, too")
    options = parser.parse_args()
    server = BenchServer()
    figures: list[Figure] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(server, Path(folder), quick=options.quick, many=options.many)
            for figure in bench.run(options.only):
                figures.append(figure)
                print(figure.line(), flush=True)
    finally:
        server.stop()
    if options.out:
        options.out.write_text(json.dumps([asdict(figure) for figure in figures], indent=1))


if __name__ == "__main__":
    main()
