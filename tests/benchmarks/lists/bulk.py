"""Bulk actions on long lists, and their undo, beside a plain copy of as many entries.

A tenth of the entries match, evenly scattered. Every action begins with the same list.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.console.fleets import add_failures
from tests.benchmarks.console.sidekiq_fleet import add_retries
from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.engine.workers import ROOT, environment
from tests.benchmarks.lists.bystanders import beside

ENTRY_BYTES = 1_000
QUEUE = "bench"
_WAITING = f"resque:queue:{QUEUE}"
_RETRIES = "retry"
_KEPT, _COPY = "bench:kept", "bench:copy"
_AT_ONCE = 1_000
#: The server writes down what takes longer; then it is known how long the longest took.
_NOTED_US, _SLOW_US = 500, 10_000
_PATIENCE_S = 600.0

#: The filters: both find the same entries. The first can be told by a look at the bytes.
FILTERS = {"by class": "class:Kind3", "by args": "args.0:/3$/"}


#: By its key, what each list is called. That of retries is a sorted set of Sidekiq's.
_LISTS = {"resque:failed": "failures", _WAITING: "waiting", _RETRIES: "retries"}


@dataclass(frozen=True, slots=True)
class Case:
    """One action on one list by one filter."""

    verb: str
    key: str
    by: str

    @property
    def is_of_queue(self) -> bool:
        return self.key == _WAITING

    @property
    def system(self) -> str:
        return "sidekiq" if self.key == _RETRIES else "resque"

    @property
    def name(self) -> str:
        return f"{_LISTS[self.key]}, {self.verb} {self.by}"


CASES = tuple(
    Case(verb, key, by)
    for key, verbs in (
        ("resque:failed", ("requeue", "delete")),
        (_WAITING, ("move", "delete")),
        (_RETRIES, ("requeue", "delete")),
    )
    for verb in verbs
    for by in FILTERS
)


@dataclass(frozen=True, slots=True)
class Copied:
    """A plain copy: entries a second, and the processor time of both sides for 1,000."""

    per_s: float
    ms_per_1000: float


#: By the name of a case, or `undo: ` and that name: its figures.
Rows = dict[str, Mapping[str, Any]]


class Bulk:
    """Measures the cases on one server.

    Args:
        entries: How long the lists are.
        most_s: An action is stopped after so many seconds, and so is an undo; their rates are those
            of what was done by then, with as much of the scan.
        say: Gets a line for each measurement.
        cases: What is measured.
    """

    def __init__(
        self,
        server: BenchServer,
        entries: int,
        most_s: float,
        say: Callable[[str], None],
        cases: Sequence[Case] = CASES,
    ) -> None:
        self._server, self._entries, self._most_s, self._say = server, entries, most_s, say
        self._cases = cases

    def rows(self) -> Rows:
        """All figures."""
        return dict(self._measured())

    def _measured(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        self._server.empty()
        self._server.client.config_set("slowlog-log-slower-than", _NOTED_US)
        self._server.client.config_set("slowlog-max-len", 1_000_000)
        kept = ""
        for case in self._cases:
            if kept != case.key:
                kept = case.key
                self._keep(case)
            yield from self._case(case)

    def _keep(self, case: Case) -> None:
        """Make the list with which every action on it begins."""
        self._server.empty()
        client = self._server.client
        adds = {"failures": add_failures, "retries": add_retries}
        if case.is_of_queue:
            add_jobs(client, self._entries)
        else:
            adds[_LISTS[case.key]](client, self._entries, ENTRY_BYTES)
        client.rename(case.key, _KEPT)

    def _case(self, case: Case) -> Iterator[tuple[str, Mapping[str, Any]]]:
        client = self._server.client
        # Also where the jobs of the case before went, and what its undo knows.
        client.delete("", *(key for key in client.scan_iter() if key != _KEPT.encode()))
        if case.key != _RETRIES:
            client.sadd("resque:queues", QUEUE)
        client.copy(_KEPT, case.key)
        copied = self._copy(case, max(1, self._entries // 10))
        source = {_WAITING: QUEUE, _RETRIES: "retry"}.get(case.key, "failed")
        acted = self._beside(case, case.verb, source, FILTERS[case.by])
        yield self._row(case.name, acted, copied)
        if acted["done"]:
            undone = self._beside(case, "undo", acted["id"])
            yield self._row(f"undo: {case.name}", undone, copied)

    def _copy(self, case: Case, count: int) -> Copied:
        """Copy the first entries of a list to another one, plainly."""
        client = self._server.client
        read = client.zrange if case.key == _RETRIES else client.lrange
        begun_s, begun_cpu_s = time.perf_counter(), self._cpu_s()
        for start in range(0, count, _AT_ONCE):
            pipe = client.pipeline(transaction=False)
            for entry in read(case.key, start, min(count, start + _AT_ONCE) - 1):
                pipe.rpush(_COPY, entry)
            pipe.execute()
        took_s, cpu_s = time.perf_counter() - begun_s, self._cpu_s() - begun_cpu_s
        client.delete(_COPY)
        return Copied(count / took_s, cpu_s * 1e6 / count)

    def _cpu_s(self) -> float:
        """The processor time of this process and of the server so far."""
        used = self._server.client.info("cpu")
        return time.process_time() + float(used["used_cpu_user"] + used["used_cpu_sys"])

    def _beside(self, case: Case, *words: str) -> dict[str, Any]:
        """Act in a process of its own while others use the server. Returns the figures of all."""
        server, found = self._server, {}
        with ExitStack() as others:
            seen = [others.enter_context(beside(server, "ping"))]
            if case.is_of_queue:
                seen.append(others.enter_context(beside(server, "take", case.key)))
            server.client.slowlog_reset()
            found = _run(server, case.system, *words, str(self._most_s))
            found |= _slow(server)
        for figures in seen:
            found |= figures
        return found

    def _row(
        self, name: str, found: dict[str, Any], copied: Copied
    ) -> tuple[str, Mapping[str, Any]]:
        done = max(1, found["done"])
        # Of an action that was stopped, as much of the scan as of the matches.
        part = min(1.0, (found["done"] + found["gone"]) / max(1, found["matches"]))
        whole = {
            kind: found[kind] + part * found.get(f"scan_{kind}", 0.0)
            for kind in ("s", "cpu_s", "redis_s")
        }
        row = found | {
            "per_s": found["done"] / whole["s"],
            "acting_per_s": found["done"] / found["s"],
            "cpu_ms_per_1000": whole["cpu_s"] * 1e6 / done,
            "redis_ms_per_1000": whole["redis_s"] * 1e6 / done,
            "of_a_copy": found["done"] / whole["s"] / copied.per_s,
            "cpu_of_copies": (whole["cpu_s"] + whole["redis_s"]) * 1e6 / done / copied.ms_per_1000,
            "copied_per_s": copied.per_s,
        }
        self._say(f"{name}: {found['done']:,} of {found['matches']:,} in {found['s']:.1f} s")
        return name, row


def add_jobs(client: Any, number: int) -> None:
    """Let jobs of ten classes wait, of about as many bytes as failures."""
    for start in range(0, number, _AT_ONCE):
        jobs = []
        for index in range(start, min(number, start + _AT_ONCE)):
            head = f'{{"class":"Kind{index % 10}","args":[{index},"'
            jobs.append(head + "x" * (ENTRY_BYTES - len(head) - 3) + '"]}')
        client.rpush(_WAITING, *jobs)


def _run(server: BenchServer, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.lists.action", *words],
        cwd=ROOT,
        env=environment(server),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _slow(server: BenchServer) -> dict[str, Any]:
    """How many commands took over 10 ms, and how long the longest took."""
    noted = server.client.slowlog_get(-1)
    taken = sorted((each["duration"], each["command"].split(b" ")[0].decode()) for each in noted)
    longest_us, name = taken[-1] if taken else (0, "")
    slow = sum(each > _SLOW_US for each, _ in taken)
    return {"slow": slow, "longest_ms": longest_us / 1_000, "longest": name}
