"""Books about numbered jobs that operators, workers and producers move about: where each is."""

from __future__ import annotations

import re
import threading
from collections import Counter
from random import Random
from types import TracebackType
from typing import Final, Self

from tests.support.delayed_jobs import MOMENTS
from tests.support.direct import Direct
from tests.support.operations import FAILED, KEYS, QUEUE, entry, fill

from queuecore import bulk, windows
from queuecore.bulk import JobRef
from queuecore.stores import Store
from queuecore.windows import Item

TARGET: Final = "resque:queue:r"
#: Two moments with delayed jobs.
SOON, LATER = 1_900_000_000, 1_900_000_060
TAKEN: Final = "own:taken"
PUSHED: Final = "own:pushed"
#: All lists there are, at one instant.
_LISTS: Final = """
local lists = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if redis.call('TYPE', key).ok == 'list' then
    lists[#lists + 1] = {key, redis.call('LRANGE', key, 0, -1)}
  end
end
return lists
"""
#: Lets the jobs of a list be known to be delayed until a moment, as Ruby does.
_PARK: Final = """
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[1])
for _, job in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  redis.call('SADD', ARGV[2] .. job, 'delayed:' .. ARGV[1])
end
"""
_NUMBER: Final = re.compile(rb'"args":\[(\d+)')


def payload(number: int) -> bytes:
    return b'{"class":"A","args":[%d],"own":1.50}' % number


def numbers(jobs: list[bytes]) -> list[int]:
    """The numbers of jobs or failures."""
    found = [_NUMBER.search(job) for job in jobs]
    return [int(match[1]) for match in found if match]


class Books:
    """Jobs in one list, some of which are meant by an action: `requeue` takes failures and puts
    their jobs on a queue, `move` and `delete` take jobs of a queue; `run` takes those of a moment,
    and `delay` puts them off to another one. `target` is the list to which jobs go."""

    def __init__(self, direct: Direct, act: str, count: int, meant: int, chance: Random) -> None:
        self._direct = direct
        self._act = act
        self.is_delayed = act in ("run", "delay")
        moments = [KEYS.delayed(str(at)).decode() for at in (SOON, LATER)]
        self.source = moments[0] if self.is_delayed else FAILED if act == "requeue" else QUEUE
        self.target = moments[1] if act == "delay" else TARGET
        self.items = [self.item(number) for number in range(count)]
        self.places = sorted(chance.sample(range(count), meant))
        self._operations: list[str] = []
        direct("FLUSHALL")
        fill(direct, self.items, self.source)
        if self.is_delayed:
            direct("EVAL", _PARK, 2, self.source, MOMENTS, SOON, KEYS.delayed_stamps(b""))

    def item(self, number: int) -> bytes:
        if self.is_delayed:
            return b'{"class":"A","args":[%d],"queue":"r"}' % number
        job = payload(number)
        return entry(number, job, "r") if self._act == "requeue" else job

    def pushed(self, number: int) -> bytes:
        """What of a job is in the target."""
        if self._act == "run":
            return b'{"class":"A","args":[%d]}' % number
        return self.item(number) if self._act == "delay" else payload(number)

    def refs(self) -> list[JobRef]:
        """The jobs that are meant, as a console saw them at first."""
        return [JobRef(place, windows.whole(self.items[place]).sha) for place in self.places]

    def refs_now(self, store: Store) -> list[JobRef]:
        """The jobs that are meant and are still there, as a command finds them now."""
        meant = {windows.whole(self.items[place]).sha for place in self.places}

        def choose(item: Item, place: int) -> JobRef | None:
            return JobRef(place, item.sha) if item.sha in meant else None

        return store.run(bulk.scan(self.source.encode(), choose))

    def operation(self) -> str:
        """An id for one more action."""
        self._operations.append(f"operation{len(self._operations)}")
        return self._operations[-1]

    def operations(self) -> list[str]:
        """The actions, the last first, as they are undone."""
        return self._operations[::-1]

    def lists(self) -> dict[str, list[bytes]]:
        """All lists at this instant. Where anything is deleted, what undos hold is the list
        `deleted`; else that is a second copy, and left out."""
        lists = {key.decode(): items for key, items in self._direct("EVAL", _LISTS, 0)}
        memories = [lists.pop(KEYS.undo_items(each).decode(), []) for each in self._operations]
        if self._act == "delete":
            known = set(self.items)
            lists["deleted"] = [each for memory in memories for each in memory if each in known]
        return lists

    def check(self) -> dict[str, list[bytes]]:
        """Each job is in exactly one place at this instant, and its bytes are as they were.
        Returns the lists."""
        lists = self.lists()
        pushed = numbers(lists.get(PUSHED, []))
        places = {key: items for key, items in lists.items() if key != PUSHED}
        assert places.keys() <= {self.source, self.target, TAKEN, "deleted"}
        if self.is_delayed:
            self._check_moments()
        seen = [number for items in places.values() for number in numbers(items)]
        assert Counter(seen) == Counter([*range(len(self.items)), *pushed])
        for key in (self.source, "deleted"):
            assert set(places.get(key, [])) <= {*self.items, *lists.get(PUSHED, [])}
        assert set(places.get(self.target, [])) <= set(map(self.pushed, range(len(self.items))))
        return lists

    def _check_moments(self) -> None:
        """A moment with jobs is in the schedule."""
        for at in (SOON, LATER):
            self._direct("MULTI")
            self._direct("EXISTS", KEYS.delayed(str(at)))
            self._direct("ZSCORE", MOMENTS, at)
            has_jobs, score = self._direct("EXEC")
            assert score is not None or not has_jobs

    def check_all_was_done(self) -> dict[str, list[bytes]]:
        """What was meant has left the list; the others are in their order, newcomers behind them.
        Returns the lists."""
        lists = self.check()
        away = set(numbers(lists.get(TAKEN, [])))
        meant = set(self.places)
        items = self.items + lists.get(PUSHED, [])
        stay = [item for item in items if numbers([item])[0] not in away | meant]
        assert lists.get(self.source, []) == stay
        return lists

    def check_all_was_undone(self) -> None:
        """Nothing is left on the queue or with an undo, and what was never meant is in its order;
        if there were no others, the list is as it was."""
        lists = self.check()
        assert lists.get(self.target, []) + lists.get("deleted", []) == []
        taken, pushed = lists.get(TAKEN, []), lists.get(PUSHED, [])
        if not taken and not pushed:
            assert lists[self.source] == self.items
        away = {*numbers(taken), *self.places}
        others = [number for number in numbers(self.items + pushed) if number not in away]
        found = [number for number in numbers(lists.get(self.source, [])) if number not in away]
        assert found == others


class Traffic:
    """Eight workers that take jobs from the queues, and a producer that pushes onto the list, until
    they have done enough or it is left: a context manager."""

    def __init__(self, books: Books, path: str, chance: Random, *, most: int) -> None:
        self._books = books
        self._path = path
        self._chance = chance
        self._most = most
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._problem: BaseException | None = None

    def _run(self) -> None:
        workers = [Direct(self._path) for _ in range(8)]
        queues = sorted({self._books.source, self._books.target} - {FAILED})
        number = len(self._books.items)
        try:
            for _ in range(self._most):
                if self._is_over.wait(self._chance.random() * 0.002):
                    break
                worker = self._chance.choice(workers)
                if self._chance.random() < 0.6:
                    # As LPOP, with a book of what was taken that is right at every instant.
                    worker("LMOVE", self._chance.choice(queues), TAKEN, "LEFT", "RIGHT")
                else:
                    worker("MULTI")
                    for key in (self._books.source, PUSHED):
                        worker("RPUSH", key, self._books.item(number))
                    if self._books.is_delayed:
                        worker("ZADD", MOMENTS, SOON, SOON)
                    worker("EXEC")
                    number += 1
        except BaseException as problem:
            self._problem = problem
        finally:
            for worker in workers:
                worker.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        if self._problem is not None:
            raise self._problem
