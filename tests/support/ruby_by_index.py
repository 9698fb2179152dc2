"""A client that treats the list of failures as Ruby does: by index, each time in two steps."""

from __future__ import annotations

import threading
from collections import Counter
from random import Random
from types import TracebackType
from typing import Final, Self

import hiredis
from tests.support.direct import Direct
from tests.support.job_books import Books

_LONGEST_PAUSE_S: Final = 0.001


class RubyByIndex:
    """Appends, removes and retries entries of a list until it is left: a context manager.
    Afterwards it knows what its commands did, also to an entry that it did not mean."""

    def __init__(self, books: Books, path: str, chance: Random) -> None:
        self._books = books
        self._direct = Direct(path)
        self._chance = chance
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._problem: BaseException | None = None
        #: How often it began to do something.
        self.acts = 0
        #: What it appended, and what it put in place of what.
        self.appended: list[bytes] = []
        self.written: list[bytes] = []
        self.overwritten: list[bytes] = []
        #: How often it met another entry than the one that it had read.
        self.missed = 0

    def entries(self) -> Counter[bytes]:
        """What there must be, whatever an operator did: the entries as they were at first, with
        what this client did to them."""
        there = Counter([*self._books.items, *self.appended, *self.written])
        there.subtract(self.overwritten)
        return +there

    def untouched(self) -> list[bytes]:
        """What this client did not overwrite, in order."""
        away = set(self.overwritten)
        return [entry for entry in [*self._books.items, *self.appended] if entry not in away]

    def _run(self) -> None:
        acts = [self._append, self._remove, self._retry]
        try:
            while not self._is_over.wait(self._chance.random() * _LONGEST_PAUSE_S):
                self.acts += 1
                self._chance.choice(acts)()
        except BaseException as problem:
            self._problem = problem

    def _append(self) -> None:
        entry = self._books.item(len(self._books.items) + self.acts)
        self._direct("RPUSH", self._books.source, entry)
        self.appended.append(entry)

    def _remove(self) -> None:
        """As Resque::Failure::Redis.remove."""
        index, entry = self._read()
        marker = b"DELETED-%d" % self.acts
        if entry is not None and self._set(index, entry, marker):
            # It is in the list at every instant, wherever that is.
            assert self._direct("LREM", self._books.source, 1, marker) == 1

    def _retry(self) -> None:
        """As Resque::Failure::Redis.requeue."""
        index, entry = self._read()
        if entry is not None:
            stamped = b'%s,"retried_at":"%d"}' % (entry[:-1], self.acts)
            if self._set(index, entry, stamped):
                self.written.append(stamped)

    def _read(self) -> tuple[int, bytes | None]:
        index = self._chance.randrange(len(self._books.items))
        found = self._direct("LRANGE", self._books.source, index, index)
        return index, found[0] if found else None

    def _set(self, index: int, meant: bytes, new: bytes) -> bool:
        """LSET, with a look at what it hits. Returns whether it hit anything."""
        self._direct("MULTI")
        self._direct("LINDEX", self._books.source, index)
        self._direct("LSET", self._books.source, index, new)
        hit, answer = self._direct("EXEC")
        if isinstance(answer, hiredis.ReplyError):
            return False
        self.overwritten.append(hit)
        self.missed += hit != meant
        return True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self._direct.close()
        if self._problem is not None:
            raise self._problem
