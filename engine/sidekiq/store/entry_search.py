"""Entries of the sorted sets, named by their score and bytes, and found again by them.

Any number of entries may have the same score, and pollers take some at any time: so an entry is
never named by its place.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, overload

from queuecore.exchange import Arg, Exchange, Reply, Steps
from queuecore.values import replace, value
from queuecore.windows import sha_of
from sidekiq.scripts import load_script

_ENTRIES_AT = load_script("entries_at")

#: What one answer holds at most, about.
_READ_ENTRIES: Final = 1000
_READ_BYTES: Final = 1 << 20
#: How often a score with more entries than one answer holds is gone through: they shift meanwhile.
_SEARCHES: Final = 3
_DIGEST_BYTES: Final = 20


@value
class EntryRef:
    """One entry of a sorted set as it was seen: its score, and the SHA-1 of its bytes. A score as
    Python's number is exactly the one in Redis: both are doubles."""

    score: float
    sha: str


class EntryRefs(Sequence[EntryRef]):
    """Millions of refs, in 28 bytes each: a sequence in the order of their scores, whatever the
    order in which they were added."""

    def __init__(self, refs: Iterable[EntryRef] = ()) -> None:
        self._scores = array("d")
        self._digests = bytearray()
        self._order: array[int] | None = None
        for ref in refs:
            self.add(ref)

    def add(self, ref: EntryRef) -> None:
        """Add a ref. Raises ValueError when its SHA-1 is none."""
        digest = bytes.fromhex(ref.sha)
        if len(digest) != _DIGEST_BYTES:
            raise ValueError(f"{ref.sha!r} is no SHA-1")
        self._scores.append(ref.score)
        self._digests += digest
        self._order = None

    def __len__(self) -> int:
        return len(self._scores)

    def __iter__(self) -> Iterator[EntryRef]:
        return map(self._ref, self._indices())

    @overload
    def __getitem__(self, index: int) -> EntryRef: ...
    @overload
    def __getitem__(self, index: slice) -> list[EntryRef]: ...
    def __getitem__(self, index: int | slice) -> EntryRef | list[EntryRef]:
        at = self._indices()[index]
        return self._ref(at) if isinstance(at, int) else [self._ref(each) for each in at]

    def _indices(self) -> Sequence[int]:
        if self._order is None:
            self._order = array("q", sorted(range(len(self)), key=self._scores.__getitem__))
        return self._order

    def _ref(self, index: int) -> EntryRef:
        start = _DIGEST_BYTES * index
        return EntryRef(self._scores[index], self._digests[start : start + _DIGEST_BYTES].hex())


class ScoreGroup:
    """The entries of one score that are sought. `skip` is how many of the score were looked at and
    are still there."""

    __slots__ = ("is_in_parts", "score", "searches", "shas", "skip")

    def __init__(self, score: float, shas: set[str]) -> None:
        self.score, self.shas = score, shas
        self.skip = 0
        self.searches, self.is_in_parts = _SEARCHES, False


@value
class FoundEntry:
    """One entry that was found, whole. Who takes it from its score counts `group.skip` down."""

    group: ScoreGroup
    raw: bytes


class EntrySearch:
    """Finds the entries that are named, some at a time, the lowest scores first.

    Attributes:
        gone: How many were not there any more.
    """

    def __init__(self, key: bytes, refs: Sequence[EntryRef]) -> None:
        self._key = key
        self._groups = _by_score(refs)
        self._open: list[ScoreGroup] = []
        self._upcoming: Exchange[list[Reply]] | None = None
        self.gone = 0

    @property
    def is_ahead(self) -> bool:
        """Whether there are more, which can be found before those that were found last are taken:
        they have other scores."""
        return self._upcoming is not None

    def find(self, at_once: int, progress: tuple[int, int]) -> Steps[list[FoundEntry] | None]:
        """Find the next ones, about `at_once`; None after the last. One round trip, O(log(length of
        the set)) for each; of a score with many entries all of them are read: one for each 1,000.
        Entries are read until they are more than 1 MiB."""
        exchange = self._upcoming or self._read(at_once, progress)
        if exchange is None:
            return None
        replies = yield exchange
        found: list[FoundEntry] = []
        for group, (has_more, *entries) in zip(self._open, replies, strict=False):
            shas = group.shas
            for raw in entries:
                sha = sha_of(raw)
                if sha in shas:
                    shas.remove(sha)
                    found.append(FoundEntry(group, raw))
            group.skip += len(entries)
            if has_more:
                group.is_in_parts = True
            else:
                self._end_of(group)
        self._open = [group for group in self._open if group.shas]
        self._upcoming = None
        if not self._open:
            # What is to be skipped of the next scores does not hang on what becomes of these.
            self._upcoming = self._read(at_once, progress)
            yield Exchange((), lambda _: None, progress=progress, ahead=self._upcoming)
        return found

    def _end_of(self, group: ScoreGroup) -> None:
        """All entries of a score were looked at. What was not there when they were read at once is
        gone."""
        group.searches -= 1
        if group.is_in_parts and group.searches:
            group.skip, group.is_in_parts = 0, False
        else:
            self.gone += len(group.shas)
            group.shas.clear()

    def _read(self, at_once: int, progress: tuple[int, int]) -> Exchange[list[Reply]] | None:
        """Read what is open, and some more; None where nothing is."""
        left = at_once - sum(len(group.shas) for group in self._open)
        while left > 0 and (group := next(self._groups, None)) is not None:
            self._open.append(group)
            left -= len(group.shas)
        args: list[Arg] = [_READ_ENTRIES, _READ_BYTES]
        for group in self._open:
            args += [repr(group.score), group.skip]
        read = _ENTRIES_AT.read([self._key], args, list)
        return replace(read, progress=progress) if self._open else None


def _by_score(refs: Sequence[EntryRef]) -> Iterator[ScoreGroup]:
    ordered = refs if isinstance(refs, EntryRefs) else sorted(refs, key=lambda ref: ref.score)
    for score, group in groupby(ordered, key=lambda ref: ref.score):
        yield ScoreGroup(score, {ref.sha for ref in group})


def find_entry(key: bytes, ref: EntryRef) -> Steps[bytes | None]:
    """The whole bytes of one entry; None when it is not there any more. A round trip, and one for
    each 1,000 other entries of its score."""
    search = EntrySearch(key, [ref])
    while (found := (yield from search.find(1, (0, 1)))) is not None:
        if found:
            return found[0].raw
    return None
