"""A worker's options come from the environment, whole or not at all; queues in the order asked."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from resque.errors import BadOption
from resque.worker.options import WorkerOptions, count, from_environment
from resque.worker.waiting import IdleInterval


def test_an_empty_environment_means_rubys_defaults() -> None:
    options = from_environment({})
    assert options == WorkerOptions()
    assert (options.interval_s, options.term_timeout_s, options.fork) == (5.0, 4.0, True)
    assert (options.heartbeat_interval_s, options.prune_after_s) == (60.0, 300.0)


def test_every_variable_is_read() -> None:
    options = from_environment(
        {
            "INTERVAL": "0.5",
            "MIN_INTERVAL": "0.2",
            "MAX_INTERVAL": "7",
            "BACKOFF_INTERVAL": "0.3",
            "RESQUE_HEARTBEAT_INTERVAL": "6",
            "RESQUE_PRUNE_INTERVAL": "30",
            "RESQUE_PROCLINE_PREFIX": "pfx-",
            "JOBS_PER_FORK": "10",
            "RESQUE_JOB_TIMEOUT": "1.5",
            "RESQUE_REQUEUE_LOST": "2",
            "TERM_CHILD": "1",
            "GRACEFUL_TERM": "1",
            "RESQUE_TERM_TIMEOUT": "8",
            "RESQUE_PRE_SHUTDOWN_TIMEOUT": "9",
            "RUN_AT_EXIT_HOOKS": "1",
            "FAILURE_BACKEND": "redis_multi_queue",
            "RESQUE_SHUFFLE": "1",
            "RESQUE_WEIGHTS": " high=5 , low=0.5,a=b=2",
        }
    )
    assert options == WorkerOptions(
        interval_s=0.5,
        min_interval_s=0.2,
        max_interval_s=7,
        backoff_interval_s=0.3,
        heartbeat_interval_s=6,
        prune_after_s=30,
        title_prefix="pfx-",
        jobs_per_fork=10,
        job_timeout_s=1.5,
        requeue_lost=2,
        term_child=True,
        graceful_term=True,
        term_timeout_s=8,
        pre_shutdown_timeout_s=9,
        run_at_exit_hooks=True,
        multi_failure_queues=True,
        shuffle=True,
        weights={"high": 5, "low": 0.5, "a=b": 2},
    )


def test_rubys_switches_are_on_with_any_value_and_forking_is_off_only_with_the_text_false() -> None:
    options = from_environment({"TERM_CHILD": "0", "GRACEFUL_TERM": "0", "RUN_AT_EXIT_HOOKS": "0"})
    assert options.term_child
    assert options.graceful_term
    assert options.run_at_exit_hooks
    for text in ("", "0", "no", "FALSE", "False"):
        assert from_environment({"FORK_PER_JOB": text}).fork


def test_variables_that_are_there_but_empty_mean_the_defaults() -> None:
    names = (
        "INTERVAL RESQUE_HEARTBEAT_INTERVAL RESQUE_PRUNE_INTERVAL JOBS_PER_FORK RESQUE_JOB_TIMEOUT "
        "RESQUE_REQUEUE_LOST TERM_CHILD GRACEFUL_TERM RESQUE_TERM_TIMEOUT FAILURE_BACKEND "
        "RESQUE_PRE_SHUTDOWN_TIMEOUT RUN_AT_EXIT_HOOKS RESQUE_SHUFFLE RESQUE_WEIGHTS "
        "MIN_INTERVAL MAX_INTERVAL BACKOFF_INTERVAL"
    )
    assert from_environment(dict.fromkeys(names.split(), "")) == WorkerOptions()


def test_a_time_limit_without_a_child_to_end_is_refused() -> None:
    with pytest.raises(BadOption, match="FORK_PER_JOB=false"):
        from_environment({"FORK_PER_JOB": "false", "RESQUE_JOB_TIMEOUT": "1"})
    assert from_environment({"FORK_PER_JOB": "false"}).fork is False


def test_no_time_limit_is_none_or_zero() -> None:
    assert from_environment({"RESQUE_JOB_TIMEOUT": "0"}).job_timeout_s is None
    assert from_environment({"FAILURE_BACKEND": "redis"}).multi_failure_queues is False


SECONDS = ("soon", "-1", "nan", "inf", "-inf", "1e9", "1 2", "0x1")
NUMBERS = ("many", "-1", "1.5", " 1", "\u0661", "9" * 7, "9" * 5000)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("INTERVAL", text) for text in SECONDS),
        *(("RESQUE_JOB_TIMEOUT", text) for text in SECONDS),
        *(("RESQUE_TERM_TIMEOUT", text) for text in SECONDS),
        *(("RESQUE_PRE_SHUTDOWN_TIMEOUT", text) for text in SECONDS),
        *(("RESQUE_HEARTBEAT_INTERVAL", text) for text in (*SECONDS, "0")),
        *(("RESQUE_PRUNE_INTERVAL", text) for text in (*SECONDS, "0")),
        *(("JOBS_PER_FORK", text) for text in (*NUMBERS, "0")),
        *(("RESQUE_REQUEUE_LOST", text) for text in NUMBERS),
        *(("FAILURE_BACKEND", text) for text in ("redis_multi", "REDIS", "airbrake")),
        *(("RESQUE_WEIGHTS", text) for text in ("high", "=5", "high=", "high=x", "high=0")),
        *(("RESQUE_WEIGHTS", text) for text in ("high=-1", "high=nan", "high=inf", "high=5,low")),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_variables_name(name: str, text: str) -> None:
    with pytest.raises(BadOption, match=f"^{name} must be ") as caught:
        from_environment({name: text})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [*NUMBERS, "0"])
def test_a_number_of_workers_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match=r"^COUNT must be a whole number from 1"):
        count({"COUNT": text}, "COUNT", 1, least=1)


QUEUES = ["high", "mid", "low"]


def orders(options: WorkerOptions, times: int = 3000) -> Counter[tuple[str, ...]]:
    random.seed(20261123)
    return Counter(tuple(options.order(QUEUES)) for _ in range(times))


def test_the_order_of_queues_is_strict_unless_asked_otherwise() -> None:
    assert orders(from_environment({})) == {("high", "mid", "low"): 3000}


def test_shuffled_queues_come_in_every_order_alike() -> None:
    found = orders(from_environment({"RESQUE_SHUFFLE": "1"}))
    assert len(found) == 6
    assert all(400 < often < 600 for often in found.values())


def test_the_heavier_a_queue_the_more_often_it_is_first_and_none_is_never() -> None:
    found = orders(from_environment({"RESQUE_WEIGHTS": "high=6,mid=3"}))
    assert all(len(set(order)) == 3 for order in found)
    first = Counter[str]()
    for order, often in found.items():
        first[order[0]] += often
    # 6, 3 and, for a queue without a weight, 1 of 10.
    assert [round(first[queue] / 300) for queue in QUEUES] == [6, 3, 1]


def test_the_lightest_of_queues_is_looked_at_last() -> None:
    found = orders(WorkerOptions(weights={"low": 1e-9}))
    assert {order[-1] for order in found} == {"low"}


@pytest.mark.parametrize(
    ("options", "before_a_job", "after_one"),
    [
        (WorkerOptions(), [5, 5], [5, 5]),
        (WorkerOptions(interval_s=0.5), [0.5, 0.5], [0.5, 0.5]),
        (
            WorkerOptions(min_interval_s=1, max_interval_s=2, backoff_interval_s=0.5),
            [2, 2],
            [1.5, 2],
        ),
        (WorkerOptions(min_interval_s=1, backoff_interval_s=0.5), [5, 5], [1.5, 2]),
        (
            WorkerOptions(interval_s=1, max_interval_s=2, backoff_interval_s=0.75),
            [1.75, 2],
            [1.75, 2],
        ),
        (WorkerOptions(min_interval_s=9), [5, 5], [5, 5]),
    ],
)
def test_rests_between_two_looks_grow_as_rubys_do(
    options: WorkerOptions, before_a_job: list[float], after_one: list[float]
) -> None:
    pace = IdleInterval(options)
    assert [pace.rest_s() for _ in before_a_job] == before_a_job
    pace.begin_anew()
    assert [pace.rest_s() for _ in after_one] == after_one
    assert not pace.is_over


@pytest.mark.parametrize("options", [WorkerOptions(interval_s=0), WorkerOptions(max_interval_s=0)])
def test_a_worker_without_any_rest_leaves_when_there_is_no_job(options: WorkerOptions) -> None:
    assert IdleInterval(options).is_over
