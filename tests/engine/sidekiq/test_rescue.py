"""Jobs of processes that died are put back to the front of their queues: each exactly once, however
many operators do it at once."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.operator_process import Death
from tests.support.rescuers import Held, Rescuer
from tests.support.rescuers import rescuers as rescuers
from tests.support.sidekiq_processes import (
    KEYS,
    ME,
    beat,
    crash,
    payload,
    taken_back,
    trail,
    work,
)
from tests.support.soak import SEEDS, TIMEOUT_S, either

from queuecore import audit
from queuecore.errors import StoreError, Unreachable, WrongType
from queuecore.exchange import Exchange, Steps, checked
from queuecore.stores import Store
from queuecore.values import replace
from sidekiq.store import rescue, work_memory
from sidekiq.store.rescue import LEDGER_S, LostJob, LostProcess, read_lost
from sidekiq.store.work_memory import MEMORY_S, WorkMemory

ID = "host:1:0123456789ab"
QUEUE = "queue:q"
ROUNDS = either(20, 200)


def watch(store: Store, memory: WorkMemory | None = None) -> WorkMemory:
    memory = memory or WorkMemory()
    return work_memory.fed(memory, store.run(work_memory.look(KEYS, memory)))


def died(direct: Direct, store: Store, *jobs: bytes, identity: str = ID) -> LostProcess:
    """A process that was seen with these jobs, and crashed. The first began first."""
    beat(direct, identity)
    entries = {f"t{number}": job for number, job in enumerate(jobs)}
    work(direct, identity, entries)
    for number, (thread, job) in enumerate(entries.items()):
        entry = {"queue": "q", "payload": job.decode(), "run_at": 1795436000 + number}
        direct("HSET", f"{identity}:work", thread, json.dumps(entry))
    memory = watch(store)
    crash(direct, identity)
    gone = {each.identity: each for each in rescue.lost(watch(store, memory))}
    return gone[identity]


def jobs_of(count: int) -> list[bytes]:
    return [payload(f"{number:024x}") for number in range(count)]


def test_lost_jobs_go_to_the_front_the_oldest_next(direct: Direct, store: Store) -> None:
    first, second = jobs_of(2)
    direct("LPUSH", QUEUE, "waiting")
    gone = died(direct, store, first, second)
    mine = trail("rescue")
    result = store.run(rescue.put_back(KEYS, gone.jobs, mine))
    assert (result.done, result.gone, result.refused) == (2, 0, ())
    assert direct("LRANGE", QUEUE, 0, -1) == [b"waiting", second, first]
    assert direct("SMEMBERS", "queues") == [b"q"]
    assert 0 < direct("TTL", KEYS.rescued()) <= LEDGER_S
    [entry] = store.run(audit.newest(KEYS, 9))
    assert (entry.action, entry.done) == ("rescue", 2)
    times = store.run(rescue.rescued(KEYS, gone.jobs))
    assert None not in times


def test_a_job_is_put_back_once(direct: Direct, store: Store) -> None:
    gone = died(direct, store, *jobs_of(3))
    assert store.run(rescue.put_back(KEYS, gone.jobs)).done == 3
    again = store.run(rescue.put_back(KEYS, gone.jobs, trail("rescue")))
    assert (again.done, again.gone) == (0, 3)
    assert direct("LLEN", QUEUE) == 3
    assert store.run(audit.newest(KEYS, 9)) == []


def test_a_rescue_is_taken_back_where_no_worker_took_the_job(direct: Direct, store: Store) -> None:
    first, second = jobs_of(2)
    gone = died(direct, store, first, second)
    mine = trail("rescue")
    store.run(rescue.put_back(KEYS, gone.jobs, mine))
    assert direct("RPOP", QUEUE) == first
    undone = taken_back(store, mine)
    assert (undone.done, undone.lost) == (1, 1)
    assert direct("EXISTS", QUEUE, "queues") == 0
    # What was taken back is lost again, and can be rescued again: the other cannot.
    assert store.run(rescue.rescued(KEYS, gone.jobs))[1] is None
    result = store.run(rescue.put_back(KEYS, gone.jobs))
    assert (result.done, result.gone) == (1, 1)
    assert direct("LRANGE", QUEUE, 0, -1) == [second]


def test_none_is_put_back_of_a_process_that_is_there_again(direct: Direct, store: Store) -> None:
    gone = died(direct, store, *jobs_of(2))
    beat(direct, ID)
    result = store.run(rescue.put_back(KEYS, gone.jobs, trail("rescue")))
    assert (result.done, sum(count for _, count in result.refused)) == (0, 2)
    assert direct("EXISTS", QUEUE, KEYS.rescued()) == 0


def test_none_is_put_back_of_which_the_memory_is_too_old(direct: Direct, store: Store) -> None:
    gone = died(direct, store, *jobs_of(1))
    old = [replace(each, seen_s=each.seen_s - MEMORY_S - 60) for each in gone.jobs]
    assert store.run(rescue.put_back(KEYS, old)).done == 0
    assert direct("EXISTS", QUEUE) == 0


def test_the_ledger_outlives_every_memory_and_no_longer(direct: Direct, store: Store) -> None:
    now = int(direct("TIME")[0])
    direct("ZADD", KEYS.rescued(), now - LEDGER_S - 60, "old", now - MEMORY_S - 60, "young")
    gone = died(direct, store, *jobs_of(1))
    store.run(rescue.put_back(KEYS, gone.jobs))
    assert direct("ZCARD", KEYS.rescued()) == 2
    assert direct("ZSCORE", KEYS.rescued(), "young")
    assert LEDGER_S >= 2 * MEMORY_S


def test_a_queue_whose_key_is_no_list_keeps_the_job_back(direct: Direct, store: Store) -> None:
    gone = died(direct, store, *jobs_of(1))
    direct("SET", QUEUE, "x")
    result = store.run(rescue.put_back(KEYS, gone.jobs))
    assert (result.done, len(result.refused)) == (0, 1)
    direct("DEL", QUEUE)
    assert store.run(rescue.put_back(KEYS, gone.jobs)).done == 1


@pytest.mark.parametrize("key", ["queues", "qtop:rescued"])
def test_a_key_of_another_kind_is_an_error_before_anything_is_done(
    direct: Direct, store: Store, key: str
) -> None:
    gone = died(direct, store, *jobs_of(1))
    direct("SET", key, "x")
    assert isinstance(store.run(rescue.put_back(KEYS, gone.jobs)).stopped, WrongType)
    assert direct("EXISTS", QUEUE) == 0


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"null", b"[1]", b'{"queue":"q"}', b'{"queue":"q","payload":7}'),
        *(b'{"queue":7,"payload":"{\\"class\\":\\"A\\"}"}', b'{"queue":"q","payload":"no JSON"}'),
        *(b'{"queue":"q","payload":"[1]"}', b'{"queue":"q","payload":"{}"}'),
        b'{"queue":"\\ud800","payload":"{\\"class\\":\\"A\\"}"}',
        b'{"queue":"q","payload":"\\ud800"}',
    ],
)
def test_what_cannot_be_run_is_not_put_back(store: Store, direct: Direct, raw: bytes) -> None:
    job = read_lost(ID, "t", raw, 0.0)
    assert job.problem
    result = store.run(rescue.put_back(KEYS, [job], trail("rescue")))
    assert (result.done, len(result.refused)) == (0, 1)
    assert direct("KEYS", "*") == []


def test_a_job_is_put_back_byte_for_byte(direct: Direct, store: Store) -> None:
    inner = b'{"class" : "A","args":[1.50, "\\u00e9"],"jid":"x","big":12345678901234567890}'
    as_object = b'{"queue":"q","run_at":7,"payload": %s}' % inner
    as_text = b'{"queue":"q","run_at":7,"payload":%s}' % json.dumps(inner.decode()).encode()
    now = float(direct("TIME")[0])
    for thread, raw in (("t1", as_object), ("t2", as_text)):
        job = read_lost(ID, thread, raw, now)
        assert store.run(rescue.put_back(KEYS, [job])).done == 1
    assert direct("LRANGE", QUEUE, 0, -1) == [inner, inner]


def test_names_with_any_bytes_go_into_the_ledger(direct: Direct, store: Store) -> None:
    raw = json.dumps({"queue": "a|b :\n", "payload": payload().decode(), "run_at": None}).encode()
    names = ["a b:1:|\n", "\udcff", '"],["']
    jobs = [read_lost(name, name, raw, float(direct("TIME")[0])) for name in names]
    assert store.run(rescue.put_back(KEYS, jobs)).done == 3
    assert store.run(rescue.put_back(KEYS, jobs)).gone == 3
    assert direct("LLEN", "queue:a|b :\n") == 3


def test_many_jobs_of_many_processes_are_put_back_in_small_scripts(
    direct: Direct, store: Store
) -> None:
    gone = [
        died(direct, store, *(payload(f"{who}{number}") for number in range(250)), identity=who)
        for who in ("a", "b")
    ]
    jobs = [job for each in gone for job in each.jobs]
    random.Random(3).shuffle(jobs)
    trips: list[int] = []

    def count(_: Exchange[Any]) -> Steps[None]:
        trips.append(direct("LLEN", QUEUE))
        yield from ()

    assert store.run(checked(rescue.put_back(KEYS, jobs), count)).done == 500
    assert len(trips) == 6
    for who in ("a", "b"):
        mine = [each for each in direct("LRANGE", QUEUE, 0, -1) if f'"jid":"{who}'.encode() in each]
        assert mine == [payload(f"{who}{number}") for number in reversed(range(250))]


def test_many_operators_at_once_put_each_job_back_once(
    direct: Direct, redis_url: str, store: Store
) -> None:
    for turn in range(ROUNDS):
        direct("FLUSHALL")
        gone = died(direct, store, *jobs_of(5), identity=f"h:{turn}:0123456789ab")
        start = threading.Barrier(8)
        done: list[int] = []

        def act(start: threading.Barrier = start, gone: LostProcess = gone) -> None:
            with Store(redis_url) as own:
                start.wait()
                result = own.run(rescue.put_back(KEYS, gone.jobs, trail("rescue")))
                done.append(result.done)  # noqa: B023
                assert result.done + result.gone == 5

        threads = [threading.Thread(target=act) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert sum(done) == 5
        assert Counter(direct("LRANGE", QUEUE, 0, -1)) == Counter(jobs_of(5))


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
def test_operators_that_are_killed_in_the_midst_lose_and_double_nothing(
    direct: Direct, rescuers: list[Rescuer], store: Store, seed: int
) -> None:
    chance = random.Random(seed)
    killed = 0
    for turn in range(ROUNDS):
        direct("FLUSHALL")
        held: list[Held] = []
        lost_jobs: list[LostJob] = []
        for who in range(4):
            identity = f"h:{turn}{who}:0123456789ab"
            wanted = [payload(f"{who}{number}") for number in range(3)]
            gone = died(direct, store, *wanted, identity=identity)
            lost_jobs += gone.jobs
            for job in gone.jobs:
                entry = {"queue": "q", "payload": job.job.raw.decode(), "run_at": int(job.run_at)}
                held.append((identity, job.thread, json.dumps(entry), job.seen_s))
        for rescuer in rescuers:
            # Each step of the four, and past their end; at once, or a little later.
            rescuer.start(held, Death(chance.randrange(6), chance.choice([0.0, 0.0005, 0.002])))
        killed += [rescuer.answer() for rescuer in rescuers].count(None)
        found = Counter(direct("LRANGE", QUEUE, 0, -1))
        assert max(found.values(), default=0) <= 1
        # What was put back has its entry, and nothing else has one.
        times = store.run(rescue.rescued(KEYS, lost_jobs))
        assert {job.job.raw for job, at in zip(lost_jobs, times, strict=True) if at} == set(found)
        result = store.run(rescue.put_back(KEYS, lost_jobs))
        assert (result.done, result.gone) == (12 - len(found), len(found))
        assert Counter(direct("LRANGE", QUEUE, 0, -1)) == Counter(j.job.raw for j in lost_jobs)
    assert killed > ROUNDS / 4


def test_a_lost_answer_stops_it_and_the_next_try_does_the_rest(
    direct: Direct, store: Store
) -> None:
    gone = died(direct, store, *jobs_of(2))
    steps = rescue.put_back(KEYS, gone.jobs, trail("rescue"))
    store.run(next(steps))
    with pytest.raises(StopIteration) as stop:
        steps.throw(Unreachable("lost"))
    assert isinstance(stop.value.value.stopped, StoreError)
    assert store.run(rescue.put_back(KEYS, gone.jobs)).gone == 2
    assert direct("LLEN", QUEUE) == 2


def test_who_acts_is_on_record(direct: Direct, store: Store) -> None:
    gone = died(direct, store, *jobs_of(1))
    store.run(rescue.put_back(KEYS, gone.jobs, trail("rescue")))
    assert store.run(audit.newest(KEYS, 1))[0].actor == ME
