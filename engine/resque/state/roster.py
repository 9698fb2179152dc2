"""The registered workers, from look to look: what cannot have changed is not asked for again, and
what has not is not read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from resque.errors import StoreError
from resque.state import workers
from resque.state.columns import Column, batches, integer, known, rows, texts
from resque.state.workers import Identity, Record
from resque.wire import times
from resque.wire.exchange import Command, Reply, load_script
from resque.wire.keys import Keys, name_text
from resque.wire.slices import Slices
from resque.wire.values import value as value_class

T = TypeVar("T")

_BEGINNINGS = load_script("beginnings")
_SHORT_TEXTS = load_script("short_texts")

#: A worker's record that is longer comes cut.
RECORD_BYTES = 65_536
#: Every so many looks a worker is asked anyhow for what seems to have stayed.
_TURNS = 10


@value_class
class WorkerState:
    """One registered worker at one look. `heartbeat_age_s` is by the server's clock; None when
    it never beat or its beat cannot be read. `record` is None when it is idle."""

    identity: Identity
    started: datetime | None
    heartbeat_age_s: float | None
    has_heartbeat: bool
    record: Record | None
    processed: int | None
    failed: int | None


class _Known(NamedTuple):
    """What stays the same of a worker: its id, and the keys of what is asked about it."""

    identity: Identity
    record: bytes
    started: bytes
    processed: bytes
    failed: bytes


class _Question(Generic[T]):
    """One text of each worker; it is asked for all, or only for some, of the others it stays."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self.column = Column(read)
        self._keys: list[bytes] = []
        self._asked: list[Command] = []
        self._of_all: list[Command] = []
        self._due: list[int] | None = None
        self._had_error = False

    def arrange(self, places: Sequence[int | None], keys: list[bytes]) -> None:
        self.column.arrange(places)
        self._keys, self._of_all = keys, texts(keys)

    def ask(self, due: list[int] | None) -> list[Command]:
        """What to send: for the workers at some places, or for all."""
        self._due = None if self._had_error else due
        keys = self._keys
        self._asked = self._of_all if self._due is None else texts(keys[at] for at in self._due)
        return self._asked

    def read(self, replies: Iterator[Reply]) -> Slices[None]:
        raws = rows(replies, self._asked, len(self._keys if self._due is None else self._due))
        self._had_error = any(isinstance(each, StoreError) for each in raws)
        if self._due is not None:
            some, raws = raws, list(self.column.raws)
            for at, reply in zip(self._due, some, strict=True):
                raws[at] = reply
        yield from self.column.take(raws)


class Roster:
    """Asks for the registered workers and reads the answers. Used for one look at a time: `ask`,
    then `read` with the answers; a look that fails in between changes nothing.

    What they hold is always asked for. Their counts grow with Resque's own: while that stays, so
    do they; for another look they are asked all the same, for who counts does one after the other.
    Who starts, beats: all of a worker is asked for when it is new or has beaten since; besides, a
    tenth of them is asked at each look, in case that somebody writes in another order.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._turn = 0
        self._ids: list[bytes] = []
        self._known: list[_Known] = []
        self._seen_beats: list[bytes | None] = []
        self._record_keys: list[bytes] = []
        self._records_asked: list[Command] = []
        self._totals: list[tuple[int | None, int | None]] = []
        self._seen_totals = self._totals
        self._beats: Column[datetime | None] = Column(_moment)
        self._records: Column[Record | None] = Column(_record)
        self._started: _Question[datetime | None] = _Question(_moment)
        self._processed: _Question[int | None] = _Question(integer)
        self._failed: _Question[int | None] = _Question(integer)

    def ask(
        self,
        ids: list[bytes],
        beats: Mapping[bytes, bytes],
        totals: tuple[int | None, int | None],
    ) -> list[Command]:
        """What to send: `ids` are all that are registered, `beats` their heartbeats, as they are
        in Redis; `totals` are Resque's own counts of processed and failed jobs. O(workers)."""
        if ids != self._ids:
            self._arrange(ids)
        self._seen_beats = [beats.get(each) for each in ids]
        due = self._due()
        self._records_asked = self._ask_records()
        self._seen_totals = [*self._totals[-2:], totals]
        return [
            *self._records_asked,
            *self._started.ask(due),
            *self._processed.ask(due if self._stays(0) else None),
            *self._failed.ask(due if self._stays(1) else None),
        ]

    def _ask_records(self) -> list[Command]:
        keys, was = (batches(each) for each in (self._record_keys, self._records.raws))
        return [
            (_SHORT_TEXTS if _were_short(raws) else _BEGINNINGS).call(batch, [RECORD_BYTES])
            for batch, raws in zip(keys, was, strict=True)
        ]

    def _due(self) -> list[int]:
        turn = self._turn = (self._turn + 1) % _TURNS
        return [
            at
            for at, (beat, was) in enumerate(zip(self._seen_beats, self._beats.raws, strict=True))
            if beat is None or beat != was or at % _TURNS == turn
        ]

    def _stays(self, which: int) -> bool:
        """Whether one of the totals has been the same for three looks."""
        seen = {each[which] for each in self._seen_totals}
        return len(self._seen_totals) == 3 and len(seen) == 1 and None not in seen

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
        self._records.arrange(places)
        self._started.arrange(places, [each.started for each in known])
        self._processed.arrange(places, [each.processed for each in known])
        self._failed.arrange(places, [each.failed for each in known])
        self._record_keys = [each.record for each in known]

    def read(self, replies: Iterator[Reply], now: datetime) -> Slices[list[WorkerState]]:
        """The workers, in the order of their ids; `replies` are those to `ask`, `now` is the
        server's time. O(workers), and the reading of what has changed."""
        yield from self._records.take(rows(replies, self._records_asked, len(self._ids)))
        yield from self._started.read(replies)
        yield from self._processed.read(replies)
        yield from self._failed.read(replies)
        # Last: a worker whose beat was not taken in is asked for again.
        yield from self._beats.take(self._seen_beats)
        self._totals = self._seen_totals
        yield
        return self._states(now)

    def _states(self, now: datetime) -> list[WorkerState]:
        beats = self._beats
        return list(
            map(
                WorkerState,
                [each.identity for each in self._known],
                self._started.column.values,
                [None if at is None else (now - at).total_seconds() for at in beats.values],
                [raw is not None for raw in beats.raws],
                self._records.values,
                self._processed.column.values,
                self._failed.column.values,
            )
        )


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


def _were_short(records: Sequence[Reply]) -> bool:
    """Whether all of some records are known, and none of them is one to be cut."""
    return all(raw is None or isinstance(raw, bytes) for raw in records)


def _moment(reply: Any) -> datetime | None:
    text: bytes | None = known(reply)
    return None if text is None else times.parse(text.decode("utf-8", "replace"))


def _record(held: Any) -> Record | None:
    if isinstance(held, StoreError):
        return Record(b"", None, None, None, None, None, str(held))
    if isinstance(held, list):
        return workers.read_beginning(held[0], held[1])
    return None if held is None else workers.read_record(held)
