"""Delayed jobs, kept as resque-scheduler keeps them.

A job is delayed until a moment, in epoch seconds. Each moment has a list of jobs
(`{"class":...,"args":...,"queue":...}`), each job (by its bytes) a set of its moments, and one
sorted set knows all moments. A job's identity is its moment and its bytes, never its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from queuecore import windows
from queuecore.exchange import Exchange, Reply, Steps, raise_all_but, single
from queuecore.keys import name_bytes, name_text
from queuecore.values import value
from queuecore.windows import Item
from resque.codec import decode, encode, encode_job
from resque.errors import NoClassError, NoQueueError, WrongType
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import queues

_DELAY = load_script("delay")
_REMOVE = load_script("delayed_remove")
_EVERYWHERE = load_script("delayed_everywhere")

#: Delayed jobs that cannot be moved to a queue are kept in `unreadable:delayed`.
ASIDE = "delayed"
#: Moments looked at in one round trip.
_PAGE = 1000
#: Moments from which a job is deleted in one script.
_REMOVE_PAGE = 100


# ---- delaying


def entry(queue: str, class_name: str, args: Sequence[Any]) -> bytes:
    """A delayed job's bytes. Raises NoQueueError, NoClassError, EncodeError."""
    if not queue:
        raise NoQueueError("a delayed job needs a queue: its name is empty")
    if not class_name:
        raise NoClassError("a delayed job needs a class: its name is empty")
    return encode({"class": class_name, "args": list(args), "queue": queue})


def schedule(
    keys: Keys, at: float, queue: str, class_name: str, args: Sequence[Any]
) -> Exchange[int]:
    """Delay a job until `at` (epoch; fractions of a second are cut off, as in Ruby), even if that
    is past. Returns how many jobs are delayed until then. One round trip, atomic."""
    raw, stamp = entry(queue, class_name, args), str(int(at))
    return _DELAY.write(
        [keys.delayed(stamp), keys.delayed_stamps(raw), keys.delayed_schedule()],
        [raw, keys.delayed_member(stamp), stamp],
        int,
    )


def enqueue_at(
    keys: Keys, at: float, queue: str, class_name: str, args: Sequence[Any], *, now: float
) -> Exchange[bool]:
    """Delay a job until `at`; one whose moment has come goes straight to its queue. Returns
    whether it was delayed. `now` is the epoch. One round trip. (Ruby: enqueue_at_with_queue.)"""
    if int(at) > int(now):
        return schedule(keys, at, queue, class_name, args).then(lambda _: True)
    entry(queue, class_name, args)  # for what it raises
    return queues.push(keys, queue, [encode_job(class_name, list(args))]).then(lambda _: False)


def delay_or_enqueue_at(
    keys: Keys, at: float, queue: str, class_name: str, args: Sequence[Any], *, now: float
) -> Steps[int]:
    """Delay every delayed job equal to this one until `at` instead; without any, delay this one.
    Returns how many. As in Ruby several steps. O(jobs of the moments it was delayed until)."""
    removed: int = yield from remove(keys, entry(queue, class_name, args))
    for _ in range(max(1, removed)):
        yield enqueue_at(keys, at, queue, class_name, args, now=now)
    return max(1, removed)


# ---- looking


@value
class DelayedJob:
    """One delayed job as far as it can be read. `item` are its bytes and identity, `place` where
    it was seen, counted from the end of the list. `problem` says in words why it is unreadable."""

    item: Item
    place: int
    class_name: str | None = None
    args: Any = None
    queue: str | None = None
    problem: str | None = None


def read(item: Item, place: int) -> DelayedJob:
    """Read a delayed job written by any implementation; never raises."""
    if item.is_cut:
        return DelayedJob(item, place, problem=f"too large to list ({item.size:,} bytes)")
    try:
        value = decode(item.raw)
    except ValueError as error:
        return DelayedJob(item, place, problem=str(error))
    if not isinstance(value, dict):
        return DelayedJob(item, place, problem="not a JSON object")
    name, queue = value.get("class"), value.get("queue")
    return DelayedJob(
        item,
        place,
        name if isinstance(name, str) else None,
        value.get("args"),
        queue if isinstance(queue, str) else None,
    )


def stamps(reply: list[bytes]) -> list[tuple[str, float]]:
    """The flat reply of a range WITHSCORES as members and scores."""
    return [(name_text(m), float(s)) for m, s in zip(reply[::2], reply[1::2], strict=True)]


def _sizes(keys: Keys, of: Sequence[str]) -> Exchange[list[int]]:
    """How many jobs each moment has; one whose key is no list has none."""

    def parse(replies: list[Reply]) -> list[int]:
        raise_all_but(WrongType, replies)
        return [0 if isinstance(each, WrongType) else each for each in replies]

    return Exchange(tuple(("LLEN", keys.delayed(stamp)) for stamp in of), parse, tolerant=True)


def jobs(
    keys: Keys, stamp: str, start: int, count: int, *, max_bytes: int = 65_536
) -> Exchange[tuple[int, list[DelayedJob]]]:
    """How many jobs are delayed until a moment, and those from place `start`, at most `count`;
    longer ones come cut. One round trip, O(start + count)."""

    def parse(seen: windows.Window) -> tuple[int, list[DelayedJob]]:
        end = start - seen.length
        return seen.length, [read(item, end + i) for i, item in enumerate(seen.items)]

    key = keys.delayed(stamp)
    return windows.window(key, start, start + count - 1, max_bytes=max_bytes).then(parse)


def scheduled_at(keys: Keys, raw: bytes) -> Exchange[list[int]]:
    """The moments until which a job is delayed, by its bytes. One round trip, O(moments of it).
    (Ruby: scheduled_at.)"""

    def parse(reply: list[bytes]) -> list[int]:
        found = (name_text(member).rpartition(":")[2] for member in reply)
        return sorted(int(stamp) for stamp in found if stamp.isdecimal())

    return single(("SMEMBERS", keys.delayed_stamps(raw)), parse)


def count(keys: Keys) -> Steps[int]:
    """How many jobs are delayed. A round trip or two for each 1,000 moments."""
    total = skip = 0
    while True:
        page: list[bytes] = yield single(
            ("ZRANGEBYSCORE", keys.delayed_schedule(), "-inf", "+inf", "LIMIT", skip, _PAGE),
            lambda reply: reply,
        )
        if page:
            total += sum((yield _sizes(keys, [name_text(stamp) for stamp in page])))
        if len(page) < _PAGE:
            return total
        skip += _PAGE


# ---- one job, by identity


def remove(keys: Keys, raw: bytes) -> Steps[int]:
    """Delete a job from all moments, by its bytes. Returns how many. Two round trips, one more for
    each 100 moments; O(jobs of those moments). (Ruby: remove_delayed.)"""
    found: list[bytes] = yield single(("SMEMBERS", keys.delayed_stamps(raw)), sorted)
    removed = 0
    for at in range(0, len(found), _REMOVE_PAGE):
        page = found[at : at + _REMOVE_PAGE]
        lists = [keys.delayed(name_text(m.removeprefix(keys.delayed_member("")))) for m in page]
        removed += yield _EVERYWHERE.write([keys.delayed_stamps(raw), *lists], [raw, *page], int)
    return removed


def remove_at(keys: Keys, stamp: str, raw: bytes) -> Exchange[int]:
    """Delete a job from one moment, by its bytes: all that are equal. Returns how many. One round
    trip, O(jobs of the moment). (Ruby: remove_delayed_job_from_timestamp.)"""
    moment = [keys.delayed(stamp), keys.delayed_schedule(), keys.delayed_stamps(raw)]
    return _REMOVE.write(moment, [raw, keys.delayed_member(stamp), name_bytes(stamp)], int)
