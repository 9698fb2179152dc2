"""`python -m qtop.demo.sidekiq_feed`: writes what an application with Sidekiq writes, until its
parent ends. So there is something to look at, and to operate, without Ruby.

Reads `REDIS_URL` and `RESQUE_PARENT_PID`. Its keys have no namespace, as those of Sidekiq 7. No job
runs: each takes its time, and then it is done, or has failed. Its processes read their signals.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from queuecore.exchange import Arg, Exchange
from queuecore.stores import Store
from sidekiq.errors import StoreError
from sidekiq.keys import SetName, SidekiqKeys

_VERSION: Final = "7.3.9"
_THREADS: Final = 4
_PAUSE_S: Final = 0.7
#: How often a process says that it lives, and reads a signal; as version 7 does.
_BEAT_S: Final = 10.0
#: How long what a process tells about itself is kept without another beat.
_LIFETIME_S: Final = 60
#: Nothing is pushed while so many wait.
_MOST_WAITING: Final = 300
#: How long until a process is killed for the first time, until the next one is, and until the
#: others forget it. Its jobs can be rescued a minute after it was killed.
_FIRST_CRASH_S: Final = 20.0
_CRASH_EVERY_S: Final = 150.0
_FORGET_S: Final = 900.0
#: So many retries, and a job is dead; so many dead jobs are kept.
_RETRIES: Final = 3
_MOST_DEAD: Final = 500


@dataclass(frozen=True, slots=True)
class SampleClass:
    """A class of jobs: its queue, how long one takes, how many of 100 fail, and with what."""

    name: str
    queue: str
    seconds: tuple[float, float]
    failing: int
    error: tuple[str, str]


CLASSES: Final = (
    SampleClass("ReceiptMailer", "mailers", (0.5, 3), 4, ("Net::ReadTimeout", "Net::ReadTimeout")),
    SampleClass("SyncInventory", "default", (2, 12), 6, ("KeyError", "key not found: :sku")),
    SampleClass("ChargeSubscription", "critical", (1, 5), 9, ("Card::Declined", "do not honor")),
    SampleClass("BuildSitemap", "low", (20, 60), 2, ("Errno::ENOSPC", "No space left on device")),
)
#: In the order in which the processes take from them. None takes from `archive`.
QUEUES: Final = ("critical", "default", "mailers", "low")
_RECURRING: Final = {
    "nightly sitemap": ("30 3 * * * UTC", "BuildSitemap", "low"),
    "inventory": ("*/10 * * * * UTC", "SyncInventory", "default"),
}


@dataclass(slots=True)
class SampleProcess:
    """A process of Sidekiq: what it runs, by thread, each with the second when that ends."""

    pid: int
    started_s: float
    running: dict[str, tuple[bytes, str, float, float]] = field(default_factory=dict)
    is_quiet: bool = False
    beat_s: float = -math.inf

    @property
    def identity(self) -> str:
        return f"shop-{self.pid % 2 + 1}:{self.pid}:{self.pid * 7_919_317:012x}"


class SampleApplication:
    """Pushes jobs, and is the processes that take them. `send` gets every round trip; `chance`
    decides what varies. Raises what `send` raises."""

    def __init__(
        self,
        send: Callable[[Exchange[Any]], Any],
        keys: SidekiqKeys,
        *,
        chance: random.Random,
        now_s: float,
    ) -> None:
        self._send, self._keys, self._chance = send, keys, chance
        self._processes = [SampleProcess(pid, now_s) for pid in (4101, 4102)]
        self._next_pid = 4103
        self._crash_s = now_s + _FIRST_CRASH_S
        self._crashed: list[tuple[float, str]] = []

    def fill(self, now_s: float) -> None:
        """What is there at first: jobs in all queues and sets, and recurring ones. Some round
        trips; once only, however often it is called."""
        if self._run(("SCARD", self._keys.queues()))[0]:
            return
        for number in range(40):
            self._push(self._job(now_s - 60, self._chance.choice(CLASSES)), now_s - number)
        old = self._job(now_s - 86_400, CLASSES[3]) | {"class": "ExportOrders", "queue": "archive"}
        self._push(old, now_s - 86_400)
        for number in range(12):
            later = self._job(now_s, self._chance.choice(CLASSES))
            self._put("schedule", now_s + 45 * (number + 1), later)
            self._fail(self._job(now_s - 600, CLASSES[number % 4]), now_s - number * 20)
        for number in range(5):
            failed = self._failed(self._job(now_s - 7_200, CLASSES[2]), now_s, _RETRIES)
            self._put("dead", now_s - 600 * number, failed)
        for name, (cron, class_name, queue) in _RECURRING.items():
            job = self._keys.cron_job("default", name)
            told = {"name": name, "klass": class_name, "cron": cron, "queue": queue}
            words = [word for pair in told.items() for word in pair]
            self._run(
                ("SADD", self._keys.cron_jobs("default"), job),
                ("HSET", job, *words, "status", "enabled", "args", "[]"),
            )

    def step(self, now_s: float) -> None:
        """Everything that is due: pushes, ends of jobs, jobs taken, a beat of each process; now and
        then one of these is killed. Some 20 round trips."""
        for name in ("schedule", "retry"):
            self._enqueue_due(name, now_s)
        waiting = self._run(*(("LLEN", self._keys.queue(queue)) for queue in QUEUES))
        if sum(waiting) < _MOST_WAITING:
            for _ in range(self._chance.randint(0, 2)):
                self._push(self._job(now_s, self._chance.choice(CLASSES[:3])), now_s)
            if self._chance.random() < 0.03:
                self._push(self._job(now_s, CLASSES[3]), now_s)
        if now_s >= self._crash_s:
            self._crash(now_s)
        for process in [*self._processes]:
            self._end_jobs(process, now_s)
            if not process.is_quiet:
                self._take_jobs(process, now_s)
            if now_s < process.beat_s + _BEAT_S:
                continue
            signal = self._beat(process, now_s)
            # Sidekiq, too, shows the flag one beat after it has read the signal.
            process.is_quiet = process.is_quiet or signal == b"TSTP"
            if signal == b"TERM":
                self._leave(process, now_s)

    def _run(self, *commands: tuple[Arg, ...]) -> list[Any]:
        found: list[Any] = self._send(Exchange(commands, list, writes=True))
        return found

    def _job(self, now_s: float, what: SampleClass) -> dict[str, Any]:
        return {
            **{"retry": True, "queue": what.queue, "class": what.name},
            "args": [self._chance.randint(1_000, 9_999)],
            "jid": f"{self._chance.getrandbits(96):024x}",
            "created_at": now_s,
        }

    def _push(self, job: dict[str, Any], now_s: float) -> None:
        raw = json.dumps(job | {"enqueued_at": now_s}, separators=(",", ":"))
        queue = job["queue"]
        self._run(("SADD", self._keys.queues(), queue), ("LPUSH", self._keys.queue(queue), raw))

    def _put(self, name: SetName, at_s: float, job: dict[str, Any]) -> None:
        raw = json.dumps(job, separators=(",", ":"))
        self._run(("ZADD", self._keys.jobs(name), repr(at_s), raw))

    def _enqueue_due(self, name: SetName, now_s: float) -> None:
        key = self._keys.jobs(name)
        [due] = self._run(("ZRANGEBYSCORE", key, "-inf", repr(now_s), "LIMIT", 0, 20))
        for raw in due:
            # Who removes it has it: a person may act on it at the same time.
            if self._run(("ZREM", key, raw))[0] and (job := _read(raw)):
                self._push(job, now_s)

    def _fail(self, job: dict[str, Any], now_s: float) -> None:
        count = job.get("retry_count", -1) + 1
        failed = self._failed(job, now_s, count)
        if count < _RETRIES:
            self._put("retry", now_s + 15 * (count + 1) ** 2 + self._chance.random() * 30, failed)
        else:
            self._put("dead", now_s, failed)
            self._run(("ZREMRANGEBYRANK", self._keys.jobs("dead"), 0, -_MOST_DEAD - 1))

    def _failed(self, job: dict[str, Any], now_s: float, count: int) -> dict[str, Any]:
        kinds = (each for each in CLASSES if each.name == job["class"])
        error, message = next(kinds, CLASSES[0]).error
        about = {"error_class": error, "error_message": message, "retry_count": count}
        when = {"failed_at": job.get("failed_at", now_s)} | ({"retried_at": now_s} if count else {})
        return job | about | when

    def _end_jobs(self, process: SampleProcess, now_s: float) -> None:
        for thread, (raw, _, _, end_s) in list(process.running.items()):
            if end_s > now_s:
                continue
            del process.running[thread]
            day = time.strftime("%Y-%m-%d", time.gmtime(now_s))
            self._count("processed", day)
            job = _read(raw)
            if job and self._chance.random() * 100 < _failing(job):
                self._count("failed", day)
                self._fail(job, now_s)

    def _count(self, name: Any, day: str) -> None:
        self._run(("INCR", self._keys.stat(name)), ("INCR", self._keys.day(name, day)))

    def _take_jobs(self, process: SampleProcess, now_s: float) -> None:
        free = [f"t{n}" for n in range(_THREADS) if f"t{n}" not in process.running]
        for thread in free:
            taken = self._take()
            if taken is None:
                return
            raw, queue = taken
            job = _read(raw) or {}
            bounds = {each.name: each.seconds for each in CLASSES}.get(job.get("class", ""), (1, 2))
            process.running[thread] = (raw, queue, now_s, now_s + self._chance.uniform(*bounds))

    def _take(self) -> tuple[bytes, str] | None:
        for queue in QUEUES:
            [raw] = self._run(("RPOP", self._keys.queue(queue)))
            if raw is not None:
                return raw, queue
        return None

    def _beat(self, process: SampleProcess, now_s: float) -> bytes | None:
        """Say what the process is and runs. Returns a signal that waited for it."""
        process.beat_s = now_s
        info = {
            **{"hostname": process.identity.partition(":")[0], "started_at": process.started_s},
            **{"pid": process.pid, "tag": "shop", "concurrency": _THREADS, "queues": [*QUEUES]},
            **{"labels": [], "identity": process.identity, "version": _VERSION, "embedded": False},
        }
        key, work = self._keys.process(process.identity), self._keys.work(process.identity)
        runs: list[Arg] = []
        for thread, (raw, queue, since_s, _) in process.running.items():
            told = {"queue": queue, "payload": raw.decode(), "run_at": int(since_s)}
            runs += (thread, json.dumps(told))
        quiet = "true" if process.is_quiet else "false"
        signal: bytes | None = self._run(
            ("DEL", work),
            *((("HSET", work, *runs), ("EXPIRE", work, _LIFETIME_S)) if runs else ()),
            ("SADD", self._keys.processes(), process.identity),
            ("HSET", key, "info", json.dumps(info), "busy", len(process.running)),
            ("HSET", key, "beat", repr(now_s), "quiet", quiet, "rss", 183_000, "rtt_us", 240),
            ("EXPIRE", key, _LIFETIME_S),
            ("RPOP", self._keys.signals(process.identity)),
        )[-1]
        return signal

    def _leave(self, process: SampleProcess, now_s: float) -> None:
        """A process ends in order: what it runs goes back to the front, and another one starts."""
        for raw, queue, _, _ in process.running.values():
            self._run(("RPUSH", self._keys.queue(queue), raw))
        self._run(
            ("SREM", self._keys.processes(), process.identity),
            ("DEL", self._keys.work(process.identity)),
        )
        self._processes.remove(process)
        self._start(now_s)

    def _start(self, now_s: float) -> None:
        self._processes.append(SampleProcess(self._next_pid, now_s))
        self._next_pid += 1

    def _crash(self, now_s: float) -> None:
        """A process is killed while it has jobs, and another one starts in its place. What it told
        is there until its lifetime ends."""
        killed = self._processes.pop(0)
        self._crashed.append((now_s, killed.identity))
        self._start(now_s)
        self._crash_s = now_s + _CRASH_EVERY_S
        while self._crashed[0][0] < now_s - _FORGET_S:
            self._run(("SREM", self._keys.processes(), self._crashed.pop(0)[1]))


def _failing(job: dict[str, Any]) -> int:
    """How many of 100 such jobs fail: of those that failed before, half."""
    if "retry_count" in job:
        return 50
    return {each.name: each.failing for each in CLASSES}.get(job["class"], 0)


def _read(raw: bytes) -> dict[str, Any] | None:
    """A job; None for what is none of ours: a person may have edited it."""
    try:
        job = json.loads(raw)
    except ValueError:
        return None
    known = isinstance(job, dict) and isinstance(job.get("class"), str)
    return job if known and isinstance(job.get("queue"), str) else None


def main() -> None:
    parent = int(os.environ["RESQUE_PARENT_PID"])
    chance = random.Random()
    with Store(os.environ["REDIS_URL"], client_name="demo-sidekiq") as store:
        begun = SampleApplication(store.run, SidekiqKeys(), chance=chance, now_s=time.time())
        is_filled = False
        while os.getppid() == parent:
            try:
                if not is_filled:
                    begun.fill(time.time())
                    is_filled = True
                begun.step(time.time())
            except StoreError as error:
                print(error, file=sys.stderr)
            time.sleep(_PAUSE_S)


if __name__ == "__main__":
    main()
