"""What an operator does with delayed jobs: run now, delete, reschedule; one, many, or all that
match.

Jobs are named by `DelayedRef`s, and found by their bytes, wherever in the list of their moment they
are by then. Every operation returns numbers and can leave a record for its undo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

from queuecore import turning, windows
from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import (
    BARRED,
    BLANK,
    READ_ITEMS,
    SEARCHES,
    JobRef,
    JobRefs,
    Result,
    Taking,
    parts,
    scan,
    sought,
    take_by_turning,
)
from queuecore.exchange import Arg, Command, Exchange, Steps, raise_all_but
from queuecore.keys import name_bytes, turn
from queuecore.windows import Item
from resque.codec import Unreadable
from resque.errors import StoreError, WrongType
from resque.keys import Keys
from resque.scheduler.delayed_turning import Act, MomentInTurn
from resque.scheduler.moving import Push, QueueOf, no_queue, push_of
from resque.scripts import load_script
from resque.store import delayed_windows
from resque.store.delayed_windows import LISTED_BYTES, DelayedRef

_ACT = load_script("delayed_act")

#: Jobs taken in one round trip, also bounded by their bytes.
_JOBS = 100
_BYTES = 1 << 20
#: Places that one script may walk over when jobs are not where they were seen.
_WALK = 500_000
#: How far from its place a job is looked for before the whole list is.
_REACH = 20
_NO_LIST = "the key of its moment holds no list"
_MOVED = "its place kept changing, for others take many jobs of its moment: try again"


def run(
    keys: Keys,
    refs: Sequence[DelayedRef],
    record: ActionRecord | None = None,
    *,
    queue_of: QueueOf = no_queue,
) -> Steps[Result]:
    """Put delayed jobs onto their queues now. What is pushed is cut out of their own bytes. Two
    round trips for each 100 jobs (fewer of large ones), O(jobs of their moment) for each; where
    more are of one moment, all of its jobs are counted first: one for each 1,000. Where more than
    20 are of a moment with more than 10,000 jobs, its list is turned (see `queuecore.turning`):
    then one for each 200 jobs and each 500 places of the list."""

    def decide(raw: bytes) -> Push | str:
        push = push_of(raw, queue_of)
        return push.reason if isinstance(push, Unreadable) else push

    return _act(keys, refs, _Verb("queue", decide), record)


def delete(
    keys: Keys, refs: Sequence[DelayedRef], record: ActionRecord | None = None
) -> Steps[Result]:
    """Delete delayed jobs. Costs as `run`."""
    return _act(keys, refs, _Verb("drop", lambda _: None), record)


def reschedule(
    keys: Keys, refs: Sequence[DelayedRef], at: float, record: ActionRecord | None = None
) -> Steps[Result]:
    """Delay jobs until `at` (epoch, fractions cut off) instead, byte for byte. Costs as `run`."""
    return _act(keys, refs, _Verb("delay", lambda _: None, str(int(at))), record)


@dataclass(frozen=True, slots=True)
class _Verb:
    """What is done with jobs. `decide` says what is pushed, or why it cannot be; `until` is the
    new moment."""

    act: Act
    decide: Callable[[bytes], Push | str | None]
    until: str = ""

    def taking(self, raw: bytes) -> Taking | str:
        """What becomes of a job's bytes while a list is turned."""
        push = self.decide(raw)
        if isinstance(push, Push):
            return Taking(0, raw, push.queue, push.payload)
        return Taking(0, raw) if push is None else push


@dataclass(frozen=True, slots=True)
class _Taking:
    ref: DelayedRef
    raw: bytes
    push: Push | None


def _act(
    keys: Keys, refs: Sequence[DelayedRef], verb: _Verb, record: ActionRecord | None
) -> Steps[Result]:
    act = _Act(keys, refs, verb, record)
    todo, tries = refs, 1 + SEARCHES
    try:
        while True:
            before = act.result.done
            yield from act.go_through(todo)
            missed, act.missed = act.missed, []
            if not missed:
                return act.result
            # What was missed may only have moved: schedulers take the jobs before it.
            todo = yield from _sought(keys, missed)
            act.result = act.result.plus(gone=len(missed) - len(todo))
            # Where another program changes a moment at the same time, that is no try.
            tries -= not (act.was_held_up or act.result.done > before)
            if not todo or not tries:
                return act.result.plus(refused=[_MOVED] * len(todo))
    except StoreError as error:
        return replace(act.result, stopped=error)


class _Act:
    """Does something with delayed jobs. `result` holds what was done at any moment, `missed` what
    was not where it should be; `was_held_up` tells whether another program turned one of their
    lists."""

    def __init__(
        self, keys: Keys, refs: Sequence[DelayedRef], verb: _Verb, record: ActionRecord | None
    ) -> None:
        self._keys, self._verb, self._record = keys, verb, record
        self._copies, self._planned = _Copies(keys, ()), len(refs)
        self.result = Result()
        self.missed: list[DelayedRef] = []
        self.was_held_up = False

    @property
    def _progress(self) -> tuple[int, int]:
        result = self.result
        tried = result.done + result.gone + sum(count for _, count in result.refused)
        return tried, self._planned

    def go_through(self, refs: Sequence[DelayedRef]) -> Steps[None]:
        """Do it, a hundred jobs at once; where many are of a moment with a long list, while this is
        turned."""
        # What is tried again may have come since: all is counted anew.
        self._copies, self.was_held_up = _Copies(self._keys, refs), False
        alike: dict[str, list[DelayedRef]] = {}
        for ref in refs:
            alike.setdefault(ref.stamp, []).append(ref)
        is_turned: dict[str, bool] = {}
        for stamp, there in alike.items():
            if max(ref.place for ref in there) >= turning.SHALLOW_ITEMS:
                is_turned[stamp] = yield from self._turn(stamp, there)
        for batch in parts(_from_behind(refs), _JOBS, lambda ref: ref.size, _BYTES):
            batch = [ref for ref in batch if not is_turned.get(ref.stamp)]
            if not batch:
                continue
            seen: _Seen = yield _find(self._keys, batch, self._progress)
            for stamp, length in seen.lengths.items():
                if stamp not in is_turned:
                    is_long = length > turning.SHALLOW_ITEMS
                    is_turned[stamp] = is_long and (yield from self._turn(stamp, alike[stamp]))
            pairs = zip(batch, seen.raws, strict=True)
            left = [(ref, raw) for ref, raw in pairs if not is_turned[ref.stamp]]
            yield from self._walk(left, seen.lengths)

    def _walk(
        self, found: Sequence[tuple[DelayedRef, bytes | None]], lengths: Mapping[str, int]
    ) -> Steps[None]:
        """Do it where the jobs are; `found` are their bytes, `lengths` those of the lists."""
        of_these = {ref.stamp: lengths[ref.stamp] for ref, _ in found}
        yield from self._copies.count(of_these, self._progress)
        takings, absent, refused = _decided(found, lengths, self._verb)
        elsewhere = [ref for ref in absent if lengths[ref.stamp]]
        self.missed += elsewhere
        self.result = self.result.plus(gone=len(absent) - len(elsewhere), refused=refused)
        for calls in _calls(self._keys, takings, lengths, self._copies, self._verb, self._record):
            commands = tuple(command for command, _ in calls)
            results: list[Any] = yield Exchange(commands, list, writes=True, tolerant=True)
            for (_, part), outcome in zip(calls, results, strict=True):
                self._note(part, outcome)

    def _note(self, part: Sequence[_Taking], outcome: Any) -> None:
        """Write down what a script did with some jobs."""
        if isinstance(outcome, WrongType):
            self.result = self.result.plus(refused=[str(outcome)] * len(part))
        elif isinstance(outcome, StoreError):
            raise outcome
        elif not outcome:
            self.was_held_up = True
            self.missed += [each.ref for each in part]
        else:
            barred = [BARRED] * outcome.count(-1)
            self.result = self.result.plus(outcome.count(1), outcome.count(0), barred)

    def _turn(self, stamp: str, there: Sequence[DelayedRef]) -> Steps[bool]:
        """Do it while the list of a moment is turned. Returns whether it is worth that, and can
        be."""
        if len(there) <= turning.FEW_ITEMS:
            return False
        sizes, refs = {ref.sha: ref.size for ref in there}, JobRefs()
        for ref in there:
            refs.add(JobRef(ref.place, ref.sha), ref.size)
        moment = MomentInTurn(self._keys, stamp, sizes.keys(), self._verb.act, self._verb.until)
        key, decide = self._keys.delayed(stamp), self._verb.taking
        came = yield from take_by_turning(
            self._keys, key, refs, decide, self._record, moment.take, before=self._progress
        )
        if came is None:
            return False
        result, missed = came
        refused = [reason for reason, count in result.refused for _ in range(count)]
        self.result = self.result.plus(result.done, result.gone, refused)
        if result.stopped is not None:
            raise result.stopped
        self.missed += [DelayedRef(stamp, ref.place, ref.sha, sizes[ref.sha]) for ref in missed]
        return True


def _from_behind(refs: Iterable[DelayedRef]) -> Iterator[DelayedRef]:
    """The refs of a moment that follow one another, those further back first: what is taken then
    moves no other."""
    for _, group in groupby(refs, key=lambda ref: ref.stamp):
        yield from sorted(group, key=lambda ref: -ref.place)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found: each job's bytes, None when it is not near its place; how long the lists
    are, -1 for what is none."""

    raws: list[bytes | None]
    lengths: dict[str, int]


class _Copies:
    """How many equal jobs there are of each that is to leave a moment with many of these: so none
    has to be looked for in the whole list when one leaves."""

    def __init__(self, keys: Keys, refs: Sequence[DelayedRef]) -> None:
        self._keys = keys
        named = Counter(ref.stamp for ref in refs)
        self._named: dict[str, set[str]] = {s: set() for s, many in named.items() if many > _JOBS}
        for ref in refs:
            if ref.stamp in self._named:
                self._named[ref.stamp].add(ref.sha)
        self._left: dict[str, Counter[str]] = {}
        self._stays: dict[str, bytes] = {}

    def count(self, lengths: Mapping[str, int], progress: tuple[int, int]) -> Steps[None]:
        """Count those of some moments, where it is worth it and was not done yet. One round trip
        for each 1,000 of their jobs."""
        for stamp, length in lengths.items():
            if length >= 0 and stamp in self._named:
                yield from self._count(stamp, self._named.pop(stamp), progress)

    def _count(self, stamp: str, named: set[str], progress: tuple[int, int]) -> Steps[None]:
        staying: list[bytes] = []

        def choose(item: Item, _: int) -> str | None:
            if item.sha in named:
                return item.sha
            if not staying and not item.is_cut:
                staying.append(item.raw)
            return None

        key = self._keys.delayed(stamp)
        found = yield from scan(key, choose, max_bytes=LISTED_BYTES, within=progress)
        self._left[stamp] = Counter(found)
        self._stays[stamp] = staying[0] if staying else b""

    def is_counted(self, stamp: str) -> bool:
        return stamp in self._left

    def stays(self, stamp: str) -> bytes:
        """The last job of a moment that is to stay, when it was counted; empty if none is known."""
        return self._stays.get(stamp, b"")

    def leaves(self, stamp: str, sha: str) -> Literal["yes", "no", ""]:
        """Whether an equal one is left when a job leaves; empty if that is not known."""
        left = self._left.get(stamp)
        if left is None:
            return ""
        left[sha] -= 1
        return "yes" if left[sha] > 0 else "no"


def _find(keys: Keys, batch: Sequence[DelayedRef], progress: tuple[int, int]) -> Exchange[_Seen]:
    stamps = list(dict.fromkeys(ref.stamp for ref in batch))
    sizes = delayed_windows.lengths(keys, stamps)
    finds = tuple(
        windows.find(keys.delayed(ref.stamp), ref.sha, ref.place, reach=_REACH).commands[0]
        for ref in batch
    )

    def parse(replies: list[Any]) -> _Seen:
        # Of a moment of another kind the lengths tell. What may not be read is not gone.
        raise_all_but(WrongType, replies)
        raws = [raw if isinstance(raw, bytes) else None for raw in replies[1:]]
        return _Seen(raws, dict(zip(stamps, sizes.parse(replies[:1]), strict=True)))

    return Exchange((*sizes.commands, *finds), parse, tolerant=True, progress=progress)


def _decided(
    found: Sequence[tuple[DelayedRef, bytes | None]], lengths: Mapping[str, int], verb: _Verb
) -> tuple[list[_Taking], list[DelayedRef], list[str]]:
    """What to take, what is elsewhere or gone, and why others are refused."""
    takings: list[_Taking] = []
    absent: list[DelayedRef] = []
    refused: list[str] = []
    for ref, raw in found:
        if lengths[ref.stamp] < 0:
            refused.append(_NO_LIST)
        elif raw is None:
            absent.append(ref)
        else:
            push = verb.decide(raw)
            if isinstance(push, str):
                refused.append(push)
            else:
                takings.append(_Taking(ref, raw, push))
    return takings, absent, refused


def _calls(
    keys: Keys,
    takings: Sequence[_Taking],
    lengths: Mapping[str, int],
    copies: _Copies,
    verb: _Verb,
    record: ActionRecord | None,
) -> Iterator[list[tuple[Command, Sequence[_Taking]]]]:
    """The scripts to run, a moment each, with the jobs that each takes; those together that keep
    the server busy for a few milliseconds."""
    together: list[tuple[Command, Sequence[_Taking]]] = []
    room = _WALK
    for stamp, group in groupby(takings, key=lambda taking: taking.ref.stamp):
        alike, length = list(group), max(1, lengths[stamp])
        is_counted = copies.is_counted(stamp)
        most = _JOBS if is_counted else max(1, _WALK // length)
        for at in range(0, len(alike), most):
            part = alike[at : at + most]
            # Once to take them out, and once for what came since they were counted.
            walk = 2 * length if is_counted else len(part) * length
            room -= walk
            if together and room < 0:
                yield together
                together, room = [], _WALK - walk
            together.append((_call(keys, stamp, part, copies, verb, record), part))
    if together:
        yield together


def _call(
    keys: Keys,
    stamp: str,
    takings: Sequence[_Taking],
    copies: _Copies,
    verb: _Verb,
    record: ActionRecord | None,
) -> Command:
    moment = keys.delayed(stamp)
    touched = [moment, keys.delayed_schedule(), keys.queues(), turn(moment)]
    new = keys.delayed_member(verb.until) if verb.until else b""
    args: list[Arg] = [keys.delayed_member(stamp), name_bytes(stamp), BLANK]
    args += [verb.act, new, verb.until, copies.stays(stamp)]
    for each in takings:
        target = moment if not verb.until else keys.delayed(verb.until)
        queue, payload = b"", b""
        if each.push is not None:
            target, payload = keys.queue(each.push.queue), each.push.payload
            queue = name_bytes(each.push.queue)
        touched += [keys.delayed_stamps(each.raw), target]
        args += [each.ref.place, each.raw, queue, payload, copies.leaves(stamp, each.ref.sha)]
    return recorded(_ACT, keys, record, touched, args, list).commands[0]


def _sought(keys: Keys, missed: Sequence[DelayedRef]) -> Steps[list[DelayedRef]]:
    """Those of the refs whose jobs are still in their lists, with the places where they are now. A
    round trip for each moment, and for each 1,000 of its jobs."""
    alike: dict[str, list[DelayedRef]] = {}
    for ref in missed:
        alike.setdefault(ref.stamp, []).append(ref)
    found: list[DelayedRef] = []
    for stamp, there in alike.items():
        key, sizes = keys.delayed(stamp), {ref.sha: ref.size for ref in there}
        length = yield from turning.settled(keys, key)
        wanted = [JobRef(ref.place, ref.sha) for ref in there]
        now = yield from sought(key, wanted, READ_ITEMS, length)
        found += [DelayedRef(stamp, ref.place, ref.sha, sizes[ref.sha]) for ref in now]
    return found
