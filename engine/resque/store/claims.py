"""Claims: which process has a worker's id.

An id names a host, a process and its queues, and two processes can have the same: containers with
one host name in which both are process 1, say. So a worker takes its id with a token that it made
up, in a key of our own with a lifetime that heartbeats renew, and uses another name where the id
is taken already: `host-2:pid:queues`. (Ruby's workers know no such key and are found by what they
register.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import count

from queuecore import times
from queuecore.digests import sha1_hex
from queuecore.exchange import Exchange, Reply, Steps, single
from queuecore.keys import name_bytes
from queuecore.values import value
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import workers
from resque.store.workers import Record

_CLAIM = load_script("claim")
_BEAT = load_script("beat")

TOKEN_FIGURES = 32
_MARK_FIGURES = 40
#: What the mark of a record is made of; as in `scripts/claim.inc.lua`.
_MARKED_BYTES = 4096
#: So many failures are looked at to find one that was recorded.
_NEWEST = 10_000


@value
class Claim:
    """What a process claims: an id, by a `token` of 32 figures. `place` says where the process is,
    so that two with the same place and pid are one after the other; '' when that is unknown."""

    worker_id: str
    token: str
    place: str = ""


class WorkerId:
    """The claim of one worker to an id: at first to `host:pid:queues`, and to `host-2:pid:queues`
    and so on where others bear that. Only the host differs, so that Ruby's tools read all of it.

    `claim` is one value, which a thread that beats may read while another is taken."""

    def __init__(self, host: str, pid: int, queues: str, *, where: str) -> None:
        self._host = host
        self._rest = f":{pid}:{queues}"
        self._token = os.urandom(TOKEN_FIGURES // 2).hex()
        self._where = where
        self.claim = self._named(host)
        #: Whether the claim was made good once.
        self.is_taken = False

    @property
    def id(self) -> str:
        return self.claim.worker_id

    def _named(self, host: str) -> Claim:
        return Claim(host + self._rest, self._token, self._where)

    def wanted(self) -> Iterator[Claim]:
        """What to claim, the best first. Without an end."""
        if self.is_taken:
            yield self.claim
        yield self._named(self._host)
        for number in count(2):
            yield self._named(f"{self._host}-{number}")

    def take(self, claim: Claim) -> bool:
        """Go by this one from now on. Returns whether the id is another than before."""
        is_new = claim.worker_id != self.id or not self.is_taken
        self.claim, self.is_taken = claim, True
        return is_new


@value
class ClaimSeen:
    """What is kept under an id. `claim` is the value of the claim's key, `beat` the heartbeat as it
    is in Redis; None for what is absent. `now` is the server's clock."""

    claim: bytes | None
    beat: bytes | None
    record: bytes | None
    is_registered: bool
    now: datetime | None = None

    @property
    def token(self) -> str:
        """Whose it is; '' when there is no claim."""
        return (self.claim or b"")[:TOKEN_FIGURES].decode("latin-1")

    @property
    def place(self) -> str:
        """Where the process is that claims it; '' when that is unknown."""
        rest = (self.claim or b"")[TOKEN_FIGURES + _MARK_FIGURES + 2 :]
        return rest.decode("utf-8", "replace")

    def is_of(self, claim: Claim) -> bool:
        """Whether a process bears the id and wrote the record, if there is one."""
        return self.token == claim.token and (
            self.record is None or wrote(self.claim or b"", self.record)
        )

    def is_dead(self, claim: Claim, after_s: float) -> bool:
        """Whether the process that bore the id is proven dead to one that wants the same: it was
        in the same place, where a pid is of one process at a time, or its heart has not beaten for
        longer than `after_s`. A record that is not by whom the claim is shows that there is another
        one, of which only the heart tells."""
        if self.token == claim.token:
            return False
        is_by_claim = self.record is None or wrote(self.claim or b"", self.record)
        if is_by_claim and self.place and self.place == claim.place:
            return True
        beaten = times.parse(self.beat)
        if beaten is None or self.now is None:
            return False
        return (self.now - beaten).total_seconds() > after_s


_NOTHING = ClaimSeen(None, None, None, False)


def wrote(claim: bytes, record: bytes) -> bool:
    """Whether the process whose claim this is wrote that record. Pure."""
    start = TOKEN_FIGURES + 1
    mark = claim[start : start + _MARK_FIGURES].decode("latin-1")
    return mark == sha1_hex(record[:_MARKED_BYTES])


def clock() -> Exchange[datetime]:
    """The server's clock in local time. One round trip. Raises NotRedis where no Redis answers."""
    return single(("TIME",), times.read_server_time)


def beat(keys: Keys, claim: Claim, text: str, *, lasts_s: float) -> Exchange[tuple[bool, datetime]]:
    """Write a heartbeat, let the claim last for `lasts_s` from now, and put the worker on the
    register again if it was taken off: one that was pruned by mistake, while it was cut off,
    becomes visible (Ruby's stay hidden). Returns whether the id was still its own, and the server's
    clock. One round trip."""
    return _BEAT.write(
        (keys.claim(claim.worker_id), keys.workers(), keys.heartbeats()),
        (name_bytes(claim.worker_id), claim.token, text, int(lasts_s * 1000)),
        lambda reply: (reply[0] == 1, times.from_server(*reply[1:])),
    )


def held(keys: Keys, claim: Claim) -> Exchange[tuple[Record | None, int] | None]:
    """What a worker holds under its id, and its count of closed jobs; None when the id is not its
    own any more, so that this is unknown. What others wrote there does not count. One
    round trip."""

    def parse(replies: list[Reply]) -> tuple[Record | None, int] | None:
        found, record, processed = replies
        seen = ClaimSeen(found, None, record, True)
        if seen.token != claim.token:
            return None
        is_ours = record is not None and seen.is_of(claim)
        return workers.read_record(record) if is_ours else None, int(processed or 0)

    worker_id = claim.worker_id
    return Exchange(
        (
            ("GET", keys.claim(worker_id)),
            ("GET", keys.worker(worker_id)),
            ("GET", keys.worker_stat("processed", worker_id)),
        ),
        parse,
    )


def was_recorded(keys: Keys, claim: Claim, entry: bytes, list_name: str = "") -> Exchange[bool]:
    """Whether the failure `entry` is among the newest of its list (`list_name`; '' for that of
    all), and the worker holds nothing: a job that it closed before it was taken off the register.
    False where that cannot be found out. One round trip, O(entries looked at)."""
    failed = keys.failed_named(list_name) if list_name else keys.failed()
    find = ("LPOS", failed, entry, "RANK", -1, "MAXLEN", _NEWEST)

    def parse(replies: list[Reply]) -> bool:
        return replies[0] == 0 and isinstance(replies[1], int)

    held = ("EXISTS", keys.worker(claim.worker_id))
    return Exchange((held, find), parse, tolerant=True)


@value
class Terms:
    """How a worker registers: when it `started`, its first heartbeat (`beat`); `after_s` without a
    heartbeat a worker is dead, and `lasts_s` is how long a claim lasts without one. `now` is the
    clock for failures; with `own_lists` they go to their queue's list. `is_own_beat` tells whether
    a heartbeat (None: there is none) may be the last one of the process itself under this id."""

    started: datetime
    beat: str
    after_s: float
    lasts_s: float
    now: Callable[[], datetime]
    own_lists: bool
    is_own_beat: Callable[[str, bytes | None], bool]


def take(keys: Keys, wanted: Iterable[Claim], terms: Terms) -> Steps[Claim | None]:
    """Register a worker under the first of some ids that no living one bears; None: under none.

    What a dead one held under it becomes a failure in the same step. What the process itself has
    there already, it goes on with. One round trip where the first id is free, else two for each
    that is borne, and one more."""
    for claim in wanted:
        is_taken: bool = yield from _settle(keys, claim, terms, takes_over=True)
        if is_taken:
            return claim
    return None


def renew(keys: Keys, claim: Claim, terms: Terms) -> Steps[bool]:
    """Take an id again whose claim has ended, as after a long outage. Returns whether that could
    be; not when another process bears it by now. Two round trips."""
    return _settle(keys, claim, terms, takes_over=False)


def _settle(keys: Keys, claim: Claim, terms: Terms, *, takes_over: bool) -> Steps[bool]:
    seen, keeps = _NOTHING, False
    while True:
        found: ClaimSeen | None = yield _attempt(keys, claim, terms, seen, keeps=keeps)
        if found is None:
            return True
        seen = found
        keeps = seen.is_of(claim) or (
            seen.claim is None and terms.is_own_beat(claim.worker_id, seen.beat)
        )
        if not keeps and not (takes_over and seen.is_dead(claim, terms.after_s)):
            return False


def _attempt(
    keys: Keys, claim: Claim, terms: Terms, seen: ClaimSeen, *, keeps: bool
) -> Exchange[ClaimSeen | None]:
    """Take an id if all is as seen. Returns None, or what is there instead."""
    worker_id = claim.worker_id
    lost = None if keeps else seen.record
    entry = b"" if lost is None else workers.left_behind(worker_id, terms.now)(lost)
    list_name = workers.own_list_of(lost) if terms.own_lists else ""

    def parse(reply: Reply) -> ClaimSeen | None:
        if reply[0] == 1:
            return None
        _, claimed, beaten, record, is_registered, *moment = reply
        return ClaimSeen(claimed, beaten, record, is_registered == 1, times.from_server(*moment))

    return _CLAIM.write(
        (
            keys.claim(worker_id),
            keys.workers(),
            keys.heartbeats(),
            *keys.of_worker(worker_id),
            keys.failed_named(list_name) if list_name else keys.failed(),
            keys.failed_queues(),
        ),
        (
            *(name_bytes(worker_id), claim.token, claim.place, int(terms.lasts_s * 1000)),
            *(times.started(terms.started), terms.beat),
            *(seen.claim or b"", seen.beat or b"", seen.record or b""),
            *("1" if seen.is_registered else "0", "1" if keeps else "0"),
            *(entry, name_bytes(list_name)),
        ),
        parse,
    )
