"""The registered workers, from look to look: what cannot have changed is not asked for again, and
what has not is not read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from queuecore import times
from queuecore.cooperative import Slices
from queuecore.exchange import Command, Reply, refusal
from queuecore.keys import name_text
from resque.errors import StoreError
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import workers
from resque.store.columns import ReplyColumn, integer, known
from resque.store.heartbeats import Heartbeats
from resque.store.question import Question
from resque.store.read_cache import ReadCache
from resque.store.workers import Identity, Record

_BEGINNINGS = load_script("beginnings")
_SHORT_TEXTS = load_script("short_texts")

#: A worker's record that is longer comes cut.
RECORD_BYTES = 65_536
#: Every so many looks a worker is asked anyhow for what seems to have stayed.
_TURNS = 10
#: What is asked about them, in words.
_ASKED, _COUNTS = "jobs in hand", "counts of workers"


class WorkerState(NamedTuple):
    """One registered worker at one look. `beat_at` is when it last beat; None when it never did or
    its beat cannot be read; `has_heartbeat` is None when that is unknown. `record` is None when it
    is idle; see `is_busy` for one that could not be read."""

    identity: Identity
    started: datetime | None
    beat_at: datetime | None
    has_heartbeat: bool | None
    record: Record | None
    processed: int | None
    failed: int | None

    @property
    def is_busy(self) -> bool | None:
        """Whether it holds a job; None when that is unknown."""
        record = self.record
        return None if record is not None and record.is_unread else record is not None


class _Known(NamedTuple):
    """What stays the same of a worker: its id, and the keys of what is asked about it."""

    identity: Identity
    record: bytes
    started: bytes
    processed: bytes
    failed: bytes


class WorkerReader:
    """Asks for the registered workers and reads the answers. Used for one look at a time: `glance`
    and `ask`, in its first and second round trip, then `read` with the answers; a look that fails
    in between changes nothing.

    Their counts grow with Resque's own: while that stays, so do they; for another look they are
    asked all the same, for who counts does one after the other. Who starts, beats: all of a worker
    is asked for when it is new or has beaten since; besides, a tenth of them is asked at each look,
    in case that somebody writes in another order. What they hold is always asked for, as long as
    they are few; of many, see `Heartbeats`, where the glance gives one.

    Args:
        keys: Where they are.
        thrift: What a large fleet is.
    """

    def __init__(self, keys: Keys, thrift: ReadCache) -> None:
        self._keys = keys
        self._thrift = thrift
        self._turn = 0
        self._ids: list[bytes] = []
        self._known: list[_Known] = []
        self._seen_beats: list[bytes | None] = []
        self._has_beats = True
        self._totals: list[tuple[int | None, int | None]] = []
        self._seen_totals = self._totals
        self._beats: ReplyColumn[datetime | None] = ReplyColumn(_moment)
        self._records: Question[Record | None] = Question(_record, _short)
        self._started: Question[datetime | None] = Question(_moment)
        self._processed: Question[int | None] = Question(integer)
        self._failed: Question[int | None] = Question(integer)
        self._states: list[WorkerState | None] = []
        self._signs = Heartbeats(self._records, (self._processed, self._failed))

    def glance(self, *, whole: bool = False) -> list[Command]:
        """What to send at first; `whole`: everything will be asked. O(workers)."""
        if whole or len(self._ids) <= self._thrift.few:
            return self._signs.skip()
        return self._signs.glance([not _stays(self._totals, which) for which in (0, 1)])

    def ask(
        self,
        ids: list[bytes],
        beats: Mapping[bytes, bytes] | None,
        totals: tuple[int | None, int | None],
        glances: Iterable[Reply] = (),
    ) -> list[Command]:
        """What to send then: `ids` are all that are registered, `beats` their heartbeats, as they
        are in Redis, None when they are unknown; `totals` are Resque's own counts of processed and
        failed jobs; `glances` the answers to the first. O(workers)."""
        self._signs.see(iter(glances))
        if ids != self._ids:
            self._arrange(ids)
        self._has_beats = beats is not None
        self._seen_beats = [None if beats is None else beats.get(each) for each in ids]
        due = self._due()
        self._seen_totals = [*self._totals[-2:], totals]
        stays = [_stays(self._seen_totals, which) for which in (0, 1)]
        return [
            *self._started.ask(due),
            *self._signs.ask_counts(0, due, stays=stays[0]),
            *self._signs.ask_counts(1, due, stays=stays[1]),
            # Last: a count that is newer than the record would be no sign at the next look.
            *self._records.ask(self._signs.records_due(due, stays)),
        ]

    def _due(self) -> list[int]:
        turn = self._turn = (self._turn + 1) % _TURNS
        return [
            at
            for at, (beat, was) in enumerate(zip(self._seen_beats, self._beats.raws, strict=True))
            if beat is None or beat != was or at % _TURNS == turn
        ]

    def _arrange(self, ids: list[bytes]) -> None:
        was_at = {each: at for at, each in enumerate(self._ids)}
        places = [was_at.get(each) for each in ids]
        before, keys = self._known, self._keys
        self._known = known = [
            _made(keys, each) if at is None else before[at]
            for each, at in zip(ids, places, strict=True)
        ]
        self._ids = ids
        self._beats.arrange(places)
        self._records.arrange(places, [each.record for each in known])
        self._started.arrange(places, [each.started for each in known])
        self._processed.arrange(places, [each.processed for each in known])
        self._failed.arrange(places, [each.failed for each in known])
        self._signs.arrange(places)
        states = self._states
        self._states = [None if at is None else states[at] for at in places]

    def read(self, replies: Iterator[Reply], problems: dict[str, str]) -> Slices[list[WorkerState]]:
        """The workers, in the order of their ids; `replies` are those to `ask`. A worker of which
        nothing has changed stays the same object. Why something is unknown of several is added to
        the `problems`. O(workers), and the reading of what has changed."""
        self._signs.remember()
        counts = self._started, self._processed, self._failed
        for each in (*counts, self._records):
            each.hear(replies)
            if each.error is not None:
                problems[_ASKED if each is self._records else _COUNTS] = str(each.error)
        # First: what was not taken in must have its sign at the next look.
        yield from self._records.take()
        for each in counts:
            yield from each.take()
        self._signs.judge()
        # Last: a worker whose beat was not taken in is asked for again.
        yield from self._beats.take(self._seen_beats)
        self._totals = self._seen_totals
        yield
        return self._read_states()

    def _read_states(self) -> list[WorkerState]:
        beats = self._beats
        has_beat: list[bool | None] = [raw is not None for raw in beats.raws]
        if not self._has_beats:
            has_beat = [None] * len(self._ids)
        rows = zip(
            [each.identity for each in self._known],
            self._started.column.values,
            beats.values,
            has_beat,
            self._records.column.values,
            self._processed.column.values,
            self._failed.column.values,
            strict=True,
        )
        states = [
            was if was == row else WorkerState(*row)
            for row, was in zip(rows, self._states, strict=True)
        ]
        self._states = [*states]
        return states


def _stays(totals: Sequence[tuple[int | None, int | None]], which: int) -> bool:
    """Whether one of the totals has been the same for three looks."""
    seen = {each[which] for each in totals}
    return len(totals) == 3 and len(seen) == 1 and None not in seen


def _made(keys: Keys, worker_id: bytes) -> _Known:
    identity = workers.identity(name_text(worker_id))
    name = identity.text
    return _Known(
        identity,
        keys.worker(name),
        keys.worker_started(name),
        keys.worker_stat("processed", name),
        keys.worker_stat("failed", name),
    )


def _short(keys: Sequence[bytes], was: Sequence[Reply]) -> Command:
    """The command that reads some records, which were so at the look before."""
    all_short = all(raw is None or isinstance(raw, bytes) for raw in was)
    return (_SHORT_TEXTS if all_short else _BEGINNINGS).call(keys, [RECORD_BYTES])


def _moment(reply: Any) -> datetime | None:
    text: bytes | None = known(reply)
    return None if text is None else times.parse(text.decode("utf-8", "replace"))


def _record(held: Any) -> Record | None:
    if isinstance(held, StoreError):
        return workers.unread(str(held))
    if isinstance(held, list) and held[1] < 0:
        return workers.unread(str(refusal(name_text(held[0]))))
    if isinstance(held, list):
        return workers.read_beginning(held[0], held[1])
    return None if held is None or workers.is_pause(held) else workers.read_record(held)
