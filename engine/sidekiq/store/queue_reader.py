"""The queues, from poll to poll: how deep they are, what was pushed, since when the next job waits,
whether Sidekiq Pro has paused them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from queuecore.cooperative import Slices
from queuecore.exchange import Arg, Command, Reply
from queuecore.fleet import Queue
from queuecore.read_cache import batches, problem_of, rows
from queuecore.values import value
from sidekiq.codec import read_ends, read_job
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_QUEUE_LOOKS = load_script("queue_looks")

#: How many newest jobs are compared to find the one remembered from the poll before.
_REACH: Final = 500
#: A next job is read whole up to here, else both its ends.
_JOB_BYTES: Final = 8_192
#: How long a print is without what says that a job is huge.
_PRINT: Final = 40
#: The clocks of those who push may differ by so much.
_TOLERANCE: Final = timedelta(seconds=10)
#: So many queues are read between two pauses.
_SLICE: Final = 500


@value
class _Seen:
    """A queue at the poll before.

    Attributes:
        newest, next: The prints of those jobs; empty where there is none.
        front: The latest time of a job that was next, by the job; a next one that is older came
            back to the front.
    """

    queue: Queue
    newest: bytes = b""
    next: bytes = b""
    front: datetime | None = None

    def known(self, *, whole: bool) -> tuple[Arg, Arg, Arg]:
        """What the script is told of it; `whole`: so that it looks at its jobs again."""
        if whole:
            return "", self.newest[:_PRINT], self.next[:_PRINT]
        return self.queue.size or "", self.newest, self.next


class SidekiqQueueReader:
    """Asks for the queues and reads the answers, from poll to poll: `ask`, then `read` with the
    answers, in one poll. A queue that is as it was stays the same object."""

    def __init__(self, keys: SidekiqKeys) -> None:
        self._keys = keys
        self._names: list[str] = []
        self._asked: list[Command] = []
        self._seen: dict[str, _Seen] = {}

    def ask(self, names: list[str], *, whole: bool = False) -> list[Command]:
        """What to send; `whole`: also what seems to be unchanged. O(queues)."""
        self._names = names
        self._asked = []
        for part in batches(names):
            args: list[Arg] = [_REACH, _JOB_BYTES]
            for name in part:
                seen = self._seen.get(name)
                args += ("", b"", b"") if seen is None else seen.known(whole=whole)
            self._asked.append(_QUEUE_LOOKS.call(list(map(self._keys.queue, part)), args))
        return self._asked

    def read(
        self, replies: Iterator[Reply], paused: Collection[str] | None, now: datetime
    ) -> Slices[list[Queue]]:
        """The queues, in the order of their names; `replies` are those to `ask`, `paused` the
        queues that are, None where that is unknown, `now` is the server's clock. O(queues)."""
        seen: dict[str, _Seen] = {}
        answers = rows(replies, self._asked, len(self._names))
        for at, (name, answer) in enumerate(zip(self._names, answers, strict=True), 1):
            is_paused = None if paused is None else name in paused
            seen[name] = _look(name, answer, is_paused, self._seen.get(name), now)
            if at % _SLICE == 0:
                yield
        self._seen = seen
        return [each.queue for each in seen.values()]


def _look(
    name: str, answer: Any, is_paused: bool | None, was: _Seen | None, now: datetime
) -> _Seen:
    """What the script answers about one queue."""
    front = None if was is None else was.front
    if isinstance(answer, list):
        length, newest, pushed, following, job = answer
        if was is None or job is not None:
            since = _waiting_since(job)
            is_put_back = since is not None and front is not None and since < front - _TOLERANCE
            if since is not None:
                front = max(min(since, now), front or since)
        else:
            since, is_put_back = was.queue.next_since, was.queue.is_put_back
        found = Queue(
            *(name, length, is_paused, 0, None if pushed < 0 else pushed, None),
            *(since, is_put_back),
        )
        return _Seen(_same(found, was), newest, following, front)
    if isinstance(answer, int) and answer > 0 and was is not None:
        known = was.queue
        found = Queue(
            *(name, answer, is_paused, 0, 0, None, known.next_since, known.is_put_back),
        )
        return _Seen(_same(found, was), was.newest, was.next, front)
    return _Seen(_same(_without_jobs(name, answer, is_paused), was), front=front)


def _without_jobs(name: str, answer: Any, is_paused: bool | None) -> Queue:
    """A queue of which no job can be read."""
    if isinstance(answer, bytes | StoreError):
        return Queue(name, None, is_paused, problem=problem_of(answer))
    if answer != 0:
        problem = "the key holds another kind of value than a list"
        return Queue(name, None, is_paused, problem=problem)
    return Queue(name, 0, is_paused)


def _same(found: Queue, was: _Seen | None) -> Queue:
    return was.queue if was is not None and was.queue == found else found


def _waiting_since(job: bytes | list[Any] | None) -> datetime | None:
    if job is None:
        return None
    record = read_job(job) if isinstance(job, bytes) else read_ends(*job)
    return record.waiting_since
