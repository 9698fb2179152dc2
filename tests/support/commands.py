"""Commands of qtop that have ended, and the whole database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.direct import Direct

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The rows of its table, without the titles."""
        return [line.split("\t") for line in self.out.splitlines()[1:]]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Qtop = Callable[..., Ran]


Push = Callable[..., bytes]


def encoded(value: Any) -> bytes:
    """JSON as Ruby writes it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape")


#: How the whole of a key's value is read, by its kind.
_READ: dict[bytes, tuple[str, tuple[str, ...]]] = {
    b"string": ("GET", ()),
    b"list": ("LRANGE", ("0", "-1")),
    b"set": ("SMEMBERS", ()),
    b"hash": ("HGETALL", ()),
    b"zset": ("ZRANGE", ("0", "-1", "WITHSCORES")),
    b"stream": ("XRANGE", ("-", "+")),
}


def everything(direct: Direct) -> dict[bytes, tuple[Any, bool]]:
    """The whole database: each key's value, and whether it has a lifetime."""
    found = {}
    for key in direct("KEYS", "*"):
        kind = direct("TYPE", key)
        command, rest = _READ[kind]
        value = direct(command, key, *rest)
        found[key] = (sorted(value) if kind == b"set" else value, direct("PTTL", key) > 0)
    return found


def resque_keys(direct: Direct) -> dict[bytes, tuple[Any, bool]]:
    """As `everything`, without the audit and the keys that undo needs."""
    return {k: v for k, v in everything(direct).items() if not k.startswith(b"resque:qtop:")}
