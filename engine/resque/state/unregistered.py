"""Queues that hold jobs but are not in the set of queues, so that neither a console nor a worker
with a pattern sees them: some clients push before they register, and sets can be damaged."""

from __future__ import annotations

from resque.wire.exchange import Command, Exchange, Reply, Steps, single
from resque.wire.keys import Keys, name_bytes, name_text

#: Keys looked at in one round trip, and round trips at most.
_SCAN_KEYS = 1000
_SCAN_PAGES = 200


def find(keys: Keys) -> Steps[tuple[list[str], bool]]:
    """The names of unregistered queues, in byte order, and whether all keys were looked at: at
    most 200,000 are. A round trip for each 1,000 keys of the database, and two more."""
    beginning = keys.queue("")
    pattern = b"".join(b"\\%c" % byte if byte in b"*?[]\\" else b"%c" % byte for byte in beginning)
    registered: set[bytes] = yield single(("SMEMBERS", keys.queues()), set)
    found: set[bytes] = set()
    cursor: bytes | int = 0
    for _ in range(_SCAN_PAGES):
        cursor, page = yield single(
            ("SCAN", cursor, "MATCH", pattern + b"*", "COUNT", _SCAN_KEYS), tuple
        )
        found.update(key.removeprefix(beginning) for key in page)
        if int(cursor) == 0:
            break
    names: list[str] = yield _still_unregistered(keys, sorted(found - registered))
    return names, int(cursor) == 0


def _still_unregistered(keys: Keys, names: list[bytes]) -> Exchange[list[str]]:
    """Those that hold a list, and were not registered since they were found."""
    commands: list[Command] = []
    for name in names:
        commands.append(("SISMEMBER", keys.queues(), name))
        commands.append(("TYPE", keys.queue(name_text(name))))

    def parse(replies: list[Reply]) -> list[str]:
        states = zip(names, replies[::2], replies[1::2], strict=True)
        return [name_text(name) for name, known, kind in states if not known and kind == b"list"]

    return Exchange(tuple(commands), parse)


def register(keys: Keys, queue: str) -> Exchange[bool]:
    """Put a queue's name into the set of queues. Returns whether it was missing. One round
    trip."""
    return single(("SADD", keys.queues(), name_bytes(queue)), lambda reply: reply == 1, writes=True)
