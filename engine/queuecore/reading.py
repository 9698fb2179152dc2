"""Lets only operations pass that read, for a connection that must change nothing. Pure.

It does not trust what an operation says of itself: each command must be on the list below, and so
must each command in a script's own text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, TypeVar

from queuecore.errors import StoreError
from queuecore.exchange import Call, Command, Exchange, Operation, Script, Steps, checked

T = TypeVar("T")

#: Redis's own commands that change nothing, as far as the engine uses them.
READING: Final = frozenset(
    (
        *("EXISTS", "GET", "GETRANGE", "STRLEN", "MGET", "TTL", "PTTL", "TYPE", "SCAN"),
        *("LINDEX", "LLEN", "LPOS", "LRANGE"),
        *("HEXISTS", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HSTRLEN"),
        *("SCARD", "SISMEMBER", "SMEMBERS", "SRANDMEMBER"),
        *("ZCARD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZRANK", "ZSCORE"),
        *("ZREVRANGE", "ZREVRANGEBYSCORE"),
        *("XLEN", "XRANGE", "XREVRANGE"),
        *("INFO", "PING", "TIME"),
    )
)
#: Those of which only one form reads.
_READING_FORMS: Final = frozenset({("CONFIG", "GET"), ("MEMORY", "USAGE"), ("ACL", "WHOAMI")})
#: The only ways in which a script may speak of Redis: a command spelled out, and helpers that
#: change nothing.
_CALL: Final = re.compile(
    rb"""redis\.p?call\(\s*(?:'(\w+)'|"(\w+)")|redis\.(?:sha1hex|error_reply|acl_check_cmd)\b"""
)
#: What could hide what is called.
_HIDING: Final = re.compile(
    rb"\b(redis|server|_G|load|loadstring|getfenv|setfenv|rawget|getmetatable)\b"
)


class ReadingOnly(StoreError):
    """Something was about to be sent that could change data, on a connection for reading. It was
    not sent."""


def only_reads(command: Command) -> bool:
    """Whether a command, or every command in the text of a script, leaves all data as they are."""
    if isinstance(command, Call):
        commands = commands_of(command.script)
        return commands is not None and commands <= READING
    name = str(command[0]).upper()
    if len(command) > 1 and (name, str(command[1]).upper()) in _READING_FORMS:
        return True
    return name in READING


@lru_cache(maxsize=128)
def commands_of(script: Script) -> frozenset[str] | None:
    """The commands in a script's text; None when they cannot all be known from it."""
    if _HIDING.search(_CALL.sub(b"", script.text)):
        return None
    names = (call[1] or call[2] for call in _CALL.finditer(script.text))
    return frozenset(name.decode().upper() for name in names if name is not None)


def reading_only(operation: Operation[T]) -> Operation[T]:
    """The same operation, which ends with ReadingOnly before anything is sent that could write."""
    if isinstance(operation, Exchange):
        _refuse_writes(operation)
        return operation
    return checked(operation, _check)


def _check(exchange: Exchange[Any]) -> Steps[None]:
    _refuse_writes(exchange)
    yield from ()


def _refuse_writes(exchange: Exchange[Any]) -> None:
    for command in exchange.commands:
        if exchange.writes or not only_reads(command):
            name = command.script.name if isinstance(command, Call) else str(command[0])
            raise ReadingOnly(f"read-only: {name} was not sent, nothing was changed")
