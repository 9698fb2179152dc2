"""The registered workers, from poll to poll: what cannot have changed is not asked for again, and
what has not is not read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from queuecore import times
from queuecore.cooperative import Slices
from queuecore.exchange import Command, Reply, refusal
from queuecore.fleet import Process, RunningJob
from queuecore.keys import name_text
from queuecore.read_cache import CachedTexts, batches, integer, moved, note, rows
from queuecore.values import value
from resque.errors import AuthRefused, MissingCommand, StoreError
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import workers
from resque.store.workers import Identity

_BEGINNINGS = load_script("beginnings")
_ROLL = load_script("roll")
_SHORT_TEXTS = load_script("short_texts")

#: A worker's record that is longer comes cut.
RECORD_BYTES = 65_536
#: Every so many looks a worker is asked anyhow for what seems to have stayed.
_TURNS = 10
#: Whatever the server's clock does, so many looks in a row may pass without reading who is
#: registered.
_MOST_UNREAD = 10
#: So many idle workers are asked for at once whether any has a job now.
_IDLE = 100
#: What is asked about them, in words.
_REGISTERED, _ASKED, _COUNTS = ("workers", "heartbeats"), "jobs in hand", "counts of workers"

#: A worker of Resque runs one job at a time.
THREADS = 1

#: The replies about each of many rows; None where these were not asked for.
_Rows = list[Reply] | None
#: What a worker runs; a text says why that is unknown.
_Jobs = tuple[RunningJob, ...] | str


@value
class LargeFleet:
    """More workers than `few` are a large fleet. Of such a one, who is registered and when each has
    beaten may be known from up to `unread_s` seconds ago, by the server's clock."""

    few: int = 1_000
    unread_s: float = 5.0


USUAL_FLEET = LargeFleet()


class WorkerRegister:
    """Asks who is registered and when each has beaten, and reads the answers; used for one poll at
    a time: `ask`, then `parse`.

    Of a large fleet both are read every few seconds, and whenever there are more workers or fewer:
    so a heartbeat's age may be too high by as much, and when as many have left as have come, that
    shows after as long.
    """

    def __init__(self, keys: Keys, large: LargeFleet) -> None:
        self._keys = keys
        self._large = large
        self._ids: list[bytes] = []
        self._beats: Mapping[bytes, bytes] = {}
        self._read_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._pause = timedelta()
        self._unread = 0
        #: Whether the last reading found those that were known, and no error.
        self._is_settled = False
        #: Whether the user may run the script.
        self._is_allowed = True
        #: Whether this look leaves out what may be left out for a while.
        self.is_sparing = False

    def ask(self, *, whole: bool = False) -> list[Command]:
        """What to send; `whole`: leave nothing out."""
        keys = (self._keys.workers(), self._keys.heartbeats())
        due_at = None if whole else self._due_at()
        self.is_sparing = due_at is not None
        if due_at is None:
            return [("SMEMBERS", keys[0]), ("HGETALL", keys[1])]
        return [_ROLL.call(keys, [len(self._ids), f"{due_at.timestamp():.6f}"])]

    def _due_at(self) -> datetime | None:
        """From when on everything is to be read; None when this look does so anyhow."""
        if self._read_at is None or self._looked_at is None or not self._is_settled:
            return None
        if (
            not self._is_allowed
            or len(self._ids) <= self._large.few
            or self._unread >= _MOST_UNREAD
        ):
            return None
        due_at = self._read_at + timedelta(seconds=self._large.unread_s)
        # Plain commands cost less than the script, where it would tell everything.
        return due_at if self._looked_at + self._pause < due_at else None

    def parse(
        self, replies: list[Reply], now: datetime, problems: dict[str, str]
    ) -> tuple[list[bytes] | None, Mapping[bytes, bytes] | None]:
        """The ids, sorted, and the heartbeats by id; None for what cannot be read, and the
        `problems` say why. `replies` are those to `ask`, `now` is the server's time."""
        if self._looked_at is not None:
            self._pause = max(now - self._looked_at, timedelta())
        self._looked_at = now
        if self.is_sparing:
            (reply,) = replies
            if isinstance(reply, int):
                self._unread += 1
                return self._ids, self._beats
            if isinstance(reply, StoreError):
                # The next look asks in the other way, as those after it where a right is lacking.
                self._is_settled = False
                self._is_allowed = not isinstance(reply, AuthRefused | MissingCommand)
                return self._ids, self._beats
            # A script returns errors as texts.
            replies = [refusal(name_text(p)) if isinstance(p, bytes) else p for p in reply]
        self._read_at, self._unread = now, 0
        for what, reply in zip(_REGISTERED, replies, strict=True):
            note(what, [reply], problems)
        members, beats = replies
        ids = None if isinstance(members, StoreError) else sorted(members)
        beats_now = None if isinstance(beats, StoreError) else workers.pairs(beats)
        self._is_settled = ids == self._ids and beats_now is not None
        if ids is not None and beats_now is not None:
            self._ids, self._beats = ids, beats_now
        return ids, beats_now


class ChangeDetector:
    """Finds out which workers may hold something else than at the poll before: to read what each of
    thousands holds is dear, their counts are cheap. `ask_first` and `see` are for a poll's first
    round trip; then `records_due` and `ask_counts` say which workers to ask for, and `judge` looks
    at the answers.

    An idle worker may have a job when it, or one of a hundred beside it, has a record now. A worker
    with a job may have another one when it has counted a job since, as processed or, with some
    implementations only, as failed; failures are rare, and the first one after some time without is
    a sign for the next look. A worker that goes from job to job without counting is always asked
    for, until it counts.

    Args:
        records: What the workers hold.
        counts: Of how many jobs they processed, and of how many failed.
    """

    def __init__(
        self, records: CachedTexts[Any], counts: tuple[CachedTexts[Any], CachedTexts[Any]]
    ) -> None:
        self._records = records
        self._counts = counts
        self._idle: list[Sequence[int]] = []
        self._asked: list[list[Command]] = [[], []]
        self._is_known = False
        self._seen: list[_Rows] = [None, None]
        self._changed: set[int] = set()
        self._doubted: set[int] = set()
        self._late: set[int] = set()
        self._before: tuple[list[Reply], ...] = ()

    def skip(self) -> list[Command]:
        """Send nothing: everything will be asked."""
        self._idle, self._asked, self._is_known = [], [[], []], False
        return []

    def ask_first(self, counting: Sequence[bool]) -> list[Command]:
        """What to send; `counting` says of which of the counts."""
        records = self._records
        idle = [at for at, raw in enumerate(records.raws) if raw is None]
        self._idle = list(batches(idle, _IDLE))
        self._asked = [
            each.all() if wanted else []
            for each, wanted in zip(self._counts, counting, strict=True)
        ]
        self._is_known = True
        asked: list[Command] = [
            ("EXISTS", *(records.keys[at] for at in part)) for part in self._idle
        ]
        return [*asked, *self._asked[0], *self._asked[1]]

    def see(self, replies: Iterator[Reply]) -> None:
        """Read the answers to `ask_first`."""
        awake = [next(replies) for _ in self._idle]
        self._seen = [self._rows(replies, asked) for asked in self._asked]
        answers = [*awake, *(self._seen[0] or ()), *(self._seen[1] or ())]
        if any(isinstance(each, StoreError) for each in answers):
            self._is_known = False
        moved = {
            at
            for each, now in zip(self._counts, self._seen, strict=True)
            if now is not None
            for at, (raw, was) in enumerate(zip(now, each.raws, strict=True))
            if raw != was
        }
        self._doubted -= moved
        held = self._records.raws
        self._changed = self._late | {at for at in moved if held[at] is not None}
        for answer, part in zip(awake, self._idle, strict=True):
            if answer:
                self._changed.update(part)

    def _rows(self, replies: Iterator[Reply], asked: list[Command]) -> _Rows:
        return rows(replies, asked, len(self._records.keys)) if asked else None

    def arrange(self, places: Sequence[int | None]) -> None:
        """Follow the workers to other places, as `CachedTexts.arrange`, after `see`."""
        now_at = {was: at for at, was in enumerate(places) if was is not None}
        for signs in (self._changed, self._doubted, self._late):
            now = [now_at[at] for at in signs if at in now_at]
            signs.clear()
            signs.update(now)
        self._seen = [None if each is None else moved(each, places) for each in self._seen]

    def records_due(self, due: list[int], stays: Sequence[bool]) -> list[int] | None:
        """Whose record to ask for, besides those that are `due`; None: everybody's. `stays` says
        of each of Resque's own counts whether it stays."""
        if not self._is_known or not (stays[0] or self._seen[0] is not None):
            return None
        return sorted({*due, *self._changed, *self._doubted})

    def ask_counts(self, which: int, due: list[int], *, stays: bool) -> list[Command]:
        """What to send for one of the counts: those that are `due` are asked again."""
        early = self._seen[which] if self._is_known else None
        question = self._counts[which]
        return question.ask(due if stays or early is not None else None, early)

    def remember(self) -> None:
        """Before the answers are taken in."""
        self._before = tuple(each.raws for each in (self._records, *self._counts))

    def judge(self) -> None:
        """After they were."""
        held_before, *counts_before = self._before
        held = self._records.raws

        def counted(at: int) -> bool:
            counts = zip(self._counts, counts_before, strict=True)
            return any(each.raws[at] != before[at] for each, before in counts)

        others = {
            at
            for at in self._records.due or ()
            if held_before[at] is not None and held_before[at] != held[at]
        }
        self._doubted = {at for at in self._doubted | others if not counted(at)}
        self._late = set()
        asked, failed = self._records.due, self._counts[1].raws
        if asked is not None and self._counts[1].due is None:
            pairs = enumerate(zip(failed, counts_before[1], strict=True))
            self._late = {at for at, (raw, was) in pairs if raw != was}.difference(asked)


class _Known(NamedTuple):
    """What stays the same of a worker: its id, and the keys of what is asked about it."""

    identity: Identity
    record: bytes
    started: bytes
    processed: bytes
    failed: bytes


class WorkerReader:
    """Asks for the registered workers and reads the answers. Used for one poll at a time:
    `ask_first` and `ask`, in its first and second round trip, then `read` with the answers; a poll
    that fails in between changes nothing.

    The workers' counts grow with Resque's own: while that stays the same, so do they; for another
    look they are asked for all the same, since a worker writes one count after the other. A worker
    that starts beats: all of it is asked for when it is new or has beaten since; besides, a tenth
    of the workers is asked for at each poll, in case that an implementation writes in another
    order. What they hold is always asked for, as long as they are few; of many, where
    `ChangeDetector` says so.
    """

    def __init__(self, keys: Keys, large: LargeFleet) -> None:
        self._keys = keys
        self._large = large
        self._turn = 0
        self._ids: list[bytes] = []
        self._known: list[_Known] = []
        self._seen_beats: list[bytes | None] = []
        self._has_beats = True
        self._totals: list[tuple[int | None, int | None]] = []
        self._seen_totals = self._totals
        self._beats: CachedTexts[datetime | None] = CachedTexts(times.parse)
        self._records: CachedTexts[_Jobs] = CachedTexts(_jobs, _short)
        self._started: CachedTexts[datetime | None] = CachedTexts(times.parse)
        self._processed: CachedTexts[int | None] = CachedTexts(integer)
        self._failed: CachedTexts[int | None] = CachedTexts(integer)
        #: What each was at the poll before: as it was read, and as it was handed out.
        self._rows: list[Any] = []
        self._processes: list[Any] = []
        self._changes = ChangeDetector(self._records, (self._processed, self._failed))

    def ask_first(self, *, whole: bool = False) -> list[Command]:
        """What to send at first; `whole`: everything will be asked. O(workers)."""
        if whole or len(self._ids) <= self._large.few:
            return self._changes.skip()
        return self._changes.ask_first([not _stays(self._totals, which) for which in (0, 1)])

    def ask(
        self,
        ids: list[bytes],
        beats: Mapping[bytes, bytes] | None,
        totals: tuple[int | None, int | None],
        first_replies: Iterable[Reply] = (),
    ) -> list[Command]:
        """What to send then: `ids` are all that are registered, `beats` their heartbeats, as they
        are in Redis, None when they are unknown; `totals` are Resque's own counts of processed and
        failed jobs; `first_replies` the answers to the first. O(workers)."""
        self._changes.see(iter(first_replies))
        if ids != self._ids:
            self._arrange(ids)
        self._has_beats = beats is not None
        self._seen_beats = [None if beats is None else beats.get(each) for each in ids]
        due = self._due()
        self._seen_totals = [*self._totals[-2:], totals]
        stays = [_stays(self._seen_totals, which) for which in (0, 1)]
        return [
            *self._started.ask(due),
            *self._changes.ask_counts(0, due, stays=stays[0]),
            *self._changes.ask_counts(1, due, stays=stays[1]),
            # Last: a count that is newer than the record would be no sign at the next look.
            *self._records.ask(self._changes.records_due(due, stays)),
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
            _new(keys, each) if at is None else before[at]
            for each, at in zip(ids, places, strict=True)
        ]
        self._ids = ids
        self._beats.arrange(places)
        self._records.arrange(places, [each.record for each in known])
        self._started.arrange(places, [each.started for each in known])
        self._processed.arrange(places, [each.processed for each in known])
        self._failed.arrange(places, [each.failed for each in known])
        self._changes.arrange(places)
        self._rows = moved(self._rows, places)
        self._processes = moved(self._processes, places)

    def read(self, replies: Iterator[Reply], problems: dict[str, str]) -> Slices[list[Process]]:
        """The workers, in the order of their ids; `replies` are those to `ask`. A worker of which
        nothing has changed stays the same object. Why something is unknown of several is added to
        the `problems`. O(workers), and the reading of what has changed."""
        self._changes.remember()
        counts = self._started, self._processed, self._failed
        for each in (*counts, self._records):
            each.hear(replies)
            if each.error is not None:
                problems[_ASKED if each is self._records else _COUNTS] = str(each.error)
        # First: what was not taken in must have its sign at the next look.
        yield from self._records.take()
        for each in counts:
            yield from each.take()
        self._changes.judge()
        # Last: a worker whose beat was not taken in is asked for again.
        yield from self._beats.take(self._seen_beats)
        self._totals = self._seen_totals
        yield
        return self._made()

    def _made(self) -> list[Process]:
        beats = self._beats
        has_beat: list[bool | None] = [raw is not None for raw in beats.raws]
        if not self._has_beats:
            has_beat = [None] * len(self._ids)
        columns = (self._started, self._records, self._processed, self._failed)
        started, jobs, processed, failed = (each.values for each in columns)
        identities = [each.identity for each in self._known]
        rows = list(
            zip(
                *(identities, started, beats.values, has_beat, jobs, processed, failed), strict=True
            )
        )
        made = [
            process if row == was else _process(*row)
            for row, was, process in zip(rows, self._rows, self._processes, strict=True)
        ]
        self._rows, self._processes = rows, made
        return [*made]


def _process(
    who: Identity,
    started: datetime | None,
    beat_at: datetime | None,
    has_beat: bool | None,
    jobs: _Jobs,
    processed: int | None,
    failed: int | None,
) -> Process:
    known, problem = (None, jobs) if isinstance(jobs, str) else (jobs, None)
    return Process(
        *(who.text, who.host, who.pid, who.queues, started, beat_at, has_beat),
        *(THREADS, known, processed, failed, problem),
    )


def _stays(totals: Sequence[tuple[int | None, int | None]], which: int) -> bool:
    """Whether one of the totals has been the same for three looks."""
    seen = {each[which] for each in totals}
    return len(totals) == 3 and len(seen) == 1 and None not in seen


def _new(keys: Keys, worker_id: bytes) -> _Known:
    identity = workers.identity(name_text(worker_id))
    return _Known(identity, *keys.of_worker(identity.text))


def _short(keys: Sequence[bytes], was: Sequence[Reply]) -> Command:
    """The command that reads some records, which were so at the poll before."""
    all_short = all(raw is None or isinstance(raw, bytes) for raw in was)
    return (_SHORT_TEXTS if all_short else _BEGINNINGS).call(keys, [RECORD_BYTES])


def _jobs(held: Any) -> _Jobs:
    if isinstance(held, StoreError):
        return str(held)
    if isinstance(held, list):
        text, size = held
        if size < 0:
            return str(refusal(name_text(text)))
        return (workers.read_beginning(RunningJob, text, size),)
    if held is None or workers.is_pause(held):
        return ()
    return (workers.read_as(RunningJob, held),)


def unregistered(worker_id: str, job: RunningJob, beat: bytes | None) -> Process:
    """A worker that is on no register; `beat` is its heartbeat as it is in Redis."""
    who = workers.identity(worker_id)
    return _process(who, None, times.parse(beat), beat is not None, (job,), None, None)
