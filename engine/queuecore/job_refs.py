"""What names items of a list to an action: where each was seen, and its SHA-1."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

_DIGEST_BYTES = 20


@dataclass(frozen=True, slots=True)
class JobRef:
    """One item of a list as it was seen: its place from the head, and its SHA-1."""

    place: int
    sha: str


class JobRefs(Sequence[JobRef]):
    """Marks by the million, in 28 bytes each: a sequence in the order of their places, in whatever
    order they came. `size_bytes` is how large their items are together, as far as it was given."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._places = array("q")
        self._digests = bytearray()
        self._is_descending = True
        self._order: array[int] | None = None

    def add(self, mark: JobRef, size_bytes: int = 0) -> None:
        """Take in the mark of an item of so many bytes. Raises ValueError when its SHA-1 is
        none."""
        digest = bytes.fromhex(mark.sha)
        if len(digest) != _DIGEST_BYTES:
            raise ValueError(f"{mark.sha!r} is no SHA-1")
        if self._places and mark.place > self._places[-1]:
            self._is_descending = False
        self._places.append(mark.place)
        self._digests += digest
        self.size_bytes += size_bytes
        self._order = None

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[JobRef]:
        return map(self._mark, self._indices())

    @overload
    def __getitem__(self, index: int) -> JobRef: ...
    @overload
    def __getitem__(self, index: slice) -> list[JobRef]: ...
    def __getitem__(self, index: int | slice) -> JobRef | list[JobRef]:
        at = self._indices()[index]
        return self._mark(at) if isinstance(at, int) else [self._mark(each) for each in at]

    def _indices(self) -> Sequence[int]:
        """Where the marks are, in the order of their places. Those who look through a list begin
        at its end: mostly that is only the other way round."""
        if self._is_descending:
            return range(len(self))[::-1]
        if self._order is None:
            self._order = array("q", sorted(range(len(self)), key=self._places.__getitem__))
        return self._order

    def _mark(self, index: int) -> JobRef:
        start = _DIGEST_BYTES * index
        return JobRef(self._places[index], self._digests[start : start + _DIGEST_BYTES].hex())
