"""Lists that a program turned and left so, as `turned.inc.lua` describes them."""

from __future__ import annotations

import time

from tests.support.direct import Direct

from queuecore.digests import sha1_hex
from queuecore.keys import ListEnd, turn

#: Nothing was heard of the program for an hour.
_SILENT_MS = 3_600_000


def leave_turned(direct: Direct, key: bytes, places: int, newest: ListEnd = "tail") -> list[bytes]:
    """Turn a list by so many places, as a program that ends then. Returns its items in order, the
    next one first."""
    items: list[bytes] = direct("LRANGE", key, 0, -1)
    ends = ("LEFT", "RIGHT") if newest == "tail" else ("RIGHT", "LEFT")
    items = items if newest == "tail" else items[::-1]
    for _ in range(places):
        direct("LMOVE", key, key, *ends)
    at = time.time_ns() // 1_000_000 - _SILENT_MS
    turned = [_mark(item) for item in items[:places]]
    first, last = turned[0], "".join(turned[::-1][:16])
    end = "" if newest == "tail" else " head"
    direct("SET", turn(key), f"0123456789abcdef {at} {places} 0 {len(items)} {first} {last}{end}")
    return items


def _mark(item: bytes) -> str:
    return sha1_hex(b"%d %s" % (len(item), item[:256]))[:6]
