"""What an operator does with jobs that wait in a queue: delete, move, put to the front, edit; one,
many, or all that match.

Jobs are named by `JobRef`s whose places are counted from the job that is to run next (index -1 of
the list): so newcomers, which come at the head, change no place. A job that is away from its place
is found by its bytes. Every operation returns numbers and can leave a record for its undo, whose
`source` is the key of the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import BLANK, Decide, JobRef, JobRefs, Result, Taking
from queuecore.bulk import delete as taken_away
from queuecore.exchange import Arg, Exchange, Reply, Steps
from queuecore.keys import name_bytes
from queuecore.values import replace, value
from queuecore.windows import Window, sha_of, window
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script
from sidekiq.store.pushes import PayloadEdit, edited_job, moved, unreadable

_ACT = load_script("waiting_act")

#: Jobs taken by one script, and places read at once.
AT_ONCE: Final = 200
_READ_PLACES: Final = 1000
_READ_BYTES: Final = 8 << 20
_TAKE_BYTES: Final = 1 << 20
#: To reach a job in the middle of a list Redis walks over its nodes: as in `queuecore.bulk`.
_NODE_BYTES: Final = 8192
_NODE_S: Final = 13e-9
_SCRIPT_S: Final = 5e-3
#: How far from its place a job is looked for, before the whole list is, and how often that is.
_REACH: Final = 50
_SEARCHES: Final = 3
_BARRED: Final = "the key of the queue holds no list"


def delete(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    record: ActionRecord | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Delete waiting jobs, also what is no job. Two round trips for each 200 jobs, or each
    `at_once`; fewer of large ones, and in the depths of a long list, where each costs the way from
    its nearer end. What is not found near its place is looked for in the whole list, up to three
    times: one for each 1,000 jobs."""
    return _act(keys, queue, refs, _Verb("drop", taken_away), record, at_once)


def move(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    to: str,
    record: ActionRecord | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Move waiting jobs to the back of another queue, in their order, with another `queue` in their
    bytes. Costs as `delete`."""

    def decide(raw: bytes) -> Taking | str:
        change = moved(raw, to)
        return change if isinstance(change, str) else Taking(0, raw, *change)

    return _act(keys, queue, refs, _Verb("back", decide), record, at_once)


def put_to_front(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    record: ActionRecord | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Let waiting jobs be the next to run, in their order, byte for byte. Costs as `delete`."""

    def decide(raw: bytes) -> Taking | str:
        return unreadable(raw) or Taking(0, raw, queue, raw)

    return _act(keys, queue, refs, _Verb("front", decide), record, at_once)


def edit(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    change: PayloadEdit,
    record: ActionRecord | None = None,
    *,
    to: str | None = None,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Put other payloads in the places of waiting jobs, byte for byte; or at the back of the queue
    `to`, which becomes their `queue`. Refused where the edited text or what waits is no job. Costs
    as `delete`."""

    def decide(raw: bytes) -> Taking | str:
        edited = edited_job(raw, change)
        if isinstance(edited, str) or to is None:
            return edited if isinstance(edited, str) else Taking(0, raw, None, edited)
        moving = moved(edited, to)
        return moving if isinstance(moving, str) else Taking(0, raw, *moving)

    act: Literal["edit", "back"] = "edit" if to is None else "back"
    return _act(keys, queue, refs, _Verb(act, decide), record, at_once)


@value
class _Verb:
    """What is done with jobs. `decide` says what is pushed or written in their place, or why it
    cannot be."""

    act: Literal["drop", "back", "front", "edit"]
    decide: Decide


def _act(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    verb: _Verb,
    record: ActionRecord | None,
    at_once: int,
) -> Steps[Result]:
    """Do it. What fails half-way says what was done until then."""
    ordered: Sequence[JobRef] = refs
    if not isinstance(refs, JobRefs):
        ordered = sorted(set(refs), key=lambda ref: ref.place)
    bulk = _Bulk(keys, keys.queue(queue), verb, record, refs, at_once)
    try:
        yield from bulk.go_through(ordered)
        for _ in range(_SEARCHES):
            missed, bulk.missed = bulk.missed, []
            if not missed:
                break
            ordered = yield from _sought(keys.queue(queue), missed)
            bulk.result = bulk.result.plus(gone=len(missed) - len(ordered))
            yield from bulk.go_through(ordered)
        bulk.result = bulk.result.plus(gone=len(bulk.missed))
    except StoreError as error:
        return replace(bulk.result, stopped=error)
    return bulk.result


#: A job that is to be taken, and the ref that names it.
_Found = tuple[Taking, JobRef]


class _Bulk:
    """Takes jobs off one queue. `result` holds what was done at any moment, `missed` what was not
    where it should be."""

    def __init__(
        self,
        keys: SidekiqKeys,
        key: bytes,
        verb: _Verb,
        record: ActionRecord | None,
        refs: Sequence[JobRef],
        at_once: int,
    ) -> None:
        self._keys, self._key, self._verb, self._record = keys, key, verb, record
        each_bytes = refs.size_bytes // max(1, len(refs)) if isinstance(refs, JobRefs) else 0
        #: How many jobs to read at once, by their size as far as it is known.
        self._most = max(1, _READ_BYTES // max(1, each_bytes))
        self._at_once, self._planned = min(at_once, self._most), len(refs)
        self.result = Result()
        self.missed: list[JobRef] = []

    def go_through(self, ordered: Sequence[JobRef]) -> Steps[None]:
        """Take jobs, the next one first; those that go to the front the last one first, so that
        they keep their order."""
        is_front = self._verb.act == "front"
        away = 0  # how far what comes next is from its place, going by what came before
        for refs in _groups(ordered, self._at_once, min(_READ_PLACES, self._most), is_front):
            group = [JobRef(max(0, ref.place + away), ref.sha) for ref in refs]
            places, items, length = yield self._read(group)
            found, absent, refused = _matched(group, places, items, self._verb.decide)
            self.result = self.result.plus(refused=refused)
            if is_front:
                found.reverse()
            before = 0
            for part in _parts(found, length):
                takings = [_placed(each, each.place + before) for each, _ in part]
                done, gone, barred = yield self._take(takings, length)
                before += done if is_front else 0 if self._verb.act == "edit" else -done
                absent += [part[number - 1][1] for number in gone]
                self.result = self.result.plus(done, refused=[_BARRED] * len(barred))
            away += before
            if found:
                away += found[-1][0].place - found[-1][1].place
            self.missed += absent

    def _read(self, group: Sequence[JobRef]) -> Exchange[tuple[range, list[bytes], int]]:
        """The jobs about the places of some refs, and their places; how long the queue is."""
        reach = min(_REACH, self._most)
        first, last = max(0, group[0].place - reach), group[-1].place + reach

        def parse(replies: list[Reply]) -> tuple[range, list[bytes], int]:
            items = replies[0][::-1]
            return range(first, first + len(items)), items, int(replies[1])

        commands = ("LRANGE", self._key, -1 - last, -1 - first), ("LLEN", self._key)
        progress = self.result.done + self.result.gone, self._planned
        return Exchange(commands, parse, progress=progress)

    def _take(
        self, part: Sequence[Taking], length: int
    ) -> Exchange[tuple[int, list[int], list[int]]]:
        keys = self._keys
        names = list(dict.fromkeys(each.queue for each in part if each.queue is not None))
        # What has left its place since it was read is looked for no longer than all of this takes.
        longest_s = max(1e-6, *(_reach_s(each, length) for each in part))
        looks = len(part) + int(_SCRIPT_S / longest_s)
        args: list[Arg] = [self._verb.act, BLANK, _REACH, looks, len(part)]
        for each in part:
            target = 0 if each.queue is None else names.index(each.queue) + 1
            args += (each.place, each.raw, target, each.payload)
        args += map(name_bytes, names)
        touched = [self._key, keys.queues(), *map(keys.queue, names)]
        return recorded(_ACT, keys, self._record, touched, args, lambda reply: tuple(reply))


def _groups(
    ordered: Sequence[JobRef], at_once: int, span: int, is_last_first: bool
) -> Iterator[list[JobRef]]:
    """Refs that one read can cover, each group in the order of its places: `span` places at
    most."""
    group: list[JobRef] = []
    for ref in reversed(ordered) if is_last_first else ordered:
        if group and (len(group) >= at_once or abs(ref.place - group[0].place) > span):
            yield group[::-1] if is_last_first else group
            group = []
        group.append(ref)
    if group:
        yield group[::-1] if is_last_first else group


def _matched(
    group: Sequence[JobRef], places: range, items: Sequence[bytes], decide: Decide
) -> tuple[list[_Found], list[JobRef], list[str]]:
    """Match refs with jobs by their SHA-1: what to take, in its order, what is lost, and why others
    are refused."""
    by_sha: dict[str, list[int]] = {}
    for offset, item in enumerate(items):
        by_sha.setdefault(sha_of(item), []).append(offset)
    found: list[_Found] = []
    lost: list[JobRef] = []
    refused: list[str] = []
    for ref in group:
        offsets = by_sha.get(ref.sha)
        if not offsets:
            lost.append(ref)
            continue
        offset = min(offsets, key=lambda at: abs(places[at] - ref.place))
        offsets.remove(offset)
        decision = decide(items[offset])
        if isinstance(decision, str):
            refused.append(decision)
        else:
            found.append((_placed(decision, places[offset]), ref))
    found.sort(key=lambda pair: pair[0].place)
    return found, lost, refused


def _placed(taking: Taking, place: int) -> Taking:
    """The same at another place. Not by `replace`, which takes ten times as long."""
    return Taking(place, taking.raw, taking.queue, taking.payload)


def _parts(found: Sequence[_Found], length: int) -> Iterator[list[_Found]]:
    """Jobs that one script may handle without keeping the server busy for long."""
    part: list[_Found] = []
    size, cost_s = 0, 0.0
    for taking, ref in found:
        # Twice: once to compare, once to take.
        reach_s = 2 * _reach_s(taking, length)
        if part and (size + len(taking.raw) > _TAKE_BYTES or cost_s + reach_s > _SCRIPT_S):
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


def _sought(key: bytes, missed: Sequence[JobRef]) -> Steps[list[JobRef]]:
    """Those of the refs whose jobs are anywhere in the list, with the places where they are now, in
    their order."""
    left = Counter(ref.sha for ref in missed)
    found: list[JobRef] = []
    start = 0
    while left:
        seen: Window = yield window(key, -start - _READ_PLACES, -start - 1, max_bytes=0)
        for at, item in enumerate(reversed(seen.items)):
            if left[item.sha] > 0:
                left[item.sha] -= 1
                found.append(JobRef(start + at, item.sha))
        left = +left
        start += _READ_PLACES
        if len(seen.items) < _READ_PLACES:
            break
    return found
