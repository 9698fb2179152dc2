"""Schedules of a scheduler's file, as it publishes them while it is the master: Redis has them
nowhere else. Ours; another implementation's scheduler keeps its own to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from queuecore.exchange import Exchange
from queuecore.keys import name_bytes, name_text
from resque.codec import decode, encode, members
from resque.keys import Keys
from resque.scripts import load_script

_PUBLISH = load_script("schedules_publish")
_WITHDRAW = load_script("schedules_withdraw")
_READ = load_script("schedules_published")

#: More than this is not published, and not read.
LONGEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PublishedSchedule:
    """One schedule of a file: its configuration (JSON; None when it has none that can be written),
    the queue of its jobs (None when it is not known), and why it does not fire (None: it does)."""

    config: bytes | None
    queue: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class OfFile:
    """The schedules of the master's file. `master` is None when no scheduler is at work: then no
    file's schedules fire, and there are none here. `unknown` says why they are not known."""

    master: str | None
    entries: Mapping[str, PublishedSchedule] = field(default_factory=dict)
    unknown: str | None = None


def publish(
    keys: Keys,
    prefix: str,
    owner: str,
    entries: Mapping[str, PublishedSchedule],
    lifetime_s: int,
) -> Exchange[bool] | None:
    """Publish them for `lifetime_s`, in place of what was published. `prefix` is that of the
    master lock, `owner` the scheduler. Returns whether it is the master; else nothing is done. One
    round trip. None when they are too large."""
    content = _content(entries)
    if len(content) > LONGEST_BYTES:
        return None
    touched = [keys.master_lock(prefix), keys.published_schedules(prefix)]
    return _PUBLISH.write(touched, [name_bytes(owner), content, lifetime_s], bool)


def withdraw(keys: Keys, prefix: str, owner: str) -> Exchange[bool]:
    """Withdraw what `owner` has published, at the end. Returns whether there was something. One
    round trip."""
    return _WITHDRAW.write([keys.published_schedules(prefix)], [name_bytes(owner)], bool)


def read(keys: Keys, prefix: str) -> Exchange[OfFile]:
    """The schedules of the master's file. One round trip, O(size)."""
    touched = [keys.master_lock(prefix), keys.published_schedules(prefix)]
    return _READ.read(touched, [LONGEST_BYTES], _parse)


def _parse(reply: list[Any]) -> OfFile:
    master, owner, content = reply
    if not master:
        return OfFile(None)
    name = name_text(master)
    if owner != master:
        return OfFile(name, unknown=f"{name} does not publish those of its file")
    if isinstance(content, int):
        return OfFile(name, unknown=f"what {name} has published is too large ({content:,} bytes)")
    try:
        return OfFile(name, _entries(content))
    except ValueError:
        return OfFile(name, unknown=f"what {name} has published cannot be read")


def _content(entries: Mapping[str, PublishedSchedule]) -> bytes:
    parts = [
        b'%s:{"config":%s,"queue":%s,"problem":%s}'
        % (encode(name), entry.config or b"null", encode(entry.queue), encode(entry.problem))
        for name, entry in entries.items()
    ]
    return b"{%s}" % b",".join(parts)


def _entries(content: bytes) -> dict[str, PublishedSchedule]:
    found = {}
    for name, raw in members(content).items():
        parts = members(raw)
        config = parts.get("config", b"null")
        queue, problem = (_text(parts.get(key, b"null")) for key in ("queue", "problem"))
        found[name] = PublishedSchedule(None if config == b"null" else config, queue, problem)
    return found


def _text(raw: bytes) -> str | None:
    value = decode(raw)
    return value if isinstance(value, str) else None
