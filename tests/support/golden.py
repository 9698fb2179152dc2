"""Recordings of real Resque, and our own database in the same form.

What differs from run to run is replaced by tokens, by the same rules on both sides; each rule
checks the form of what it replaces. Everything else is compared to the byte.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from tests.support.direct import Direct

FOLDER = Path(__file__).resolve().parents[1] / "golden"
LONGEST_TTL_S = 60

Database = dict[str, Any]

#: The forms of volatile text, and their tokens.
_RULES = (
    (re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ([A-Z]{3,5}|[+-]\d\d)\b"), r"<failed at, \1>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<run at>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d)"), r"<beat at, \1>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ([+-]\d{4})"), r"<started at, \1>"),
    (re.compile(r"\bpid \d+\b"), "pid <pid>"),
    (re.compile(r'"[^"]+:\d+:in `'), '"<file>:<line>:in `'),
)
_RECORDED_WORKER = re.compile(r"\bvm:(\d+)(?=:)")


def load(name: str) -> dict[str, Any]:
    """A recording as it was written down."""
    recording: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return recording


def recorded(name: str) -> Database:
    """The database of a recording, with tokens. Its workers are `<worker 1>`, `<worker 2>`, in
    the order of their pids, which is that of their starts."""
    keys = load(name)["keys"]
    pids = sorted({int(pid) for pid in _RECORDED_WORKER.findall(json.dumps(keys))})
    return _with_tokens(keys, [f"vm:{pid}" for pid in pids])


def ours(direct: Direct, *workers: str) -> Database:
    """The database of a server, with tokens. `workers` are the `host:pid` of those that took
    part, in the order of their starts."""
    return _with_tokens(dump(direct), workers)


def dump(direct: Direct) -> Database:
    """A server's whole database in the form of the recordings, without the keys that the tests'
    jobs write (`own:`), and without the claims of our workers to their ids, which Ruby's do not
    make."""
    found: Database = {}
    for key in direct("KEYS", "*"):
        if key.startswith((b"own:", b"resque:qtop:claim:")):
            continue
        kind = direct("TYPE", key).decode()
        entry: dict[str, Any] = {"type": kind, "value": _READERS[kind](direct, key)}
        if (ttl := direct("TTL", key)) >= 0:
            entry["ttl"] = ttl
        found[str(_text(key))] = entry
    return found


def replaced(database: Database, changes: dict[str, str]) -> Database:
    """A database with texts replaced wherever they occur in its values: so a test states a
    difference."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(item) for item in value]
        if isinstance(value, dict):
            return {key: change(each) for key, each in value.items()}
        for old, new in changes.items():
            value = value.replace(old, new)
        return value

    return {key: entry | {"value": change(entry["value"])} for key, entry in database.items()}


def restore(direct: Direct, name: str, prefix: str = "") -> None:
    """Put the database of a recording into a server, to the byte, its keys behind a prefix."""
    writers = {"string": "SET", "list": "RPUSH", "set": "SADD", "hash": "HSET", "zset": "ZADD"}
    for key, entry in load(name)["keys"].items():
        value = entry["value"]
        match entry["type"]:
            case "string":
                parts = [value]
            case "hash":
                parts = [part for pair in value.items() for part in pair]
            case "zset":
                parts = [part for member, score in value for part in (score, member)]
            case _:
                parts = [_bytes(item) for item in value]
        direct(writers[entry["type"]], prefix + key, *parts)
        if "ttl" in entry:
            direct("EXPIRE", prefix + key, entry["ttl"])


def raw_items(name: str, key: str) -> list[bytes]:
    """The bytes of a recorded list's items."""
    return [_bytes(item) for item in load(name)["keys"][key]["value"]]


def _bytes(item: Any) -> bytes:
    return b64decode(item["b64"]) if isinstance(item, dict) else str(item).encode()


def _text(raw: bytes) -> Any:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"b64": b64encode(raw).decode()}


def _hash(direct: Direct, key: bytes) -> dict[str, Any]:
    flat = direct("HGETALL", key)
    return {str(_text(k)): _text(v) for k, v in zip(flat[::2], flat[1::2], strict=True)}


def _zset(direct: Direct, key: bytes) -> list[Any]:
    flat = direct("ZRANGE", key, 0, -1, "WITHSCORES")
    return [[_text(m), int(score)] for m, score in zip(flat[::2], flat[1::2], strict=True)]


_READERS: dict[str, Any] = {
    "string": lambda direct, key: _text(direct("GET", key)),
    "list": lambda direct, key: [_text(item) for item in direct("LRANGE", key, 0, -1)],
    "set": lambda direct, key: [_text(member) for member in sorted(direct("SMEMBERS", key))],
    "hash": _hash,
    "zset": _zset,
}


def _with_tokens(keys: Database, workers: list[str] | tuple[str, ...]) -> Database:
    out: Database = {}
    for key, entry in keys.items():
        with_tokens = {"type": entry["type"], "value": marked(entry["value"], workers)}
        if "ttl" in entry:
            assert 0 < entry["ttl"] <= LONGEST_TTL_S, f"{key} lives {entry['ttl']} s"
            with_tokens["ttl"] = "<ttl>"
        out[marked(key, workers)] = with_tokens
    return out


def marked(value: Any, workers: list[str] | tuple[str, ...]) -> Any:
    """A value with tokens for what differs from run to run, and for the workers' `host:pid`."""
    if isinstance(value, list):
        return [marked(item, workers) for item in value]
    if isinstance(value, dict):
        return {marked(k, workers): marked(v, workers) for k, v in value.items()}
    text = str(value)
    for number, worker in enumerate(workers, 1):
        text = re.sub(rf"{re.escape(worker)}(?=:)", f"<worker {number}>", text)
    for pattern, token in _RULES:
        text = pattern.sub(token, text)
    return text
