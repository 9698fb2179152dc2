"""Operations driven by hand, one round trip at a time, and small things that their tests need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from tests.support.direct import Direct

from queuecore import windows
from queuecore.action_record import ActionRecord, Actor
from queuecore.bulk import JobRef
from queuecore.exchange import Call, Exchange, Steps
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import failures
from resque.store.failures import Failure

T = TypeVar("T")

KEYS = Keys()
KEY = KEYS.queue("q")
QUEUE = KEY.decode()
FAILED = "resque:failed"
ME = Actor("me@here", "tests")


class StepByStep(Generic[T]):
    """An operation whose round trips a test does one by one."""

    def __init__(self, store: Store, operation: Steps[T]) -> None:
        self._store = store
        self._operation = operation
        self._result: list[T] = []
        self.next: Exchange[Any] | None = next(operation)

    def step(self) -> bool:
        """Do the next round trip, if there is one. Returns whether there are more."""
        if self.next is None:
            return False
        answer = self._store.run(self.next)
        try:
            self.next = self._operation.send(answer)
        except StopIteration as stop:
            self.next = None
            self._result.append(stop.value)
        return self.next is not None

    def step_until_it_writes(self) -> Exchange[Any]:
        """Do all round trips before the next that changes anything, and return that one."""
        while self.next is not None and not self.next.writes:
            self.step()
        assert self.next is not None, "the operation has nothing more to write"
        return self.next

    def finish(self, between: Callable[[], None] = lambda: None) -> T:
        """Do what is left, with `between` called before each round trip."""
        while self.next is not None:
            between()
            self.step()
        return self._result[0]

    def abandon(self) -> None:
        """Stop here, as a console that is closed."""
        self._operation.close()
        self.next = None


def call_of(exchange: Exchange[Any]) -> Call:
    """The one script that an exchange calls."""
    [call] = exchange.commands
    assert isinstance(call, Call)
    return call


def numbered(count: int, size: int = 0) -> list[bytes]:
    """Items that are all different, filled up to a size."""
    return [(b"item %d " % number).ljust(size, b".") for number in range(count)]


def fill(direct: Direct, items: Sequence[bytes], key: str = QUEUE) -> None:
    for start in range(0, len(items), 1000):
        direct("RPUSH", key, *items[start : start + 1000])


def waiting(direct: Direct, key: str | bytes = QUEUE) -> list[bytes]:
    found: list[bytes] = direct("LRANGE", key, 0, -1)
    return found


def marks(items: Sequence[bytes], places: Iterable[int]) -> list[JobRef]:
    """What names the items at these places."""
    return [JobRef(place, windows.whole(items[place]).sha) for place in places]


def trail(
    action: str, source: bytes = KEY, *, queue: str = "q", undo_s: int = 1000, who: Actor = ME
) -> ActionRecord:
    return ActionRecord(who, action, "some jobs", source, 1, queue=queue, undo_s=undo_s)


def entry(
    number: int | str, payload: bytes = b'{"class":"A","args":[]}', queue: str = "q"
) -> bytes:
    """A failure as Ruby writes it, around exactly these bytes of a payload."""
    return (
        b'{"failed_at":"2026/11/23 12:00:00 UTC","payload":%s,"exception":"E","error":"error %s",'
        b'"backtrace":[],"worker":"h:1:q","queue":"%s"}'
        % (payload, str(number).encode(), queue.encode())
    )


def newest_failures(store: Store, list_name: str = "failed") -> list[Failure]:
    return store.run(failures.newest(KEYS, limit=1000, list_name=list_name))[1]


_READERS: dict[bytes, tuple[str | int, ...]] = {
    b"string": ("GET",),
    b"list": ("LRANGE", 0, -1),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", 0, -1),
    b"hash": ("HGETALL",),
}


def contents(direct: Direct) -> dict[bytes, Any]:
    """All keys with their values, but for what operators' actions leave behind."""
    found: dict[bytes, Any] = {}
    for key in direct("KEYS", "*"):
        if key == KEYS.audit() or key.startswith(KEYS.undo("")):
            continue
        kind = direct("TYPE", key)
        command, *rest = _READERS[kind]
        value = direct(command, key, *rest)
        found[key] = sorted(value) if kind == b"set" else value
    return found


def lifetimes(direct: Direct) -> list[int]:
    """How long the keys that undos need will live; -1 for one that stays for ever."""
    return [direct("TTL", key) for key in direct("KEYS", KEYS.undo("") + b"*")]
