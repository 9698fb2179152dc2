"""The same question about many keys: asked in a few commands, and read once for as long as the
answer stays the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from queuecore.cooperative import Slices
from queuecore.errors import StoreError
from queuecore.exchange import Command, Reply, first_error, refusal
from queuecore.keys import name_text

T = TypeVar("T")

#: Keys of one command: keeps each well under 10 ms of the server's time.
BATCH = 500
#: So many answers are read between two pauses: some 3 ms when all are new.
_SLICE = 1_000
#: Equal to no reply.
_UNSEEN: Any = object()


def batches(names: Sequence[T], length: int = BATCH) -> Iterator[Sequence[T]]:
    """Names in as many parts as it takes commands."""
    return (names[at : at + length] for at in range(0, len(names), length))


def rows(
    replies: Iterator[Reply], commands: Sequence[Command], count: int, length: int = BATCH
) -> list[Any]:
    """The replies to the commands of some batches of `length` names, one for each of `count`."""
    found: list[Any] = []
    for reply in islice(replies, len(commands)):
        left = min(length, count - len(found))
        found += [reply] * left if isinstance(reply, StoreError) else reply
    return found


def note(what: str, replies: Iterable[Reply], problems: dict[str, str]) -> None:
    """Add to the `problems` why `what` is unknown, if a reply is an error. O(replies)."""
    if (refused := first_error(replies)) is not None:
        problems[what] = str(refused)


def problem_of(reply: bytes | StoreError) -> str:
    """Why something is unknown: an error in Redis's words, as scripts return it, or a runner's."""
    return str(refusal(name_text(reply)) if isinstance(reply, bytes) else reply)


def integer(reply: bytes | StoreError | None) -> int | None:
    """A statistic: 0 when it was never counted, None when what lies there is no number."""
    try:
        return None if isinstance(reply, StoreError) else int(reply or 0)
    except ValueError:
        return None


def moved(values: Sequence[T], places: Sequence[int | None], new: Any = None) -> list[T]:
    """The values in another order: for each place where it was, `new` for None."""
    return [new if at is None else values[at] for at in places]


def plain(keys: Sequence[bytes], _was: Sequence[Reply]) -> Command:
    """The command that reads some texts."""
    return ("MGET", *keys)


class CachedTexts(Generic[T]):
    """One text of each of many rows, from poll to poll. The text of a row that is not asked for
    stays as it was. What is answered as at the poll before is not read again, and its value stays
    the same object.

    Args:
        read: Makes a value of a reply.
        command: What reads some of the texts, given the replies of the poll before.

    Attributes:
        raws: The replies, as they came.
        values: What they mean, in the same order.
        keys: Those of the texts.
        due: Which rows are asked for at this look, by place; None: all are.
        error: Why some of the answers of the last look are unknown; None when all are known.
    """

    def __init__(
        self,
        read: Callable[[Any], T],
        command: Callable[[Sequence[bytes], Sequence[Reply]], Command] = plain,
    ) -> None:
        self._read = read
        self._command = command
        self.raws: list[Reply] = []
        self.values: list[T] = []
        self.keys: Sequence[bytes] = ()
        self.due: list[int] | None = None
        self.error: StoreError | None = None
        self._asked: list[Command] = []
        self._early: list[Reply] | None = None
        self._heard: list[Reply] = []

    def arrange(self, places: Sequence[int | None], keys: Sequence[bytes] = ()) -> None:
        """Follow rows to other places: for each row where it was, None for a new one. `keys` are
        those of the texts."""
        self.raws = moved(self.raws, places, _UNSEEN)
        self.values = moved(self.values, places)
        self.keys = keys

    def all(self) -> list[Command]:
        """The commands that ask for all rows."""
        return list(map(self._command, batches(self.keys), batches(self.raws)))

    def ask(self, due: list[int] | None, early: list[Reply] | None = None) -> list[Command]:
        """What to send: for the rows at some places, or for all. `early` are replies of this look
        that are known already, one for each row."""
        self.due = due if self.error is None else None
        self._early = early
        if self.due is None:
            self._asked = self.all()
        else:
            keys, raws = self.keys, self.raws
            self._asked = [
                self._command([keys[at] for at in part], [raws[at] for at in part])
                for part in batches(self.due)
            ]
        return self._asked

    def hear(self, replies: Iterator[Reply]) -> None:
        """Keep the answers, which come in the order of the commands, for `take`."""
        due = self.due
        raws = rows(replies, self._asked, len(self.keys if due is None else due))
        self.error = first_error(raws)
        if due is not None:
            some, raws = raws, list(self.raws if self._early is None else self._early)
            for at, reply in zip(due, some, strict=True):
                raws[at] = reply
        self._heard = raws

    def take(self, heard: Sequence[Reply] | None = None) -> Slices[None]:
        """Take in the replies of a poll, one for each row: by default those of `hear`. Unless it is
        done to its end, nothing is changed. O(rows), and the reading of what is new."""
        raws = self._heard if heard is None else heard
        read = self._read
        values: list[T] = []
        for at in range(0, len(raws), _SLICE):
            part = slice(at, at + _SLICE)
            rows = zip(raws[part], self.raws[part], self.values[part], strict=True)
            values += [value if raw == was else read(raw) for raw, was, value in rows]
            if len(values) < len(raws):
                yield
        self.raws, self.values = list(raws), values
