"""How many entries of lists a server touches, counted and not timed: what MONITOR shows is replayed
on copies of the lists."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from tests.support.direct import Direct

from queuecore.address import parse_url

_HEAD: Final = re.compile(rb"[\d.]+ \[\d+ (?P<client>[^\]]+)\] ")
_WORD: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_END: Final = b"no more is watched"

#: What does not touch the entries of a list.
_SMALL: Final = frozenset(
    (
        *(
            "EVAL",
            "EVALSHA",
            "EXEC",
            "EXISTS",
            "EXPIRE",
            "GET",
            "HDEL",
            "HEXISTS",
            "HGET",
            "HGETALL",
        ),
        *("HINCRBY", "HMGET", "HSET", "INCRBY", "LLEN", "MULTI", "PEXPIRE", "PING", "PTTL", "SADD"),
        *("CLIENT", "HELLO", "SCRIPT", "SELECT", "SET", "SISMEMBER", "SREM", "TIME", "TTL", "TYPE"),
        *("XADD", "XLEN", "ZADD", "ZCARD", "ZREM", "ZSCORE"),
    )
)


@dataclass(slots=True)
class Touched:
    """What one command of a client did, with all that its script did. `entries` is how many
    entries were read, added, removed or compared; `deepest` how far the farthest was from the end
    where a command began to look for it, and `by` is that command; `read_bytes` is the most that
    one command read of them at once."""

    command: str
    entries: int = 0
    deepest: int = 0
    by: str = ""
    read_bytes: int = 0

    def add(self, entries: int, depth: int, by: str) -> None:
        """Count one more command of a script."""
        self.entries += entries
        if depth >= self.deepest:
            self.deepest, self.by = depth, by


def touched_entries(lines: Iterable[bytes], lists: dict[bytes, list[bytes]]) -> list[Touched]:
    """What the commands in MONITOR's lines touched, a script counted as one. `lists` are the lists
    as they were before; they become those after. Raises AssertionError for a command whose cost is
    unknown here. O(entries touched)."""
    found: list[Touched] = []
    for line in lines:
        head = _HEAD.match(line)
        assert head is not None, line
        quoted = line[head.end() :]
        name = quoted[1 : quoted.index(b'"', 1)].decode().upper()
        if head["client"] != b"lua":
            found.append(Touched(f"{name} {quoted[len(name) + 2 :][:14].decode()}"))
        if name == "LRANGE":
            key, *bounds = _words(quoted)[1:]
            read = lists.get(key, [])
            size = sum(map(len, read[_stretch(read, bounds)]))
            found[-1].read_bytes = max(found[-1].read_bytes, size)
        if name not in _SMALL:
            found[-1].add(*_replayed(name, _words(quoted)[1:], lists), name)
    return found


def _words(quoted: bytes) -> list[bytes]:
    """The words of a line; hundreds of thousands of lines have no word with an escape."""
    if b"\\" not in quoted:
        return quoted[1:-1].split(b'" "')
    return [_unquoted(word) for word in _WORD.findall(quoted)]


def _unquoted(word: bytes) -> bytes:
    if b"\\" not in word:
        return word[1:-1]
    value: bytes = ast.literal_eval(f"b{word.decode()}")
    return value


def _replayed(name: str, args: list[bytes], lists: dict[bytes, list[bytes]]) -> tuple[int, int]:
    """Do a command on the copies. Returns how many entries it touches, and how deep it goes."""
    if name in ("DEL", "UNLINK"):
        freed = sum(len(lists.pop(key, [])) for key in args)
        # UNLINK frees them in a thread of its own.
        return freed if name == "DEL" else 0, 0
    if name == "MEMORY":
        # USAGE looks at some samples; at everything where that is 0.
        length = len(lists.get(args[1], []))
        samples = int(args[3]) if len(args) > 3 else 5
        return min(length, samples or length), 0
    if name == "LMOVE":
        return _move(lists, *args), 0
    assert name in _COSTS, f"what {name} touches is unknown here: add it"
    return _COSTS[name](lists.setdefault(args[0], []), args[1:])


def _move(
    lists: dict[bytes, list[bytes]], source: bytes, target: bytes, off: bytes, onto: bytes
) -> int:
    if not lists.get(source):
        return 0
    entry = lists[source].pop(0 if off.upper() == b"LEFT" else -1)
    _push(lists.setdefault(target, []), [entry], at_head=onto.upper() == b"LEFT")
    return 1


def _push(entries: list[bytes], new: list[bytes], *, at_head: bool) -> tuple[int, int]:
    if at_head:
        entries[:0] = new[::-1]
    else:
        entries += new
    return len(new), 0


def _pop(entries: list[bytes], args: list[bytes], *, at_head: bool) -> tuple[int, int]:
    count = min(int(args[0]) if args else 1, len(entries))
    if at_head:
        del entries[:count]
    else:
        del entries[len(entries) - count :]
    return count, 0


def _stretch(entries: list[bytes], args: list[bytes]) -> slice:
    first, last = (at + len(entries) if at < 0 else at for at in map(int, args[:2]))
    return slice(max(0, first), max(0, last + 1))


def _range(entries: list[bytes], args: list[bytes]) -> tuple[int, int]:
    # Not how deep: one walk over whole nodes for all of them.
    return len(entries[_stretch(entries, args)]), 0


def _trim(entries: list[bytes], args: list[bytes]) -> tuple[int, int]:
    before, kept = len(entries), _stretch(entries, args)
    del entries[kept.stop :], entries[: kept.start]
    return before - len(entries), 0


def _index(entries: list[bytes], args: list[bytes]) -> tuple[int, int]:
    at = int(args[0]) % len(entries) if -len(entries) <= int(args[0]) < len(entries) else -1
    if at >= 0 and len(args) > 1:
        entries[at] = args[1]
    return 1, min(at, len(entries) - 1 - at) + 1


def _remove(entries: list[bytes], args: list[bytes]) -> tuple[int, int]:
    count, wanted = int(args[0]), args[1]
    places = range(len(entries)) if count >= 0 else range(len(entries))[::-1]
    hits = [at for at in places if entries[at] == wanted]
    hits = hits[: abs(count) or None]
    # It goes on to the other end unless it finds as many as it was to remove.
    looked = places.index(hits[-1]) + 1 if hits and len(hits) == abs(count) else len(entries)
    for at in sorted(hits, reverse=True):
        del entries[at]
    return looked, looked


def _insert(entries: list[bytes], args: list[bytes]) -> tuple[int, int]:
    side, pivot, new = args
    if pivot not in entries:
        return len(entries), len(entries)
    at = entries.index(pivot)
    entries.insert(at if side.upper() == b"BEFORE" else at + 1, new)
    return at + 1, at + 1


def _position(entries: list[bytes], args: list[bytes]) -> tuple[int, int]:
    options = {k.upper(): int(v) for k, v in zip(args[1::2], args[2::2], strict=True)}
    rank, most = options.get(b"RANK", 1), options.get(b"MAXLEN", 0) or len(entries)
    seen = (entries if rank > 0 else entries[::-1])[:most]
    wanted = abs(rank) + max(0, options.get(b"COUNT", 1) - 1)
    hits = [at for at, entry in enumerate(seen) if entry == args[0]]
    is_enough = len(hits) >= wanted and options.get(b"COUNT", 1) > 0
    looked = hits[wanted - 1] + 1 if is_enough else len(seen)
    return looked, looked


_COSTS: Final[dict[str, Callable[[list[bytes], list[bytes]], tuple[int, int]]]] = {
    "LINDEX": _index,
    "LINSERT": _insert,
    "LPOP": lambda entries, args: _pop(entries, args, at_head=True),
    "LPOS": _position,
    "LPUSH": lambda entries, args: _push(entries, args, at_head=True),
    "LRANGE": _range,
    "LREM": _remove,
    "LSET": _index,
    "LTRIM": _trim,
    "RPOP": lambda entries, args: _pop(entries, args, at_head=False),
    "RPUSH": lambda entries, args: _push(entries, args, at_head=False),
}


class Watched:
    """A context manager: afterwards `touched` holds what each command in between touched. Copies
    and lists are compared at the end, so that nothing is overlooked."""

    def __init__(self, url: str) -> None:
        path = parse_url(url).path
        assert path is not None
        self._direct, self._monitor = Direct(path), Direct(path)
        self.touched: list[Touched] = []

    def _lists(self) -> dict[bytes, list[bytes]]:
        return {
            key: self._direct("LRANGE", key, 0, -1)
            for key in self._direct("KEYS", "*")
            if self._direct("TYPE", key) == b"list"
        }

    def _lines(self) -> Iterator[bytes]:
        while _END not in (line := self._monitor.read()):
            yield line

    def __enter__(self) -> Self:
        self._before = self._lists()
        self._monitor("MONITOR")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                copies = self._before
                self._direct("PING", _END)
                self.touched = touched_entries(self._lines(), copies)
                assert {key: entries for key, entries in copies.items() if entries} == self._lists()
        finally:
            self._monitor.close()
            self._direct.close()
