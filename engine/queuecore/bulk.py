"""Actions on many items of a list: exactly on those that were named, found by their bytes.

A place is counted from the end of the list where others take its items: from its head, or, where
newcomers arrive there, from its tail. So newcomers change no place. A list is read in windows and
changed in small scripts, so that Redis is never kept busy for long. The runner of the generator may
stop between two steps; what was done is done, each item atomically, and doing it again is safe.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar, overload

from queuecore import turning, windows
from queuecore.action_record import ActionRecord, recorded
from queuecore.errors import AuthRefused, MissingCommand, StoreError, WrongType
from queuecore.exchange import Arg, Exchange, Reply, Steps, load_script, single
from queuecore.keys import ListEnd, QueueKeys, name_bytes
from queuecore.keys import turn as turn_key
from queuecore.turning import Taking as Taking
from queuecore.turning import Turn, TurnEnded, TurnStep, cut_of
from queuecore.values import replace, value
from queuecore.windows import Item

T = TypeVar("T")

_TAKE = load_script("take")
_LOAD = load_script("load")

#: No JSON text and no item, and not known beforehand: what takes a taken item's place
#: within the script.
BLANK = b"\0qtop: taken %s\0" % os.urandom(8).hex().encode()
#: Items read at once, and changed at once; the latter also bounded by their bytes.
READ_ITEMS = 1000
TAKE_ITEMS = 200
_TAKE_BYTES = 1 << 20
#: Items are read again before they are taken: about so many bytes at once where they are large.
_READ_BYTES = 8 << 20
#: Reaching an item in the middle of a list walks over its nodes (8 KiB each, about 13 ns a node
#: measured); a script takes as many items as it reaches within this time.
_NODE_BYTES = 8192
_NODE_S = 13e-9
_SCRIPT_S = 5e-3
#: How far from its place an item is looked for.
_REACH = 50
#: How many places before its own one of many is looked for, which others have moved.
_FAR = 10_000
#: How often what was not found is looked for in the whole list: it changes meanwhile.
SEARCHES = 3
#: Why an item stays that was to go elsewhere.
BARRED = "where it should go holds no list"
_DIGEST_BYTES = 20
#: Decisions about more queues than these are not kept.
_MOST_KEPT = 1_000
_NOT_KEPT = -1


@value
class JobRef:
    """One item of a list as it was seen: its place, and its SHA-1; and what is to become of it,
    where that was decided then: see `kept`."""

    place: int
    sha: str
    taking: Taking | None = None


def kept(taking: Taking) -> Taking | None:
    """A decision without the item's bytes, to be kept with its ref: only a turn can carry it out.
    None where these do not hold what is to be pushed. O(bytes)."""
    cut = cut_of(taking)
    is_whole = not taking.stays and (taking.queue is None or cut[0])
    return Taking(0, b"", taking.queue, cut=cut) if is_whole else None


class JobRefs(Sequence[JobRef]):
    """Millions of refs, in 40 bytes each: a sequence in the order of their places, whatever the
    order in which they were added. `size_bytes` is how large their items are together, as far as it
    was given. `decide` is what has decided what becomes of them."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.decide: object = None
        self._places = array("q")
        self._digests = bytearray()
        #: Of kept decisions: which of the queues, and which bytes of the item.
        self._targets, self._cuts = array("i"), array("I")
        self._queues: dict[str | None, int] = {}
        self._is_descending = True
        self._order: array[int] | None = None

    def add(self, ref: JobRef, size_bytes: int = 0, taking: Taking | None = None) -> None:
        """Add the ref of an item of so many bytes, and what `decide` has decided for it, as `kept`
        gives it. Raises ValueError when its SHA-1 is none."""
        digest = bytes.fromhex(ref.sha)
        if len(digest) != _DIGEST_BYTES:
            raise ValueError(f"{ref.sha!r} is no SHA-1")
        if self._places and ref.place > self._places[-1]:
            self._is_descending = False
        self._places.append(ref.place)
        self._digests += digest
        self._targets.append(self._target(taking))
        self._cuts.extend((0, 0) if taking is None else taking.cut)
        self.size_bytes += size_bytes
        self._order = None

    def _target(self, taking: Taking | None) -> int:
        if taking is None or (taking.queue not in self._queues and len(self._queues) == _MOST_KEPT):
            return _NOT_KEPT
        return self._queues.setdefault(taking.queue, len(self._queues))

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[JobRef]:
        return map(self._ref, self._indices())

    def decided(self) -> Iterator[JobRef]:
        """As `iter`, each with what was decided for it, where that was kept."""
        queues = list(self._queues)
        for at in self._indices():
            place, sha, target = self._places[at], self._sha(at), self._targets[at]
            if target == _NOT_KEPT:
                yield JobRef(place, sha)
            else:
                cut = self._cuts[2 * at], self._cuts[2 * at + 1]
                yield JobRef(place, sha, Taking(place, b"", queues[target], b"", sha, cut))

    @overload
    def __getitem__(self, index: int) -> JobRef: ...
    @overload
    def __getitem__(self, index: slice) -> list[JobRef]: ...
    def __getitem__(self, index: int | slice) -> JobRef | list[JobRef]:
        at = self._indices()[index]
        return self._ref(at) if isinstance(at, int) else [self._ref(each) for each in at]

    def _indices(self) -> Sequence[int]:
        """The indices of the refs, in the order of their places. Mostly they were added from the
        end of the list on: then it is only the reverse order."""
        if self._is_descending:
            return range(len(self))[::-1]
        if self._order is None:
            self._order = array("q", sorted(range(len(self)), key=self._places.__getitem__))
        return self._order

    def _ref(self, index: int) -> JobRef:
        return JobRef(self._places[index], self._sha(index))

    def _sha(self, index: int) -> str:
        start = _DIGEST_BYTES * index
        return self._digests[start : start + _DIGEST_BYTES].hex()


@value
class Result:
    """What became of the items that were named, in numbers. `refused` holds reasons and how
    many items each kept back. `stopped` is what ended it before its end: then the rest was not
    tried, but for a part whose outcome is unknown when `stopped` is an OutcomeUnknown."""

    done: int = 0
    gone: int = 0
    refused: tuple[tuple[str, int], ...] = ()
    stopped: StoreError | None = None

    def __str__(self) -> str:
        kept = sum(count for _, count in self.refused)
        gone = f", {self.gone:,} already gone" if self.gone else ""
        return f"{self.done:,} done{gone}" + (f", {kept:,} refused" if kept else "")

    def plus(self, done: int = 0, gone: int = 0, refused: Iterable[str] = ()) -> Result:
        """These numbers and some more."""
        reasons = dict(self.refused)
        for reason in refused:
            reasons[reason] = reasons.get(reason, 0) + 1
        return Result(self.done + done, self.gone + gone, tuple(reasons.items()))


#: Decides what becomes of an item's bytes: a Taking (place and SHA-1 are filled in), or why not.
Decide = Callable[[bytes], "Taking | str"]
#: Takes items off a list that is turned, as `Turn.take`.
TakeInTurn = Callable[
    [Turn, Sequence[Taking], int, Sequence[int], tuple[int, int]], Steps[TurnStep]
]


def delete(raw: bytes) -> Taking | str:
    """Decide for an item: it goes."""
    return Taking(0, raw)


def scan(
    key: bytes,
    choose: Callable[[Item, int], T | None],
    *,
    max_bytes: int = 65_536,
    within: tuple[int, int] | None = None,
) -> Steps[list[T]]:
    """Go through a list from its end to its head and collect what `choose` makes of its items
    (None: leave it out). Items that arrive meanwhile are not seen. A round trip for each 1,000
    items; those longer than `max_bytes` come cut. The progress of an action that it is a part of is
    `within`."""
    found: list[T] = []
    seen: windows.Window = yield windows.window(key, -READ_ITEMS, -1, max_bytes=max_bytes)
    length = seen.length
    anchor: str | None = None
    for end in range(length, 0, -READ_ITEMS):
        start = max(0, end - READ_ITEMS)
        if end < length:
            # One more than is new: where that one is now says how far the list has moved meanwhile.
            again = windows.window(key, start, end, max_bytes=max_bytes)
            seen = yield replace(again, progress=within or (length - end, length))
        for offset in reversed(range(_new(seen.items, anchor, end - start))):
            chosen = choose(seen.items[offset], start + offset)
            if chosen is not None:
                found.append(chosen)
        anchor = seen.items[0].sha if seen.items else None
    return found


def _new(items: Sequence[Item], anchor: str | None, expected: int) -> int:
    """How many of the items come before the one that was seen last."""
    for offset in reversed(range(len(items))):
        if items[offset].sha == anchor:
            return offset
    return min(expected, len(items))


def take(
    keys: QueueKeys,
    key: bytes,
    refs: Sequence[JobRef],
    decide: Decide,
    record: ActionRecord | None = None,
    *,
    at_once: int = TAKE_ITEMS,
    newest: ListEnd = "tail",
) -> Steps[Result]:
    """Take the marked items off a list, at the end `newest` of which newcomers arrive, and push
    what `decide` says, in the list's order; or put it in their places.

    Items that moved a little are found by their bytes; what is not found is looked for at the end,
    between its place and where items are taken, all over a list that was turned or whose newcomers
    come to its head, up to three times; then it is reported as gone. Where others removed what came
    before them, the last ones show how far all have moved. Two round trips for each 200 items, or
    each `at_once` (fewer when they are large); for a search one for each 1,000 places. Where many
    are in the depths of a long list, it is turned (see `queuecore.turning`): then a round trip for
    each 200 items and each 500 places of the list.
    """
    ordered: Sequence[JobRef] = refs
    if not isinstance(refs, JobRefs):
        ordered = sorted(set(refs), key=lambda ref: ref.place)
    bulk = _Bulk(_List(keys, key, newest), decide, record, refs, at_once)
    try:
        yield from bulk.go_through(ordered)
        for _ in range(SEARCHES):
            missed, bulk.missed = bulk.missed, []
            if not missed:
                break
            end = max(ref.place for ref in missed) + _REACH + 1
            if bulk.has_turned or newest == "head":
                # Others may have brought its order into disorder; what Sidekiq gives back comes
                # before all others.
                end = yield single(("LLEN", key), int)
            ordered = yield from sought(key, missed, min(READ_ITEMS, bulk.most), end, newest)
            bulk.result = bulk.result.plus(gone=len(missed) - len(ordered))
            yield from bulk.go_through(ordered)
        bulk.result = bulk.result.plus(gone=len(bulk.missed))
    except StoreError as error:
        return replace(bulk.result, stopped=error)
    return bulk.result


def take_by_turning(
    keys: QueueKeys,
    key: bytes,
    refs: JobRefs,
    decide: Decide,
    record: ActionRecord | None,
    take_in_turn: TakeInTurn,
    *,
    before: tuple[int, int],
) -> Steps[tuple[Result, list[JobRef]] | None]:
    """Turn a list once, and take the marked items off it, as `take_in_turn` does. Returns what came
    of it, and those that were not where they should be; None where it cannot be turned. `before` is
    how much was done of the action that it is a part of, and of how much. A round trip for each
    200 items and each 500 places of the list."""
    bulk = _Bulk(_List(keys, key), decide, record, refs, TAKE_ITEMS, take_in_turn, before)
    try:
        if not (yield from bulk.turn(refs)):
            return None
    except StoreError as error:
        return replace(bulk.result, stopped=error), bulk.missed
    return bulk.result, bulk.missed


@value
class _List:
    """One list, and the end of it at which newcomers arrive."""

    keys: QueueKeys
    key: bytes
    newest: ListEnd = "tail"


class _Bulk:
    """Takes items off one list. `result` holds what was done at any moment, `missed` what was not
    where it should be, `most` how many items are read at once."""

    def __init__(
        self,
        items: _List,
        decide: Decide,
        record: ActionRecord | None,
        refs: Sequence[JobRef],
        at_once: int,
        take_in_turn: TakeInTurn = Turn.take,
        before: tuple[int, int] | None = None,
    ) -> None:
        self._list, self._keys, self._key = items, items.keys, items.key
        self._decide, self._record = decide, record
        self._take_in_turn = take_in_turn
        self._before, self._planned = before or (0, len(refs))
        self.most, self._at_once = _most_read(refs), at_once
        self._length = 0
        self.has_turned = False
        self.result = Result()
        self.missed: list[JobRef] = []

    @property
    def _progress(self) -> tuple[int, int]:
        return self._before + self.result.done, self._planned

    def go_through(self, ordered: Sequence[JobRef]) -> Steps[None]:
        """Take them, walking to each, or turning the list."""
        # A slow one would keep the list turned for long.
        if len(ordered) > turning.FEW_ITEMS and self._at_once >= TAKE_ITEMS:
            length: int = yield single(("LLEN", self._key), int)
            is_deep = turning.is_deep((ref.place for ref in ordered), length)
            if is_deep and (yield from self.turn(ordered)):
                return
        yield from self._walk(ordered)

    def turn(self, ordered: Sequence[JobRef]) -> Steps[bool]:
        """Take them while the list is turned. Returns whether it can be."""
        turn = Turn(self._keys, self._key, self._record, self._list.newest)
        try:
            yield from turn.begin()
        except (MissingCommand, AuthRefused, WrongType):
            # Redis before 6.2 cannot turn a list, nor is it when a key for that is in use.
            return False
        self.has_turned = True
        yield from turn.through(self._turn(turn, ordered))
        return True

    def _walk(self, ordered: Sequence[JobRef]) -> Steps[None]:
        most = self.most
        away = 0  # how far what comes next is from its place, going by what came before
        has_looked = False
        for refs in _groups(ordered, min(self._at_once, most), min(READ_ITEMS, most)):
            group = [replace(ref, place=ref.place + away) for ref in refs]
            seen: _Seen = yield from self._read(group)
            found, absent, refused = _decided(group, seen, self._decide)
            if len(absent) == len(group) and not has_looked and len(ordered) > turning.FEW_ITEMS:
                has_looked = True
                away = -(yield from self._moved(ordered))
                group = [replace(ref, place=ref.place + away) for ref in refs]
                seen = yield from self._read(group)
                found, absent, refused = _decided(group, seen, self._decide)
            self.result = self.result.plus(refused=refused)
            taken = 0
            for part in _parts(found, seen.length):
                takings = [replace(each, place=each.place - taken) for each, _ in part]
                done, gone, barred = yield _taking(self._list, takings, seen.length, self._record)
                taken += 0 if part[0][0].stays else done
                absent += [part[number - 1][1] for number in gone]
                self.result = self.result.plus(done, refused=[BARRED] * len(barred))
            away -= taken
            if found:
                away += found[-1][0].place - found[-1][1].place
            self.missed += absent

    def _read(self, group: Sequence[JobRef]) -> Steps[_Seen]:
        """The items about the places of some refs, when no other program turns the list."""
        reach = min(_REACH, self.most)
        while True:
            seen: _Seen = yield _reread(self._list, group, reach, self._progress)
            if not seen.is_turned:
                return seen
            yield from turning.settled(self._keys, self._key, self._list.newest)

    def _moved(self, ordered: Sequence[JobRef]) -> Steps[int]:
        """How far items are before their places, going by the last ones: others, such as workers,
        took what came before them. 0 where none of these is found. A round trip for each 1,000
        places, 11 at most."""
        group = ordered[-turning.FEW_ITEMS :]
        places: dict[str, list[int]] = {}
        for ref in group:
            places.setdefault(ref.sha, []).append(ref.place)
        at_once = min(READ_ITEMS, self.most)
        last = group[-1].place + min(_REACH, self.most)
        least = max(0, group[-1].place - _FAR)
        while last >= least:
            first = max(least, last - at_once + 1)
            seen: _Seen = yield _read(self._list, first, last, self._progress)
            pairs = zip(seen.places, seen.shas, strict=True)
            votes = Counter(place - at for at, sha in pairs for place in places.get(sha, ()))
            if votes:
                # Where items are alike, there are several ways to see it.
                return max(votes, key=lambda moved: (votes[moved], -abs(moved)))
            last = first - 1
        return 0

    def _turn(self, turn: Turn, ordered: Sequence[JobRef]) -> Steps[None]:
        """Take them while the list is turned."""
        moved = yield from self._moved(ordered)
        length = self._length = turn.rest + moved
        first, last = ordered[0].place, ordered[-1].place
        # The list may have become shorter since.
        back = max(0, length - first) + _REACH
        most = self.most
        refs: Iterable[JobRef] = ordered
        if isinstance(ordered, JobRefs) and ordered.decide == self._decide:
            refs = ordered.decided()
        groups = _Beforehand(
            _groups(refs, min(turning.STEP_ITEMS, most), min(turning.STEP_PLACES, most))
        )
        turn.meanwhile = groups.make
        group, following = groups.take(), groups.take()
        items: Sequence[bytes] = ()
        try:
            # What is near the end is nearer that way.
            if 2 * back < last + min(last, length - last):
                yield from turn.back(back)
            while group and turn.rest:
                # Here it can be stopped.
                yield Exchange((), lambda _: None, progress=self._progress)
                group, items = yield from self._take_group(turn, group, following, items)
                if not group:
                    group, following = following, groups.take()
        except TurnEnded:
            pass
        self.missed += [*group, *following, *groups.rest()]

    def _take_group(
        self, turn: Turn, group: list[JobRef], following: list[JobRef], items: Sequence[bytes]
    ) -> Steps[tuple[list[JobRef], Sequence[bytes]]]:
        """Take a group of them, whose `items` are perhaps known. Returns what of it is left for
        another step, and the items of the following group."""
        rest, length = turn.rest, self._length
        # Counted from the last item: who takes the first ones, as workers do, changes no place.
        places = [length - ref.place for ref in group]
        leave = max(0, places[0])
        if rest - leave > turning.STEP_PLACES:
            yield from self._take_in_turn(turn, (), leave, (), self._progress)
            return group, ()
        found: list[tuple[Taking, JobRef]] = []
        absent, refused = list(group), list[str]()
        is_ahead = places[-1] <= rest + _REACH
        if is_ahead and _are_kept(group):
            decided = [(ref.taking, ref, at) for ref, at in zip(group, places, strict=True)]
            found, absent = [(_placed(each, at), ref) for each, ref, at in decided if each], []
        elif is_ahead:
            near = [JobRef(rest - at, ref.sha) for ref, at in zip(group, places, strict=True)]
            seen = _seen_singly(near, items) or (yield self._reread_here(near))
            found, lost, refused = _decided(near, seen, self._decide)
            found = [
                (_placed(taking, rest - ref.place), JobRef(length - rest + ref.place, ref.sha))
                for taking, ref in found
            ]
            absent = [JobRef(length - rest + ref.place, ref.sha) for ref in lost]
        wanted = [length - ref.place for ref in following]
        leave = wanted[0] if wanted else places[-1] - 1
        if wanted and (places[-1] - wanted[-1] > 2 * turning.STEP_PLACES or _are_kept(following)):
            wanted = []
        step = yield from self._take_in_turn(
            turn, [each for each, _ in found], max(0, leave), wanted, self._progress
        )
        self._length -= step.drift
        self.missed += absent + [found[number - 1][1] for number in step.gone]
        self.result = self.result.plus(step.done, refused=refused)
        self.result = self.result.plus(refused=[BARRED] * len(step.barred))
        left = [ref for _, ref in found[step.reached :]]
        if step.gone:
            # A look at all of them together finds sooner which are there.
            left = [JobRef(ref.place, ref.sha) for ref in left]
        return left, () if left else step.items

    def _reread_here(self, refs: Sequence[JobRef]) -> Exchange[_Seen]:
        """The items about some places of the list, as far as it is turned."""
        near = [replace(ref, place=max(0, ref.place)) for ref in refs]
        return _reread(self._list, near, min(_REACH, self.most), self._progress)


def _are_kept(refs: Sequence[JobRef]) -> bool:
    """Whether it was decided for all of them what becomes of them."""
    return all(ref.taking is not None for ref in refs)


def _seen_singly(refs: Sequence[JobRef], items: Sequence[bytes]) -> _Seen | None:
    """The items of some refs, if it is these; None when there are others."""
    if len(items) != len(refs):
        return None
    shas = list(map(windows.sha_of, items))
    if any(sha != ref.sha for sha, ref in zip(shas, refs, strict=True)):
        return None
    return _Seen([ref.place for ref in refs], items, shas, 0)


def sought(
    key: bytes, missed: Sequence[JobRef], at_once: int, end: int, newest: ListEnd = "tail"
) -> Steps[list[JobRef]]:
    """Those of the refs whose items are still there before the place `end`, with the places where
    they are now, in their order, `at_once` items at once."""
    left = Counter(ref.sha for ref in missed)
    found: list[JobRef] = []
    while end > 0 and left:
        start = max(0, end - at_once)
        bounds = _indices_of(start, end - 1, newest)
        seen: windows.Window = yield windows.window(key, *bounds, max_bytes=0)
        items = seen.items if newest == "tail" else seen.items[::-1]
        for offset in reversed(range(len(items))):
            sha = items[offset].sha
            if left[sha] > 0:
                left[sha] -= 1
                found.append(JobRef(start + offset, sha))
        left = +left
        end = min(start, seen.length)
    return found[::-1]


def _indices_of(first: int, last: int, newest: ListEnd) -> tuple[int, int]:
    """The indices of the items from one place to another, as Redis counts them. Those of a list to
    the head of which newcomers come are in reverse order."""
    return (first, last) if newest == "tail" else (-1 - last, -1 - first)


def _most_read(refs: Sequence[JobRef]) -> int:
    """How many of such items to read at once, by their size as far as it is known."""
    each_bytes = refs.size_bytes // max(1, len(refs)) if isinstance(refs, JobRefs) else 0
    return max(1, _READ_BYTES // max(1, each_bytes))


class _Beforehand:
    """Groups of refs, the next of which may be made before it is needed."""

    def __init__(self, groups: Iterator[list[JobRef]]) -> None:
        self._groups = groups
        self._made: list[JobRef] | None = None

    def make(self) -> None:
        """Make the next group. O(group)."""
        if self._made is None:
            self._made = next(self._groups, [])

    def take(self) -> list[JobRef]:
        """The next group; empty when there is none left."""
        self.make()
        made, self._made = self._made or [], None
        return made

    def rest(self) -> Iterator[JobRef]:
        """The refs of all groups that were not taken."""
        return chain(self.take(), chain.from_iterable(self._groups))


def _groups(refs: Iterable[JobRef], at_once: int, span: int) -> Iterator[list[JobRef]]:
    """Refs that one read can cover, in the order of their places: `span` places at most."""
    group: list[JobRef] = []
    for ref in refs:
        if group and (len(group) >= at_once or ref.place - group[0].place > span):
            yield group
            group = []
        group.append(ref)
    if group:
        yield group


@value
class _Seen:
    """Some items of the list, their places and SHA-1s, the list's length, and whether it was
    turned."""

    places: Sequence[int]
    items: Sequence[bytes]
    shas: Sequence[str]
    length: int
    is_turned: bool = False


def _reread(
    of: _List, group: Sequence[JobRef], reach: int, progress: tuple[int, int]
) -> Exchange[_Seen]:
    first = max(0, group[0].place - reach)
    return _read(of, first, max(0, group[-1].place + reach), progress)


def _read(of: _List, first: int, last: int, progress: tuple[int, int]) -> Exchange[_Seen]:
    """The items from one place of a list to another."""

    def parse(replies: list[Reply]) -> _Seen:
        items, length, kind = replies
        items = items if of.newest == "tail" else items[::-1]
        places, shas = range(first, first + len(items)), list(map(windows.sha_of, items))
        return _Seen(places, items, shas, int(length), kind == turning.STATE_TYPE)

    key, bounds = of.key, _indices_of(first, last, of.newest)
    commands = ("LRANGE", key, *bounds), ("LLEN", key), ("TYPE", turn_key(key))
    return Exchange(commands, parse, progress=progress)


def _decided(
    group: Sequence[JobRef], seen: _Seen, decide: Decide
) -> tuple[list[tuple[Taking, JobRef]], list[JobRef], list[str]]:
    """Match refs with items by their SHA-1: what to take, what is lost, what is refused."""
    by_sha: dict[str, list[int]] = {}
    for offset, sha in enumerate(seen.shas):
        by_sha.setdefault(sha, []).append(offset)
    found: list[tuple[Taking, JobRef]] = []
    lost: list[JobRef] = []
    refused: list[str] = []
    for ref in group:
        offsets = by_sha.get(ref.sha)
        if not offsets:
            lost.append(ref)
            continue
        offset = min(offsets, key=lambda at: abs(seen.places[at] - ref.place))
        offsets.remove(offset)
        decision = decide(seen.items[offset])
        if isinstance(decision, str):
            refused.append(decision)
        else:
            found.append((_placed(decision, seen.places[offset], ref.sha), ref))
    found.sort(key=lambda pair: pair[0].place)
    return found, lost, refused


def _placed(taking: Taking, place: int, sha: str | None = None) -> Taking:
    """The same of an item at another place. Not by `replace`, which takes ten times as long."""
    return Taking(
        *(place, taking.raw, taking.queue, taking.payload, sha or taking.sha, taking.cut),
        taking.stays,
    )


def _parts(
    found: Sequence[tuple[Taking, JobRef]], length: int
) -> Iterator[list[tuple[Taking, JobRef]]]:
    """Takings that one script may handle without keeping the server busy for long."""
    part: list[tuple[Taking, JobRef]] = []
    size = 0
    cost_s = 0.0
    for taking, ref in found:
        # Twice: once to compare, once to take.
        reach_s = 2 * _reach_s(taking, length)
        full = size + len(taking.raw) > _TAKE_BYTES or cost_s + reach_s > _SCRIPT_S
        if part and full:
            yield part
            part, size, cost_s = [], 0, 0.0
        part.append((taking, ref))
        size += len(taking.raw) + len(taking.payload)
        cost_s += reach_s
    if part:
        yield part


def _reach_s(taking: Taking, length: int) -> float:
    depth = min(taking.place, max(0, length - taking.place))
    return _NODE_S * depth * min(1.0, len(taking.raw) / _NODE_BYTES)


def _taking(
    of: _List, part: Sequence[Taking], length: int, record: ActionRecord | None
) -> Exchange[tuple[int, list[int], list[int]]]:
    names = list(dict.fromkeys(t.queue for t in part if t.queue is not None))
    # What has left its place since it was read is looked for no longer than all of this takes.
    looks = len(part) + int(_SCRIPT_S / max(1e-6, *(_reach_s(taking, length) for taking in part)))
    keys = of.keys
    args: list[Arg] = [of.newest, BLANK, _REACH, looks, len(part)]
    for taking in part:
        target = 0 if taking.queue is None else names.index(taking.queue) + 1
        target = -1 if taking.stays else target
        args += [taking.place, taking.raw, target, taking.payload]
    args += [name_bytes(name) for name in names]
    touched = [of.key, keys.queues(), *map(keys.queue, names)]
    return recorded(_TAKE, keys, record, touched, args, lambda reply: tuple(reply))


#: What one script puts back at most.
_LOAD_ITEMS = 500
_LOAD_BYTES = 1 << 20


def load(
    keys: QueueKeys,
    key: bytes,
    items: Iterable[bytes],
    record: ActionRecord | None,
    *,
    queue: str | None = None,
) -> Steps[int]:
    """Put items at the end of the list `key`, in their order; `queue` is registered, if it is one.

    Returns how many were put there. Raises StoreError at the first part that fails: those before
    are there. A round trip for each 500 items, or each MiB; cannot be undone.
    """
    # A flag besides the name: a queue's name may be empty.
    registration = (0, "") if queue is None else (1, name_bytes(queue))
    done = 0
    for part in parts(items, _LOAD_ITEMS, len, _LOAD_BYTES):
        yield recorded(_LOAD, keys, record, [key, keys.queues()], [*registration, *part], int)
        done += len(part)
    return done


def parts(
    items: Iterable[T], most: int, size_of: Callable[[T], int], most_bytes: int
) -> Iterator[list[T]]:
    """Some items in lists of at most `most`, which are not larger than `most_bytes` together unless
    it is one item. O(items)."""
    part: list[T] = []
    size = 0
    for item in items:
        item_bytes = size_of(item)
        if part and (len(part) == most or size + item_bytes > most_bytes):
            yield part
            part, size = [], 0
        part.append(item)
        size += item_bytes
    if part:
        yield part
