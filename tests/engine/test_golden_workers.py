"""Workers leave in Redis, key by key, what Ruby's workers left there in the recordings."""

from __future__ import annotations

from datetime import UTC, datetime
from signal import SIGINT, SIGQUIT, SIGTERM, SIGUSR1, Signals

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually

from queuecore import times


@pytest.mark.parametrize(
    ("scenario", "queues"),
    [
        ("worker_idle", "default"),
        ("worker_idle_multi", "high, low ,default"),
        ("worker_idle_star", "*"),
        ("worker_idle_glob", "user_*,high,*"),
        ("worker_idle_negated", "*,!slow_*,!other"),
    ],
)
def test_an_idle_worker(
    direct: Direct, start_worker: StartWorker, scenario: str, queues: str
) -> None:
    worker = start_worker(queues)
    worker.await_ready()
    assert golden.ours(direct, worker.host_pid) == golden.recorded(scenario)
    assert worker.leave() == 0
    shown = worker.id.removeprefix(f"{worker.host_pid}:")
    left = golden.replaced(golden.recorded("worker_idle_after_quit"), {":default": f":{shown}"})
    assert golden.ours(direct, worker.host_pid) == left


def test_a_worker_through_a_good_job(direct: Direct, push: Push, start_worker: StartWorker) -> None:
    direct("SET", "own:hold", "a while")
    push("SlowJob", 1, "é/x", {"a": None})
    worker = start_worker()
    worker.await_child()
    assert golden.ours(direct, worker.host_pid) == golden.recorded("worker_busy")
    direct("DEL", "own:hold")
    worker.await_log("done 'SlowJob'")
    eventually(lambda: direct("GET", "resque:stat:processed"), "the job is counted")
    assert golden.ours(direct, worker.host_pid) == golden.recorded("worker_after_success")
    assert worker.leave() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded("worker_after_success_quit")


def test_a_worker_through_a_failing_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("FailJob", "boom", {"k": [1, None]})
    worker = start_worker()
    eventually(lambda: direct("GET", "resque:stat:processed"), "the job is counted")
    assert golden.ours(direct, worker.host_pid) == golden.recorded("job_failed")
    assert worker.leave() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded("job_failed_after_quit")


def test_children_that_are_killed(direct: Direct, push: Push, start_worker: StartWorker) -> None:
    for number in ("KILL", "TERM", "SEGV"):
        push("KillSelf", number)
    push("OkJob")
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    found = golden.ours(direct, worker.host_pid)
    expected = golden.recorded("child_killed")
    # Ruby's interpreter catches SEGV and aborts; Python's dies of it.
    entries = expected["resque:failed"]["value"]
    entries[1] = entries[1].replace("SIGABRT (signal 6)", "SIGSEGV (signal 11)")
    found["resque:failed"]["value"][1] = found["resque:failed"]["value"][1].replace(
        " (core dumped)", ""
    )
    assert found == expected


@pytest.mark.parametrize(("scenario", "number"), [("sig_term", SIGTERM), ("sig_int", SIGINT)])
def test_a_busy_worker_that_is_asked_to_leave_now(
    direct: Direct, push: Push, start_worker: StartWorker, scenario: str, number: Signals
) -> None:
    direct("SET", "own:hold", "for ever")
    push("SlowJob", 5)
    worker = start_worker()
    worker.await_child()
    assert worker.leave(number) == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded(scenario)


def test_a_busy_worker_that_is_asked_to_finish(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "own:hold", "a while")
    push("SlowJob", 1)
    worker = start_worker()
    child = worker.await_child()
    worker.send(SIGQUIT)
    worker.send(SIGQUIT)
    assert child.is_running()
    direct("DEL", "own:hold")
    assert worker.wait() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded("sig_quit")


def test_a_busy_worker_that_is_asked_to_end_its_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "own:hold", "for ever")
    push("SlowJob", 5)
    worker = start_worker()
    worker.await_child()
    worker.send(SIGUSR1)
    eventually(lambda: direct("GET", "resque:stat:processed"), "the job is counted")
    assert golden.ours(direct, worker.host_pid) == golden.recorded("sig_usr1")
    assert not worker.has_ended()


def test_a_worker_in_a_zone_without_letters(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("FailJob", "tz fail")
    # Sao Paulo, spelled so that no time zone files are needed.
    worker = start_worker(TZ="<-03>3")
    eventually(lambda: direct("GET", "resque:stat:processed"), "the job is counted")
    assert golden.ours(direct, worker.host_pid) == golden.recorded("worker_tz_sao_paulo")
    for text in (
        direct("GET", f"resque:worker:{worker.id}:started"),
        direct("HGET", "resque:workers:heartbeat", worker.id),
    ):
        moment = times.parse(text.decode())
        assert moment is not None
        assert abs((datetime.now(UTC) - moment).total_seconds()) < 600


def test_a_worker_in_a_zone_with_letters(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "own:hold", "for ever")
    push("FailJob", "tz fail")
    push("SlowJob", 3)
    # New York in winter, spelled so that no time zone files are needed.
    worker = start_worker(TZ="EST5")
    eventually(lambda: direct("EXISTS", "own:asleep"), "the second job is in its sleep")
    assert golden.ours(direct, worker.host_pid) == golden.recorded("worker_tz_new_york")


def test_the_heart_beats_while_a_job_runs(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "own:hold", "a while")
    push("SlowJob", 3)
    worker = start_worker(RESQUE_HEARTBEAT_INTERVAL="1")
    worker.await_child()
    first = heartbeats(direct)
    eventually(lambda: heartbeats(direct) != first, "the heart beats again")
    # Each look of the recording has the one heartbeat, in Ruby's form, and they differ.
    looks = golden.load("heartbeat_during_job")["results"]
    assert [list(map(len, looks)), looks[0] != looks[1]] == [[1, 1], True]
    ours = [golden.marked(look, [worker.host_pid]) for look in (first, heartbeats(direct))]
    assert ours == [golden.marked(look, [next(iter(look)).rpartition(":")[0]]) for look in looks]
    direct("DEL", "own:hold")
    assert worker.leave() == 0
    found = golden.ours(direct, worker.host_pid)
    # Named difference: the lock of who prunes lives for a minute, in Ruby for one beat.
    del found["resque:pruning_dead_workers_in_progress"]
    assert found == golden.recorded("heartbeat_during_job")


def heartbeats(direct: Direct) -> dict[str, str]:
    flat = [part.decode() for part in direct("HGETALL", "resque:workers:heartbeat")]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def test_an_idle_worker_leaves_before_its_sleep_ends(
    direct: Direct, start_worker: StartWorker
) -> None:
    first: list[str] = []
    # Ruby's need the rest of their sleep, recorded in seconds; here that would be an hour.
    for number in (SIGQUIT, SIGTERM, SIGINT):
        worker = start_worker(INTERVAL="3600")
        eventually(lambda w=worker: ": Waiting for " in w.title(), "the worker waits")  # type: ignore[misc]
        assert worker.leave(number) == 0
        first.append(worker.host_pid)
    assert golden.ours(direct, first[0]) == golden.recorded("idle_shutdown_latency")


def test_an_idle_worker_outlives_its_connections(direct: Direct, start_worker: StartWorker) -> None:
    worker = start_worker()
    eventually(lambda: ": Waiting for " in worker.title(), "the worker waits")
    alive = golden.load("redis_connection_killed")["results"]["alive"]
    assert direct("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= alive
    # It has made new ones when it waits for a job again.
    eventually(lambda: b"cmd=blmove" in direct("CLIENT", "LIST"), "the worker waits anew")
    assert not worker.has_ended()
    assert golden.ours(direct, worker.host_pid) == golden.recorded("redis_connection_killed")


def test_a_strict_order_of_queues_begins_anew_after_each_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    for queue in ("high", "mid", "low"):
        push("PriorityJob", f"{queue}:0", queue=queue)
        push("PriorityJob", f"{queue}:1", queue=queue)
    worker = start_worker("high,mid,low", INTERVAL="0")
    assert worker.wait() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded("queue_priority")


def test_a_star_takes_queues_in_byte_order(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    for queue in ("b", "a", "C"):
        push("Note", f"{queue}:0", queue=queue)
        push("Note", f"{queue}:1", queue=queue)
    worker = start_worker("*", INTERVAL="0")
    assert worker.wait() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded("queue_star_order")
