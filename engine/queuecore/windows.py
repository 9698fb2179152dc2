"""Long lists and large databases, read a bounded part at a time, huge items cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from queuecore.action_record import ActionRecord, recorded
from queuecore.exchange import Exchange, Lighter, Reply, Steps, load_script, single
from queuecore.keys import ListEnd, QueueKeys, name_bytes, turn
from queuecore.values import replace
from queuecore.values import value as value_class

_WINDOW = load_script("window")
_FIND = load_script("find")
_CLEAR_TO = load_script("clear_to")

#: How far a list may have shrunk at its head between a preview and the clear.
_CLEAR_REACH = 10_000
#: A stretch that is longer is read by the script, which cuts long items; and one of which less of
#: each item is wanted.
_LIGHTER_BYTES, _LEAST_CUT_BYTES = 4 << 20, 1_000
#: Keys looked at in one round trip, and round trips at most, in a search through a database.
_SCAN_KEYS = 1000
_SCAN_PAGES = 200

#: An item as scripts return it: whole, or its beginning, its size and its SHA-1.
RawItem = bytes | list[bytes | int]


@value_class
class Item:
    """One item of a list. `raw` is the whole of it, or, when `is_cut`, its beginning; `size`
    and `sha` (SHA-1 in hex, its identity) are those of the whole."""

    raw: bytes
    size: int
    sha: str

    @property
    def is_cut(self) -> bool:
        """Whether `raw` is only the beginning."""
        return len(self.raw) < self.size


@value_class
class Window:
    """Some items of a list, in order, and how long the whole list is."""

    length: int
    items: tuple[Item, ...]


def whole(raw: bytes) -> Item:
    """An item from all of its bytes."""
    return Item(raw, len(raw), sha_of(raw))


def sha_of(raw: bytes) -> str:
    """The identity of an item. O(bytes), a fifth of what `digests` takes, which loads less."""
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()


def beginning(item: Item, max_bytes: int) -> Item:
    """An item as a window with `max_bytes` holds it."""
    return item if len(item.raw) <= max_bytes else Item(item.raw[:max_bytes], item.size, item.sha)


@value_class
class Stretch:
    """Some items of a list as Redis sent them: each is read when it is needed, by `read_item`. Made
    in O(1), however many there are; `length` is that of the whole list."""

    length: int
    replies: Sequence[RawItem]


def stretch(key: bytes, first: int, last: int, *, max_bytes: int) -> Exchange[Stretch]:
    """As `window`, for those who look into few of the items, or at each only in passing."""
    args = [first, last, max_bytes]
    seen = _WINDOW.read([key, turn(key)], args, lambda reply: Stretch(*reply))
    if max_bytes < _LEAST_CUT_BYTES:
        # Who wants to know which items there are needs no more than the script says.
        return seen
    commands = (
        *(("MULTI",), ("LRANGE", key, first, last), ("LLEN", key), ("EXISTS", turn(key))),
        ("EXEC",),
    )
    return replace(seen, lighter=Lighter(commands, partial(_as_window, max_bytes), _LIGHTER_BYTES))


def _as_window(max_bytes: int, replies: list[Reply]) -> list[Reply] | None:
    """What the script would answer, from the transaction that reads the same; None where the list
    is turned, or it could not be read."""
    match replies[-1]:
        case [[*_] as items, int() as length, 0]:
            if max(map(len, items), default=0) > max_bytes:
                items = [
                    each if len(each) <= max_bytes else _cut(each, max_bytes) for each in items
                ]
            return [[length, items]]
    return None


def _cut(raw: bytes, max_bytes: int) -> RawItem:
    return [raw[:max_bytes], len(raw), sha_of(raw).encode()]


def window(key: bytes, first: int, last: int, *, max_bytes: int) -> Exchange[Window]:
    """Items `first` to `last` of a list (indices as for LRANGE). One round trip, O(stretch)."""
    seen = stretch(key, first, last, max_bytes=max_bytes)
    return seen.then(lambda found: Window(found.length, tuple(map(read_item, found.replies))))


def read_item(reply: RawItem) -> Item:
    """An item, from what a script returned."""
    if isinstance(reply, bytes):
        return whole(reply)
    beginning, size, sha = reply
    return Item(bytes(beginning), int(size), bytes(sha).decode())


def find(key: bytes, sha: str, place: int, *, reach: int = 200) -> Exchange[bytes | None]:
    """The whole bytes of an item seen at `place` (from the head, or, negative, from the end),
    wherever it is now within `reach` places. None when it is not there. One round trip, O(bytes
    looked at)."""
    return _FIND.read([key, turn(key)], [sha, place, reach], lambda reply: reply)


def append(key: bytes, *items: bytes) -> Exchange[int]:
    """Put items at the end of a list as they are. Returns its length. One round trip."""
    return single(("RPUSH", key, *items), int, writes=True)


@value_class
class Extent:
    """How long a list was when it was read, and the SHA-1 of its newest item: what a later clear
    may delete. `last` is None when the list was empty."""

    length: int
    last: str | None


def extent(key: bytes, *, newest: ListEnd = "tail") -> Exchange[Extent]:
    """What is in a list now, for a clear to come. One round trip, O(1)."""

    def parse(seen: Window) -> Extent:
        return Extent(seen.length, seen.items[0].sha if seen.items else None)

    place = -1 if newest == "tail" else 0
    return window(key, place, place, max_bytes=0).then(parse)


def clear_to(
    keys: QueueKeys,
    key: bytes,
    seen: Extent,
    *,
    record: ActionRecord | None = None,
    remove_queue: str | None = None,
    newest: ListEnd = "tail",
) -> Exchange[int | None]:
    """Delete the items that were in a list when `seen` was read, and no later ones, which arrive
    at its end `newest`. Returns how many; None when the list changed so much that they cannot be
    distinguished from others any more, in which case nothing is deleted.

    `remove_queue` is a queue's name to take off the set of queues when nothing is left. One
    round trip, O(places looked at + newcomers).
    """
    if seen.last is None:
        return Exchange((), lambda _: 0)
    # A flag besides the name: a queue's name may be empty.
    removal = (0, "") if remove_queue is None else (1, name_bytes(remove_queue))
    args = [newest, seen.last, seen.length, _CLEAR_REACH, *removal]
    touched = [key, keys.queues(), turn(key)]
    return recorded(
        _CLEAR_TO, keys, record, touched, args, lambda reply: None if reply < 0 else int(reply)
    )


def pattern_of(beginning: bytes) -> bytes:
    """The pattern of the keys that begin like this, whatever characters it has."""
    escaped = (b"\\%c" % byte if byte in b"*?[]\\" else b"%c" % byte for byte in beginning)
    return b"".join(escaped) + b"*"


def scan_keys(pattern: bytes, visit: Callable[[Sequence[bytes]], Steps[None]]) -> Steps[bool]:
    """Go through the keys of the database that match a pattern: `visit` gets a page of them at a
    time (a key may come twice), and its steps are carried out before the next page is read.
    Returns whether all keys were looked at: at most 200,000 are. A round trip for each 1,000 keys
    of the database, and those of `visit`."""
    cursor: bytes | int = 0
    for _ in range(_SCAN_PAGES):
        command = ("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_KEYS)
        cursor, page = yield single(command, tuple)
        yield from visit(page)
        if int(cursor) == 0:
            break
    return int(cursor) == 0


def find_keys(pattern: bytes, is_wanted: Callable[[bytes], bool]) -> Steps[tuple[set[bytes], bool]]:
    """The keys of the database that match a pattern and are wanted, and whether all keys were
    looked at. Costs as `scan_keys`."""
    found: set[bytes] = set()

    def visit(page: Sequence[bytes]) -> Steps[None]:
        found.update(filter(is_wanted, page))
        yield from ()

    is_complete = yield from scan_keys(pattern, visit)
    return found, is_complete


def size_bytes(key: bytes) -> Exchange[int | None]:
    """About how much memory a list takes; None when the server does not tell. One round trip."""
    usage = ("MEMORY", "USAGE", key, "SAMPLES", 50)
    return Exchange((usage,), lambda r: r[0] if isinstance(r[0], int) else None, tolerant=True)
