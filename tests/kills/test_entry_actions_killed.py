"""Actions on Sidekiq's retries and their undo are killed at random, or raced by a second operator,
while a poller and a worker take from the same set and queue: each job is in one place."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from tests.support.direct import Direct
from tests.support.operator_process import Death, OperatorProcess
from tests.support.sidekiq_jobs import KEYS, failed_job, fill_set
from tests.support.soak import TIMEOUT_S, either

from queuecore.address import parse_url
from queuecore.windows import sha_of
from sidekiq.store.entry_search import EntryRef

JOBS = either(900, 6000)
SEEDS = range(either(1, 12))
KILLS = either(3, 8)
LONGEST_DELAY_S = 0.004
RETRY, DEAD, QUEUE = KEYS.jobs("retry"), KEYS.jobs("dead"), KEYS.queue("default")


def number(raw: bytes) -> int:
    found: int = json.loads(raw)["args"][0]
    return found


class Takers:
    """A poller that takes the retries that are due first, as Sidekiq's does, and a worker; they
    keep book. Nothing is compared between what they took and their book."""

    def __init__(self, path: str, chance: Random) -> None:
        self.taken: list[bytes] = []
        self._path, self._chance = path, chance
        self._lock, self._has_ended = threading.Lock(), threading.Event()

    @contextmanager
    def working(self) -> Iterator[None]:
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._has_ended.set()
            thread.join()

    def _work(self) -> None:
        with Direct(self._path) as direct:
            while not self._has_ended.wait(self._chance.random() * 0.004):
                if len(self.taken) > JOBS // 3:
                    continue
                with self._lock:
                    for raw in direct("ZRANGE", RETRY, 0, 1):
                        self.taken += [raw] * direct("ZREM", RETRY, raw)
                    self.taken += direct("RPOP", QUEUE, 2) or []

    def check(self, direct: Direct) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Every job is once in a set, in the queue, or taken. Returns what is in each."""
        with self._lock:
            direct("MULTI")
            direct("ZRANGE", RETRY, 0, -1)
            direct("ZRANGE", DEAD, 0, -1)
            direct("LRANGE", QUEUE, 0, -1)
            retries, deaths, waiting = direct("EXEC")
            everywhere = Counter(map(number, [*retries, *deaths, *waiting, *self.taken]))
        assert everywhere == Counter(range(JOBS))
        return retries, deaths, waiting


def refs_of(direct: Direct) -> list[EntryRef]:
    """What names those retries that are to be acted on: two of three."""
    flat = direct("ZRANGE", RETRY, 0, -1, "WITHSCORES")
    entries = zip(flat[::2], flat[1::2], strict=True)
    return [EntryRef(float(score), sha_of(raw)) for raw, score in entries if number(raw) % 3]


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("act", ["run", "kill"])
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_each_job_is_in_one_place_and_comes_back_once(
    direct: Direct, redis_url: str, operators: list[OperatorProcess], act: str, seed: int
) -> None:
    chance = Random(f"{act} {seed}")
    path = parse_url(redis_url).path
    assert path is not None
    # A third shares one score.
    entries = {failed_job(at): 5.0 if at % 3 == 1 else 6.0 + at / 8 for at in range(JOBS)}
    fill_set(direct, RETRY, entries)
    takers, operations, killed, done = Takers(path, chance), list[str](), 0, 0

    def death() -> Death:
        return Death(chance.randrange(2, 30), chance.random() * LONGEST_DELAY_S)

    with takers.working():
        for turn in range(KILLS):
            operations += [f"one {turn}", f"two {turn}"]
            refs = refs_of(direct)
            for operator, operation in zip(operators, operations[-2:], strict=False):
                operator.take_entries(act, refs, operation, death())
            for operator in operators[:2]:
                killed += operator.answer(lambda: takers.check(direct)) is None
        operations.append("last")
        operators[0].take_entries(act, refs_of(direct), "last")
        assert operators[0].answer(lambda: takers.check(direct)) is not None
        takers.check(direct)
        assert refs_of(direct) == []
        # What was done, is known of each operation, also of those that were killed.
        counts = [direct("HGET", KEYS.undo(operation), "done") for operation in operations]
        done = sum(int(count or 0) for count in counts)
        for operation in operations:
            for operator in operators[:2]:
                operator.undo(operation, death(), is_of_sidekiq=True)
            for operator in operators[:2]:
                killed += operator.answer(lambda: takers.check(direct)) is None
            operators[2].undo(operation, is_of_sidekiq=True)
            assert operators[2].answer(lambda: takers.check(direct)) is not None
    assert killed >= 1
    retries, deaths, waiting = takers.check(direct)
    assert deaths == []
    # All that was pushed was taken back, or by the worker.
    assert waiting == []
    assert {raw: entries[raw] for raw in retries} == {
        raw: float(direct("ZSCORE", RETRY, raw)) for raw in retries
    }
    undone = sum(int(direct("HGET", KEYS.undo(each), "undone") or 0) for each in operations)
    assert undone + len(takers.taken) >= done
