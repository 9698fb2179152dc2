"""What a user may do on a server, found out without changing anything."""

from __future__ import annotations

from collections.abc import Sequence

from queuecore.errors import AuthRefused, MissingCommand, StoreError
from queuecore.exchange import Arg, Exchange, Reply, Steps


def missing(commands: Sequence[tuple[Arg, ...]]) -> Steps[dict[str, str] | None]:
    """As `refused`, only those that lack a right: an older server does not know them all, and says
    so otherwise."""
    found = yield from refused(commands)
    if found is None:
        return None
    return {name: str(why) for name, why in found.items() if isinstance(why, AuthRefused)}


def refused(commands: Sequence[tuple[Arg, ...]]) -> Steps[dict[str, StoreError] | None]:
    """The commands that this user may not run, or that the server does not know, with why; None
    when that cannot be found out. They are queued in a transaction that is then discarded: a server
    checks that when it queues. Nothing is run. Two round trips."""
    begun: list[Reply] = yield Exchange((("MULTI",), ("DISCARD",)), list, tolerant=True)
    if any(isinstance(reply, StoreError) for reply in begun):
        # Without a transaction the commands would really be run.
        return None
    found: dict[str, StoreError] = yield Exchange(
        (("MULTI",), *commands, ("DISCARD",)),
        lambda replies: {
            str(command[0]): reply
            for command, reply in zip(commands, replies[1:-1], strict=True)
            if isinstance(reply, AuthRefused | MissingCommand)
        },
        tolerant=True,
    )
    return found


def missing_scripts() -> Exchange[dict[str, str]]:
    """As `missing`, of EVAL alone, for users without transactions: runs a script that does
    nothing. One round trip."""
    return Exchange(
        (("EVAL", "return 1", 0),),
        lambda replies: {"EVAL": str(replies[0])} if isinstance(replies[0], AuthRefused) else {},
        tolerant=True,
    )


def writing(scratch: bytes) -> list[tuple[Arg, ...]]:
    """Every command by which a script changes data, on a key of which nothing is kept."""
    nobody = "\0"
    return [
        ("SADD", scratch, nobody),
        ("SREM", scratch, nobody),
        ("RPUSH", scratch, nobody),
        ("LPUSH", scratch, nobody),
        ("LPOP", scratch),
        ("RPOP", scratch),
        ("LREM", scratch, 1, nobody),
        ("LTRIM", scratch, 0, -1),
        ("LSET", scratch, 0, nobody),
        ("LINSERT", scratch, "BEFORE", nobody, nobody),
        ("BLMOVE", scratch, scratch, "LEFT", "LEFT", 1),
        ("LMOVE", scratch, scratch, "LEFT", "LEFT"),
        ("RENAME", scratch, scratch),
        ("SET", scratch, nobody, "EX", 1),
        ("SETNX", scratch, nobody),
        ("SETRANGE", scratch, 0, nobody),
        ("INCR", scratch),
        ("INCRBY", scratch, 0),
        ("HSET", scratch, nobody, nobody),
        ("HSETNX", scratch, nobody, nobody),
        ("HDEL", scratch, nobody),
        ("HINCRBY", scratch, nobody, 0),
        ("ZADD", scratch, 0, nobody),
        ("ZREM", scratch, nobody),
        ("ZREMRANGEBYRANK", scratch, 1, 0),
        ("ZREMRANGEBYSCORE", scratch, 1, 0),
        ("XADD", scratch, "*", nobody, nobody),
        ("EXPIRE", scratch, 1),
        ("PEXPIRE", scratch, 1),
        ("DEL", scratch),
        ("UNLINK", scratch),
    ]
