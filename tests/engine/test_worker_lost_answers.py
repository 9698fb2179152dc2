"""Answers that get lost: nothing is closed twice, and no job is taken and forgotten."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.proxy import Proxy
from tests.support.worker_claims import TOKEN, claimed

from queuecore import times
from queuecore.address import parse_url
from queuecore.lean import LeanStore
from queuecore.stores import Store
from resque.errors import OutcomeUnknown
from resque.keys import Keys
from resque.store import pruning, stale
from resque.store.claims import Claim
from resque.worker.reserve import Closing, Taken, work

KEYS = Keys()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORKER = "vm:1:default"
CLAIM = Claim(WORKER, TOKEN)


class Losses:
    """Swallows the answer to the next call of a script when `next` is set."""

    def __init__(self) -> None:
        self.next = False

    def __call__(self, command: list[bytes], reply: Any) -> bool:
        is_call = command[0] in (b"EVALSHA", b"EVAL") and not isinstance(reply, Exception)
        if is_call and self.next:
            self.next = False
            return False
        return True


@pytest.fixture
def losses() -> Losses:
    return Losses()


@pytest.fixture
def lossy(redis_url: str, direct: Direct, losses: Losses) -> Iterator[LeanStore]:
    claimed(direct, WORKER)
    path = parse_url(redis_url).path
    assert path is not None
    with Proxy(Path(path), losses) as proxy:
        store = LeanStore(parse_url(proxy.url), timeout_s=10, client_name="t")
        yield store
        store.close()


def call(store: LeanStore, closing: Closing | None, processed: int, *, take: bool = True) -> Taken:
    return store.run(
        work(KEYS, CLAIM, ["default"], closing=closing, processed=processed, take=take, now=NOW)
    )


def twice(losses: Losses, attempt: Callable[[], Taken]) -> Taken:
    """Lose the answer to an attempt, and make it again, as the worker does."""
    losses.next = True
    with pytest.raises(OutcomeUnknown):
        attempt()
    return attempt()


def test_a_repeated_call_returns_the_job_already_taken(
    direct: Direct, push: Push, lossy: LeanStore, losses: Losses
) -> None:
    push("OkJob", 1)
    push("OkJob", 2)
    taken = twice(losses, lambda: call(lossy, None, 0))
    assert taken.record is not None
    assert taken.record.args == [1]
    assert direct("LLEN", "resque:queue:default") == 1


def test_a_repeated_call_closes_nothing_twice(
    direct: Direct, push: Push, lossy: LeanStore, losses: Losses
) -> None:
    for number in range(4):
        push("OkJob", number)
    first = call(lossy, None, 0)
    good = twice(losses, lambda: call(lossy, Closing(), first.processed))
    assert good.record is not None
    assert (good.processed, good.record.args) == (1, [1])

    failed = Closing(b'{"the":"entry"}', counts=True)
    second = twice(losses, lambda: call(lossy, failed, good.processed))
    assert second.record is not None
    assert (second.processed, second.record.args) == (2, [2])

    died = Closing(b'{"another":"entry"}', counts=False)
    last = twice(losses, lambda: call(lossy, died, second.processed, take=False))
    assert (last.processed, last.state) == (3, "none")

    assert direct("GET", "resque:stat:processed") == b"3"
    assert direct("GET", "resque:stat:failed") == b"1"
    assert direct("GET", f"resque:stat:failed:{WORKER}") == b"1"
    assert direct("LRANGE", "resque:failed", 0, -1) == [b'{"the":"entry"}', b'{"another":"entry"}']
    assert direct("EXISTS", f"resque:worker:{WORKER}") == 0
    assert direct("LLEN", "resque:queue:default") == 1


def test_a_worker_that_was_pruned_by_mistake_loses_no_job_to_a_lost_answer(
    direct: Direct, push: Push, lossy: LeanStore, losses: Losses
) -> None:
    for number in range(4):
        push("OkJob", number)
    taken = call(lossy, None, 0)
    for _ in range(2):
        taken = call(lossy, Closing(), taken.processed)
    # Whoever prunes takes the worker's count away, too.
    direct("DEL", f"resque:stat:processed:{WORKER}", f"resque:worker:{WORKER}")
    last = twice(losses, lambda: call(lossy, Closing(), taken.processed))
    assert last.record is not None
    assert last.record.args == [3]
    assert direct("GET", f"resque:worker:{WORKER}") == last.record.raw
    assert direct("GET", "resque:stat:processed") == b"3"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failure_is_recorded_once_when_its_worker_is_pruned_after_the_lost_answer(
    direct: Direct, push: Push, redis_url: str, start_worker: StartWorker, jobs: int
) -> None:
    for number in range(jobs):
        push("FailJob", str(number))
    pruned: list[str] = []

    def prune_with_the_first_failure(command: list[bytes], reply: Any) -> bool:
        if pruned or command[0] != b"EVALSHA" or b'"exception"' not in b"".join(command):
            return True
        with Store(redis_url) as store:
            pruned.append(direct("SRANDMEMBER", "resque:workers").decode())
            [seen] = store.run(stale.evidence(KEYS, pruned))
            assert store.run(pruning.take_off(KEYS, seen, times.wall_now)) != "alive"
        return False

    path = parse_url(redis_url).path
    assert path is not None
    with Proxy(Path(path), prune_with_the_first_failure) as proxy:
        worker = start_worker(url=proxy.url, INTERVAL="0")
        assert worker.wait() == 0
    entries = [json.loads(raw) for raw in direct("LRANGE", "resque:failed", 0, -1)]
    # The call that closed the first job took the second one, which failed when it was pruned.
    assert [entry["payload"]["args"] for entry in entries] == [[str(n)] for n in range(jobs)]
    assert direct("GET", "resque:stat:processed") == b"1"
    assert direct("EXISTS", "resque:workers", "resque:queue:default") == 0


def test_a_worker_on_a_lossy_line_performs_each_job_once(
    direct: Direct, push: Push, redis_url: str, start_worker: StartWorker
) -> None:
    jobs = 24
    for number in range(jobs):
        push("Mark", number)
    calls = 0

    def every_third(command: list[bytes], reply: Any) -> bool:
        nonlocal calls
        # A refusal is not counted: whether the server has a script depends on the tests before.
        is_done = command[0] in (b"EVALSHA", b"EVAL") and not isinstance(reply, Exception)
        calls += is_done
        return not (is_done and calls % 3 == 0)

    path = parse_url(redis_url).path
    assert path is not None
    with Proxy(Path(path), every_third) as proxy:
        worker = start_worker(url=proxy.url, INTERVAL="0")
        assert worker.wait() == 0
    marks = direct("HGETALL", "marks")
    assert sorted(int(number) for number in marks[::2]) == list(range(jobs))
    assert set(marks[1::2]) == {b"1"}
    assert direct("GET", "resque:stat:processed") == b"%d" % jobs
    assert direct("EXISTS", "resque:failed", "resque:workers", "resque:queue:default") == 0


def test_a_term_between_taking_and_starting_a_job_ends_that_job(
    direct: Direct, push: Push, redis_url: str, start_worker: StartWorker
) -> None:
    push("SlowJob", 600)
    pids: list[int] = []

    def term_before_the_answer(command: list[bytes], reply: Any) -> bool:
        if isinstance(reply, list) and len(reply) > 1 and reply[1] == b"job":
            os.kill(pids[0], SIGTERM)
        return True

    path = parse_url(redis_url).path
    assert path is not None
    with Proxy(Path(path), term_before_the_answer) as proxy:
        worker = start_worker(url=proxy.url, INTERVAL="60")
        pids.append(worker.pid)
        assert worker.wait() == 0
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b"SIGKILL (signal 9)" in entry
