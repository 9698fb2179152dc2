"""Real scheduler processes: at work, standing by, killed, signalled, cut off."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_process import WorkerProcess

from queuecore.stores import Store
from resque.keys import Keys
from resque.store import delayed

LOCK = "resque:resque:resque_scheduler_master_lock"
StartScheduler = Callable[..., WorkerProcess]


@pytest.fixture
def start(start_worker: StartWorker) -> StartScheduler:
    """Starts schedulers that look often."""

    def starting(**env: str) -> WorkerProcess:
        return start_worker(
            module="resque.scheduler", **{"RESQUE_SCHEDULER_INTERVAL": "0.05"} | env
        )

    return starting


def delay_due(store: Store, keys: Keys, *numbers: int) -> None:
    for number in numbers:
        store.run(delayed.schedule(keys, time.time() - 1, "q", "A", [number]))


def await_length(direct: Direct, length: int) -> None:
    eventually(lambda: direct("LLEN", "resque:queue:q") == length, f"{length} jobs wait")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_it_and_frees_the_lock(
    start: StartScheduler, direct: Direct, number: signal.Signals
) -> None:
    scheduler = start(RESQUE_SCHEDULER_INTERVAL="600", LOCK_TIMEOUT="6000")
    scheduler.await_log("loaded 0 schedules")
    assert direct("EXISTS", LOCK) == 1
    assert scheduler.leave(number) == 0
    assert direct("EXISTS", LOCK) == 0


def test_a_standby_takes_over_when_the_master_is_killed(
    start: StartScheduler, store: Store, keys: Keys, direct: Direct
) -> None:
    master = start(LOCK_TIMEOUT="1")
    master.await_log("is the master")
    standby = start(LOCK_TIMEOUT="1")
    standby.await_log("stands by; the master is")
    master.kill()
    assert direct("GET", LOCK) == master.host_pid.encode()
    delay_due(store, keys, 1, 2)
    await_length(direct, 2)
    standby.await_log("is the master")
    assert direct("GET", LOCK) == standby.host_pid.encode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_standby_takes_over_when_the_master_leaves(
    start: StartScheduler, store: Store, keys: Keys, direct: Direct, number: signal.Signals
) -> None:
    master = start()
    master.await_log("is the master")
    standby = start()
    standby.await_log("stands by")
    master.leave(number)
    delay_due(store, keys, 1)
    await_length(direct, 1)
    assert direct("GET", LOCK) == standby.host_pid.encode()


def test_two_masters_at_once_move_two_thousand_jobs_exactly_once(
    start: StartScheduler, store: Store, keys: Keys, direct: Direct
) -> None:
    env = {"DELAYED_REQUEUE_BATCH_SIZE": "7"}
    blue = start(RESQUE_SCHEDULER_MASTER_LOCK_PREFIX="blue", **env)
    green = start(RESQUE_SCHEDULER_MASTER_LOCK_PREFIX="green", **env)
    for scheduler in (blue, green):
        scheduler.await_log("is the master")
    future = int(time.time()) + 3600
    for number in range(2000):
        store.run(delayed.schedule(keys, future, "q", "A", [number]))
    direct("ZADD", "resque:delayed_queue_schedule", 1, future)  # all due from now on
    await_length(direct, 2000)
    assert (blue.leave(), green.leave()) == (0, 0)
    pushed = sorted(direct("LRANGE", "resque:queue:q", 0, -1))
    assert pushed == sorted(b'{"class":"A","args":[%d]}' % number for number in range(2000))
    assert sorted(direct("KEYS", "*")) == [b"resque:queue:q", b"resque:queues"]


def test_a_master_killed_in_the_middle_loses_no_job_and_doubles_none(
    start: StartScheduler, store: Store, keys: Keys, direct: Direct
) -> None:
    delay_due(store, keys, *range(1000))
    first = start(LOCK_TIMEOUT="1", DELAYED_REQUEUE_BATCH_SIZE="1")
    eventually(lambda: direct("LLEN", "resque:queue:q") > 0, "moving begins")
    first.kill()
    start(LOCK_TIMEOUT="1")
    await_length(direct, 1000)
    assert len(set(direct("LRANGE", "resque:queue:q", 0, -1))) == 1000


def test_its_title_says_what_it_is(start: StartScheduler) -> None:
    master = start(APP_NAME="shop", RAILS_ENV="test")
    master.await_log("loaded 0 schedules")
    eventually(
        lambda: master.title().endswith("[shop][test]: Master scheduler"), "the title is set"
    )
    assert master.title().startswith("resque-scheduler-")
    standby = start()
    standby.await_log("stands by")
    eventually(lambda: standby.title().endswith(": Child scheduler"), "the title is set")


def test_a_schedule_of_a_file_fires_and_usr1_tells_what_is_planned(
    start: StartScheduler, direct: Direct, tmp_path: Path
) -> None:
    path = tmp_path / "schedule.yml"
    path.write_text(
        "A: {every: [1s, {first_in: 0s}], queue: q, args: x}\n"
        "kept: {cron: '0 3 * * *', queue: q, persist: true}\n"
    )
    scheduler = start(RESQUE_SCHEDULE=str(path))
    eventually(lambda: direct("LLEN", "resque:queue:q") >= 2, "it fires twice")
    assert direct("LINDEX", "resque:queue:q", 0) == b'{"class":"A","args":["x"]}'
    assert direct("HGETALL", "resque:persistent_schedules") == [
        b"kept",
        b'{"cron":"0 3 * * *","queue":"q"}',
    ]
    scheduler.send(signal.SIGUSR1)
    scheduler.await_log("'kept' (0 3 * * *): next ")
    assert "master; delayed jobs: 0; schedules:" in scheduler.log()


def test_usr2_reads_the_file_again_and_keeps_the_schedules_when_it_is_bad(
    start: StartScheduler, tmp_path: Path
) -> None:
    path = tmp_path / "schedule.toml"
    path.write_text("[one]\nevery = '1h'\nqueue = 'q'\n")
    scheduler = start(RESQUE_SCHEDULE=str(path))
    scheduler.await_log("loaded 1 schedule")
    path.write_text("[one\n")
    scheduler.send(signal.SIGUSR2)
    scheduler.await_log("the schedules stay as they were: ")
    path.write_text("[two]\nevery = '1h'\nqueue = 'q'\n")
    scheduler.send(signal.SIGUSR2)
    scheduler.await_log("schedules changed: 'one', 'two'")
    assert scheduler.leave() == 0


def test_it_survives_a_redis_that_goes_away(
    start: StartScheduler, start_redis: StartRedis, keys: Keys
) -> None:
    redis = start_redis()
    scheduler = start(url=redis.url)
    scheduler.await_log("is the master")
    redis.stop()
    scheduler.await_log("next try in")
    redis.start()
    with Store(redis.url) as store, redis.direct() as direct:
        delay_due(store, keys, 1)
        await_length(direct, 1)
    assert scheduler.leave() == 0


def test_it_takes_the_queue_of_a_class_from_the_modules_it_loads(
    start: StartScheduler, direct: Direct
) -> None:
    direct("RPUSH", "resque:delayed:5", '{"class":"OkJob","args":[3]}')
    direct("ZADD", "resque:delayed_queue_schedule", 5, 5)
    scheduler = start()
    eventually(lambda: direct("LLEN", "resque:queue:default") == 1, "the job is moved")
    scheduler.await_log("moved 1 delayed job that came due")


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"RESQUE_SCHEDULER_INTERVAL": "often"}, "RESQUE_SCHEDULER_INTERVAL must be a number"),
        ({"LOCK_TIMEOUT": "0"}, "LOCK_TIMEOUT must be a number from 1"),
        ({"RESQUE_SCHEDULE": "none.toml"}, "cannot read none.toml"),
        ({"RESQUE_REQUIRE": "no_such_module"}, "cannot import 'no_such_module'"),
        ({"REDIS_URL": "http://x"}, "scheduler: "),
        ({"TZ": "Mars/Base"}, "unknown time zone"),
    ],
)
def test_an_environment_that_cannot_be_used_ends_it_with_2(
    start: StartScheduler, env: dict[str, str], words: str
) -> None:
    scheduler = start(**env)
    assert scheduler.wait() == 2
    assert words in scheduler.log()
    assert "Traceback" not in scheduler.log()


def test_a_redis_that_cannot_be_reached_at_the_start_ends_it_with_3(
    start: StartScheduler, tmp_path: Path
) -> None:
    scheduler = start(REDIS_URL=f"unix://{tmp_path}/none")
    assert scheduler.wait() == 3
    assert "cannot reach Redis" in scheduler.log()


def test_a_pid_file_is_there_as_long_as_the_scheduler(
    start: StartScheduler, tmp_path: Path
) -> None:
    pidfile = tmp_path / "pid"
    scheduler = start(PIDFILE=str(pidfile))
    scheduler.await_log("is the master")
    assert pidfile.read_text() == str(scheduler.pid)
    assert scheduler.leave() == 0
    assert not pidfile.exists()


def test_a_scheduler_in_the_background_writes_its_log_and_obeys(
    start: StartScheduler, store: Store, keys: Keys, direct: Direct, tmp_path: Path
) -> None:
    pidfile, log = tmp_path / "pid", tmp_path / "log"
    log.write_text("what was there before\n")
    starter = start(BACKGROUND="1", PIDFILE=str(pidfile), LOGFILE=str(log))
    assert starter.wait() == 0
    eventually(lambda: "is the master" in log.read_text(), "the scheduler is at work")
    pid = int(pidfile.read_text())
    try:
        delay_due(store, keys, 1)
        await_length(direct, 1)
        assert os.getsid(pid) == pid
        assert log.read_text().startswith("what was there before\n")
    finally:
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: not pidfile.exists(), "it has left")
    assert direct("EXISTS", LOCK) == 0


@pytest.mark.parametrize("name", ["PIDFILE", "LOGFILE"])
def test_a_file_that_cannot_be_written_is_reported_in_the_foreground(
    start: StartScheduler, tmp_path: Path, name: str
) -> None:
    scheduler = start(BACKGROUND="1", **{name: str(tmp_path / "nowhere" / "file")})
    assert scheduler.wait() == 2
    scheduler.await_log(f"cannot write {name}")
