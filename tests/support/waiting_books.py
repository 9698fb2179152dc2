"""Books about numbered jobs of one of Sidekiq's queues that operators, workers and clients move
about: where each is, and what its bytes are."""

from __future__ import annotations

import re
import threading
from collections import Counter
from random import Random
from types import TracebackType
from typing import Final, Self

from tests.support.direct import Direct
from tests.support.sidekiq_jobs import KEYS, fill_queue, job

from queuecore import windows
from queuecore.bulk import JobRef
from queuecore.keys import turn, turn_apart
from queuecore.stores import Store
from queuecore.windows import Item, sha_of
from sidekiq.store import waiting_jobs

QUEUE: Final = "default"
TARGET: Final = "other"
SOURCE: Final = KEYS.queue(QUEUE)
#: Lists of the test's own: what workers took, what one of these gave back, what clients pushed.
_TAKEN, _GIVEN, _PUSHED = b"own:taken", b"own:given", b"own:pushed"
_NUMBER: Final = re.compile(rb'"args":\[(\d+)')


def edited(raw: bytes) -> bytes:
    """What an operator makes of a job: as large as before."""
    return raw.replace(b'"HardJob"', b'"Edited!"')


def moved(raw: bytes) -> bytes:
    """A job as it is in the other queue."""
    return raw.replace(b'"queue":"default"', b'"queue":"other"')


def numbers(jobs: list[bytes]) -> list[int]:
    """The numbers of jobs, of what has one."""
    return [int(match[1]) for match in map(_NUMBER.search, jobs) if match]


class WaitingBooks:
    """A queue of `count` jobs, some of which an action means: `delete`, `move` to another queue, or
    `edit` in their places. Lists are read the next job first."""

    def __init__(self, direct: Direct, act: str, count: int, meant: int, chance: Random) -> None:
        self._direct, self.act = direct, act
        self.items = list(map(job, range(count)))
        self.places = sorted(chance.sample(range(count), meant))
        self._operations: list[str] = []
        direct("FLUSHALL")
        fill_queue(direct, QUEUE, self.items)

    def refs(self) -> list[JobRef]:
        """The jobs that are meant, as a console saw them at first."""
        return [JobRef(place, sha_of(self.items[place])) for place in self.places]

    def refs_now(self, store: Store) -> list[JobRef]:
        """The jobs that are meant and wait as they were, as a command finds them now."""
        meant = {sha_of(self.items[place]) for place in self.places}
        seen = store.run(waiting_jobs.stretch(SOURCE, 0, 10**6))
        items: list[Item] = [windows.read_item(each) for each in seen.replies]
        return [JobRef(at, item.sha) for at, item in enumerate(items) if item.sha in meant]

    def operation(self) -> str:
        """An id for one more action."""
        self._operations.append(f"operation{len(self._operations)}")
        return self._operations[-1]

    def operations(self) -> list[str]:
        """The actions, the last first, as they are undone."""
        return self._operations[::-1]

    def is_turned(self) -> bool:
        """Whether the queue is turned, as far as a key says so."""
        return bool(self._direct("EXISTS", turn(SOURCE), turn_apart(SOURCE)))

    def check(self) -> dict[bytes, list[bytes]]:
        """Each job is in exactly one place at this instant, its bytes as they were or as the action
        makes them. Returns the lists, of what is deleted as well."""
        self._direct("MULTI")
        keys = SOURCE, KEYS.queue(TARGET), _TAKEN, _GIVEN, _PUSHED, turn_apart(SOURCE)
        for key in (*keys, *map(KEYS.undo_items, self._operations)):
            self._direct("LRANGE", key, 0, -1)
        found = self._direct("EXEC")
        lists = {key: items[::-1] for key, items in zip(keys, found, strict=False)}
        known = {*self.items, *lists[_PUSHED]}
        # What an undo holds is a second copy, but of what is deleted.
        memories = found[len(keys) :] if self.act == "delete" else []
        lists[b"deleted"] = [each for memory in memories for each in memory if each in known]
        assert lists[turn_apart(SOURCE)] == []
        places = SOURCE, KEYS.queue(TARGET), _TAKEN, b"deleted"
        seen = [number for key in places for number in numbers(lists[key])]
        assert Counter(seen) == Counter(numbers([*self.items, *lists[_PUSHED]]))
        changed = {self.items[place] for place in self.places}
        edits = set(map(edited, changed)) if self.act == "edit" else set()
        others = set(map(moved, changed)) if self.act == "move" else set()
        assert set(lists[SOURCE]) <= known | edits
        assert set(lists[KEYS.queue(TARGET)]) <= others
        assert set(lists[_TAKEN]) <= known | edits | others
        return lists

    def check_all_was_done(self) -> list[int]:
        """No job that was meant waits as it was, but for one that was not there when the last
        action began; all others are in their order, newcomers behind them, and what was edited is
        in its place. Returns the numbers of what was moved."""
        lists = self.check()
        meant = {self.items[place] for place in self.places}
        assert meant & set(lists[SOURCE]) <= set(lists[_GIVEN])
        away = set() if self.act == "edit" else set(self.places)
        self._check_order(lists, away)
        assert not self.is_turned()
        return numbers(lists[KEYS.queue(TARGET)])

    def check_all_was_undone(self) -> None:
        """Nothing is changed any more, or kept for an undo, but for what a worker had meanwhile and
        gave back; what was never meant is in its order; if there were no others, the queue is as it
        was."""
        lists = self.check()
        pushed, taken, given = lists[_PUSHED], lists[_TAKEN], set(lists[_GIVEN])
        assert lists[b"deleted"] == []
        assert set(lists[KEYS.queue(TARGET)]) <= given
        assert set(lists[SOURCE]) <= {*self.items, *pushed, *given}
        if not pushed and not taken and not given:
            assert lists[SOURCE] == self.items
        self._check_order(lists, set() if self.act == "edit" else set(self.places))
        assert not self.is_turned()

    def _check_order(self, lists: dict[bytes, list[bytes]], away: set[int]) -> None:
        """What waits, but for some and for what a worker gave back, is in its order."""
        left_out = {*away, *numbers(lists[_TAKEN]), *numbers(lists[_GIVEN])}
        everything = numbers(self.items) + sorted(numbers(lists[_PUSHED]))
        stay = [number for number in everything if number not in left_out]
        assert [each for each in numbers(lists[SOURCE]) if each not in left_out] == stay


class QueueTraffic:
    """Workers that take jobs from the tails of the queues as Sidekiq's do (BRPOP; here with a book
    that is right at every instant), one that gives jobs back as a process that is quit, and clients
    that push at the head: until they have done enough or it is left. A context manager."""

    def __init__(self, books: WaitingBooks, path: str, chance: Random, *, most: int) -> None:
        self._path, self._chance, self._most = path, chance, most
        self._next = len(books.items)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._problem: BaseException | None = None

    def _run(self) -> None:
        try:
            with Direct(self._path) as direct:
                for _ in range(self._most):
                    if self._is_over.wait(self._chance.random() * 0.002):
                        break
                    self._act(direct)
        except BaseException as problem:
            self._problem = problem

    def _act(self, direct: Direct) -> None:
        kind = self._chance.random()
        if kind < 0.5:
            queue = KEYS.queue(self._chance.choice((QUEUE, TARGET)))
            direct("BLMOVE", queue, _TAKEN, "RIGHT", "LEFT", "0.001")
        elif kind < 0.55:
            self._give_back(direct)
        else:
            new = job(self._next)
            self._next += 1
            direct("MULTI")
            direct("LPUSH", SOURCE, new)
            direct("LPUSH", _PUSHED, new)
            direct("EXEC")

    def _give_back(self, direct: Direct) -> None:
        """As Sidekiq::BasicFetch#bulk_requeue: to the tail of its queue."""
        found = direct("LRANGE", _TAKEN, 0, 0)
        if not found:
            return
        queue = TARGET if b'"queue":"other"' in found[0] else QUEUE
        direct("MULTI")
        direct("LMOVE", _TAKEN, KEYS.queue(queue), "LEFT", "RIGHT")
        direct("LPUSH", _GIVEN, found[0])
        direct("EXEC")

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
