"""One text of each of many: asked for all, or only for some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from queuecore.cooperative import Slices
from queuecore.exchange import Command, Reply, first_error
from resque.errors import StoreError
from resque.store.columns import ReplyColumn, batches, rows

T = TypeVar("T")


def plain(keys: Sequence[bytes], _was: Sequence[Reply]) -> Command:
    """The command that reads some texts."""
    return ("MGET", *keys)


class Question(Generic[T]):
    """One text of each of many, in a column; of those who are not asked it stays.

    Args:
        read: Makes a value of a reply.
        command: What reads some of the texts, given the replies of the look before.

    Attributes:
        column: What was answered.
        keys: Those of the texts.
        due: Who is asked at this look, by place; None: all are.
        error: Why some of the answers of the last look are unknown; None when all are known.
    """

    def __init__(
        self,
        read: Callable[[Any], T],
        command: Callable[[Sequence[bytes], Sequence[Reply]], Command] = plain,
    ) -> None:
        self.column = ReplyColumn(read)
        self.due: list[int] | None = None
        self._command = command
        self.keys: list[bytes] = []
        self._asked: list[Command] = []
        self._early: list[Reply] | None = None
        self._heard: list[Reply] = []
        self.error: StoreError | None = None

    def arrange(self, places: Sequence[int | None], keys: list[bytes]) -> None:
        """Follow rows to other places, as `Column.arrange`; `keys` are those of the texts."""
        self.column.arrange(places)
        self.keys = keys

    def all(self) -> list[Command]:
        """What asks all."""
        keys, was = batches(self.keys), batches(self.column.raws)
        return list(map(self._command, keys, was))

    def ask(self, due: list[int] | None, early: list[Reply] | None = None) -> list[Command]:
        """What to send: for the rows at some places, or for all. `early` are replies of this look
        that are known already, one for each row."""
        self.due = due if self.error is None else None
        self._early = early
        if self.due is None:
            self._asked = self.all()
        else:
            keys, raws = self.keys, self.column.raws
            parts = batches(self.due)
            self._asked = [
                self._command([keys[at] for at in part], [raws[at] for at in part])
                for part in parts
            ]
        return self._asked

    def hear(self, replies: Iterator[Reply]) -> None:
        """Put the answers by, which come in the order of the asking."""
        due = self.due
        raws = rows(replies, self._asked, len(self.keys if due is None else due))
        self.error = first_error(raws)
        if due is not None:
            some, raws = raws, list(self.column.raws if self._early is None else self._early)
            for at, reply in zip(due, some, strict=True):
                raws[at] = reply
        self._heard = raws

    def take(self) -> Slices[None]:
        """Take the answers in, as `Column.take`."""
        yield from self.column.take(self._heard)
