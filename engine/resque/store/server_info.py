"""What can be learned about the server and its user's rights without changing anything."""

from __future__ import annotations

from dataclasses import replace

from queuecore import rights, windows
from queuecore.exchange import Arg, Exchange, Reply, Steps
from queuecore.health import ServerInfo, read_facts
from queuecore.keys import name_bytes, name_text
from resque.errors import StoreError
from resque.keys import Keys
from resque.scripts import load_script

_WINDOW = load_script("window")

#: No queue, no worker, no item.
_NOBODY = "\0"


def facts(keys: Keys) -> Exchange[ServerInfo]:
    """Ask the server about itself. One round trip, O(1)."""

    def parse(replies: list[Reply]) -> ServerInfo:
        info, config, script = replies
        problem = script if isinstance(script, StoreError) else None
        if isinstance(info, StoreError):
            return ServerInfo({}, None, info, problem)
        return replace(read_facts(info, config), script_problem=problem)

    window = _WINDOW.call([keys.audit() + b":none"], [0, 0, 0])
    return Exchange((("INFO",), ("CONFIG", "GET", "save"), window), parse, tolerant=True)


def missing_rights(keys: Keys) -> Steps[dict[str, str] | None]:
    """As `refused_commands`, only those that lack a right: an older server does not know them
    all, and says so otherwise."""
    return rights.missing(used_commands(keys))


def refused_commands(keys: Keys) -> Steps[dict[str, StoreError] | None]:
    """As `rights.refused`, of every command that the engine uses."""
    return rights.refused(used_commands(keys))


def used_commands(keys: Keys) -> list[tuple[Arg, ...]]:
    """Every command that the engine and its scripts use. Were they run, none would change what
    belongs to Resque."""
    return [*_reading(keys), *_removing_nothing(keys), *rights.writing(keys.undo("doctor"))]


def _reading(keys: Keys) -> list[tuple[Arg, ...]]:
    failed = keys.failed()
    return [
        ("TIME",),
        ("SMEMBERS", keys.queues()),
        ("SRANDMEMBER", keys.queues()),
        ("SISMEMBER", keys.queues(), _NOBODY),
        ("SCARD", keys.queues()),
        ("LRANGE", failed, 0, 0),
        ("LLEN", failed),
        ("LINDEX", failed, 0),
        ("LPOS", failed, _NOBODY),
        ("GET", keys.stat("failed")),
        ("MGET", keys.stat("failed")),
        ("STRLEN", keys.stat("failed")),
        ("GETRANGE", keys.stat("failed"), 0, 0),
        ("EXISTS", keys.pause_all()),
        ("TTL", failed),
        ("TYPE", failed),
        ("MEMORY", "USAGE", failed, "SAMPLES", 1),
        ("HGETALL", keys.heartbeats()),
        ("HMGET", keys.heartbeats(), _NOBODY),
        ("HGET", keys.heartbeats(), _NOBODY),
        ("HEXISTS", keys.heartbeats(), _NOBODY),
        ("HLEN", keys.heartbeats()),
        ("ZRANGE", keys.delayed_schedule(), 0, 0),
        ("ZRANGEBYSCORE", keys.delayed_schedule(), 0, 0),
        ("ZCARD", keys.delayed_schedule()),
        ("ZSCORE", keys.delayed_schedule(), _NOBODY),
        ("XLEN", keys.audit()),
        ("XREVRANGE", keys.audit(), "+", "-", "COUNT", 1),
        ("EVALSHA", "0" * 40, 1, failed),
        ("EVAL", "return 0", 1, failed),
    ]


def _removing_nothing(keys: Keys) -> list[tuple[Arg, ...]]:
    return [
        ("SREM", keys.queues(), _NOBODY),
        ("HDEL", keys.heartbeats(), _NOBODY),
        ("LREM", keys.failed(), 1, _NOBODY),
        ("ZREM", keys.delayed_schedule(), _NOBODY),
        ("LTRIM", keys.failed(), 0, -1),
    ]


def namespaces() -> Steps[tuple[list[str], bool]]:
    """The namespaces that have queues, or processes of Sidekiq, and whether all keys were looked
    at: at most 200,000 are. A round trip for each 1,000 keys of the database, and one more."""
    endings = (Keys("").queues(), Keys("").processes())
    # What both end in.
    found, is_complete = yield from windows.find_keys(b"*:*es", lambda key: key.endswith(endings))
    candidates = sorted(found)
    kinds: list[Reply] = yield Exchange(tuple(("TYPE", key) for key in candidates), list)
    names = {
        name_text(key[: key.rindex(b":")])
        for key, kind in zip(candidates, kinds, strict=True)
        if kind == b"set"
    }
    return sorted(names, key=name_bytes), is_complete
