"""The same question about many keys: asked in a few commands, and read once for as long as the
answer stays the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from queuecore.cooperative import Slices
from queuecore.exchange import Command, Reply, first_error
from resque.errors import StoreError

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


def texts(keys: Iterable[bytes]) -> list[Command]:
    """The commands that read texts."""
    return [("MGET", *batch) for batch in batches(list(keys))]


def rows(replies: Iterator[Reply], commands: Sequence[Command], count: int) -> list[Any]:
    """The replies to the commands of some batches, one for each of `count` names."""
    found: list[Any] = []
    for reply in islice(replies, len(commands)):
        length = min(BATCH, count - len(found))
        found += [reply] * length if isinstance(reply, StoreError) else reply
    return found


def note(what: str, replies: Iterable[Reply], problems: dict[str, str]) -> None:
    """Add to the `problems` why `what` is unknown, if a reply is an error. O(replies)."""
    if (refused := first_error(replies)) is not None:
        problems[what] = str(refused)


def known(reply: Any) -> Any:
    """A reply; None for an error."""
    return None if isinstance(reply, StoreError) else reply


def integer(reply: bytes | StoreError | None) -> int | None:
    """A statistic: 0 when it was never counted, None when what lies there is no number."""
    try:
        return None if isinstance(reply, StoreError) else int(reply or 0)
    except ValueError:
        return None


class ReplyColumn(Generic[T]):
    """One thing about each of many. What comes as it came the last time is not read again, and
    stays the same object.

    Args:
        read: Makes a value of a reply.

    Attributes:
        raws: The replies, as they came.
        values: What they mean, in the same order.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.raws: list[Reply] = []
        self.values: list[T] = []

    def arrange(self, places: Sequence[int | None]) -> None:
        """Follow rows to other places: for each row where it was, None for a new one."""
        raws, values = self.raws, self.values
        self.raws = [_UNSEEN if at is None else raws[at] for at in places]
        nothing: Any = None
        self.values = [nothing if at is None else values[at] for at in places]

    def take(self, raws: Sequence[Reply]) -> Slices[None]:
        """Take in the replies of a look, one for each row. Unless it is done to its end, nothing
        is changed. O(rows), and the reading of what is new."""
        read = self._read
        values: list[T] = []
        for at in range(0, len(raws), _SLICE):
            part = slice(at, at + _SLICE)
            rows = zip(raws[part], self.raws[part], self.values[part], strict=True)
            values += [value if raw == was else read(raw) for raw, was, value in rows]
            if len(values) < len(raws):
                yield
        self.raws, self.values = list(raws), values
