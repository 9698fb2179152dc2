"""`python -m tests.benchmarks.lists.action SYSTEM requeue|delete|move SOURCE FILTER MOST_S`, or
`SYSTEM undo ID MOST_S`: acts on a long list as the commands do. Prints what it cost as one JSON
object.

SYSTEM is `resque` or `sidekiq`; SOURCE is `failed`, `retry` (Sidekiq's) or the name of a queue.
After MOST_S the action is stopped, as the console does it. A process of its own, so that its memory
and its processor time are those of the action.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from qtop.actions.plan import Operator, Outcome, Plan, Throttle, operator_identity
from qtop.actions.request import Delete, JobRequest, Move, Request, Requeue, Undo
from qtop.actions.stopping import Stopped, reined
from qtop.config.limits import UndoLimits
from qtop.model.job import FAILED, JobSource
from qtop.search.filter_language import parse
from qtop.search.list_walk import choose
from qtop.search.selection import Selection
from qtop.systems.runner import open_system
from queuecore.address import parse_url
from queuecore.ahead import AheadStore
from queuecore.exchange import Exchange, Operation, drive

T = TypeVar("T")

#: Where moved jobs go.
ELSEWHERE = "elsewhere"
_TIMEOUT_S = 60.0
_NAMESPACES = {"resque": "resque", "sidekiq": ""}
#: More than any list here holds.
_UNDO_BYTES = 1 << 40
#: So many of the last actions are searched for one.
_SEARCHED = 100


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds: on the clock, of this process' processor time, of the server's."""

    wall_s: float
    cpu_s: float
    redis_s: float

    def since(self, other: Self) -> Self:
        """What was spent since another moment."""
        return type(self)(
            self.wall_s - other.wall_s, self.cpu_s - other.cpu_s, self.redis_s - other.redis_s
        )


class Actor:
    """Acts on one server by one blocking connection, as a command does."""

    def __init__(self, url: str, system: str, most_s: float) -> None:
        address = parse_url(url)
        self._store = AheadStore(address, timeout_s=_TIMEOUT_S, client_name="qtop")
        self._system = open_system(address, _NAMESPACES[system], failures_read=0, system=system)
        self._operator = Operator(operator_identity(), UndoLimits(most_bytes=_UNDO_BYTES))
        self._most_s = most_s
        self._is_stopped = False

    def act(self, verb: str, source: JobSource, text: str) -> Mapping[str, Any]:
        """Do it to all that match a filter. Costs as the scan and the action."""
        requests: Mapping[str, JobRequest] = {
            "requeue": Requeue(source, Selection()),
            "delete": Delete(source, Selection()),
            "move": Move(source, Selection(), to=ELSEWHERE),
        }
        request, system = requests[verb], self._system
        now = self._run(system.now())
        begun = self._spent()
        chooser = system.chooser(source, system.refusal(request), spares=verb == "requeue")
        jobs = system.jobs(source, newest_first=True)
        scanned = self._run(choose(jobs, parse(text), now, chooser.take))
        chosen = self._run(chooser.settle())
        found = self._spent()
        plan = self._plan(replace(request, chosen=chosen))
        outcome = self._carry_out(plan)
        record = plan.record
        return {
            "length": scanned.length,
            "matches": len(chosen.refs),
            "done": outcome.done,
            "gone": outcome.gone,
            **_fields("scan_", found.since(begun)),
            **_fields("", self._spent().since(found)),
            "id": "" if record is None else record.id,
            **self._end(),
        }

    def undo(self, operation: str) -> Mapping[str, Any]:
        """Take it back. Costs as the undo."""
        [before] = [entry for entry in self._run(self._history()) if entry.id == operation]
        begun = self._spent()
        try:
            outcome = self._carry_out(self._plan(Undo.of(before)))
            done, gone = outcome.done, outcome.gone
        except Stopped:
            [after] = [entry for entry in self._run(self._history()) if entry.id == operation]
            done, gone = after.undone or 0, 0
        spent = _fields("", self._spent().since(begun))
        return {"matches": before.done or 0, "done": done, "gone": gone, **spent, **self._end()}

    def _history(self) -> Operation[Any]:
        return self._system.history(_SEARCHED)

    def _plan(self, request: Request) -> Plan:
        made = self._run(self._system.prepare(request, self._operator))
        if not isinstance(made, Plan):
            raise SystemExit(made.text)
        return made

    def _carry_out(self, plan: Plan) -> Outcome:
        """Do what a plan says, until the time is over. Raises Stopped where it only says so."""
        pace, end_s = Throttle(), time.monotonic() + self._most_s

        def send(exchange: Exchange[Any]) -> Any:
            pace.is_stopped = self._is_stopped = time.monotonic() > end_s
            return self._store.run(exchange)

        steps = reined(plan.run(), pace, lambda done, of: None)
        return drive(self._system.guarded(steps), send)

    def _run(self, operation: Operation[T]) -> T:
        return drive(self._system.guarded(operation), self._store.run)

    def _spent(self) -> Spent:
        said = self._store.run(Exchange((("INFO", "cpu"),), lambda replies: replies[0].decode()))
        redis_s = sum(map(float, re.findall(r"used_cpu_(?:user|sys):([0-9.]+)", said)))
        return Spent(time.perf_counter(), time.process_time(), redis_s)

    def _end(self) -> Mapping[str, Any]:
        return {"is_stopped": self._is_stopped, "memory_mb": _most_memory_mb()}


def _fields(prefix: str, spent: Spent) -> Mapping[str, float]:
    return {
        f"{prefix}s": spent.wall_s,
        f"{prefix}cpu_s": spent.cpu_s,
        f"{prefix}redis_s": spent.redis_s,
    }


def _most_memory_mb() -> float:
    """The most memory that this process has had (Linux; else 0). Not `getrusage`, which knows that
    of the process that started this one, too."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text("utf-8")) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0


def main(system: str, verb: str, *words: str) -> None:
    """Act, and print what it cost."""
    actor = Actor(os.environ["BENCH_URL"], system, float(words[-1]))
    if verb == "undo":
        print(json.dumps(actor.undo(words[0])))
        return
    name, text = words[:2]
    source = JobSource("failed" if name in (FAILED, "retry") else "queue", name)
    print(json.dumps(actor.act(verb, source, text)))


if __name__ == "__main__":
    main(*sys.argv[1:])
