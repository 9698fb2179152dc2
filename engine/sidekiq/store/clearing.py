"""Clearing queues, taking off the names of empty ones, and emptying sets of jobs: what was there at
the preview goes, what came since stays."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from queuecore import windows
from queuecore.action_record import DEFAULT_UNDO_BYTES, ActionRecord, recorded
from queuecore.bulk import Result
from queuecore.errors import StoreError
from queuecore.exchange import Arg, Exchange, Reply, Steps
from queuecore.keys import name_bytes
from queuecore.values import Any, replace
from queuecore.windows import Extent
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.scripts import load_script

_FORGET = load_script("forget_queue")
_DIGESTS = load_script("digests")
_DROP = load_script("drop_entries")

#: Entries, and about how many bytes of them, that one script looks at.
_READ_ENTRIES: Final = 500
_DROP_ENTRIES: Final = 200
_LOOKED_AT: Final = 1000
_SCRIPT_BYTES: Final = 1 << 20
_DIGEST_BYTES: Final = 20


def extent(keys: SidekiqKeys, queue: str) -> Exchange[Extent]:
    """What is in a queue now, for a clear to come. One round trip, O(1)."""
    return windows.extent(keys.queue(queue), newest="head")


def clear(
    keys: SidekiqKeys, queue: str, seen: Extent, record: ActionRecord | None = None
) -> Exchange[int | None]:
    """Delete the jobs that were in a queue when `seen` was read, and its name when no other has
    come. Returns how many; None when the queue changed so much that they cannot be told from
    others: then nothing is deleted. What a process gave back to the front of the queue meanwhile,
    in the place of what was taken there, counts as seen. One round trip, O(places looked at +
    newcomers).
    (Source: Queue#clear.)"""
    key = keys.queue(queue)
    if record is not None:
        # Its undo puts the jobs back from there.
        record = replace(record, source=key)
    return windows.clear_to(keys, key, seen, record=record, remove_queue=queue, newest="head")


Forgotten = Literal["forgotten", "no such queue", "not empty"]
"""What came of taking a queue's name off the set of queues; what is not empty stays."""


def forget(
    keys: SidekiqKeys, queue: str, record: ActionRecord | None = None
) -> Exchange[Forgotten]:
    """Take the name of an empty queue off the set of queues. One round trip, O(1)."""
    answers: dict[int, Forgotten] = {1: "forgotten", 0: "no such queue", -1: "not empty"}
    touched = [keys.queues(), keys.queue(queue)]
    return recorded(
        _FORGET, keys, record, touched, [name_bytes(queue)], lambda reply: answers[reply]
    )


class SetExtent:
    """What was in a set of jobs when it was gone through: each entry by its score and SHA-1, in 28
    bytes. `size_bytes` is how large they are together."""

    def __init__(self, name: SetName) -> None:
        self.name: SetName = name
        self.size_bytes = 0
        self._scores = array("d")
        self._digests = bytearray()

    def __len__(self) -> int:
        return len(self._scores)

    def add(self, score: float, size: int, sha: str) -> None:
        """Add an entry; those with the highest scores come first."""
        self._scores.append(score)
        self._digests += bytes.fromhex(sha)
        self.size_bytes += size

    def parts(self) -> Iterator[tuple[int, float, float, list[str]]]:
        """The entries, some at a time: where these begin, their highest and their lowest score,
        and the SHA-1 of each."""
        for first in range(0, len(self), _DROP_ENTRIES):
            scores = self._scores[first : first + _DROP_ENTRIES]
            places = range(first, first + len(scores))
            yield first, scores[0], scores[-1], [self._sha(place) for place in places]

    def _sha(self, place: int) -> str:
        start = _DIGEST_BYTES * place
        return self._digests[start : start + _DIGEST_BYTES].hex()


def set_extent(keys: SidekiqKeys, name: SetName) -> Steps[SetExtent]:
    """Go through a set of jobs, for emptying it later. What comes meanwhile may be missed, and what
    is missed stays. A round trip for each 500 entries or each MiB."""
    seen = SetExtent(name)
    highest, skip, size = b"+inf", 0, 0
    while True:
        args: list[Arg] = [highest, skip, _READ_ENTRIES, _SCRIPT_BYTES]
        step = _DIGESTS.read([keys.jobs(name)], args, tuple)
        flat: list[Any]
        size, flat = yield replace(step, progress=(len(seen), max(size, len(seen))))
        if not flat:
            return seen
        for score, bytes_, sha in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            seen.add(float(score), bytes_, sha.decode())
        same = flat[::3].count(flat[-3])
        # In all of them the score is one: those that were left out have it, too.
        highest, skip = flat[-3], same + (skip if flat[-3] == highest else 0)


def empty(
    keys: SidekiqKeys,
    seen: SetExtent,
    record: ActionRecord | None = None,
    *,
    undo_bytes: int = DEFAULT_UNDO_BYTES,
) -> Steps[Result]:
    """Delete the entries of a set that were there when it was gone through; `gone` are those that
    were taken or moved since. It cannot be undone where they are larger than `undo_bytes`. A round
    trip for each 200 entries, more where thousands of others share their score."""
    if record is not None and seen.size_bytes > undo_bytes:
        record = replace(record, undo_s=0)
    result = Result()
    try:
        for first, highest, lowest, shas in seen.parts():
            done = yield from _drop(
                keys, seen.name, (_score(highest), _score(lowest)), shas, record, (first, len(seen))
            )
            result = result.plus(done, len(shas) - done)
    except StoreError as error:
        return replace(result, stopped=error)
    return result


def _drop(
    keys: SidekiqKeys,
    name: SetName,
    scores: tuple[str, str],
    shas: Sequence[str],
    record: ActionRecord | None,
    progress: tuple[int, int],
) -> Steps[int]:
    """Delete entries that have one of these scores or one between them. Returns how many."""
    deleted = skip = 0
    is_again = False
    while True:
        args: list[Arg] = [*scores, skip, _LOOKED_AT, _SCRIPT_BYTES, *shas]
        step = recorded(_DROP, keys, record, [keys.jobs(name)], args, _numbers)
        done: int
        done, skip, is_over = yield replace(step, progress=progress)
        deleted += done
        if not is_over:
            is_again = True
        elif is_again and deleted < len(shas):
            # Others left meanwhile: what was behind them may have been left out.
            is_again, skip = False, 0
        else:
            return deleted


def _numbers(reply: Reply) -> tuple[int, int, int]:
    done, skip, is_over = reply
    return done, skip, is_over


def _score(score: float) -> str:
    """A score as Redis reads it."""
    return repr(score)
