"""Failed jobs: reading entries of any implementation, requeueing them, and what Ruby does with them
besides."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from queuecore import bulk, times, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result, Taking
from queuecore.cooperative import Slices
from queuecore.digests import sha1_hex
from queuecore.exchange import Command, Exchange, Reply, Steps, single
from queuecore.keys import is_name, name_bytes, name_text, turn
from queuecore.values import replace
from queuecore.values import value as value_class
from queuecore.windows import Item, RawItem, Stretch
from resque.codec import decode, encode, member, members_of_beginning, text_of
from resque.keys import Keys
from resque.scripts import load_script

_NEWER = load_script("newer")
_STAMP = load_script("stamp")

#: The list of failures where there is one for all queues.
FAILED = "failed"
_OF_PYRES = re.compile(r"type: <(?:class|type) '([\w.]{1,200})'>")


@value_class
class Failure:
    """One entry of the list of failures, as far as it can be read; what is missing is None.

    `item` are its bytes and identity. `place` is where it was seen, counted from the head of the
    list (the oldest is 0): new failures do not change it. `problem` says in words why an entry
    cannot be read.
    """

    item: Item
    place: int
    failed_at: datetime | None = None
    retried_at: str | None = None
    class_name: str | None = None
    args: Any = None
    exception: str | None = None
    error: str | None = None
    backtrace: tuple[str, ...] = ()
    worker: str | None = None
    queue: str | None = None
    problem: str | None = None


def read(item: Item, place: int) -> Failure:
    """Read an entry written by any implementation; never raises."""
    if item.is_cut:
        return _read_beginning(item, place)
    try:
        value = decode(item.raw)
    except ValueError as error:
        return Failure(item, place, problem=str(error))
    return read_value(item, place, value)


def read_value(item: Item, place: int, value: Any) -> Failure:
    """As `read`, of an entry whose bytes are `value` as `decode` gives it. O(backtrace)."""
    if not isinstance(value, dict):
        return Failure(item, place, problem="not a JSON object")
    payload = value.get("payload")
    job = payload if isinstance(payload, dict) else {}
    backtrace = value.get("backtrace")
    lines = backtrace if isinstance(backtrace, list) else str(backtrace or "").splitlines()
    exception, said = raised(value)
    # By their places: by their names it takes twice as long.
    return Failure(
        item,
        place,
        times.parse(value.get("failed_at")),
        as_text(value.get("retried_at")),
        as_text(job.get("class")),
        job.get("args"),
        exception,
        said,
        tuple(map(str, lines)),
        as_text(value.get("worker")),
        as_text(value.get("queue")),
    )


def raised(value: dict[str, Any]) -> tuple[str | None, str | None]:
    """Which exception an entry is about, and what it said. pyres writes what it knows of the
    exception's class instead: `type`, `type: <class 'app.Refused'>`; the message is in the last
    line of the backtrace. (Source: pyres' failure/base.py.)"""
    exception, error = as_text(value.get("exception")), as_text(value.get("error"))
    if exception != "type" or error is None:
        return exception, error
    found = _OF_PYRES.fullmatch(error)
    if found is None:
        return exception, error
    trace = value.get("backtrace")
    lines = reversed(trace) if isinstance(trace, list) else ()
    last = next((line for line in lines if isinstance(line, str) and line.strip()), error)
    name, _, message = last.partition(": ")
    short = found[1].rpartition(".")[2]
    return found[1], message if name.rpartition(".")[2] == short else last


def _read_beginning(item: Item, place: int) -> Failure:
    """What the beginning of an entry tells: Ruby's end with the backtrace, worker and queue."""
    parts = members_of_beginning(item.raw)
    job = members_of_beginning(parts.get("payload", b""))
    return Failure(
        item,
        place,
        failed_at=times.parse(text_of(parts.get("failed_at"))),
        class_name=text_of(job.get("class")),
        exception=text_of(parts.get("exception")),
        error=text_of(parts.get("error")),
        worker=text_of(parts.get("worker")),
        queue=text_of(parts.get("queue")),
        problem=f"too large to list ({item.size:,} bytes)",
    )


def as_text(value: Any) -> str | None:
    """What an entry has in place of a text, as a text."""
    return value if value is None or isinstance(value, str) else str(value)


def list_key(keys: Keys, list_name: str) -> bytes:
    """The key of a list of failures: `failed`, or with one list a queue, `<queue>_failed`."""
    return keys.failed() if list_name == FAILED else keys.failed_named(list_name)


def lists(keys: Keys) -> Exchange[list[str]]:
    """The names of all lists of failures: `failed` first. One round trip."""
    return single(
        ("SMEMBERS", keys.failed_queues()),
        lambda reply: [FAILED, *(name_text(raw) for raw in sorted(reply))],
    )


def newest(
    keys: Keys, *, skip: int = 0, limit: int, max_bytes: int = 65_536, list_name: str = FAILED
) -> Exchange[tuple[int, list[Failure]]]:
    """The length of the list, and up to `limit` failures, newest first, after the `skip`
    newest. Entries longer than `max_bytes` come cut. One round trip, O(limit)."""

    def parse(seen: Stretch) -> tuple[int, list[Failure]]:
        end = seen.length - skip - 1
        newest_first = map(windows.read_item, reversed(seen.replies))
        return seen.length, [read(item, end - i) for i, item in enumerate(newest_first)]

    return newest_as_they_came(
        keys, skip=skip, limit=limit, max_bytes=max_bytes, list_name=list_name
    ).then(parse)


def newest_as_they_came(
    keys: Keys, *, skip: int = 0, limit: int, max_bytes: int = 65_536, list_name: str = FAILED
) -> Exchange[Stretch]:
    """As `newest`, oldest first, each of which is read only when it is needed."""
    # To LRANGE 0 -1, which these would be for none at all, is everything.
    first, last = (-skip - limit, -skip - 1) if limit > 0 else (1, 0)
    return windows.stretch(list_key(keys, list_name), first, last, max_bytes=max_bytes)


def job_of(raw: bytes, to: str | None = None, known: Any = None) -> tuple[str, bytes] | str:
    """The queue and the payload's bytes of an entry, or why it cannot be requeued. `to` is put in
    place of the entry's queue, which is not looked at then; `known` is what `decode` made of the
    bytes, where that was done before. O(bytes)."""
    try:
        value = decode(raw) if known is None else known
    except ValueError as error:
        return f"the entry cannot be read: {error}"
    if not isinstance(value, dict):
        return "the entry cannot be read: not a JSON object"
    queue, job = to or value.get("queue"), value.get("payload")
    if not isinstance(queue, str) or not queue:
        return "the entry names no queue"
    if not is_name(queue):
        return "the entry's queue has a name that is no text"
    if not isinstance(job, dict) or not isinstance(job.get("class"), str) or not job["class"]:
        return "the entry holds no job with a class"
    return queue, member(raw, "payload")


def requeue(raw: bytes, to: str | None = None, known: Any = None) -> Taking | str:
    """Decide for an entry: its job goes onto its queue, or onto `to`; or why it stays. The
    payload's bytes stay the same. Arguments as for `job_of`."""
    job = job_of(raw, to, known)
    return job if isinstance(job, str) else Taking(0, raw, *job)


def requeue_and_keep(
    keys: Keys, failure: Failure, now: datetime, *, list_name: str = FAILED
) -> Exchange[bool] | str:
    """Requeue as Ruby does: the entry stays on the list, stamped with `retried_at`. The stamp is
    spliced into the entry's bytes. Returns the round trip (whose result says whether the entry
    was still there), or why it cannot be done. O(n) in the list."""
    job = job_of(failure.item.raw)
    if isinstance(job, str):
        return job
    queue, payload = job
    stamped = _stamped(failure.item.raw, times.failed_at(now))
    return _STAMP.write(
        [list_key(keys, list_name), keys.queues(), keys.queue(queue)],
        [failure.place, failure.item.raw, stamped, payload, name_bytes(queue)],
        bool,
    )


def clear_retried(keys: Keys, record: ActionRecord | None = None) -> Steps[Result]:
    """Delete the failures that carry `retried_at`. (Ruby: Failure.clear_retried.) Costs as
    `bulk.scan` and `bulk.take`."""

    def choose(item: Item, place: int) -> JobRef | None:
        was_retried = read(item, place).retried_at is not None
        return JobRef(place, item.sha) if was_retried else None

    key = keys.failed()
    refs = yield from bulk.scan(key, choose)
    planned = None if record is None else replace(record, planned=len(refs))
    return (yield from bulk.take(keys, key, refs, bulk.delete, planned))


def _stamped(raw: bytes, stamp: str) -> bytes:
    """An entry with `retried_at` as its last member, in place of an earlier one."""
    text = raw.rstrip()[:-1]
    earlier = b',"retried_at":"'
    if earlier in text and text.endswith(b'"'):
        head, _, tail = text.rpartition(earlier)
        if b'"' not in tail[:-1]:
            text = head
    return b"%s%s%s}" % (text, b',"retried_at":', encode(stamp))


#: So many are read between two pauses.
_SLICE = 100
#: What reading may cost at each poll, in bytes that the server copies: some 5 ms.
_BUDGET_BYTES = 8_388_608
#: A longer entry comes cut and with its SHA-1, which takes as long as to copy it ten times.
_CUT_BYTES, _CUT_COSTS = 65_536, 10
#: However large they are, so many are read.
_LEAST = 40
#: What costs more is read again at every so many polls, unless the list has another length.
_TURNS = 10


class NewestFailures:
    """Asks for the newest failures and reads the answer; used for one poll at a time: `ask`,
    `parse`, then `read`. An entry that is at its place with the same bytes is not read again, and
    stays the same object. A sparing poll asks only for newer ones, as long as the others seem to be
    unchanged: a change of one of them shows later. Entries so large that reading them burdens the
    server are read less often, and fewer of them than `limit`.
    """

    def __init__(self, keys: Keys, *, limit: int) -> None:
        self._keys = keys
        self._most = self._limit = limit
        self._turn = 0
        self._is_heavy = self._has_changed = False
        self._seen = Stretch(0, ())
        self._known: dict[int, tuple[Any, Failure]] = {}

    def ask(self, *, sparing: bool = False) -> Command:
        """What to send. O(limit)."""
        self._turn = (self._turn + 1) % _TURNS
        if self._is_heavy and self._turn and not self._has_changed:
            return ("LLEN", self._keys.failed())
        if not self._turn:
            self._limit = min(self._most, self._limit * 2)
        if sparing and self._seen.replies and not self._is_heavy:
            return self._ask_newer()
        window = newest_as_they_came(self._keys, limit=self._limit, max_bytes=_CUT_BYTES)
        return window.commands[0]

    def _ask_newer(self) -> Command:
        seen = self._seen
        first, last = (_print(seen.replies[at]) for at in (0, -1))
        known = (seen.length, len(seen.replies), first, last)
        failed = self._keys.failed()
        return _NEWER.call([failed, turn(failed)], [self._limit, _CUT_BYTES, *known])

    def parse(self, reply: Reply) -> tuple[int, Stretch]:
        """How many failures there are, and those to read."""
        if isinstance(reply, int):
            self._has_changed = reply != self._seen.length
            return reply, self._seen
        length, replies, *is_since = reply
        if is_since:
            if not replies:
                return length, self._seen
            replies = [*self._seen.replies, *replies][-self._limit :]
        return length, Stretch(length, replies)

    def read(self, seen: Stretch) -> Slices[tuple[Failure, ...]]:
        """The failures, newest first. O(failures), and the reading of what is new."""
        known: dict[int, tuple[Any, Failure]] = {}
        for place, reply in enumerate(seen.replies, seen.length - len(seen.replies)):
            was = self._known.get(place)
            if was is None or was[0] != reply:
                was = reply, read(windows.read_item(reply), place)
                if len(known) % _SLICE == 0:
                    yield
            known[place] = was
        self._known = known
        if seen is not self._seen:
            self._weigh(seen)
        return tuple(failure for _, failure in reversed(known.values()))

    def _weigh(self, seen: Stretch) -> None:
        self._seen, self._has_changed = seen, False
        left, fitting = _BUDGET_BYTES, 0
        for reply in reversed(seen.replies):
            left -= len(reply) if isinstance(reply, bytes) else int(reply[1]) * _CUT_COSTS
            if left < 0:
                break
            fitting += 1
        self._is_heavy = left < 0
        if self._is_heavy:
            self._limit = min(self._most, max(_LEAST, fitting))


def _print(reply: RawItem) -> bytes | str | int:
    """The SHA-1 of an entry as it came; of one that came cut, it came along."""
    return sha1_hex(reply) if isinstance(reply, bytes) else reply[2]
