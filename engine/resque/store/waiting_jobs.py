"""Jobs that wait: the next one of each queue, and samples, by which it shows whether workers will
be able to read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from queuecore.exchange import Command, Exchange, Reply, Steps
from queuecore.read_cache import batches
from queuecore.windows import Item, read_item
from resque.codec import Unreadable, decode_payload
from resque.errors import StoreError
from resque.keys import Keys
from resque.scripts import load_script

#: Longer payloads are left out.
LONGEST_BYTES = 4_096
_NEXT_JOBS = load_script("next_jobs")
_STRETCHES = load_script("stretches")


@dataclass(frozen=True, slots=True)
class NextJobs:
    """The payload that is next, by queue, without those that are empty, of another kind or over
    `LONGEST_BYTES`. `problem` says why some could not be read; None when all could."""

    payloads: Mapping[str, bytes]
    problem: str | None = None


def next_jobs(keys: Keys, queues: Sequence[str]) -> Exchange[NextJobs]:
    """Read the payload that is next in each queue. One round trip, O(queues)."""
    return Exchange(
        ask_next(keys, queues), lambda replies: read_next(queues, replies), tolerant=True
    )


def ask_next(keys: Keys, queues: Sequence[str]) -> tuple[Command, ...]:
    """The commands of `next_jobs`, to be sent with others."""
    return tuple(
        _NEXT_JOBS.call([keys.queue(name) for name in batch], [LONGEST_BYTES])
        for batch in batches(queues)
    )


def read_next(queues: Sequence[str], replies: Iterable[Reply]) -> NextJobs:
    """What the replies to `ask_next` say."""
    found: dict[str, bytes] = {}
    problem: str | None = None
    for batch, items in zip(batches(queues), replies, strict=True):
        if isinstance(items, StoreError):
            problem = str(items)
        else:
            found.update((name, item) for name, item in zip(batch, items, strict=True) if item)
    return NextJobs(found, problem)


#: Of a longer queue so many windows are looked at, from its head to its end.
_WINDOWS = 8
#: How many items of one queue are looked at, at least and at most.
_FEWEST, _MOST = 16, 400
#: Items asked for in one round trip.
_AT_ONCE = 1_000
#: Of a longer item only the beginning is looked at.
_LONGEST_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen of a queue. `length` is None when it could not be read; `unreadable` are those
    items, of `looked_at`, that are no JSON objects, the next one first."""

    queue: str
    length: int | None
    looked_at: int = 0
    unreadable: tuple[Item, ...] = ()


#: A part of a queue: its sample's place among all, the first and the last item.
_Window = tuple[int, int, int]


def sample(keys: Keys, queues: Sequence[str], *, most: int = 20_000) -> Steps[list[Sample]]:
    """Look at items of each queue: at all of a short one, at windows that are spread evenly over a
    long one. Of all together some `most` are looked at, but of each queue at least 16. A round
    trip, and one for each 1,000 items; O(items looked at), and what Redis needs to find a place in
    the middle of a long list."""
    lengths: list[Reply] = yield Exchange(
        tuple(("LLEN", keys.queue(name)) for name in queues), list, tolerant=True
    )
    samples = [
        Sample(name, None if isinstance(length, StoreError) else length)
        for name, length in zip(queues, lengths, strict=True)
    ]
    share = min(_MOST, max(_FEWEST, most // max(1, len(queues))))
    windows = [
        (at, first, last)
        for at, sample in enumerate(samples)
        for first, last in spread(sample.length or 0, share)
    ]
    for _, some in groupby(_numbered(windows), key=lambda each: each[0]):
        batch = [window for _, window in some]
        replies: list[list[Reply]] = yield _read_windows(keys, samples, batch)
        for (at, _, _), items in zip(batch, replies, strict=True):
            samples[at] = _with_items(samples[at], [read_item(each) for each in items])
    return samples


def spread(length: int, share: int) -> list[tuple[int, int]]:
    """The first and last places of windows over a list, together `share` places or all. Pure."""
    if length <= share:
        return [(0, length - 1)] if length else []
    size = share // _WINDOWS
    starts = (number * (length - size) // (_WINDOWS - 1) for number in range(_WINDOWS))
    return [(start, start + size - 1) for start in starts]


def _numbered(windows: Sequence[_Window]) -> list[tuple[int, _Window]]:
    """The windows, each with the number of the round trip in which it is read."""
    numbered, items = [], 0
    for window in windows:
        numbered.append((items // _AT_ONCE, window))
        items += window[2] - window[1] + 1
    return numbered


def _read_windows(
    keys: Keys, samples: Sequence[Sample], batch: Sequence[_Window]
) -> Exchange[list[list[Reply]]]:
    places = [place for _, first, last in batch for place in (first, last)]
    # Spread over the list, whatever its order is at the moment.
    lists = [key for at, _, _ in batch for key in [keys.queue(samples[at].queue)] * 2]
    call = _STRETCHES.call(lists, [_LONGEST_BYTES, *places])
    return Exchange((call,), lambda replies: list(replies[0]))


def _with_items(sample: Sample, items: Sequence[Item]) -> Sample:
    bad = tuple(item for item in items if not _is_readable(item))
    return replace(
        sample,
        looked_at=sample.looked_at + len(items),
        unreadable=sample.unreadable + bad,
    )


def _is_readable(item: Item) -> bool:
    if item.is_cut:
        # Too long to be fetched for this: how it begins has to do.
        return item.raw.lstrip().startswith(b"{")
    return not isinstance(decode_payload(item.raw), Unreadable)
