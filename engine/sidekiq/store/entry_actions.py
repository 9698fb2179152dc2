"""What an operator does with entries of the sorted sets: run, delete, kill, move, reschedule, edit
and run, export; one, many, or all that match.

Entries are named by `EntryRef`s and taken by their exact bytes, each by a script that goes on only
if it was there: a poller may take any of them at any time. Every operation returns numbers and can
leave a record for its undo, whose `source` is the key of the set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import Decide, Result, Taking, parts
from queuecore.bulk import delete as taken_away
from queuecore.exchange import Arg, Exchange, Steps
from queuecore.keys import name_bytes
from queuecore.values import replace, value
from sidekiq.errors import BadOption, StoreError
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.scripts import load_script
from sidekiq.store.entry_search import EntryRef, EntrySearch, FoundEntry
from sidekiq.store.pushes import PayloadEdit, PushTime, edited_job, moved, pushed, unreadable

_ACT = load_script("entries_act")

#: Entries taken by one script, also bounded by their bytes.
AT_ONCE: Final = 100
_BYTES: Final = 1 << 20
_DONE: Final = 1
_GONE: Final = 0
_WHY_STAYS: Final = {
    -1: "the key of its queue holds no list",
    -2: "an equal entry is there already",
}


def run(
    keys: SidekiqKeys,
    name: SetName,
    refs: Sequence[EntryRef],
    when: PushTime,
    record: ActionRecord | None = None,
    *,
    to: str | None = None,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Push jobs to the back of their queues now, or of the queue `to`. Those that failed get
    `retry_count` less one and `enqueued_at`, scheduled ones only the latter, as in Sidekiq's
    `retry` and `add_to_queue`; all other bytes stay. Two round trips for each 100 entries, or each
    `at_once` (fewer of large ones), O(log(length of the set)) for each; one more for each 1,000
    entries of the same score."""
    written, is_retry = when.written, name != "schedule"

    def decide(raw: bytes) -> Taking | str:
        push = pushed(raw, written, to=to, is_retry=is_retry)
        return push if isinstance(push, str) else Taking(0, raw, *push)

    return _act(keys, name, refs, _Verb("push", decide), record, at_once)


def edit_and_run(
    keys: SidekiqKeys,
    name: SetName,
    refs: Sequence[EntryRef],
    edit: PayloadEdit,
    when: PushTime,
    record: ActionRecord | None = None,
    *,
    to: str | None = None,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Push other payloads in place of entries' jobs, as `run` would push them. Refused where the
    edited text or the entry is no job. Costs as `run`."""
    written, is_retry = when.written, name != "schedule"

    def decide(raw: bytes) -> Taking | str:
        edited = edited_job(raw, edit)
        push = (
            edited if isinstance(edited, str) else pushed(edited, written, to=to, is_retry=is_retry)
        )
        return push if isinstance(push, str) else Taking(0, raw, *push)

    return _act(keys, name, refs, _Verb("push", decide), record, at_once)


def delete(
    keys: SidekiqKeys,
    name: SetName,
    refs: Sequence[EntryRef],
    record: ActionRecord | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Delete entries, also those that are no jobs. Costs as `run`."""
    return _act(keys, name, refs, _Verb("drop", taken_away), record, at_once)


def kill(
    keys: SidekiqKeys,
    name: Literal["retry", "schedule"],
    refs: Sequence[EntryRef],
    at_s: float,
    record: ActionRecord | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Put entries into the set of the dead, byte for byte, with the time of their death, in epoch
    seconds. Trims nothing: Sidekiq does, at its next death. Costs as `run`."""
    verb = _Verb("put", _as_it_is, "dead", at_s)
    return _act(keys, name, refs, verb, record, at_once)


def reschedule(
    keys: SidekiqKeys,
    name: SetName,
    refs: Sequence[EntryRef],
    at_s: float,
    record: ActionRecord | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Let entries be due at another time, in epoch seconds, byte for byte. Costs as `run`."""
    return _act(keys, name, refs, _Verb("put", _as_it_is, name, at_s), record, at_once)


def move(
    keys: SidekiqKeys,
    name: SetName,
    refs: Sequence[EntryRef],
    to: str,
    record: ActionRecord | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Steps[Result]:
    """Let entries go to another queue when they are due: they stay in their set at their score,
    with another `queue` in their bytes. Costs as `run`."""

    def decide(raw: bytes) -> Taking | str:
        change = moved(raw, to)
        return change if isinstance(change, str) else Taking(0, raw, None, change[1])

    return _act(keys, name, refs, _Verb("change", decide), record, at_once)


def export(
    keys: SidekiqKeys,
    name: SetName,
    refs: Sequence[EntryRef],
    write: Callable[[bytes], object],
) -> Steps[Result]:
    """Hand the whole bytes of entries to `write`, those of the lowest scores first. Changes
    nothing. A round trip for each 100 entries, fewer of large ones."""
    search = EntrySearch(keys.jobs(name), refs)
    done = 0
    try:
        while (found := (yield from search.find(AT_ONCE, (done, len(refs))))) is not None:
            for each in found:
                write(each.raw)
            done += len(found)
    except StoreError as error:
        return Result(done, search.gone, stopped=error)
    return Result(done, search.gone)


@value
class _Verb:
    """What is done with entries. `decide` says what is pushed or written in their place, or why it
    cannot be; `to` is the set that they go to, at the score `at_s`."""

    act: Literal["drop", "push", "put", "change"]
    decide: Decide
    to: SetName | None = None
    at_s: float | None = None

    def __post_init__(self) -> None:
        if self.at_s is not None and self.at_s != self.at_s:
            raise BadOption("an entry needs a time that is a number")

    def leaves(self, name: SetName, score: float) -> bool:
        """Whether an entry of a set leaves its score by this."""
        return self.act != "change" and (self.to != name or self.at_s != score)


def _as_it_is(raw: bytes) -> Taking | str:
    return unreadable(raw) or Taking(0, raw)


def _act(
    keys: SidekiqKeys,
    name: SetName,
    refs: Sequence[EntryRef],
    verb: _Verb,
    record: ActionRecord | None,
    at_once: int,
) -> Steps[Result]:
    """Do it. What fails half-way says what was done until then."""
    search = EntrySearch(keys.jobs(name), refs)
    result = Result()
    # The script cannot take many more.
    at_once = min(at_once, AT_ONCE)

    def progress() -> tuple[int, int]:
        return result.done + search.gone + result.gone + _count(result.refused), len(refs)

    def find() -> Steps[_Batch | None]:
        found = yield from search.find(at_once, progress())
        return None if found is None else _Batch(found, verb.decide)

    try:
        batch = yield from find()
        while batch is not None:
            coming = (yield from find()) if search.is_ahead else None
            takings, refused = batch.decided()
            result = result.plus(refused=refused)
            for part in parts(takings, at_once, _size_of, _BYTES):
                take = _take(keys, name, part, verb, record)
                # While Redis takes these it is decided what becomes of the next ones.
                meanwhile = None if coming is None else coming.decide
                outcomes: list[int] = yield replace(take, meanwhile=meanwhile, progress=progress())
                for (entry, _), outcome in zip(part, outcomes, strict=True):
                    has_left = outcome == _DONE and verb.leaves(name, entry.group.score)
                    entry.group.skip -= has_left or outcome == _GONE
                stays = [_WHY_STAYS[outcome] for outcome in outcomes if outcome in _WHY_STAYS]
                result = result.plus(outcomes.count(_DONE), outcomes.count(_GONE), stays)
            batch = coming if coming is not None else (yield from find())
    except StoreError as error:
        return replace(result.plus(gone=search.gone), stopped=error)
    return result.plus(gone=search.gone)


def _count(refused: Sequence[tuple[str, int]]) -> int:
    return sum(count for _, count in refused)


class _Batch:
    """Entries that were found, and what becomes of each, which is decided once."""

    def __init__(self, found: Sequence[FoundEntry], decide: Decide) -> None:
        self._found, self._decide = found, decide
        self._takings: list[tuple[FoundEntry, Taking]] = []
        self._refused: list[str] = []

    def decide(self) -> None:
        """Decide, unless that was done. O(bytes)."""
        found, self._found = self._found, ()
        for entry in found:
            decision = self._decide(entry.raw)
            if isinstance(decision, str):
                self._refused.append(decision)
            else:
                self._takings.append((entry, decision))

    def decided(self) -> tuple[list[tuple[FoundEntry, Taking]], list[str]]:
        """Those that are taken, each with what becomes of it, and why others are not."""
        self.decide()
        return self._takings, self._refused


def _size_of(taking: tuple[FoundEntry, Taking]) -> int:
    return len(taking[1].raw) + len(taking[1].payload)


def _take(
    keys: SidekiqKeys,
    name: SetName,
    part: Sequence[tuple[FoundEntry, Taking]],
    verb: _Verb,
    record: ActionRecord | None,
) -> Exchange[list[int]]:
    queues = list(dict.fromkeys(each.queue for _, each in part if each.queue is not None))
    targets = {None: 0} | {queue: number for number, queue in enumerate(queues, 1)}
    args: list[Arg] = [verb.act, "-" if verb.at_s is None else repr(float(verb.at_s)), len(part)]
    for _, each in part:
        args += (each.raw, targets[each.queue], each.payload)
    args += map(name_bytes, queues)
    to = keys.jobs(verb.to or name)
    touched = [keys.jobs(name), keys.queues(), to, *map(keys.queue, queues)]
    return recorded(_ACT, keys, record, touched, args, list)
