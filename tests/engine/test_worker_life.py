"""What a worker does between jobs: waits without polling, pauses, says what it does, leaves."""

from __future__ import annotations

import json
import re
from signal import SIG_IGN, SIGCONT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, signal

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_process import WorkerProcess, title_of


def trace(direct: Direct) -> list[str]:
    return [line.decode() for line in direct("LRANGE", "trace", 0, -1)]


def await_trace(direct: Direct, *lines: str) -> None:
    eventually(lambda: trace(direct) == list(lines), f"the trace is {lines}, not {trace(direct)}")


def await_waiting(worker: WorkerProcess) -> None:
    eventually(lambda: ": Waiting for " in worker.title(), "the worker waits")


def test_an_idle_worker_wakes_for_a_job_on_any_of_its_queues(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    # An hour between two looks: only a wake-up call can bring these jobs to be done.
    worker = start_worker("a,b,c", INTERVAL="3600")
    await_waiting(worker)
    for done, queue in enumerate(("c", "a", "b", "b"), 1):
        push("Note", f"{queue}{done}", queue=queue)
        eventually(lambda n=done: direct("LLEN", "trace") == n, f"job {done} is done")  # type: ignore[misc]
        await_waiting(worker)
    await_trace(direct, "c1", "a2", "b3", "b4")
    assert worker.leave() == 0


def test_a_star_worker_finds_a_queue_that_is_new(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker("*", INTERVAL="3600")
    await_waiting(worker)
    push("Note", "first", queue="new")
    await_trace(direct, "first")
    push("Note", "second", queue="newer")
    await_trace(direct, "first", "second")


@pytest.mark.parametrize("queues", ["default", "*", "a,b,c"])
def test_an_idle_worker_leaves_when_it_is_asked_to(
    direct: Direct, start_worker: StartWorker, queues: str
) -> None:
    worker = start_worker(queues, INTERVAL="3600")
    await_waiting(worker)
    assert worker.leave() == 0
    assert direct("EXISTS", "resque:workers") == 0


def test_process_titles_are_those_that_ruby_looks_for(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker("default,b", RESQUE_PROCLINE_PREFIX="pfx-")
    await_waiting(worker)
    waiting = worker.title()
    direct("SET", "own:hold", "a while")
    push("SlowJob", 1)
    child = worker.await_child()
    eventually(lambda: ": Forked " in worker.title(), "the worker tells of its child")
    eventually(lambda: ": Processing " in title_of(child), "the child tells of its job")
    titles = [waiting, worker.title(), title_of(child)]

    def general(title: str) -> str:
        return re.sub(r"\b\d+\b", "<n>", re.sub(r"resque-\d+\.\d+\.\d+", "resque-<version>", title))

    recorded = golden.load("proclines")["results"]
    assert [general(title) for title in titles] == [general(title) for title in recorded]
    assert f"Forked {child.pid} at" in titles[1]
    # Ruby prunes a process on its host whose title does not match this.
    assert all(re.search(r"resque:work|resque: Starting|resque-\d", title) for title in titles)
    direct("DEL", "own:hold")
    assert worker.leave() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded("proclines")


def test_a_paused_queue_is_left_alone_and_the_others_served(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:pause:queue:a", "true")
    push("Note", "a", queue="a")
    push("Note", "b", queue="b")
    worker = start_worker("a,b", INTERVAL="3600")
    await_trace(direct, "b")
    await_waiting(worker)
    assert direct("LLEN", "resque:queue:a") == 1
    direct("DEL", "resque:pause:queue:a")
    await_trace(direct, "b", "a")


@pytest.mark.parametrize("switch", ["resque:pause:all", "resque:pause-all-workers"])
def test_everything_paused_is_resumed(
    direct: Direct, push: Push, start_worker: StartWorker, switch: str
) -> None:
    worker = start_worker(INTERVAL="3600")
    await_waiting(worker)
    direct("SET", switch, "true")
    push("Note", "late")
    eventually(lambda: worker.title().endswith(": Paused"), "the worker pauses")
    assert trace(direct) == []
    direct("DEL", switch)
    await_trace(direct, "late")


def test_usr2_and_cont_pause_and_resume_one_worker(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    recording = golden.load("pause_signals")
    worker = start_worker()
    push("OkJob")
    eventually(lambda: direct("GET", "resque:stat:processed"), "the first job is done")
    worker.send(SIGUSR2)
    eventually(lambda: worker.title().endswith(": Paused"), "the worker pauses")
    push("OkJob")
    processed = direct("GET", "resque:stat:processed").decode()
    assert processed == recording["results"]["processed_while_paused"]
    worker.send(SIGCONT)
    eventually(lambda: not direct("EXISTS", "resque:queue:default"), "the job is taken")
    assert worker.leave() == 0
    expected = golden.recorded("pause_signals")
    # The hooks of the worker itself, which wrote this list, do not exist here.
    del expected["trace"]
    assert golden.ours(direct, worker.host_pid) == expected


def test_a_usr1_while_idle_ends_no_later_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker()
    await_waiting(worker)
    worker.send(SIGUSR1)
    push("Note", "whole")
    await_trace(direct, "whole")
    assert worker.leave() == 0
    assert direct("EXISTS", "resque:failed") == 0


def test_a_queue_of_the_wrong_type_does_not_stop_the_others(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:queue:bad", "a text")
    worker = start_worker("bad,good")
    push("Note", "served", queue="good")
    await_trace(direct, "served")
    assert worker.leave() == 0
    assert direct("GET", "resque:queue:bad") == b"a text"


def test_a_worker_that_redis_refuses_still_leaves(
    direct: Direct, start_worker: StartWorker
) -> None:
    direct("RPUSH", "resque:queues", "no set")
    worker = start_worker("*")
    worker.await_log("another kind of value")
    assert worker.leave() == 0
    assert direct("EXISTS", "resque:workers") == 0


def test_a_predecessor_of_the_same_id_left_a_failure_not_a_hole(
    direct: Direct, start_worker: StartWorker
) -> None:
    record = (
        '{"queue":"mail","run_at":"2026-01-01T00:00:00Z","payload":{"class":"A","args":[1.50]}}'
    )
    worker = start_worker(
        module="tests.support.programs.worker_with_old_id", ODD_PREDECESSOR=record
    )
    worker.await_ready()
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b'"payload":{"class":"A","args":[1.50]}' in entry
    found = json.loads(entry)
    assert found["error"] == "Job still being processed"
    assert (found["worker"], found["queue"]) == (worker.id, "mail")
    assert direct("EXISTS", f"resque:worker:{worker.id}", f"resque:stat:processed:{worker.id}") == 0
    assert direct("SMEMBERS", "resque:workers") == [worker.id.encode()]
    assert b"2020" not in direct("HGET", "resque:workers:heartbeat", worker.id)


def test_a_term_ends_a_job_that_ignores_signals(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("SlowJob", 600)
    worker = start_worker()
    child = worker.await_child()
    child.terminate()
    assert worker.leave(SIGTERM) == 0
    assert not child.is_running()
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b"SIGKILL (signal 9)" in entry


@pytest.mark.parametrize("count", ["1", "2"])
def test_a_worker_whose_terminal_is_closed_leaves_in_order(
    direct: Direct, push: Push, start_worker: StartWorker, count: str
) -> None:
    push("SlowJob", 600)
    worker = start_worker(COUNT=count)
    eventually(lambda: direct("SCARD", "resque:workers") == int(count), "all are registered")
    eventually(lambda: direct("LLEN", "resque:queue:default") == 0, "the job is taken")
    assert worker.leave(SIGHUP) == 0
    assert direct("EXISTS", "resque:workers", "resque:workers:heartbeat") == 0
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b"SIGKILL" in entry


def test_a_worker_under_nohup_outlasts_its_terminal(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    before = signal(SIGHUP, SIG_IGN)
    try:
        worker = start_worker()
    finally:
        signal(SIGHUP, before)
    await_waiting(worker)
    worker.send(SIGHUP)
    push("OkJob")
    eventually(lambda: direct("GET", "resque:stat:processed") == b"1", "it goes on")
    assert worker.leave() == 0
