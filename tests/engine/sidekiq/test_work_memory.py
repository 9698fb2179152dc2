"""What is remembered of the work of processes: who died with jobs, who left cleanly, and for whom
that is unknown."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from tests.support.direct import Direct
from tests.support.golden import load, restore
from tests.support.sidekiq_processes import KEYS, beat, crash, leave, payload, work

from queuecore.reading import reading_only
from queuecore.stores import Store
from queuecore.values import replace
from sidekiq.keys import SidekiqKeys
from sidekiq.store import rescue, work_memory
from sidekiq.store.job_search import JobPlace, LostJobSearch
from sidekiq.store.work_memory import (
    MEMORY_S,
    RememberedProcess,
    SeenProcess,
    WorkLook,
    WorkMemory,
)

ID = "host:1:0123456789ab"
NOTHING = WorkMemory()


def watch(store: Store, memory: WorkMemory = NOTHING, keys: SidekiqKeys = KEYS) -> WorkMemory:
    """The memory after one more look."""
    return work_memory.fed(memory, store.run(reading_only(work_memory.look(keys, memory))))


def running(direct: Direct, *threads: str, at: str = "1.5") -> None:
    beat(direct, ID, at)
    work(direct, ID, {thread: payload(f"{thread:0>24}") for thread in threads})


@pytest.mark.parametrize(
    "version", ["v5.2.10", "v6.4.1", "v6.4.1-namespaced", "v6.5.12", "v7.3.2", "v8.1.7"]
)
def test_the_work_of_every_version_is_remembered_byte_for_byte(
    direct: Direct, store: Store, version: str
) -> None:
    keys = SidekiqKeys("app" if "namespaced" in version else "")
    restore(direct, f"sidekiq/{version}-2-running")
    memory = watch(store, keys=keys)
    [(identity, process)] = memory.processes.items()
    assert len(process.work) == 2
    direct("DEL", keys.process(identity), keys.work(identity), keys.old_work(identity))
    [gone] = rescue.lost(watch(store, memory, keys))
    assert gone.fate == "crashed"
    assert {each.queue for each in gone.jobs} == {"slow"}
    assert {each.job.class_name for each in gone.jobs} == {"SlowJob"}
    assert all(each.since and each.since.year == 2026 for each in gone.jobs)
    recorded = str(load(f"sidekiq/{version}-2-running")["keys"])
    for each in gone.jobs:
        assert each.problem is None
        assert each.job.raw.decode() in recorded.replace("\\\\", "\\").replace('\\"', '"')


@pytest.mark.parametrize("version", ["v6.4.1", "v8.1.7"])
def test_a_recorded_crash_is_told_once_it_has_expired(
    direct: Direct, store: Store, version: str
) -> None:
    restore(direct, f"sidekiq/{version}-5-crashed")
    memory = watch(store)
    assert rescue.lost(memory) == ()
    direct("FLUSHALL")
    restore(direct, f"sidekiq/{version}-6-crashed-expired")
    memory = watch(store, memory)
    [gone] = rescue.lost(memory)
    assert (gone.fate, len(gone.jobs)) == ("crashed", 2)
    # Who prunes it afterwards does not make it less so.
    direct("FLUSHALL")
    restore(direct, f"sidekiq/{version}-7-crashed-pruned")
    assert rescue.lost(watch(store, memory)) == (gone,)


@pytest.mark.parametrize(
    "version", ["v5.2.10", "v6.4.1", "v6.4.1-namespaced", "v6.5.12", "v7.3.2", "v8.1.7"]
)
def test_a_recorded_stop_with_jobs_running_loses_none(
    direct: Direct, store: Store, version: str
) -> None:
    keys = SidekiqKeys("app" if "namespaced" in version else "")
    restore(direct, f"sidekiq/{version}-2-running")
    memory = watch(store, keys=keys)
    direct("FLUSHALL")
    restore(direct, f"sidekiq/{version}-4-stopped")
    assert watch(store, memory, keys) == NOTHING
    [process] = memory.processes.values()
    lost = rescue.lost(memory_of(replace(process, fate="crashed")))[0].jobs
    search = LostJobSearch(keys, lost)
    store.run(search.run())
    assert all(search.of(job).found == (JobPlace("queue", "slow"),) for job in lost)


def test_who_leaves_while_its_hash_is_there_lost_nothing(direct: Direct, store: Store) -> None:
    running(direct, "t1")
    memory = watch(store)
    leave(direct, ID)
    memory = watch(store, memory)
    assert memory == NOTHING
    direct("DEL", ID)
    assert watch(store, memory) == NOTHING


def test_where_both_went_between_two_looks_it_is_unknown(direct: Direct, store: Store) -> None:
    running(direct, "t1")
    memory = watch(store)
    leave(direct, ID)
    direct("DEL", ID)
    [gone] = rescue.lost(watch(store, memory))
    assert (gone.fate, len(gone.jobs)) == ("unknown", 1)


def test_who_comes_back_is_alive_again(direct: Direct, store: Store) -> None:
    running(direct, "t1")
    memory = watch(store)
    crash(direct, ID)
    memory = watch(store, memory)
    assert rescue.lost(memory)
    running(direct, "t1", "t2", at="99.5")
    memory = watch(store, memory)
    assert rescue.lost(memory) == ()
    assert memory.processes[ID].work.keys() == {"t1", "t2"}


def test_work_that_expires_before_its_process_is_kept(direct: Direct, store: Store) -> None:
    running(direct, "t1")
    memory = watch(store)
    direct("DEL", f"{ID}:work")
    memory = watch(store, memory)
    assert memory.processes[ID].work.keys() == {"t1"}
    # Also when a beat was written that we did not see: the process says that it is busy.
    direct("HSET", ID, "beat", "2.5")
    memory = watch(store, memory)
    assert memory.processes[ID].work.keys() == {"t1"}
    direct("HSET", ID, "beat", "3.5", "busy", "0")
    assert watch(store, memory).processes[ID].work == {}


def test_a_thread_that_stands_under_both_names_has_one_job(direct: Direct, store: Store) -> None:
    beat(direct, ID)
    work(direct, ID, {"t1": payload("1" * 24)})
    work(direct, ID, {"t1": payload("1" * 24)}, name="workers")
    assert len(watch(store).processes[ID].work) == 1


def test_an_unchanged_heartbeat_costs_no_look_at_the_work(direct: Direct, store: Store) -> None:
    running(direct, "t1")
    memory = watch(store)
    seen = store.run(work_memory.look(KEYS, memory))
    assert seen.processes[ID].work is None
    assert work_memory.fed(memory, seen).processes[ID].work == memory.processes[ID].work


def test_what_is_no_work_is_not_remembered_and_nothing_raises(direct: Direct, store: Store) -> None:
    beat(direct, ID)
    direct("SET", f"{ID}:work", "x")
    direct("SADD", "processes", "odd", "none", "a b\n|", b"\xff")
    direct("SET", "odd", "x")
    memory = watch(store)
    assert memory.processes[ID].work == {}
    assert "none" not in memory.processes
    assert rescue.lost(memory) == ()


def process(name: str, seen_s: float, jobs: int, size: int = 10) -> RememberedProcess:
    work_ = {f"t{number}": b"x" * size for number in range(jobs)}
    return RememberedProcess(name, seen_s, b"1", MappingProxyType(work_))


def memory_of(*processes: RememberedProcess) -> WorkMemory:
    return WorkMemory(MappingProxyType({each.identity: each for each in processes}))


def test_a_memory_is_forgotten_after_a_day(direct: Direct, store: Store) -> None:
    memory = memory_of(process("old", 1000.0, 1))
    absent = WorkLook(1000.0 + MEMORY_S, {"old": SeenProcess(True, None)})
    memory = work_memory.fed(memory, absent)
    assert memory.processes["old"].fate == "crashed"
    late = replace(absent, at_s=1001.0 + MEMORY_S)
    assert work_memory.fed(memory, late) == NOTHING


def test_a_memory_is_bounded_and_says_what_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_memory, "MOST_JOBS", 7)
    monkeypatch.setattr(work_memory, "MOST_BYTES", 100)
    monkeypatch.setattr(work_memory, "MOST_PROCESSES", 3)
    crashed = replace(process("crashed", 5.0, 4), fate="crashed")
    memory = memory_of(process("a", 9.0, 2), process("b", 8.0, 3), process("c", 7.0, 1), crashed)
    found = work_memory.fed(memory, WorkLook(10.0, {})).processes
    assert {name: len(each.work) for name, each in found.items()} == {"crashed": 4, "a": 2, "b": 1}
    assert found["b"].left_out == 2
    large = work_memory.fed(memory_of(process("d", 9.0, 3, 40)), WorkLook(10.0, {})).processes
    assert (len(large["d"].work), large["d"].left_out) == (2, 1)


def test_a_huge_job_is_not_remembered_but_counted(direct: Direct, store: Store) -> None:
    beat(direct, ID)
    huge = payload("1" * 24, args="x" * work_memory.MOST_JOB_BYTES)
    work(direct, ID, {"t1": huge, "t2": payload("2" * 24)})
    memory = watch(store)
    crash(direct, ID)
    [gone] = rescue.lost(watch(store, memory))
    assert (len(gone.jobs), gone.left_out) == (1, 1)


def test_a_stored_memory_is_read_as_it_was(direct: Direct, store: Store) -> None:
    running(direct, "t1", "beat", "a b:c")
    beat(direct, "idle")
    memory = watch(store)
    store.run(work_memory.store(KEYS, NOTHING, memory, 0.0))
    assert store.run(work_memory.stored(KEYS)) == memory
    assert 0 < direct("TTL", KEYS.memory(ID)) <= MEMORY_S
    assert 0 < direct("TTL", KEYS.memories()) <= MEMORY_S
    # Who did not watch tells what happened from what is stored, and from how it is now.
    crash(direct, ID)
    leave(direct, "idle")
    later = watch(store, store.run(work_memory.stored(KEYS)))
    [gone] = rescue.lost(later)
    assert (gone.fate, len(gone.jobs)) == ("crashed", 3)
    store.run(work_memory.store(KEYS, memory, later, store.run(work_memory.look(KEYS, later)).at_s))
    assert store.run(work_memory.stored(KEYS)) == later
    assert direct("EXISTS", KEYS.memory("idle")) == 0


def test_an_older_look_never_replaces_a_newer_one(direct: Direct, store: Store) -> None:
    old, new = memory_of(process("p", 5.0, 1)), memory_of(process("p", 6.0, 2))
    store.run(work_memory.store(KEYS, NOTHING, new, 6.0))
    store.run(work_memory.store(KEYS, NOTHING, old, 5.0))
    assert store.run(work_memory.stored(KEYS)) == new
    store.run(work_memory.store(KEYS, old, NOTHING, 5.5))
    assert store.run(work_memory.stored(KEYS)) == new
    store.run(work_memory.store(KEYS, new, NOTHING, 7.0))
    assert store.run(work_memory.stored(KEYS)) == NOTHING


def test_a_process_of_thousands_of_threads_is_stored(direct: Direct, store: Store) -> None:
    memory = memory_of(process("p", 6.0, 10_000))
    store.run(work_memory.store(KEYS, NOTHING, memory, 6.0))
    assert store.run(work_memory.stored(KEYS)) == memory


def test_what_others_wrote_into_the_store_is_ignored(direct: Direct, store: Store) -> None:
    direct("ZADD", KEYS.memories(), 1, "a", 2, "b", 3, "c", 4, "d")
    direct("SET", KEYS.memory("a"), "x")
    direct("HSET", KEYS.memory("b"), "seen", "soon")
    direct("HSET", KEYS.memory("c"), "seen", "inf", "left_out", "0")
    assert store.run(work_memory.stored(KEYS)) == NOTHING


def test_two_memories_make_one(direct: Direct) -> None:
    mine = memory_of(process("a", 5.0, 1), process("b", 5.0, 1))
    crashed = replace(process("b", 5.0, 1), fate="crashed")
    theirs = memory_of(process("a", 4.0, 3), crashed, process("c", 1.0, 1))
    found = work_memory.merged(mine, theirs).processes
    assert (len(found["a"].work), found["b"].fate, len(found)) == (1, "crashed", 3)
    assert work_memory.merged(theirs, mine).processes == found
