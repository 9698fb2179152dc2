"""Finds out whether Sidekiq lives in a database, under which namespace, and whether Resque does.

No name proves anything: both have `queues`, `queue:<name>` and `stat:<name>`, and Sidekiq may run
under Resque's prefix. What proves it (recorded from 5.2 to 8.1):

| sign | how sure |
|---|---|
| a member `host:pid:<12 hex>` of `processes` whose hash tells the same identity | certain |
| a member of that form alone (its process is gone) | strong |
| a sorted set `retry`, `schedule`, `dead`, `failed` of jobs with a jid | strong |
| a count of jobs by day, as of the last month | strong |
| a job with a jid at an end of a queue | strong |
| those sets with something else; a job with another id, or with `retry` and a time | weak |

Resque's own are a member of `workers`, a list `failed`, delayed jobs, and jobs without all that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

from queuecore import windows
from queuecore.exchange import Arg, Call, Exchange, Operation, Reply, Steps, T, checked, steps_of
from queuecore.keys import name_text
from queuecore.read_cache import batches, problem_of
from queuecore.times import utc_now
from queuecore.values import replace, value
from sidekiq.codec import members_of_both_ends, read_info
from sidekiq.errors import BelongsToResque, Refused, StoreError
from sidekiq.keys import SetName, SidekiqKeys, namespace_of
from sidekiq.scripts import load_script

_SIGNS = load_script("signs")
_MORE_SIGNS = load_script("more_signs")

Sureness = Literal["none", "weak", "strong", "certain"]
_LEVELS: Final[tuple[Sureness, ...]] = ("none", "weak", "strong", "certain")

#: Why nothing could be read where Sidekiq cannot be.
IN_CLUSTER: Final = "this is a cluster, which Sidekiq cannot use"
#: So many processes and queues of a namespace are looked at.
_MOST: Final = 20
_LONGEST_BYTES: Final = 8_192
#: Sidekiq counts by day; one that ran within a month shows here.
_DAYS: Final = 32
#: So many namespaces are asked about in one round trip, and found in one search.
_AT_ONCE: Final = 20
MOST_NAMESPACES: Final = 100
_SETS: Final[tuple[SetName, ...]] = ("retry", "schedule", "dead")
_IDENTITY: Final = re.compile(r".+:\d+:[0-9a-f]{12}", re.DOTALL)
_JID: Final = re.compile(r"[0-9a-f]{24}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

#: What is expected under a namespace.
Expected = Literal["resque", "sidekiq"]
_Sign = tuple[Sureness, str]
_Kind = Literal["", "sidekiq", "hint", "resque"]
_NOTHING: Final[Mapping[str, Expected]] = MappingProxyType({})


@value
class SidekiqSigns:
    """What shows that Sidekiq lives under a namespace; empty: none.

    Attributes:
        sureness: How sure it is.
        signs: What was seen of Sidekiq, in words, the surest first.
        of_resque: What was seen of Resque, in words.
        problem: Why something could not be read; None when everything could.
    """

    namespace: str
    sureness: Sureness = "none"
    signs: tuple[str, ...] = ()
    of_resque: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def is_sure(self) -> bool:
        """Whether Sidekiq lives here, by a certain or strong sign."""
        return self.sureness in ("strong", "certain")

    @property
    def is_mixed(self) -> bool:
        """Whether both surely live here: they take jobs from opposite ends of the same queues."""
        return self.is_sure and bool(self.of_resque)


def guarded(
    keys: SidekiqKeys, operation: Operation[T], clock: Callable[[], datetime] = utc_now
) -> Operation[T]:
    """The same operation, which ends with BelongsToResque before it writes where Resque lives and
    Sidekiq does not surely: each would push at the other's wrong end of a queue. What only reads
    stays as it is. Costs as `look` before the first write; what may not be read bars nothing."""
    if isinstance(operation, Exchange) and not operation.writes:
        return operation
    is_known = False

    def check(exchange: Exchange[Any]) -> Steps[None]:
        nonlocal is_known
        if not exchange.writes or is_known:
            return
        [found] = yield from look([keys.namespace], now=clock())
        if found.of_resque and not found.is_sure:
            raise BelongsToResque(
                f"this is Resque, and nothing of Sidekiq's is sure to be here "
                f"({'; '.join(found.of_resque)}): nothing was changed"
            )
        is_known = True

    return checked(steps_of(operation), check)


def look(namespaces: Sequence[str], *, now: datetime) -> Steps[tuple[SidekiqSigns, ...]]:
    """Look for Sidekiq under some namespaces, in their order. One round trip for each 20; another
    one where they have processes or queues, whose hashes and jobs are looked at; in a cluster each
    namespace takes its own. O(namespaces), at most 20 processes and queues of each. Raises
    StoreError when the server does not answer; what may not be read shows nothing, and `problem`
    tells it."""
    found: list[SidekiqSigns] = []
    for part in batches(namespaces, _AT_ONCE):
        try:
            found += yield from _look(part, now)
        except Refused as error:
            # A cluster: the keys of one namespace are not where those of another are.
            if len(part) == 1:
                found.append(SidekiqSigns(part[0], problem=_said(str(error))))
            else:
                for namespace in part:
                    found += yield from look([namespace], now=now)
    return tuple(found)


def glance(expected: Mapping[str, Expected], *, now: datetime) -> Steps[tuple[SidekiqSigns, ...]]:
    """As `look`, under namespaces of which it is known what usually lives there, 20 at most. One
    round trip for all, unless something else than that shows, or nothing sure: then as `look`.
    Where Resque is expected, queues without any sign of Sidekiq are Resque's."""
    try:
        return tuple((yield from _look(list(expected), now, expected)))
    except Refused as error:
        if len(expected) == 1:
            return tuple(SidekiqSigns(each, problem=_said(str(error))) for each in expected)
        found: list[SidekiqSigns] = []
        for namespace, usual in expected.items():
            found += yield from glance({namespace: usual}, now=now)
        return tuple(found)


def _look(
    namespaces: Sequence[str], now: datetime, expected: Mapping[str, Expected] = _NOTHING
) -> Steps[list[SidekiqSigns]]:
    keys = [SidekiqKeys(namespace) for namespace in namespaces]
    first: list[Reply] = yield Exchange(
        tuple(_question(each, now) for each in keys), list, tolerant=True
    )
    pairs = list(zip(namespaces, first, strict=True))
    found = [_judged(namespace, reply, None, now) for namespace, reply in pairs]
    settled = [
        _settled(each, expected.get(each.namespace), reply)
        for each, reply in zip(found, first, strict=True)
    ]
    calls = [
        _further(each, reply) if is_settled is None else None
        for each, reply, is_settled in zip(keys, first, settled, strict=True)
    ]
    asked = tuple(call for call in calls if call is not None)
    more: Iterator[Reply] = iter(())
    if asked:
        more = iter((yield Exchange(asked, list, tolerant=True)))
    return [
        known or (_judged(*pair, None if call is None else next(more), now))
        for known, pair, call in zip(settled, pairs, calls, strict=True)
    ]


def _settled(first: SidekiqSigns, expected: Expected | None, reply: Reply) -> SidekiqSigns | None:
    """What the first answer shows, where nothing more is to be asked under this namespace."""
    if isinstance(reply, StoreError):
        return first
    if expected == "sidekiq":
        return first if first.is_sure else None
    if expected == "resque" and first.sureness == "none" and first.problem is None:
        has_queues = bool(reply[4])
        of_resque = first.of_resque or (("there are queues",) if has_queues else ())
        return replace(first, of_resque=of_resque)
    return first if expected == "resque" and first.of_resque else None


def _said(problem: str) -> str:
    """Why something could not be read, in words for Sidekiq."""
    return IN_CLUSTER if "CROSSSLOT" in problem else problem


def search(
    known: Sequence[str],
    *,
    now: datetime,
    is_wanted: Callable[[SidekiqSigns], bool] = lambda found: found.is_sure,
) -> Steps[tuple[tuple[SidekiqSigns, ...], bool]]:
    """Walk through the keys of the database for further namespaces that are wanted, those under
    which Sidekiq surely lives, besides the `known` ones, and say whether all keys were looked at;
    100 namespaces at most are. In the background: a round trip for each 1,000 keys, up to 200, then
    as `look`. Raises StoreError where SCAN is refused."""
    keys, is_complete = yield from windows.find_keys(
        b"*:*es", lambda key: namespace_of(key) is not None
    )
    names = {name for key in keys if (name := namespace_of(key)) is not None} - {*known}
    others = sorted(names)[:MOST_NAMESPACES]
    found: tuple[SidekiqSigns, ...] = yield from look(others, now=now)
    return tuple(filter(is_wanted, found)), is_complete and len(others) == len(names)


def _question(keys: SidekiqKeys, now: datetime) -> Call:
    return _SIGNS.call(
        [
            keys.processes(),
            *map(keys.jobs, _SETS),
            keys.copies_of_failures(),
            keys.queues(),
            keys.workers_of_resque(),
            keys.delayed_of_resque(),
            *(keys.day("processed", day) for day in _days(now)),
        ],
        [_MOST, _LONGEST_BYTES],
    )


def _days(now: datetime) -> list[str]:
    # From tomorrow on: the clock of the process that counts may be ahead.
    first = now.astimezone(UTC) + timedelta(days=1)
    return [f"{first - timedelta(days=ago):%Y-%m-%d}" for ago in range(_DAYS)]


def _further(keys: SidekiqKeys, reply: Reply) -> Call | None:
    """What to ask when the first answer is known."""
    if isinstance(reply, StoreError):
        return None
    identities, queues = map(name_text, reply[0]), map(name_text, reply[4])
    names = [*map(keys.process, identities), *map(keys.queue, queues)]
    args: list[Arg] = [len(reply[0]), _LONGEST_BYTES]
    return _MORE_SIGNS.call(names, args) if names else None


def _judged(namespace: str, reply: Reply, more: Reply, now: datetime) -> SidekiqSigns:
    if isinstance(reply, StoreError):
        return SidekiqSigns(namespace, problem=_said(str(reply)))
    members, sets, kind, failure, queues, workers, delayed, day, refused = reply
    problem = None if not refused else problem_of(refused)
    infos: list[Any] = [None] * len(members)
    jobs: list[Any] = [None] * (2 * len(queues))
    if isinstance(more, StoreError):
        problem = str(more)
    elif more is not None:
        infos, jobs = more
    kinds = {
        name_text(raw): (kind_of(jobs[2 * at]), kind_of(jobs[2 * at + 1]))
        for at, raw in enumerate(queues)
    }
    signs = [*_of_processes(list(map(name_text, members)), infos)]
    signs += _of_sets(sets, failure if kind == b"zset" else None)
    if day:
        signs.append(("strong", f"jobs are counted by day, as of {_days(now)[day - 1]}"))
    signs += _of_queues(kinds)
    signs.sort(key=lambda sign: -_LEVELS.index(sign[0]))
    return SidekiqSigns(
        namespace,
        signs[0][0] if signs else "none",
        tuple(text for _, text in signs),
        tuple(_of_resque(workers, failure if kind == b"list" else None, delayed, kinds)),
        problem,
    )


def _of_processes(identities: Sequence[str], infos: Sequence[Any]) -> Iterator[_Sign]:
    for identity, info in zip(identities, infos, strict=True):
        told = read_info(info if isinstance(info, bytes) else None).get("identity")
        if told == identity and _IDENTITY.fullmatch(identity):
            yield "certain", f"its process {identity!r} runs"
            return
        if told == identity:
            yield "strong", f"a process {identity!r} runs that writes as Sidekiq's do"
    if left := next(filter(_IDENTITY.fullmatch, identities), None):
        yield "strong", f"its process {left!r} is registered"
    elif identities:
        yield "weak", "there is a set of processes"


def _of_sets(sets: Sequence[Any], copies: Any) -> Iterator[_Sign]:
    for name, first in [*zip(_SETS, sets, strict=True), ("failed", copies)]:
        if kind_of(first) == "sidekiq":
            yield "strong", f"the sorted set {name!r} holds a job with a jid"
        elif first:
            yield "weak", f"there is a sorted set {name!r}"


def _of_queues(kinds: Mapping[str, tuple[_Kind, _Kind]]) -> Iterator[_Sign]:
    for name, ends in kinds.items():
        if "sidekiq" in ends:
            yield "strong", f"a job at an end of queue {name!r} has a jid"
        elif "hint" in ends:
            yield "weak", f"a job at an end of queue {name!r} looks like one of Sidekiq's"


def _of_resque(
    workers: int, failure: Any, delayed: int, kinds: Mapping[str, tuple[_Kind, _Kind]]
) -> Iterator[str]:
    if workers:
        yield "workers are registered"
    if failure is not None and kind_of(failure) != "sidekiq":
        yield "there is a list of failures"
    if delayed:
        yield "jobs are delayed"
    if name := next((name for name, ends in kinds.items() if "resque" in ends), None):
        yield f"queue {name!r} holds its jobs"


def kind_of(job: Any) -> _Kind:
    """Whose a job is, as the scripts return it: Sidekiq's, perhaps Sidekiq's (`hint`), Resque's;
    empty for none, for what is no job, and where that is in a part that was cut off."""
    if isinstance(job, list):
        return "sidekiq" if has_jid(members_of_both_ends(job[0], job[1])) else ""
    told = read_info(job if isinstance(job, bytes) else None)
    if not isinstance(told.get("class"), str) or "args" not in told:
        return ""
    if has_jid(told):
        return "sidekiq"
    has_time = "enqueued_at" in told or "created_at" in told
    # Clients in other languages give ids of their own.
    is_hint = isinstance(told.get("jid"), str) or ("retry" in told and has_time)
    return "hint" if is_hint else "resque"


def has_jid(members: Mapping[str, Any]) -> bool:
    """Whether a job has an id as Sidekiq and its like give it: 24 hexadecimal digits, or a UUID.
    Resque's have none."""
    jid = members.get("jid")
    return isinstance(jid, str) and _JID.fullmatch(jid) is not None
