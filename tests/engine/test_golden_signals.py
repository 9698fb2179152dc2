"""Signals and the switches that change them leave what they left with Ruby's worker.

Named difference: a backtrace begins with Ruby's own frames and those of Resque's handlers; ours
holds the application's alone.
"""

from __future__ import annotations

import re
from signal import SIGINT, SIGTERM, SIGUSR1, Signals

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually

RUBYS_FRAMES = re.compile(
    r'"<file>:<line>:in `(?:sleep|exit|shutdown!|block in (?:un)?register_signal_handlers)\'",'
)


def recorded(scenario: str) -> golden.Database:
    database = golden.recorded(scenario)
    for key, entry in database.items():
        if key.endswith("failed") and entry["type"] == "list":
            entry["value"] = [RUBYS_FRAMES.sub("", text) for text in entry["value"]]
    return database


def await_sleep(direct: Direct) -> None:
    eventually(lambda: direct("EXISTS", "own:asleep"), "the job is in its sleep")


TERM_CHILD = {"TERM_CHILD": "1"}
NO_FORK = {"FORK_PER_JOB": "false"}


GRACEFUL = {"GRACEFUL_TERM": "1"}


@pytest.mark.parametrize(
    ("scenario", "job", "number", "environment"),
    [
        ("sig_int_graceful", ["SlowJob", 1], SIGINT, GRACEFUL),
        ("sig_term_child", ["SlowJob", 5], SIGTERM, TERM_CHILD),
        (
            "sig_term_child_ignored",
            ["IgnoreTerm"],
            SIGTERM,
            TERM_CHILD | {"RESQUE_TERM_TIMEOUT": "0.2"},
        ),
        (
            "sig_term_child_preshutdown_expired",
            ["SlowJob", 9],
            SIGTERM,
            TERM_CHILD | {"RESQUE_PRE_SHUTDOWN_TIMEOUT": "0.2"},
        ),
        ("sig_term_child_rescued", ["RescueTerm"], SIGTERM, TERM_CHILD),
        ("sig_term_nofork_term_child", ["SlowJob", 3], SIGTERM, NO_FORK | TERM_CHILD),
    ],
)
def test_a_job_that_a_signal_ends(
    direct: Direct,
    push: Push,
    start_worker: StartWorker,
    scenario: str,
    job: list[object],
    number: Signals,
    environment: dict[str, str],
) -> None:
    direct("SET", "own:hold", "for ever")
    push(*job)
    worker = start_worker(**environment)
    await_sleep(direct)
    assert worker.leave(number) == 0
    assert golden.ours(direct, worker.host_pid) == recorded(scenario)


@pytest.mark.parametrize(
    ("scenario", "environment"),
    [
        ("sig_term_graceful", GRACEFUL),
        ("sig_term_graceful_zero", {"GRACEFUL_TERM": "0"}),
        ("sig_term_child_preshutdown", TERM_CHILD | {"RESQUE_PRE_SHUTDOWN_TIMEOUT": "60"}),
        ("sig_term_nofork", NO_FORK),
    ],
)
def test_a_job_that_may_end_by_itself_after_a_term(
    direct: Direct,
    push: Push,
    start_worker: StartWorker,
    scenario: str,
    environment: dict[str, str],
) -> None:
    direct("SET", "own:hold", "a while")
    push("SlowJob", 1)
    worker = start_worker(**environment)
    await_sleep(direct)
    worker.send(SIGTERM)
    direct("DEL", "own:hold")
    assert worker.wait() == 0
    assert golden.ours(direct, worker.host_pid) == recorded(scenario)


def test_a_job_that_is_ended_with_term_while_the_worker_goes_on(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "own:hold", "for ever")
    push("SlowJob", 5)
    worker = start_worker(**TERM_CHILD)
    await_sleep(direct)
    worker.send(SIGUSR1)
    eventually(lambda: direct("GET", "resque:stat:processed"), "the job is counted")
    assert golden.ours(direct, worker.host_pid) == recorded("sig_usr1_term_child")


@pytest.mark.parametrize(
    ("scenario", "environment", "hold"),
    [
        ("term_to_child_no_term_child", {}, "a while"),
        ("term_to_child_term_child", TERM_CHILD, "for ever"),
    ],
)
def test_a_term_sent_to_the_child_itself(
    direct: Direct,
    push: Push,
    start_worker: StartWorker,
    scenario: str,
    environment: dict[str, str],
    hold: str,
) -> None:
    direct("SET", "own:hold", hold)
    push("SlowJob", 1.5)
    worker = start_worker(**environment)
    await_sleep(direct)
    worker.await_child().send_signal(SIGTERM)
    direct("DEL", "own:hold")
    eventually(lambda: direct("GET", "resque:stat:processed"), "the job is counted")
    assert golden.ours(direct, worker.host_pid) == recorded(scenario)


def test_failures_without_forking(direct: Direct, push: Push, start_worker: StartWorker) -> None:
    push("FailJob", "x")
    push("OkJob")
    push("FailKinds", "exit")
    push("OkJob")
    worker = start_worker(INTERVAL="0", **NO_FORK)
    assert worker.wait() == 0
    assert golden.ours(direct, worker.host_pid) == recorded("nofork_failures")


def test_a_list_of_failures_for_each_queue(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("FailJob", "a", 1)
    push("FailJob", "b", 2)
    push("KillSelf", "KILL")
    push("FailJob", "c", 3, queue="other")
    push("FailJob", "d", queue="x_failed")
    worker = start_worker("*", INTERVAL="0", FAILURE_BACKEND="redis_multi_queue")
    assert worker.wait() == 0
    assert golden.ours(direct, worker.host_pid) == recorded("multi_queue")
