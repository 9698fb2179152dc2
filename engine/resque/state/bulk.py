"""Acting on many items of a list at once: exactly those that were named, found by their bytes.

A list is read in windows and changed in small scripts, so that Redis is never kept busy for
long. Whoever drives the generator may stop between two steps; what was done is done, each item
atomically, and doing it again is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from resque.state import windows
from resque.state.trail import Trail, trail_args, trail_keys
from resque.state.windows import Item
from resque.wire.exchange import Arg, Exchange, Steps, load_script, single
from resque.wire.keys import Keys, name_bytes

T = TypeVar("T")

_TAKE = load_script("take")

#: No JSON text and no item: what stands in a taken item's place within the script.
BLANK = b"\0qtop: taken\0"
#: Items read at once, and changed at once; the latter also bounded by their bytes.
READ_ITEMS = 1000
_TAKE_ITEMS = 200
_TAKE_BYTES = 1 << 20
#: Reaching an item in the middle of a list walks over its nodes (8 KiB each, about 13 ns a node
#: measured); a script takes as many items as it reaches within this time.
_NODE_BYTES = 8192
_NODE_S = 13e-9
_SCRIPT_S = 5e-3
#: How far from its place an item is looked for.
_REACH = 50


@dataclass(frozen=True, slots=True)
class Mark:
    """One item of a list as it was seen: its place from the head, and its SHA-1."""

    place: int
    sha: str


@dataclass(frozen=True, slots=True)
class Taking:
    """What becomes of one item: it leaves the list, and `payload` goes onto `queue` (None: it is
    deleted)."""

    place: int
    raw: bytes
    queue: str | None = None
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the items that were named, in numbers. `refused` holds reasons and how
    many items each kept back."""

    done: int = 0
    gone: int = 0
    refused: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        kept = sum(count for _, count in self.refused)
        return f"{self.done:,} done, gone meanwhile {self.gone:,}, refused {kept:,}"

    def plus(self, done: int, gone: int, refused: Iterable[str] = ()) -> Result:
        """These numbers and some more."""
        reasons = dict(self.refused)
        for reason in refused:
            reasons[reason] = reasons.get(reason, 0) + 1
        return Result(self.done + done, self.gone + gone, tuple(reasons.items()))


#: Decides what becomes of an item's bytes: a Taking (its place is filled in), or why not.
Decide = Callable[[bytes], "Taking | str"]


def delete(raw: bytes) -> Taking | str:
    """Decide for an item: it goes."""
    return Taking(0, raw)


def instead(queue: str, payload: bytes) -> Decide:
    """Decides that another payload takes an item's place, on a queue."""
    return lambda raw: Taking(0, raw, queue, payload)


def scan(key: bytes, choose: Callable[[Item, int], T | None]) -> Steps[list[T]]:
    """Go through a list from its end to its head and collect what `choose` makes of its items
    (None: leave it out). Items that arrive meanwhile are not seen. A round trip for each 1,000
    items; each of at most 64 KiB, longer ones come cut."""
    found: list[T] = []
    length: int = yield single(("LLEN", key), int)
    for end in range(length, 0, -READ_ITEMS):
        start = max(0, end - READ_ITEMS)
        seen: windows.Window = yield replace(
            windows.window(key, start, end - 1, max_bytes=65_536), progress=(length - end, length)
        )
        for offset in reversed(range(len(seen.items))):
            chosen = choose(seen.items[offset], start + offset)
            if chosen is not None:
                found.append(chosen)
    return found


def take(
    keys: Keys,
    key: bytes,
    marks: Sequence[Mark],
    decide: Decide,
    trail: Trail | None = None,
) -> Steps[Result]:
    """Take the marked items off a list, and push what `decide` says.

    Items that moved a little are found by their bytes; what is not found is looked for once more
    at the end, then reported as gone. Two round trips for each 200 items (fewer when they are
    large).
    """
    ordered = sorted(set(marks), key=lambda mark: -mark.place)
    result = Result()
    missed: list[Mark] = []
    for last_try in (False, True):
        for group in _groups(ordered):
            seen: _Seen = yield _reread(key, group, progress=(result.done, len(marks)))
            found, lost, refused = _decided(group, seen, decide)
            gone: list[int] = []
            done = 0
            for part in _parts(found, seen.length):
                done_here, gone_here = yield _taking(keys, key, part, trail)
                done += done_here
                gone += [part[number - 1].place for number in gone_here]
            absent = lost + [mark for mark in group if mark.place in gone]
            result = result.plus(done, len(absent) if last_try else 0, refused)
            missed += [] if last_try else absent
        if not missed:
            break
        ordered = missed
    return result


def _groups(marks: Sequence[Mark]) -> Iterator[list[Mark]]:
    """Marks that one read can cover, in descending order of places."""
    group: list[Mark] = []
    for mark in marks:
        if group and (len(group) >= _TAKE_ITEMS or group[0].place - mark.place > READ_ITEMS):
            yield group
            group = []
        group.append(mark)
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Seen:
    """A stretch of the list: the place of its first item, its items, the list's length."""

    first: int
    items: tuple[bytes, ...]
    length: int


def _reread(key: bytes, group: Sequence[Mark], progress: tuple[int, int]) -> Exchange[_Seen]:
    """The whole items around the marks."""
    first = max(0, group[-1].place - _REACH)
    last = group[0].place + _REACH
    return Exchange(
        (("LRANGE", key, first, last), ("LLEN", key)),
        lambda replies: _Seen(first, tuple(replies[0]), int(replies[1])),
        progress=progress,
    )


def _decided(
    group: Sequence[Mark], seen: _Seen, decide: Decide
) -> tuple[list[Taking], list[Mark], list[str]]:
    """Match marks with items by their SHA-1: what to take, what is lost, what is refused."""
    by_sha: dict[str, list[int]] = {}
    for offset, raw in enumerate(seen.items):
        by_sha.setdefault(windows.whole(raw).sha, []).append(offset)
    found: list[Taking] = []
    lost: list[Mark] = []
    refused: list[str] = []
    for mark in group:
        offsets = by_sha.get(mark.sha)
        if not offsets:
            lost.append(mark)
            continue
        offset = min(offsets, key=lambda at: abs(seen.first + at - mark.place))
        offsets.remove(offset)
        decision = decide(seen.items[offset])
        if isinstance(decision, str):
            refused.append(decision)
        else:
            found.append(replace(decision, place=seen.first + offset))
    found.sort(key=lambda taking: -taking.place)
    return found, lost, refused


def _parts(takings: Sequence[Taking], length: int) -> Iterator[list[Taking]]:
    """Takings that one script may handle without keeping the server busy for long."""
    part: list[Taking] = []
    size = 0
    cost_s = 0.0
    for taking in takings:
        depth = min(taking.place, max(0, length - taking.place))
        # Twice: once to compare, once to take.
        reach_s = 2 * _NODE_S * depth * min(1.0, len(taking.raw) / _NODE_BYTES)
        full = size + len(taking.raw) > _TAKE_BYTES or cost_s + reach_s > _SCRIPT_S
        if part and full:
            yield part
            part, size, cost_s = [], 0, 0.0
        part.append(taking)
        size += len(taking.raw) + len(taking.payload)
        cost_s += reach_s
    if part:
        yield part


def _taking(
    keys: Keys, key: bytes, part: Sequence[Taking], trail: Trail | None
) -> Exchange[tuple[int, list[int]]]:
    names = list(dict.fromkeys(t.queue for t in part if t.queue is not None))
    args: list[Arg] = [*trail_args(trail), BLANK, _REACH, len(part)]
    for taking in part:
        target = 0 if taking.queue is None else names.index(taking.queue) + 1
        args += [taking.place, taking.raw, target, taking.payload]
    args += [name_bytes(name) for name in names]
    script_keys = [*trail_keys(keys, trail), key, keys.queues(), *map(keys.queue, names)]
    return single(
        _TAKE.call(script_keys, args), lambda reply: (reply[0], list(reply[1])), writes=True
    )
