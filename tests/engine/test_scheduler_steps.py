"""What a scheduler does at each step, by a clock of the test's."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.direct import Direct

from queuecore.exchange import Operation, T
from queuecore.stores import Store
from queuecore.times import ServerClock
from resque.errors import OutcomeUnknown
from resque.keys import Keys
from resque.scheduler.definition import BadSchedule
from resque.scheduler.scheduler import Scheduler, SchedulerOptions
from resque.store import delayed, schedules

LOCK = b"resque:resque:resque_scheduler_master_lock"
ME = f"{socket.gethostname()}:{os.getpid()}"


class Bench:
    """A scheduler with a clock of its own and everything it said."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self.store, self.keys = store, keys
        self.now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
        self.said: list[str] = []

    def scheduler(self, **options: object) -> Scheduler:
        return Scheduler(
            self.store,
            self.keys,
            version="0",
            zone=UTC,
            options=SchedulerOptions(**options),  # type: ignore[arg-type]
            queue_of=lambda name: "own" if name == "Known" else None,
            log=self.said.append,
            clock=lambda: self.now,
        )

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def put(self, name: str, **config: object) -> None:
        self.store.run(schedules.put(self.keys, name, config))


@pytest.fixture
def bench(store: Store, keys: Keys) -> Bench:
    return Bench(store, keys)


@pytest.fixture
def length(direct: Direct) -> Callable[[str], int]:
    """How many jobs wait in a queue."""
    return lambda queue: int(direct("LLEN", f"resque:queue:{queue}"))


Length = Callable[[str], int]


def test_it_looks_again_after_its_interval_when_nothing_is_planned(bench: Bench) -> None:
    assert bench.scheduler().step() == 5.0
    assert bench.scheduler(interval_s=0.5).step() == 0.5


def test_it_looks_again_well_before_its_lock_runs_out(bench: Bench) -> None:
    assert bench.scheduler(interval_s=60, lock_timeout_s=30).step() == 10.0


def test_it_wakes_in_the_second_in_which_the_next_job_is_due(bench: Bench, length: Length) -> None:
    epoch = bench.now.timestamp()
    bench.store.run(delayed.schedule(bench.keys, epoch + 2, "q", "A", []))
    scheduler = bench.scheduler()
    assert scheduler.step() == 2.0
    bench.wait(2)
    assert scheduler.step() == 5.0
    assert length("q") == 1


def test_it_wakes_when_the_next_schedule_fires(bench: Bench, length: Length) -> None:
    bench.put("A", every="3s", queue="q")
    scheduler = bench.scheduler()
    assert scheduler.step() == 3.0
    bench.wait(3.2)
    assert scheduler.step() == pytest.approx(2.8)
    assert length("q") == 1


def test_a_standby_does_nothing_until_the_lock_is_free(
    bench: Bench, length: Length, direct: Direct
) -> None:
    bench.store.run(schedules.hold(LOCK, "other:1", 180))
    bench.put("A", every=["1h", {"first_in": "0s"}], queue="q")
    bench.store.run(delayed.schedule(bench.keys, 5, "q", "A", []))
    scheduler = bench.scheduler()
    assert scheduler.step() == 5.0
    assert length("q") == 0
    assert "stands by; the master is 'other:1'" in bench.said[-1]
    direct("DEL", LOCK)
    scheduler.step()
    assert length("q") == 2
    assert direct("GET", LOCK) == ME.encode()


def test_a_scheduler_that_lost_the_lock_waits(bench: Bench, length: Length, direct: Direct) -> None:
    bench.put("A", every="1s", queue="q")
    scheduler = bench.scheduler()
    scheduler.step()
    direct("SET", LOCK, "other:1")
    bench.wait(10)
    scheduler.step()
    assert length("q") == 0


def test_what_was_due_while_another_was_the_master_is_not_caught_up(
    bench: Bench, length: Length, direct: Direct
) -> None:
    bench.put("A", cron="* * * * *", queue="q")
    scheduler = bench.scheduler()
    scheduler.step()
    direct("SET", LOCK, "other:1")
    scheduler.step()
    bench.wait(600)
    direct("DEL", LOCK)
    scheduler.step()
    assert length("q") == 0
    bench.wait(60)
    scheduler.step()
    assert length("q") == 1


def test_a_firing_that_another_made_already_is_not_repeated(
    bench: Bench, length: Length, direct: Direct
) -> None:
    bench.put("A", cron="* * * * *", queue="q")
    scheduler = bench.scheduler()
    scheduler.step()
    bench.wait(60)
    direct("HSET", "resque:delayed:last_enqueued_at", "A", "2026-11-23 12:01:00 +0000")
    scheduler.step()
    assert length("q") == 0
    assert "was queued already" in bench.said[-1]


def test_a_queue_that_cannot_be_used_keeps_no_other_schedule_waiting(
    bench: Bench, length: Length, direct: Direct
) -> None:
    direct("SET", "resque:queue:bad", "not a list")
    bench.put("A", every="1s", queue="bad")
    bench.put("B", every="1s", queue="good")
    scheduler = bench.scheduler()
    scheduler.step()
    bench.wait(1)
    assert scheduler.step() == 1.0
    assert length("good") == 1
    assert any("cannot queue 'A'" in line for line in bench.said)
    assert direct("HEXISTS", "resque:delayed:last_enqueued_at", "A") == 0


def test_what_cannot_be_used_is_skipped_and_reported(bench: Bench, direct: Direct) -> None:
    direct("HSET", "resque:persistent_schedules", "broken", "junk")
    bench.put("homeless", every="1m")
    bench.put("elsewhere", every="1m", queue="q", rails_env="production")
    bench.put("Known", every="1m")
    bench.scheduler(environment="test").step()
    told = "\n".join(bench.said)
    assert "schedule 'broken': not JSON" in told
    assert "'homeless' names no queue" in told
    assert "'elsewhere' is for another environment" in told
    assert "loaded 1 schedule" in told


def test_changes_in_redis_are_followed_when_dynamic(bench: Bench, length: Length) -> None:
    scheduler = bench.scheduler(is_dynamic=True)
    scheduler.step()
    bench.put("A", every=["1h", {"first_in": "0s"}], queue="q")
    scheduler.step()
    assert length("q") == 1
    bench.store.run(schedules.remove(bench.keys, "A"))
    bench.wait(7200)
    scheduler.step()
    assert length("q") == 1
    assert not bench.store.run(schedules.has_changes(bench.keys))


def test_changes_in_redis_wait_when_not_dynamic(bench: Bench, length: Length) -> None:
    scheduler = bench.scheduler()
    scheduler.step()
    bench.put("A", every=["1h", {"first_in": "0s"}], queue="q")
    scheduler.step()
    assert length("q") == 0
    assert bench.store.run(schedules.has_changes(bench.keys))


def test_an_interval_goes_on_where_another_scheduler_left_it(
    bench: Bench, length: Length, direct: Direct
) -> None:
    bench.put("A", every=["10s", {"first_in": "0s"}], queue="q")
    bench.scheduler().step()
    assert length("q") == 1
    direct("DEL", LOCK)
    bench.wait(4)
    successor = bench.scheduler(interval_s=60)
    assert successor.step() == 6.0
    assert length("q") == 1


def test_a_file_that_cannot_be_read_is_refused_at_once(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[a\n")
    with pytest.raises(BadSchedule, match=r"s\.toml: "):
        bench.scheduler(schedule_file=path)


def test_a_bad_schedule_is_reported_and_the_others_fire(
    bench: Bench, tmp_path: Path, length: Length
) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[a]\n\n[b]\nevery = ['1h', {first_in = 0}]\nqueue = 'q'\n")
    scheduler = bench.scheduler(schedule_file=path)
    assert bench.said == [f"skipped: {path}:1: schedule 'a': it needs `cron` or `every`"]
    scheduler.step()
    assert length("q") == 1


def test_a_key_of_the_file_that_means_nothing_is_reported(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[a]\nevery = '1m'\nagrs = [1]\n")
    bench.scheduler(schedule_file=path)
    assert bench.said == ["schedule 'a': the key 'agrs' means nothing here"]


class LosingStore(Store):
    """A store that loses one answer: the first after which `is_time` is true."""

    is_time: Callable[[], bool] | None = None

    def run(self, operation: Operation[T]) -> T:
        result = super().run(operation)
        if self.is_time is not None and self.is_time():
            self.is_time = None
            raise OutcomeUnknown("the answer was lost")
        return result


def test_after_a_lost_answer_a_firing_is_not_repeated(
    redis_url: str, keys: Keys, length: Length
) -> None:
    with LosingStore(redis_url) as store:
        bench = Bench(store, keys)
        bench.put("A", every="1s", queue="q")
        scheduler = bench.scheduler()
        scheduler.step()
        bench.wait(1)
        store.is_time = lambda: length("q") == 1
        with pytest.raises(OutcomeUnknown):
            scheduler.step()
        scheduler.step()
        assert length("q") == 1
        assert "was queued already" in bench.said[-1]


class OtherClock(Store):
    """A store whose server's clock is an hour ahead of this machine's, or unknown."""

    is_told = True

    def run(self, operation: Operation[T]) -> T:
        result = super().run(operation)
        if isinstance(result, schedules.Hold) and result.server_time is not None:
            moment = result.server_time + timedelta(hours=1) if self.is_told else None
            return replace(result, server_time=moment)
        return result


def by_the_server(store: Store, keys: Keys, said: list[str]) -> Scheduler:
    return Scheduler(
        store, keys, version="0", zone=UTC, options=SchedulerOptions(), log=said.append
    )


def test_jobs_come_due_and_schedules_fire_by_the_clock_of_the_server(
    redis_url: str, keys: Keys, length: Length
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=30)
    said: list[str] = []
    with OtherClock(redis_url) as store:
        store.run(delayed.schedule(keys, soon.timestamp(), "q", "A", []))
        store.run(delayed.schedule(keys, soon.timestamp() + 3600, "q", "B", []))
        config = {"every": ["1d", {"first_in": "0s"}], "class": "C", "queue": "q"}
        store.run(schedules.put(keys, "C", config))
        by_the_server(store, keys, said).step()
        found = store.run(schedules.stored(keys))
    assert length("q") == 2
    fired = schedules.last_time(found.last["C"], soon + timedelta(hours=2))
    assert fired is not None
    assert fired > soon
    assert sum("the server's clock, which counts, is 3600 s ahead" in line for line in said) == 1


def test_where_the_server_does_not_tell_its_clock_the_own_one_counts(
    redis_url: str, keys: Keys, length: Length
) -> None:
    said: list[str] = []
    with OtherClock(redis_url) as store:
        store.is_told = False
        store.run(delayed.schedule(keys, datetime.now(UTC).timestamp() - 60, "q", "A", []))
        scheduler = by_the_server(store, keys, said)
        scheduler.step()
        scheduler.step()
    assert length("q") == 1
    assert sum("does not tell its clock" in line for line in said) == 1


def test_the_clock_of_the_server_goes_on_between_two_answers() -> None:
    mono = [100.0]
    own = datetime(2026, 1, 1, tzinfo=UTC)
    clock = ServerClock(lambda: own, lambda: mono[0])
    assert clock() == own
    clock.learn(own - timedelta(hours=1))
    mono[0] += 10
    assert clock() == own - timedelta(minutes=59, seconds=50)
    assert clock.ahead_s() == -3590
