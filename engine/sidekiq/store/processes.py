"""The processes: members of a set, each with a hash that lives for 60 s after its last beat. A
member without its hash is gone: it died, or was cut off, and nobody has taken it off the set yet.

What a hash holds changed from version to version; other languages' workers write parts of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from queuecore.cooperative import Slices, at_once
from queuecore.exchange import Arg, Command, Exchange, Reply, Steps
from queuecore.fleet import Capsule, Process, ProcessFacts
from queuecore.keys import name_text
from queuecore.read_cache import batches, note, problem_of, rows
from queuecore.values import replace, value
from sidekiq.codec import moment_of, read_info
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script
from sidekiq.store import work
from sidekiq.store.work import NO_WORK, ProcessWork

_PROCESSES = load_script("processes")

#: What a process tells about itself is read up to here.
_INFO_BYTES: Final = 65_536
#: Why nothing is known of a process that is gone.
GONE: Final = "it does not tell anything any more: it has died, or was cut off"
#: So many labels, queues and parts of a process are read.
_MOST_NAMES: Final = 1_000
_IDENTITY: Final = re.compile(r"(.+):(\d{1,18})(?::[^:]*)?", re.DOTALL)
_VERSION: Final = re.compile(r"(\d{1,4})\.\d[\w.-]{0,30}")
#: The newest version that does not say which it is.
_LAST_SILENT: Final = (7, 0, 1)
_MS_VERSION: Final = 8
#: So many jobs, or as much as they cost, are read between two pauses: some 3 ms.
_SLICE: Final = 150

_Version = tuple[int, int, int]


@value
class _Known:
    """A process at the poll before."""

    beat: bytes
    process: Process
    work: ProcessWork


class ProcessReader:
    """Asks for processes and reads the answers, from poll to poll: `ask`, then `read` with the
    answers, in one poll. A process that has not beaten since is not read again: it stays the same
    object, and so does a job that it still runs."""

    def __init__(self, keys: SidekiqKeys) -> None:
        self._keys = keys
        self._identities: list[str] = []
        self._names: list[list[bytes]] = []
        self._asked: list[Command] = []
        self._known: dict[str, _Known] = {}

    def ask(self, identities: Sequence[str], *, whole: bool = False) -> list[Command]:
        """What to send; `whole`: also what seems to be unchanged. O(processes)."""
        keys = self._keys
        if list(identities) != self._identities:
            self._identities = list(identities)
            self._names = [
                [key for i in part for key in (keys.process(i), keys.work(i), keys.old_work(i))]
                for part in batches(self._identities, work.AT_ONCE)
            ]
        self._asked = []
        for names, part in zip(self._names, batches(self._identities, work.AT_ONCE), strict=True):
            beats = [b"" if whole else self._beat(each) for each in part]
            args: list[Arg] = [work.ENTRY_BYTES, work.MOST_THREADS, *beats]
            self._asked.append(_PROCESSES.call(names, args))
        return self._asked

    def _beat(self, identity: str) -> bytes:
        known = self._known.get(identity)
        return b"" if known is None else known.beat

    def read(
        self, replies: Iterator[Reply], leader: str | None, problems: dict[str, str]
    ) -> Slices[list[Process]]:
        """The processes, in the order in which they were asked for; `leader` is the identity of
        Enterprise's. Why several are unknown is added to the `problems`. O(processes), and the
        reading of those that have beaten."""
        found: list[Process] = []
        known: dict[str, _Known] = {}
        costs = 0
        answers = rows(replies, self._asked, len(self._identities), work.AT_ONCE)
        note("processes", answers, problems)
        for identity, answer in zip(self._identities, answers, strict=True):
            now = self._now(identity, answer, leader == identity)
            known[identity] = now
            found.append(now.process)
            costs += 1 if answer == 0 else 10 + len(now.work.jobs or ())
            if costs >= _SLICE:
                yield
                costs = 0
        self._known = known
        return found

    def _now(self, identity: str, answer: Any, is_leader: bool) -> _Known:
        was = self._known.get(identity)
        is_gone_still = answer is None and was is not None and _is_gone(was.process)
        if was is not None and (answer == 0 or is_gone_still):
            now = was
        elif answer is None or isinstance(answer, bytes | StoreError):
            process = _unread(identity, answer, was)
            is_same = was is not None and was.process == process
            now = was if was is not None and is_same else _Known(b"", process, _work_of(was))
        else:
            now = _told(identity, answer, was)
        facts = now.process.facts
        if facts is None or facts.is_gone or bool(facts.is_leader) == is_leader:
            return now
        facts = replace(facts, is_leader=is_leader)
        return replace(now, process=replace(now.process, facts=facts))


def read(keys: SidekiqKeys) -> Steps[tuple[Process, ...]]:
    """All processes with what they run, in the order of their identities. Two round trips,
    O(processes + threads). Raises StoreError where the set cannot be read; what is refused of one
    process is unknown, with the reason as its `problem`."""
    members, leader = yield Exchange(register(keys), tuple, tolerant=True)
    if isinstance(members, StoreError):
        raise members
    reader = ProcessReader(keys)
    commands = tuple(reader.ask(names(members)))
    replies: list[Reply] = yield Exchange(commands, list, tolerant=True)
    return tuple(at_once(reader.read(iter(replies), leader_of(leader), {})))


def register(keys: SidekiqKeys) -> tuple[Command, Command]:
    """The commands that ask which processes there are, and which of them leads."""
    return ("SMEMBERS", keys.processes()), ("GET", keys.leader())


def names(reply: list[bytes]) -> list[str]:
    """The members of a set as texts, in byte order."""
    return [name_text(raw) for raw in sorted(reply)]


def leader_of(reply: Reply) -> str | None:
    """The identity of the leader; None without one, and where that may not be read."""
    return name_text(reply) if isinstance(reply, bytes) else None


def busy(processes: Iterable[Process]) -> int | None:
    """How many threads run a job, by the processes' own counts, as Sidekiq's pages say it; None
    when one of those that are not gone does not tell."""
    counts = [each.facts.busy for each in processes if each.facts and not each.facts.is_gone]
    known = [each for each in counts if each is not None]
    return sum(known) if len(known) == len(counts) else None


def versions(processes: Iterable[Process]) -> tuple[str, ...]:
    """The versions of the processes that beat, each once, as they say them or as is shown."""
    found = {each.facts.version for each in processes if each.facts and each.facts.version}
    return tuple(sorted(found))


def major(process: Process) -> int | None:
    """The major version; None where neither the process nor what it writes tells it."""
    facts = process.facts
    version = None if facts is None else facts.version
    if version is None:
        return None
    ends = [part.strip("<= ") for part in version.split(" to ")]
    majors = {int(found[1]) for end in ends if (found := _VERSION.match(end))}
    return majors.pop() if len(majors) == 1 and not version.startswith("<") else None


def read_milliseconds(processes: Iterable[Process]) -> bool:
    """Whether all that beat, one at least, are of version 8 or later: only those understand a job's
    times in milliseconds. All versions understand seconds with a fraction."""
    beating = [each for each in processes if each.facts and not each.facts.is_gone]
    said = [each.facts is not None and each.facts.says_version for each in beating]
    return bool(beating) and all(said) and all((major(p) or 0) >= _MS_VERSION for p in beating)


def _is_gone(process: Process) -> bool:
    return process.facts is not None and process.facts.is_gone


def _work_of(was: _Known | None) -> ProcessWork:
    return NO_WORK if was is None else was.work


def _unread(identity: str, answer: bytes | StoreError | None, was: _Known | None) -> Process:
    """A process that tells nothing: gone, or it may not be read. Of one that is gone stays what it
    was; that it serves queues and runs jobs does not."""
    if answer is None and was is not None and was.process.facts is not None:
        facts = replace(was.process.facts, is_gone=True, busy=None)
        return replace(
            was.process,
            listed=(),
            threads=None,
            jobs=None,
            problem=GONE,
            facts=facts,
            has_beat=True,
        )
    host, pid = place_of(identity)
    return Process(
        id=identity,
        host=host,
        pid=pid,
        listed=(),
        started=None,
        beat_at=None,
        # Only by a beat a process comes onto the set.
        has_beat=True if answer is None else None,
        threads=None,
        jobs=None,
        processed=None,
        failed=None,
        problem=GONE if answer is None else problem_of(answer),
        facts=ProcessFacts(is_gone=answer is None),
    )


def _told(identity: str, answer: Sequence[Any], was: _Known | None) -> _Known:
    """A process by what it told at its last beat."""
    beat, info_raw, busy_raw, quiet, rss, rtt, threads_raw, work_reply, which = answer
    known = {each.raw: each for each in _work_of(was).jobs or ()}
    runs = work.of_reply(work_reply, which, known)
    if runs.is_old_name is None and was is not None:
        # Idle now; what it wrote before still shows its version.
        runs = replace(runs, is_old_name=was.work.is_old_name, is_object=was.work.is_object)
    busy = _whole(busy_raw)
    if busy and runs.jobs == () and not which:
        # Both are written at each beat: what it runs has expired, or is kept elsewhere.
        runs = replace(runs, jobs=None, problem=f"it runs {busy:,}, and does not tell which")
    info = read_info(info_raw if isinstance(info_raw, bytes) else None)
    said = info.get("version")
    says_version = isinstance(said, str) and _VERSION.fullmatch(said) is not None
    facts = ProcessFacts(
        busy=busy,
        is_quiet={b"true": True, b"false": False}.get(quiet),
        is_leader=False,
        is_embedded=_flag(info.get("embedded")),
        version=said if says_version else _shown_version(info, rss, rtt, runs),
        says_version=says_version,
        tag=_text(info.get("tag")),
        labels=_texts(info.get("labels")),
        capsules=tuple(_capsules(info)),
        rss_bytes=None if (kib := _whole(rss)) is None else kib * 1024,
        round_trip_us=_whole(rtt),
    )
    host, pid = place_of(identity)
    named, number = _text(info.get("hostname")), info.get("pid")
    process = Process(
        id=identity,
        host=host if named is None else named,
        pid=number if isinstance(number, int) and not isinstance(number, bool) else pid,
        listed=_listed(info, facts.capsules),
        started=moment_of(info.get("started_at")),
        beat_at=_beat_at(beat),
        has_beat=beat is not None,
        threads=_threads(threads_raw, info, facts.capsules),
        jobs=runs.jobs,
        processed=None,
        failed=None,
        problem=runs.problem if info else "what it tells about itself cannot be read",
        facts=facts,
    )
    return _Known(beat if isinstance(beat, bytes) else b"", process, runs)


def place_of(identity: str) -> tuple[str | None, int | None]:
    """The host and the process id in an identity: `host:pid`, `host:pid:nonce`."""
    found = _IDENTITY.fullmatch(identity)
    return (None, None) if found is None else (found[1], int(found[2]))


def _beat_at(beat: Any) -> datetime | None:
    return moment_of(name_text(beat)) if isinstance(beat, bytes) else None


def _threads(raw: Any, info: Mapping[str, Any], capsules: Sequence[Capsule]) -> int | None:
    """How many threads it has: since 8.1.2 a field of the hash, up to 7 a member of the info, in
    between only of its parts."""
    told = _whole(raw)
    if told is None:
        told = _count(info.get("concurrency"))
    if told is None and capsules:
        parts = [each.threads for each in capsules]
        told = None if None in parts else sum(filter(None, parts))
    return told


def _listed(info: Mapping[str, Any], capsules: Sequence[Capsule]) -> tuple[str, ...]:
    queues = _texts(info.get("queues"))
    return queues or tuple(dict.fromkeys(name for each in capsules for name, _ in each.weights))


def _capsules(info: Mapping[str, Any]) -> Iterator[Capsule]:
    """Its parts: named since 8.0.9, before that only the weights of each."""
    parts, weights = info.get("capsules"), info.get("weights")
    if isinstance(parts, dict) and parts:
        for name, part in list(parts.items())[:_MOST_NAMES]:
            told = part if isinstance(part, dict) else {}
            threads = _count(told.get("concurrency"))
            yield Capsule(name, threads, _text(told.get("mode")), _weights(told.get("weights")))
    elif isinstance(weights, list):
        for each in weights[:_MOST_NAMES]:
            yield Capsule(None, None, None, _weights(each))


def _weights(told: Any) -> tuple[tuple[str, int], ...]:
    if not isinstance(told, dict):
        return ()
    counts = ((name, _count(weight)) for name, weight in list(told.items())[:_MOST_NAMES])
    return tuple((name, weight) for name, weight in counts if weight is not None)


def _shown_version(info: Mapping[str, Any], rss: Any, rtt: Any, runs: ProcessWork) -> str | None:
    """Which versions write so, of those that do not say it. (Source: Sidekiq's change log: memory
    since 6.1.3, round trip since 6.2.0, the newer name of work since 6.4.2, payloads as text since
    6.0.2.)"""
    if not info:
        return None
    least: list[_Version] = [(0, 0, 0)]
    most: list[_Version] = [_LAST_SILENT]
    signs: list[tuple[bool | None, _Version, _Version]] = [
        (rss is not None, (6, 1, 3), (6, 1, 2)),
        (rtt is not None, (6, 2, 0), (6, 1, 3)),
        (_opposite(runs.is_old_name), (6, 4, 2), (6, 4, 1)),
        (_opposite(runs.is_object), (6, 0, 2), (6, 0, 1)),
    ]
    for is_newer, first, last in signs:
        if is_newer is not None:
            (least if is_newer else most).append(first if is_newer else last)
    low, high = max(least), min(most)
    if low > high:
        # Another language's worker: it writes some of both.
        return None
    return f"<= {_dotted(high)}" if low == (0, 0, 0) else f"{_dotted(low)} to {_dotted(high)}"


def _opposite(flag: bool | None) -> bool | None:
    return None if flag is None else not flag


def _dotted(version: _Version) -> str:
    return ".".join(map(str, version))


def _whole(raw: Any) -> int | None:
    """A number that a hash holds as text."""
    if isinstance(raw, bytes) and len(raw) < 20:
        with suppress(ValueError):
            return _count(int(raw))
    return None


def _count(told: Any) -> int | None:
    is_number = isinstance(told, int) and not isinstance(told, bool)
    return told if is_number and 0 <= told < 1 << 63 else None


def _flag(told: Any) -> bool | None:
    return told if isinstance(told, bool) else None


def _text(told: Any) -> str | None:
    return told if isinstance(told, str) else None


def _texts(told: Any) -> tuple[str, ...]:
    if not isinstance(told, list):
        return ()
    return tuple(dict.fromkeys(each for each in told[:_MOST_NAMES] if isinstance(each, str)))
