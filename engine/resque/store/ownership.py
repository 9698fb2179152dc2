"""Finds out whose keys these are, Resque's or Sidekiq's, by what is in them, never by their names.

Both keep a set `queues`, lists `queue:<name>` and counts `stat:<name>`, and Sidekiq may run under
any prefix, `resque:` too. They push and take at opposite ends, so that a worker of the one destroys
jobs of the other. What tells them apart (Sidekiq 5.2 to 8.1, as recorded):

| sign | certainty |
|---|---|
| a member `host:pid:<12 hex>` of `processes` whose hash tells the same identity | certain |
| such a member alone (its process is gone) | strong |
| a sorted set `retry`, `schedule`, `dead`, `failed` (sidekiq-failures) with jids | strong |
| a count of jobs by day | strong |
| a job with a `jid` at an end of a queue (exq and Go's workers write it, too) | strong |
| those sets with other content; jobs with `retry` and a time, and no `jid` | weak |

Resque's own are a member of `workers`, a list `failed`, delayed jobs, and jobs without all that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from queuecore.exchange import Exchange, Reply, Steps
from queuecore.keys import name_text
from queuecore.values import Any, Literal, replace, value
from resque.codec import decode
from resque.errors import NotRedis, StoreError
from resque.keys import BareKeys, Keys
from resque.scripts import load_script

Certainty = Literal["none", "weak", "strong", "certain"]
Owner = Literal["resque", "sidekiq", "mixed", "unknown"]

_OWNERSHIP = load_script("ownership")

#: So many queues are looked at in one round trip, and no more where they are not named.
QUEUES = 200
#: Sidekiq's processes whose hash is read.
_PROCESSES = 20
#: An item is returned whole up to here.
_LONGEST_BYTES = 8192
#: After so many bytes of items a script ends, for others wait for it: 5 ms. The queues that it has
#: not come to are asked for in another, at most so many more of them for each 200 queues.
_AT_ONCE_BYTES = 2**20
_MORE_CALLS = 31
#: So many answers the script gives.
_PARTS = 10
#: Sidekiq counts by day for five years; one that ran within a month shows here.
_DAYS = 32
_SETS = ("retry", "schedule", "dead")
_IDENTITY = re.compile(r".+:\d+:[0-9a-f]{12}", re.DOTALL)
_JID = re.compile(r"[0-9a-f]{24}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CUT_JID = re.compile(rb'"jid"\s*:\s*"[0-9a-fA-F-]{24,36}"')
_LEVELS = ("none", "weak", "strong", "certain")


@value
class KeyOwners:
    """Whose the keys under one prefix are, as far as they were read.

    Attributes:
        place: The prefix in words: `'app'`, or that there is none.
        level: How sure it is that Sidekiq lives here.
        signs: What was seen of Sidekiq, in words, the surest first.
        of_resque: What was seen of Resque, in words.
        owners: Whose each queue is that was looked at.
        has_failures_set: The key of Resque's failures is a sorted set.
        is_complete: Whether all queues were looked at.
        problem: Why something could not be read; None when everything could.
    """

    place: str
    level: Certainty = "none"
    signs: tuple[str, ...] = ()
    of_resque: tuple[str, ...] = ()
    owners: Mapping[str, Owner] = {}
    has_failures_set: bool = False
    is_complete: bool = True
    problem: str | None = None

    @property
    def is_sure(self) -> bool:
        """Whether Sidekiq lives here, by a certain or strong sign."""
        return self.level in ("strong", "certain")

    @property
    def is_all_sidekiqs(self) -> bool:
        """Whether Sidekiq surely lives here, and nothing of Resque does."""
        return self.is_sure and not self.of_resque

    @property
    def system(self) -> str:
        """Which systems live here, in words; empty when none does."""
        sidekiq = {"none": "", "weak": "perhaps Sidekiq"}.get(self.level, "Sidekiq")
        return " and ".join(filter(None, ("Resque" if self.of_resque else "", sidekiq)))

    def owner(self, queue: str) -> Owner:
        """Whose a queue is."""
        found = self.owners.get(queue, "unknown")
        return "sidekiq" if found == "unknown" and self.is_all_sidekiqs else found

    def refusal(self, queue: str | None = None) -> str | None:
        """What to say when nothing was written to a queue, or anywhere here, because Resque may
        not; None when it may."""
        reason = self.reason(queue)
        return None if reason is None else f"nothing was changed: {reason}"

    def reason(self, queue: str | None = None) -> str | None:
        """Why Resque may write nothing to a queue, or anywhere here; None when it may."""
        owner = "unknown" if queue is None else self.owners.get(queue, "unknown")
        if owner == "sidekiq":
            own = (sign for sign in self.signs if repr(queue) in sign)
            return (
                f"queue {queue!r} of {self.place} is Sidekiq's "
                f"({next(own, self.signs[0])}); use a queue of Resque's, or another namespace"
            )
        if owner == "mixed":
            return (
                f"queue {queue!r} of {self.place} is mixed, it has Sidekiq's "
                "and Resque's jobs; give Resque's a queue or a namespace of their own"
            )
        if owner == "unknown" and self.is_all_sidekiqs:
            return (
                f"Sidekiq lives under {self.place} ({self.signs[0]}), and "
                "nothing of Resque does; use the namespace of a Resque"
            )
        return None

    @property
    def failures_refusal(self) -> str | None:
        """Why Resque may not write to its list of failures; None when it may."""
        if not self.has_failures_set:
            return None
        return (
            f"nothing was changed: `failed` of {self.place} is a sorted set, as sidekiq-failures "
            "keeps it for Sidekiq, and no list of Resque's; use another namespace for Resque"
        )

    @property
    def warning(self) -> str | None:
        """What to say where Sidekiq perhaps lives, or where that could not be found out; None when
        it is sure, or nothing shows it."""
        if self.level == "weak":
            return f"perhaps Sidekiq lives under {self.place}: {self.signs[0]}"
        if self.problem is not None and not self.is_sure:
            return f"whether Sidekiq lives under {self.place} is unknown: {self.problem}"
        return None


def find_owners(
    keys: Keys, queues: Sequence[str] | None = None, *, now: datetime
) -> Steps[KeyOwners]:
    """Find out whose the keys are, looking also at these queues; without them at `QUEUES` of
    those that are registered. What may not be read shows nothing, and `problem` tells it. Two
    round trips, one more for each further 200 queues; O(registered queues + queues + bytes of
    the items at their ends, each read up to 8 KiB)."""
    asking: tuple[tuple[bytes | str | int, ...], ...] = (
        ("SRANDMEMBER", keys.processes(), _PROCESSES),
    )
    if queues is None:
        asking = (*asking, ("SMEMBERS", keys.queues()))
    members, *registered = yield Exchange(asking, list, tolerant=True)
    names = list(queues) if queues is not None else _names(registered[0])
    identities = [] if isinstance(members, StoreError) else [name_text(each) for each in members]
    found: KeyOwners = yield from owners_of_queues(
        keys, names if queues is not None else names[:QUEUES], now=now, processes=identities
    )
    return replace(found, is_complete=queues is not None or len(names) <= QUEUES)


def _names(reply: Reply) -> list[str]:
    return [] if isinstance(reply, StoreError) else [name_text(raw) for raw in sorted(reply)]


def owners_of_queues(
    keys: Keys, queues: Sequence[str], *, now: datetime, processes: Sequence[str] = ()
) -> Steps[KeyOwners]:
    """As `find_owners`, for named queues and without what Sidekiq's processes say of themselves,
    unless they are named. One round trip for each 200 queues, at least one, and one more for each
    MiB of large items, of which 32 MiB are read for each 200 queues. Raises NotRedis where
    something else answers: a worker asks this first."""
    left = _MORE_CALLS * (1 + len(queues) // QUEUES)
    found: KeyOwners | None = None
    at = 0
    while True:
        asked = queues[at : at + QUEUES]
        most_bytes = _AT_ONCE_BYTES if left > 0 else 0
        step: KeyOwners = yield _step(keys, asked, processes, now, most_bytes)
        found = step if found is None else _joined(found, step)
        # None of them where it could not be read.
        looked_at = len(step.owners) or len(asked)
        left -= looked_at < len(asked)
        at += looked_at
        if at >= len(queues):
            return found


def _joined(one: KeyOwners, other: KeyOwners) -> KeyOwners:
    return replace(
        one,
        level=max(one.level, other.level, key=_LEVELS.index),
        signs=tuple(dict.fromkeys((*one.signs, *other.signs))),
        of_resque=tuple(dict.fromkeys((*one.of_resque, *other.of_resque))),
        owners={**one.owners, **other.owners},
        problem=one.problem or other.problem,
    )


def _step(
    keys: Keys,
    queues: Sequence[str],
    processes: Sequence[str],
    now: datetime,
    most_bytes: int,
) -> Exchange[KeyOwners]:
    # From tomorrow on: the clock of the process that counts may be ahead.
    first = now.astimezone(UTC) + timedelta(days=1)
    days = [f"{first - timedelta(days=ago):%Y-%m-%d}" for ago in range(_DAYS)]
    call = _OWNERSHIP.call(
        [
            keys.processes(),
            *map(keys.sidekiq_set, _SETS),
            keys.failed(),
            keys.workers(),
            keys.delayed_schedule(),
            *(keys.stat(f"processed:{day}") for day in days),
            *map(keys.process, processes),
            *map(keys.queue, queues),
        ],
        [len(days), len(processes), _LONGEST_BYTES, most_bytes],
    )
    place = place_of(keys)

    def parse(replies: list[Reply]) -> KeyOwners:
        (reply,) = replies
        if isinstance(reply, StoreError):
            return KeyOwners(place, problem=str(reply))
        if not isinstance(reply, list) or len(reply) != _PARTS:
            raise NotRedis("what answers does not run scripts as Redis does: check host and port")
        looked_at = queues[: len(reply[8]) // 2]
        return judged(reply, place, days, processes, looked_at)

    return Exchange((call,), parse, tolerant=True)


def place_of(keys: Keys) -> str:
    """The prefix of some keys in words."""
    return "no prefix" if isinstance(keys, BareKeys) else repr(keys.namespace)


def judged(
    reply: Sequence[Any],
    place: str,
    days: Sequence[str],
    processes: Sequence[str],
    queues: Sequence[str],
) -> KeyOwners:
    """What the reply of the script means; the others are what it was asked about. Pure."""
    members, sets, kind, failure, workers, delayed, day, infos, items, refused = reply
    served = frozenset(_served(infos))
    owners = {
        name: _owner(kind_of(items[2 * at]), kind_of(items[2 * at + 1]), name in served)
        for at, name in enumerate(queues)
    }
    signs = [*_of_processes(members, processes, infos)]
    signs += _of_sets(sets, kind, failure)
    if day:
        signs.append(("strong", f"jobs are counted by day, as of {days[day - 1]}"))
    signs += _of_queues([kind_of(item) for item in items], queues)
    signs.sort(key=lambda sign: -_LEVELS.index(sign[0]))
    return KeyOwners(
        place,
        level=signs[0][0] if signs else "none",
        signs=tuple(text for _, text in signs),
        of_resque=tuple(_of_resque(workers, kind, failure, delayed, owners)),
        owners=owners,
        has_failures_set=kind == b"zset",
        problem=name_text(refused) if refused else None,
    )


_Sign = tuple["Certainty", str]


def _of_processes(
    members: Sequence[bytes], asked: Sequence[str], infos: Sequence[Any]
) -> Iterator[_Sign]:
    for identity, info in zip(asked, infos, strict=True):
        if _IDENTITY.fullmatch(identity) and _object(info).get("identity") == identity:
            yield "certain", f"its process {identity!r} runs"
            return
    names = [name_text(raw) for raw in members]
    if left := next(filter(_IDENTITY.fullmatch, names), None):
        yield "strong", f"its process {left!r} is registered"
    elif names:
        yield "weak", "there is a set of processes"


def _of_sets(sets: Sequence[Any], kind: Any, failure: Any) -> Iterator[_Sign]:
    firsts = [*zip(_SETS, sets, strict=True), ("failed", failure if kind == b"zset" else False)]
    for name, first in firsts:
        if kind_of(first) == "sidekiq":
            yield "strong", f"the sorted set `{name}` holds a job with a jid"
        elif first:
            yield "weak", f"there is a sorted set `{name}`"


def _of_queues(kinds: Sequence[str], queues: Sequence[str]) -> Iterator[_Sign]:
    for at, name in enumerate(queues):
        if "sidekiq" in kinds[2 * at : 2 * at + 2]:
            yield "strong", f"a job at an end of queue {name!r} has a jid"
        elif "hint" in kinds[2 * at : 2 * at + 2]:
            yield "weak", f"a job at an end of queue {name!r} has `retry` and a time"


def _of_resque(
    workers: int, kind: Any, failure: Any, delayed: int, owners: Mapping[str, Owner]
) -> Iterator[str]:
    if workers:
        yield "workers are registered"
    if kind == b"list" and kind_of(failure) != "sidekiq":
        yield "there is a list of failures"
    if delayed:
        yield "jobs are delayed"
    for name, owner in owners.items():
        if owner in ("resque", "mixed"):
            yield f"queue {name!r} holds its jobs"
            return


def _served(infos: Sequence[Any]) -> Iterator[str]:
    """The queues that Sidekiq's processes take jobs from, by what they tell."""
    for info in infos:
        queues = _object(info).get("queues")
        if isinstance(queues, list):
            yield from (name for name in queues if isinstance(name, str))


def _owner(first: str, last: str, is_served: bool) -> Owner:
    kinds = {first, last}
    is_sidekiqs = "sidekiq" in kinds or is_served
    if "resque" in kinds:
        return "mixed" if is_sidekiqs else "resque"
    return "sidekiq" if is_sidekiqs else "unknown"


def kind_of(item: Any) -> str:
    """Whose job an item is, as the script returns it: `sidekiq`, `resque`, a `hint` of Sidekiq;
    empty for none, and for what is no job."""
    if isinstance(item, list):
        return _kind_of_ends(item[0], item[1])
    job = _object(item)
    if not isinstance(job.get("class"), str) or "args" not in job:
        return ""
    if has_jid(job):
        return "sidekiq"
    has_time = "enqueued_at" in job or "created_at" in job
    return "hint" if "retry" in job and has_time else "resque"


def is_in_flight(queue: str) -> bool:
    """Whether a name is one that reliable fetchers (Sidekiq Pro's, exq's, go-workers2's) give to
    the lists of the jobs that they work on, which look like queues."""
    return queue.startswith(("sq|", "backup::")) or queue.endswith(":inprogress")


def has_jid(job: Mapping[str, Any]) -> bool:
    """Whether a job has an id as Sidekiq and its like give it: 24 hexadecimal digits, or a UUID.
    Resque's have none (ActiveJob's is `job_id`, within the arguments)."""
    jid = job.get("jid")
    return isinstance(jid, str) and _JID.fullmatch(jid) is not None


def _kind_of_ends(begin: bytes, end: bytes) -> str:
    """The same of a long item, of which only both ends are known: a jid counts where it is the
    object's own, which shows by what is before or behind it being an object without the rest."""
    for found in _CUT_JID.finditer(begin):
        if has_jid(_object(begin[: found.end()] + b"}")):
            return "sidekiq"
    for found in _CUT_JID.finditer(end):
        if has_jid(_object(b"{" + end[found.start() :])):
            return "sidekiq"
    return ""  # perhaps the jid is between them


def _object(raw: Any) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    if not isinstance(raw, bytes):
        return {}
    try:
        found = decode(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
