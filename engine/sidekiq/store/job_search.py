"""Whether jobs that a process lost are elsewhere after all: waiting, running, to be tried again, to
run later, dead, or in a list that another fetch keeps for its processes. What was not looked at is
unknown, never "nowhere"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from queuecore import windows
from queuecore.errors import StoreError
from queuecore.exchange import Arg, Exchange, Reply, Steps, single
from queuecore.keys import name_text
from queuecore.values import replace, value
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.scripts import load_script
from sidekiq.store.rescue import LostJob

_HOLDS = load_script("holds")

#: Entries, and about how many bytes of them, that one script looks at.
_ENTRIES: Final = 500
_BYTES: Final = 1 << 20
#: Running jobs are looked at by the hash: so many hashes in one round trip.
_HASHES: Final = 50
#: Jobs that are looked for at once.
MOST_SOUGHT: Final = 1000

PlaceKind = Literal["retry", "scheduled", "dead", "queue", "private list", "running"]
"""Where a job can be: a set, a queue, a list that a fetch keeps for its processes, a process."""


_SETS: Final[tuple[tuple[SetName, PlaceKind], ...]] = (
    ("retry", "retry"),
    ("schedule", "scheduled"),
    ("dead", "dead"),
)


@value
class JobPlace:
    """A place of jobs. `name` is that of the set or queue, the key of the list, or the identity of
    the process."""

    kind: PlaceKind
    name: str


@value
class Whereabouts:
    """Where a lost job was found.

    Attributes:
        found: The places that hold a job with its id, or its bytes where it has none.
        unknown: The places that were not looked at to their end, with the reason of those that
            could not be; some may not even be known by name.
    """

    found: tuple[JobPlace, ...]
    unknown: tuple[str, ...]

    @property
    def is_nowhere(self) -> bool:
        """Whether everything was looked at and it was found nowhere: then it can be put back."""
        return not self.found and not self.unknown


class LostJobSearch:
    """Looks for lost jobs. It can be stopped between two round trips; `of` tells at any moment what
    is known. A job that goes from a place that was not looked at yet to one that was is missed."""

    def __init__(self, keys: SidekiqKeys, jobs: Sequence[LostJob]) -> None:
        self._keys = keys
        self._sought = list(dict.fromkeys(map(_text, jobs)))[:MOST_SOUGHT]
        self._gone = {each.identity for each in jobs}
        self._found: dict[bytes, list[JobPlace]] = {}
        #: What is still to be looked at, and why what could not be looked at could not.
        self._open = ["everything"]
        self._failed: list[str] = []
        self._looked = self._of = 0

    def of(self, job: LostJob) -> Whereabouts:
        """Where a job is, as far as it is known."""
        text = _text(job)
        unknown = [*self._open, *self._failed]
        if text not in self._sought:
            unknown = ["everything"]
        if job.job.jid is None:
            unknown.append("running jobs: without an id it cannot be told from others")
        return Whereabouts(tuple(self._found.get(text, ())), tuple(unknown))

    def run(self) -> Steps[None]:
        """Look everywhere. A round trip for each 500 entries or each MiB of all sets, queues and
        private lists, for each 50 processes, and for each 1,000 keys of the database, up to 200."""
        if not self._sought:
            self._open = []
            return
        self._open, self._failed, self._looked = ["everything"], [], 0
        keys = self._keys
        places = [(keys.jobs(name), JobPlace(kind, name)) for name, kind in _SETS]
        names: set[str] = yield single(
            ("SMEMBERS", keys.queues()), lambda reply: set(map(name_text, reply))
        )
        self._open = ["private lists"]
        private: set[bytes] = yield from self._private_lists(names)
        places += [(key, self._place_of(key)) for key in sorted(private)]
        places += [(keys.queue(name), JobPlace("queue", name)) for name in sorted(names)]
        self._open = [_words(place) for _, place in places] + ["running jobs"]
        yield from self._measure([key for key, _ in places])
        for key, place in places:
            # What else is under a key that was only guessed by its name is no list of jobs.
            yield from self._look_through(key, place, is_guess=key in private)
            self._open.remove(_words(place))
        yield from self._running()
        self._open.remove("running jobs")

    def _private_lists(self, queues: set[str]) -> Steps[set[bytes]]:
        """The keys of lists of jobs that are no queues, as other fetches have them."""
        keys = self._keys
        own = {keys.queue(name) for name in queues}
        every: set[bytes] = set()
        for beginning in (keys.queue(""), keys.held("")):
            pattern = windows.pattern_of(beginning)
            try:
                found, is_whole = yield from windows.find_keys(pattern, lambda key: key not in own)
            except StoreError as error:
                self._failed.append(f"private lists: {error}")
                break
            if not is_whole:
                self._failed.append("private lists: there are too many keys to look at")
            every |= found
        return every

    def _place_of(self, key: bytes) -> JobPlace:
        """What a list is that no index leads to: a queue whose name was lost, or a private list."""
        queue = self._keys.queue_of(key)
        if queue is None:
            return JobPlace("private list", name_text(key))
        return JobPlace("queue", queue)

    def _measure(self, keys: Sequence[bytes]) -> Steps[None]:
        def count(replies: Sequence[object]) -> int:
            return sum(each for each in replies if isinstance(each, int))

        kinds = tuple((command, key) for key in keys for command in ("LLEN", "ZCARD"))
        self._of = yield Exchange(kinds, count, tolerant=True)

    def _look_through(self, key: bytes, place: JobPlace, *, is_guess: bool) -> Steps[None]:
        first = 0
        while True:
            try:
                kind, size, looked = yield self._look(key, place, first)
            except StoreError as error:
                self._failed.append(f"{_words(place)}: {error}")
                return
            first += looked
            self._looked += looked
            if not looked or first >= size:
                if not is_guess and kind not in (b"list", b"zset", b"none"):
                    self._failed.append(f"{_words(place)}: its key holds a {kind.decode()}")
                return

    def _look(self, key: bytes, place: JobPlace, first: int) -> Exchange[tuple[bytes, int, int]]:
        args: list[Arg] = [first, _ENTRIES, _BYTES, *self._sought]

        def parse(reply: Reply) -> tuple[bytes, int, int]:
            kind, size, looked, numbers = reply
            for number in numbers:
                places = self._found.setdefault(self._sought[number - 1], [])
                if place not in places:
                    places.append(place)
            return kind, size, looked

        progress = self._looked, max(self._of, self._looked)
        return replace(_HOLDS.read([key], args, parse), progress=progress)

    def _running(self) -> Steps[None]:
        keys = self._keys
        identities: list[str] = yield single(
            ("SMEMBERS", keys.processes()), lambda reply: sorted(map(name_text, reply))
        )
        alive = [each for each in identities if each not in self._gone]
        for first in range(0, len(alive), _HASHES):
            part = alive[first : first + _HASHES]
            looks = [
                self._look(key, JobPlace("running", identity), 0)
                for identity in part
                for key in (keys.work(identity), keys.old_work(identity))
            ]
            commands = tuple(command for look in looks for command in look.commands)
            parse = [look.parse for look in looks]
            try:
                yield Exchange(
                    commands,
                    lambda replies, p=parse: [f([r]) for f, r in zip(p, replies, strict=True)],  # type: ignore[misc]
                )
            except StoreError as error:
                self._failed.append(f"running jobs: {error}")
                return


def _text(job: LostJob) -> bytes:
    """What a job is looked for by."""
    jid = job.job.jid
    return job.job.raw if not jid else jid.encode("utf-8", "surrogatepass")


def _words(place: JobPlace) -> str:
    return place.name if place.kind in ("retry", "dead") else f"{place.kind} {place.name}"
