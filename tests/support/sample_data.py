"""Snapshots made by hand, and a system that returns them."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from qtop.actions.plan import Outcome, Plan, Refusal
from qtop.model.fleet import Process, Queue, RunningJob, Snapshot
from qtop.model.health import Acknowledgement, HealthReport, ServerInfo, SystemHealth
from qtop.model.job import Job
from qtop.systems.resque.job_reader import failure_job
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.system import SystemRunner, Work
from queuecore import times
from queuecore.audit import AuditEntry
from queuecore.cooperative import Slices, at_once
from queuecore.exchange import Exchange, Operation, Steps, drive
from queuecore.values import replace
from queuecore.windows import whole
from resque.codec import encode
from resque.errors import Unreachable
from resque.keys import Keys
from resque.store.failures import Failure, read
from resque.store.workers import identity

T = TypeVar("T")

NOW = datetime(2026, 11, 23, 12, 30, 0, tzinfo=UTC)
#: Where a console under test thinks that it is.
CONSOLE_URL = "redis://:secret@queues.example.com:6379/0"


#: Resque, for the names of queues and workers in these snapshots.
SYSTEM = ResqueSystem(Keys("resque"))


def queue(name: str, size: int | None, pushed: int | None = None, **more: Any) -> Queue:
    """A queue of a certain depth."""
    return Queue(name, size, pushed=pushed, **more)


def running(
    on: str,
    job: tuple[str, Sequence[Any]] = ("Mailers::Welcome", [17]),
    run_at: str = "2026-11-23T12:29:18Z",
) -> RunningJob:
    """A job of queue `on` that a worker runs."""
    payload = {"class": job[0], "args": list(job[1])}
    record = encode({"queue": on, "run_at": run_at, "payload": payload})
    since = times.parse(run_at)
    return RunningJob(record, on, since, job[0], list(job[1]), encode(payload))


def worker(
    worker_id: str,
    *,
    processed: int | None = 0,
    failed: int | None = 0,
    on: str | None = None,
    job: tuple[str, Sequence[Any]] = ("Mailers::Welcome", [17]),
    run_at: str = "2026-11-23T12:29:18Z",
    beat_age_s: float | None = 20.0,
) -> Process:
    """A worker that holds a job of queue `on`, or is idle; without a heartbeat when `beat_age_s` is
    None."""
    who = identity(worker_id)
    return Process(
        id=who.text,
        host=who.host,
        pid=who.pid,
        listed=who.queues,
        started=NOW - timedelta(hours=5),
        beat_at=None if beat_age_s is None else NOW - timedelta(seconds=beat_age_s),
        has_beat=beat_age_s is not None,
        threads=1,
        jobs=() if on is None else (running(on, job, run_at),),
        processed=processed,
        failed=failed,
    )


def failure_entry(number: int, **fields: Any) -> bytes:
    """What Redis holds of a failure; each is a minute older than the one before."""
    failed_at = (NOW - timedelta(minutes=number)).strftime("%Y/%m/%d %H:%M:%S UTC")
    entry: dict[str, Any] = {
        "failed_at": failed_at,
        "payload": {"class": "Mailers::Welcome", "args": [number]},
        "exception": "Net::ReadTimeout",
        "error": "no answer from mx1\nin 30 s",
        "backtrace": ["/app/jobs/welcome.rb:12:in `perform'", "/app/lib/mx.rb:7:in `deliver'"],
        "worker": "web1:4242:mail",
        "queue": "mail",
    }
    return encode(entry | fields)


def failure(number: int, **fields: Any) -> Failure:
    """The failure at place `-number`."""
    return read(whole(failure_entry(number, **fields)), -number)


def failed_job(number: int, **fields: Any) -> Job:
    """The same as a job of the console."""
    return failure_job(failure(number, **fields))


def snapshot(
    queues: Sequence[Queue] | None = (),
    workers: Sequence[Process] | None = (),
    failures: Sequence[Failure] | None = (),
    **more: Any,
) -> Snapshot:
    """A snapshot of these, and nothing else; None for unknown."""
    fields: dict[str, Any] = {
        "server_time": NOW,
        "queues": None if queues is None else tuple(queues),
        "processes": None if workers is None else tuple(workers),
        "failures": None if failures is None else tuple(map(failure_job, failures)),
        "failed": None if failures is None else len(failures),
        "processed_ever": 1_000,
        "failed_ever": 10,
        "is_paused": False,
    }
    return at_moment(Snapshot(**fields | more | {"server_time": NOW}), more.get("server_time", NOW))


def at_moment(before: Snapshot, now: datetime) -> Snapshot:
    """The same snapshot at another moment: the ages of its heartbeats stay."""
    later = now - before.server_time
    processes = (
        None
        if before.processes is None
        else tuple(
            replace(each, beat_at=None if each.beat_at is None else each.beat_at + later)
            for each in before.processes
        )
    )
    return replace(before, server_time=now, processes=processes)


def fleet() -> Snapshot:
    """A fleet with an example of everything that can be wrong."""
    return snapshot(
        queues=[
            queue("critical", 0),
            queue("images", 57, unreadable=3),
            queue("legacy", 12, is_paused=True),
            queue("mail", 1_234),
            queue("reports:weekly", 18),
            queue("search-index", 88_231),
            queue("typo", None, problem="the key holds another kind of value than a list"),
        ],
        workers=[
            worker("web1:4242:mail,critical", processed=90_210, failed=3, on="mail"),
            worker("web1:4243:critical,mail", processed=1_207, beat_age_s=44.0),
            worker("db-backup-07.example.com:991:images,search-index", on="images", beat_age_s=190),
            worker("old:17:reports:weekly", processed=5, on="reports:weekly", beat_age_s=4_000),
            worker("ruby2:55:legacy", beat_age_s=None),
        ],
        failures=[
            failure(1, exception="NoMethodError", error="undefined method `name' for nil"),
            read(whole(b"this is not JSON"), -2),
            *(failure(number) for number in range(3, 30)),
            failure(30, retried_at="2026/11/23 12:20:00", queue="images"),
        ],
    )


def health_report(*entries: AuditEntry, **more: Any) -> HealthReport:
    """The report of a healthy server, without a scheduler and without delayed jobs."""
    info = {
        "role": "master",
        "used_memory": "1048576",
        "maxmemory": "0",
        "maxmemory_policy": "noeviction",
        "aof_enabled": "1",
        "connected_clients": "12",
        "maxclients": "10000",
    }
    fields: dict[str, Any] = {
        "taken": NOW,
        "facts": ServerInfo(info | more.pop("facts", {}), more.pop("save", "")),
        "master": "",
        "due": math.inf,
        "schedules": 0,
        "audit_entries": entries,
        "skew_s": 0.0,
    } | more
    of_system = {name: fields.pop(name) for name in SystemHealth.__annotations__ if name in fields}
    problems = of_system.get("problems", {})
    return HealthReport(SystemHealth(**of_system), problems=problems, **fields)


def does_nothing() -> Steps[Outcome]:
    """The work of a plan that a test never carries out."""
    yield from ()
    return Outcome("done")


def prepared(steps: Steps[Plan | Refusal], replies: Sequence[Any] = ()) -> Plan:
    """The plan for a request; `replies` are the replies of Redis, one for each round trip."""
    left = list(replies)
    plan = drive(steps, lambda exchange: exchange.parse(left.pop(0)))
    assert isinstance(plan, Plan)
    return plan


class FakeSystem(ResqueSystem):
    """A system with its runner. It returns its snapshots in order, the last one again and again,
    and answers to operations, each once. An exception among them is raised. Where there are
    `replies`, an operation of steps is driven with them, one for each round trip."""

    def __init__(self, *snapshots: Snapshot | Exception) -> None:
        super().__init__(Keys("resque"), url=CONSOLE_URL)
        self.snapshots = list(snapshots)
        self.looked = 0
        self.operations: list[Operation[Any]] = []
        self.answers: list[object] = []
        self.replies: list[Any] = []
        self.reported = health_report()
        self.surveyed_queues: list[list[str]] = []
        self.acknowledgements: tuple[Acknowledgement, ...] = ()
        self.is_closed = False

    @property
    def system(self) -> FakeSystem:
        return self

    def snapshot(self) -> Steps[Slices[Snapshot]]:
        self.looked += 1
        now = self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]
        if isinstance(now, Exception):
            raise now
        return at_hand(_read(now))

    def health(self, queues: Sequence[str] = ()) -> Steps[HealthReport]:
        self.surveyed_queues.append(list(queues))
        return at_hand(self.reported)

    def acknowledged(self) -> Steps[Sequence[Acknowledgement]]:  # type: ignore[override]
        return at_hand(self.acknowledgements)

    def open(self) -> None:
        pass

    async def watch(self, work: Work[T]) -> T:
        assert not isinstance(work, Exchange)
        try:
            next(work)
        except StopIteration as stop:
            return cast(T, stop.value)
        raise AssertionError("there is no Redis")

    async def send(self, exchange: Exchange[T]) -> T:
        return await self.run(exchange)

    async def run(self, operation: Operation[T]) -> T:
        self.operations.append(operation)
        if self.replies and isinstance(operation, Generator):
            return drive(operation, self._reply)
        answer = self.answers.pop(0) if self.answers else Unreachable("no answer was prepared")
        if isinstance(answer, Exception):
            raise answer
        return cast(T, answer)

    def _reply(self, exchange: Exchange[Any]) -> Any:
        reply = self.replies.pop(0) if self.replies else Unreachable("no reply was prepared")
        if isinstance(reply, Exception):
            raise reply
        return exchange.parse(reply)

    async def close(self) -> None:
        self.is_closed = True


async def read_snapshot(runner: SystemRunner) -> Snapshot:
    """A snapshot of a runner's system."""
    return at_once(await runner.watch(runner.system.snapshot()))


def at_hand(value: T) -> Steps[T]:
    """Work that needs no round trip."""
    yield from ()
    return value


def _read(seen: Snapshot) -> Slices[Snapshot]:
    yield
    return seen
