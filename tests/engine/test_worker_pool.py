"""COUNT: several workers under one parent, which replaces those that die and lets all leave."""

from __future__ import annotations

import os
import socket
from signal import SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, Signals

import psutil
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_process import WorkerProcess, title_of
from tests.support.worker_results import (
    TURNS,
    await_begun,
    await_run,
    failed,
    failures,
    has_left,
    stat,
    trace,
    waiting,
    where,
)

from resque.worker.signals import SignalState
from resque.worker.upkeep import Upkeep

THREE = {"COUNT": "3", "RESQUE_REQUIRE": TURNS}
NOBODY = "unix:///nowhere/at/all"


def registered(direct: Direct) -> set[int]:
    """The pids of the workers on the register."""
    ids = [member.decode() for member in direct("SMEMBERS", "resque:workers")]
    assert all(worker_id.startswith(f"{socket.gethostname()}:") for worker_id in ids)
    assert all(worker_id.endswith(":default") for worker_id in ids)
    return {int(worker_id.split(":")[1]) for worker_id in ids}


def await_workers(direct: Direct, pool: WorkerProcess, count: int = 3) -> set[int]:
    """Wait until so many living workers are ready. Returns their pids."""

    def ready() -> set[int]:
        living = {child.pid for child in pool.children()}
        waits = {
            child.pid for child in pool.children() if ": Waiting for default" in title_of(child)
        }
        return (
            waits if len(living) == len(waits) == count and waits <= registered(direct) else set()
        )

    return eventually(ready, f"{count} workers wait for jobs")


def test_a_pool_has_as_many_workers_as_asked_for_and_is_none_itself(
    direct: Direct, start_worker: StartWorker
) -> None:
    pool = start_worker(**THREE)
    pids = await_workers(direct, pool)
    assert registered(direct) == pids
    assert pool.pid not in pids
    assert pool.title().endswith(": 3 workers on default")
    assert pool.leave(SIGQUIT) == 0
    assert direct("EXISTS", "resque:workers", "resque:workers:heartbeat") == 0


def test_a_worker_that_is_killed_is_replaced(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    pool = start_worker(**THREE)
    first = await_workers(direct, pool)
    victim = min(first)
    psutil.Process(victim).send_signal(SIGKILL)
    pool.await_log(f"worker process {victim} died (signal 9); another takes its place")
    second = await_workers(direct, pool)
    assert len(first & second) == 2
    assert victim not in second
    for number in range(9):
        push("Where", number)
    await_begun(direct, 9)
    assert pool.leave() == 0
    assert {int(name) for name, _ in where(direct)} == set(range(9))
    # What the victim left on the register is for a later worker to prune.
    assert registered(direct) == {victim}


def test_a_quit_lets_all_running_jobs_end(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    for name in "abc":
        push("Gate", name)
    pool = start_worker(**THREE)
    await_begun(direct, 3)
    push("Gate", "d")
    pool.send(SIGUSR1)
    eventually(lambda: len(failures(direct)) == 3, "USR1 reached all three")
    await_begun(direct, 4)
    pool.send(SIGQUIT)
    eventually(lambda: len(pool.children()) == 1, "the idle ones leave")
    direct("SET", "own:open", "yes")
    assert pool.wait() == 0
    assert trace(direct) == ["d done"]
    assert direct("EXISTS", "resque:workers", "resque:queue:default") == 0
    assert (stat(direct, "processed"), stat(direct, "failed")) == (4, 0)


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_a_term_ends_all_running_jobs(
    direct: Direct, push: Push, start_worker: StartWorker, number: Signals
) -> None:
    for place in range(4):
        push("Gate", str(place))
    pool = start_worker(**THREE)
    await_begun(direct, 3)
    assert pool.leave(number) == 0
    # The order in which they began to tell is not that in which they were taken.
    assert sorted(args for _, args, _ in failed(direct)) == [["0"], ["1"], ["2"]]
    assert {kind for _, _, kind in failed(direct)} == {"Resque::DirtyExit"}
    assert waiting(direct) == [["3"]]
    assert direct("EXISTS", "resque:workers") == 0


@pytest.mark.parametrize(
    ("number", "environment"),
    [
        (SIGQUIT, {}),
        (SIGTERM, {"GRACEFUL_TERM": "1"}),
        (SIGTERM, {"FORK_PER_JOB": "false"}),
        (SIGTERM, {"TERM_CHILD": "1", "RESQUE_PRE_SHUTDOWN_TIMEOUT": "600"}),
    ],
)
def test_a_pool_does_not_kill_workers_that_may_finish_their_jobs(
    direct: Direct,
    push: Push,
    start_worker: StartWorker,
    number: Signals,
    environment: dict[str, str],
) -> None:
    pool = start_worker(
        module="tests.support.programs.pool_without_patience",
        RESQUE_TERM_TIMEOUT="0",
        **THREE,
        **environment,
    )
    await_workers(direct, pool)
    if "FORK_PER_JOB" not in environment:
        # A USR1 is passed on, and must not put a later QUIT in a hurry.
        for number_of_job in range(3):
            push("Hangs", number_of_job)
        await_run(direct, "Hangs", 3)
        pool.send(SIGUSR1)
        eventually(lambda: len(failures(direct)) == 3, "it reached all three")
        direct("DEL", "resque:failed", "trace")
    push("Gate", "a")
    await_begun(direct, 1)
    pool.send(number)
    eventually(lambda: len(pool.children()) == 1, "the idle ones leave")
    direct("SET", "own:open", "yes")
    assert pool.wait() == 0
    assert trace(direct) == ["a done"]
    assert direct("EXISTS", "resque:failed", "resque:workers") == 0


def test_a_pause_reaches_all_workers_of_a_pool(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    pool = start_worker(**THREE)
    await_workers(direct, pool)
    pool.send(SIGUSR2)
    eventually(
        lambda: all(title_of(child).endswith(": Paused") for child in pool.children()),
        "all of them pause",
    )
    push("Where", 1)
    assert pool.leave() == 0
    assert waiting(direct) == [[1]]


def test_a_job_that_cleans_up_has_the_time_for_it_in_a_pool_too(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Hangs", 1)
    pool = start_worker(TERM_CHILD="1", **THREE)
    await_run(direct, "Hangs")
    assert pool.leave(SIGTERM) == 0
    assert trace(direct) == ["cleaned up after SIGTERM"]
    assert failed(direct) == [("Hangs", [1], "Resque::TermException")]


@pytest.mark.parametrize("count", ["1", "3"])
def test_a_module_that_cannot_be_imported_is_said_once(
    start_worker: StartWorker, count: str
) -> None:
    worker = start_worker(COUNT=count, RESQUE_REQUIRE="tests.support.jobs.sample_jobs,no_such.jobs")
    assert worker.wait() == 2
    assert worker.log().startswith("worker: cannot import 'no_such.jobs': ")
    assert worker.log().count("\n") == 1


@pytest.mark.parametrize("count", ["1", "3"])
def test_a_redis_that_cannot_be_reached_at_the_start_is_said_once(
    start_worker: StartWorker, count: str
) -> None:
    worker = start_worker(url=NOBODY, COUNT=count)
    assert worker.wait() == 3
    assert worker.log().startswith("worker: cannot reach Redis at ")
    assert worker.log().count("\n") == 1


@pytest.mark.parametrize("count", ["none", "0", "-1", "1.5"])
def test_a_number_of_workers_that_cannot_be_is_said_once(
    start_worker: StartWorker, count: str
) -> None:
    worker = start_worker(COUNT=count)
    assert worker.wait() == 2
    assert worker.log() == f"worker: COUNT must be a whole number from 1, not {count!r}\n"


def test_workers_of_a_pool_that_cannot_begin_say_why_and_are_tried_again(
    direct: Direct, start_worker: StartWorker
) -> None:
    jobs = "tests.support.jobs.sample_jobs,tests.support.jobs.worker_hooks"
    pool = start_worker(COUNT="2", RESQUE_REQUIRE=jobs, HOOK_RAISES="before_first_fork")
    pool.await_log("another takes its place")
    assert "worker: a before_first_fork hook raised RuntimeError" in pool.log()
    assert "died (exit status 1)" in pool.log()
    assert pool.leave() == 0
    assert direct("EXISTS", "resque:workers") == 0


@pytest.mark.parametrize("environment", [{}, {"FORK_PER_JOB": "false"}, {"JOBS_PER_FORK": "5"}])
def test_when_a_pool_is_killed_its_workers_finish_their_jobs_and_leave(
    direct: Direct, push: Push, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    pool = start_worker(**THREE, **environment)
    workers = [psutil.Process(pid) for pid in await_workers(direct, pool)]
    push("Gate", "a")
    await_begun(direct, 1)
    # The child of several jobs is asked by its worker to take no other.
    asked = [each for worker in workers for each in worker.children()]
    asked = [*workers, *(asked if "JOBS_PER_FORK" in environment else [])]
    rests = {each: each.num_ctx_switches().voluntary for each in asked}
    pool.kill()
    eventually(lambda: sum(map(has_left, workers)) == 2, "the idle ones leave")

    def knows(process: psutil.Process) -> bool:
        """Whether a process has woken, for the signal, and waits again."""
        return has_left(process) or process.num_ctx_switches().voluntary > rests[process]

    eventually(lambda: all(map(knows, asked)), "the busy one knows that it is to leave")
    push("Gate", "b")
    direct("SET", "own:open", "yes")
    eventually(lambda: all(map(has_left, workers)), "the last one leaves")
    assert trace(direct) == ["a done"]
    assert waiting(direct) == [["b"]]
    assert direct("EXISTS", "resque:workers", "resque:failed") == 0


def test_where_no_signal_tells_of_it_a_worker_sees_that_its_pool_is_gone() -> None:
    leave = []
    for pool_pid in (os.getppid(), os.getppid() + 1, None):
        wishes = SignalState()
        keeping = Upkeep(Beats(), wishes, lambda: None, pool_pid=pool_pid, adopted=None)
        keeping.beat_if_due()
        leave.append(wishes.leave)
        wishes.leave_to_another()
    assert leave == [False, True, False]


class Beats:
    """A heart without a worker."""

    def due_in_s(self) -> float:
        return 1.0

    def beat_if_due(self) -> None:
        pass
