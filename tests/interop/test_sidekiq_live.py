"""A real Sidekiq on the tests' server: it reads our signals, we read what it writes, and what it
lost when it was killed is run once."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.direct import Direct
from tests.support.real_sidekiq import RealSidekiq, StartSidekiq
from tests.support.real_sidekiq import sidekiq_program as sidekiq_program
from tests.support.real_sidekiq import start_sidekiq as start_sidekiq
from tests.support.sidekiq_processes import taken_back, trail
from tests.support.soak import IS_SOAK, TIMEOUT_S
from tests.support.waiting import eventually

from queuecore.action_record import ActionRecord
from queuecore.stores import Store
from queuecore.values import replace
from sidekiq.codec import JobRecord, read_job
from sidekiq.keys import SidekiqKeys
from sidekiq.store import rescue, signals, work_memory
from sidekiq.store.job_search import JobPlace, LostJobSearch
from sidekiq.store.rescue import LostProcess
from sidekiq.store.signals import AskedSignal, ProcessSignal, SignalFate
from sidekiq.store.work_memory import WorkMemory

pytestmark = [pytest.mark.ruby, pytest.mark.timeout(TIMEOUT_S)]

KEYS = SidekiqKeys()
ROUNDS = 20
OPERATORS = 4


class Asking:
    """A signal that was sent, and what became of it in turn."""

    def __init__(
        self, store: Store, keys: SidekiqKeys, process: RealSidekiq, wanted: ProcessSignal
    ) -> None:
        self._store, self._keys, self._identity = store, keys, process.identity
        self.record = trail("quiet")
        self.this: AskedSignal = signals.asked(wanted, self._look())
        sent = store.run(signals.send(keys, wanted, [self._identity], self.record))
        assert (sent.done, sent.gone, sent.refused) == (1, 0, ())
        self.states: list[SignalFate] = ["asked"]

    def _look(self) -> signals.SignalLook:
        [look] = self._store.run(signals.looks(self._keys, [self._identity]))
        return look

    def is_seen(self, state: SignalFate) -> bool:
        """Look once more. Returns whether it has come to this state."""
        self.this = signals.after(self.this, self._look())
        if self.this.state != self.states[-1]:
            self.states.append(self.this.state)
        return self.this.state == state


def test_it_is_quieted_and_stopped_and_each_state_is_seen(
    direct: Direct, store: Store, start_sidekiq: StartSidekiq
) -> None:
    keys = SidekiqKeys("app")
    process = start_sidekiq(namespace="app", beats_when_asked=True)
    process.push("Note", 1)
    eventually(lambda: direct("LLEN", "app:own:ran") == 1, "it runs a job")
    dump = Asking(store, keys, process, "TTIN")
    process.beat()
    eventually(lambda: dump.is_seen("read"), "it reads that threads are to be dumped")
    back = Asking(store, keys, process, "TERM")
    assert not back.is_seen("read")
    assert taken_back(store, back.record, keys).done == 1
    assert back.is_seen("taken back")
    late = Asking(store, keys, process, "TERM")
    direct("DEL", keys.signals(process.identity))
    late.this = replace(late.this, before=replace(late.this.before, at_s=time.time() - 61))
    assert late.is_seen("expired")
    quiet = Asking(store, keys, process, "TSTP")
    assert quiet.is_seen("asked")
    process.beat()
    eventually(lambda: quiet.is_seen("read"), "it reads that it is to be quiet")
    assert taken_back(store, quiet.record, keys).lost == 1

    def is_quiet_by_now() -> bool:
        # Mostly by the next beat; its threads take the signal when they have the time.
        process.beat()
        return quiet.is_seen("quiet")

    eventually(is_quiet_by_now, "it says that it is quiet")
    assert quiet.states == ["asked", "read", "quiet"]
    process.push("Note", 2)
    stop = Asking(store, keys, process, "TERM")
    process.beat()
    eventually(lambda: stop.is_seen("gone"), "it leaves")
    assert stop.states in (["asked", "read", "gone"], ["asked", "gone"])
    assert process.wait() == 0
    # A thread that waited for a job when it was quieted may have taken one, and given it back.
    assert direct("LLEN", "app:own:ran") == direct("LLEN", "app:queue:default") == 1
    assert store.run(signals.send(keys, "TERM", [process.identity])).gone == 1


def entries(direct: Direct, name: str) -> list[JobRecord]:
    return [read_job(raw) for raw in direct("ZRANGE", name, 0, -1)]


def test_its_retry_and_its_dead_job_are_read(direct: Direct, start_sidekiq: StartSidekiq) -> None:
    process = start_sidekiq("default", "other")
    jids = [process.push("Fail", "é boom", retry=2, backtrace=True)]
    jids.append(process.push("Die", "gone", retry=0))
    eventually(lambda: direct("ZCARD", "retry") and direct("ZCARD", "dead"), "both fail")
    [retry], [dead] = entries(direct, "retry"), entries(direct, "dead")
    assert [retry.jid, dead.jid] == jids
    assert [retry.class_name, dead.class_name] == ["Fail", "Die"]
    assert (retry.tried, retry.retries) == (1, 2)
    assert (retry.text("error_class"), retry.args) == ("ArgumentError", ["é boom"])
    assert (retry.text("error_message") or "").startswith("é boom")
    assert "sidekiq_jobs.rb" in retry.backtrace[0]
    for each in (retry, dead):
        failed_at = each.moment("failed_at")
        assert failed_at is not None
        assert abs(failed_at - datetime.now(UTC)) < timedelta(minutes=10)
        assert each.queue == "default"


def crashed(
    direct: Direct, store: Store, process: RealSidekiq, memory: WorkMemory
) -> tuple[WorkMemory, LostProcess]:
    """Wait until its hash has expired, whose life the test shortens; what was lost."""
    if not IS_SOAK:
        for key in (KEYS.process(process.identity), KEYS.old_work(process.identity)):
            direct("PEXPIRE", key, 1)
    name = KEYS.process(process.identity)
    eventually(lambda: not direct("EXISTS", name), "it expires", patience_s=90)
    memory = work_memory.fed(memory, store.run(work_memory.look(KEYS, memory)))
    [gone] = rescue.lost(memory)
    return memory, gone


def all_at_once(redis_url: str, gone: LostProcess) -> list[ActionRecord]:
    """Several operators put back what was lost, at once. Returns the records of all."""
    start = threading.Barrier(OPERATORS)
    records = [trail("rescue") for _ in range(OPERATORS)]
    done: list[int] = []

    def act(record: ActionRecord) -> None:
        with Store(redis_url) as own:
            start.wait()
            done.append(own.run(rescue.put_back(KEYS, gone.jobs, record)).done)

    threads = [threading.Thread(target=act, args=(record,)) for record in records]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(done) == len(gone.jobs)
    return records


def test_what_it_lost_is_put_back_once_by_many_and_run_once(
    direct: Direct, redis_url: str, store: Store, start_sidekiq: StartSidekiq
) -> None:
    process = start_sidekiq()
    jids = [process.push("Hold", number) for number in range(2)]
    memory = WorkMemory()

    def is_remembered() -> bool:
        nonlocal memory
        memory = work_memory.fed(memory, store.run(work_memory.look(KEYS, memory)))
        return len(memory.processes[process.identity].work) == 2

    eventually(is_remembered, "its work is seen")
    process.send(signal.SIGKILL)
    # Its hash tells nothing of that yet: nobody may take its jobs.
    is_remembered()
    assert rescue.lost(memory) == ()
    memory, gone = crashed(direct, store, process, memory)
    assert gone.fate == "crashed"
    assert sorted(str(each.job.jid) for each in gone.jobs) == sorted(jids)
    assert {each.queue for each in gone.jobs} == {"default"}
    search = LostJobSearch(KEYS, gone.jobs)
    store.run(search.run())
    assert all(search.of(job).is_nowhere for job in gone.jobs)
    wanted = Counter(each.job.raw for each in gone.jobs)
    for _ in range(ROUNDS):
        records = all_at_once(redis_url, gone)
        assert Counter(direct("LRANGE", "queue:default", 0, -1)) == wanted
        assert sum(taken_back(store, record).done for record in records) == 2
        assert direct("EXISTS", "queue:default") == 0
    all_at_once(redis_url, gone)
    search = LostJobSearch(KEYS, gone.jobs)
    store.run(search.run())
    assert {search.of(job).found for job in gone.jobs} == {(JobPlace("queue", "default"),)}
    direct("SET", "own:go", 1)
    start_sidekiq()
    eventually(lambda: direct("LLEN", "own:ran") >= 2, "another process runs them")
    assert store.run(rescue.put_back(KEYS, gone.jobs)).gone == 2
    assert direct("EXISTS", "queue:default") == 0
    ran = [json.loads(each)[1] for each in direct("LRANGE", "own:ran", 0, -1)]
    assert sorted(ran) == sorted(jids)
    began = Counter(json.loads(each)[1] for each in direct("LRANGE", "own:began", 0, -1))
    assert began == dict.fromkeys(jids, 2)
