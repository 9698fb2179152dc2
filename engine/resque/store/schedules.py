"""Recurring schedules as resque-scheduler keeps them, and the lock of the scheduler at work.

Configurations lie in a hash as JSON; a set of names tells schedulers what to read again; another
hash says when each schedule last put its job on a queue. What a configuration means is
`resque.scheduler.definition`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from queuecore import times
from queuecore.exchange import Command, Exchange, Reply, Steps, single
from queuecore.keys import name_bytes, name_text
from queuecore.windows import Item, read_item
from resque.codec import encode, members, text_of
from resque.errors import StoreError
from resque.keys import Keys
from resque.scripts import load_script

_CHANGE = load_script("schedule_change")
_READ = load_script("schedules_read")
_FIRE = load_script("schedule_fire")
_LOCK = load_script("master_lock")
_UNLOCK = load_script("master_unlock")
_PUBLISH = load_script("schedules_publish")
_WITHDRAW = load_script("schedules_withdraw")
_READ_PUBLISHED = load_script("schedules_published")

#: A last time further in the future than this is not believed. Ruby's clocks may differ so much.
LARGEST_SKEW = timedelta(seconds=180)


# ---- configurations


@dataclass(frozen=True, slots=True)
class Stored:
    """What Redis knows of schedules: configurations (JSON) and last times (text), by name."""

    configs: Mapping[str, bytes]
    last: Mapping[str, bytes]


def stored(keys: Keys, *, take_changes: bool = False) -> Exchange[Stored]:
    """Read all persistent schedules. `take_changes` forgets which had changed, before reading, so
    that no later change goes unseen. One round trip, O(schedules)."""
    forget = ("DEL", keys.schedules_changed())
    read = (("HGETALL", keys.persistent_schedules()), ("HGETALL", keys.last_enqueued()))
    return Exchange(
        (forget, *read) if take_changes else read,
        lambda replies: Stored(_by_name(replies[-2]), _by_name(replies[-1])),
        writes=take_changes,
    )


def _by_name(reply: list[bytes]) -> dict[str, bytes]:
    return {name_text(k): v for k, v in zip(reply[::2], reply[1::2], strict=True)}


@dataclass(frozen=True, slots=True)
class StoredItems:
    """As `Stored`, for people: configurations longer than was asked for are cut. A name may have
    a last time and no configuration: such a schedule is in a scheduler's file, or was deleted."""

    configs: Mapping[str, Item]
    last: Mapping[str, bytes]


def stored_items(keys: Keys, *, max_bytes: int = 65_536) -> Exchange[StoredItems]:
    """Read all persistent schedules to show them. One round trip, O(schedules)."""

    def parse(reply: list[list[Any]]) -> StoredItems:
        configs, last = reply
        pairs = zip(configs[::2], configs[1::2], strict=True)
        return StoredItems({name_text(name): read_item(raw) for name, raw in pairs}, _by_name(last))

    read = [keys.persistent_schedules(), keys.last_enqueued()]
    return _READ.read(read, [max_bytes], parse)


def has_changes(keys: Keys) -> Exchange[bool]:
    """Whether any schedule was changed since the schedulers last read them. One round trip."""
    return single(("SCARD", keys.schedules_changed()), lambda reply: reply > 0)


def put(keys: Keys, name: str, config: Mapping[str, Any]) -> Exchange[bool]:
    """Write a persistent schedule and tell the schedulers, atomically. Returns whether it replaced
    one. One round trip. Raises EncodeError. (Ruby: set_schedule with `persist`.)"""
    kept = {key: value for key, value in config.items() if key != "persist"}
    return put_json(keys, name, encode(kept))


def put_json(keys: Keys, name: str, config: bytes) -> Exchange[bool]:
    """As `put`, for a configuration that is JSON already."""
    touched = [keys.persistent_schedules(), keys.schedules_changed()]
    return _CHANGE.write(touched, [name_bytes(name), config], bool)


def remove(keys: Keys, name: str) -> Exchange[bool]:
    """Delete a persistent schedule and tell the schedulers, atomically. Returns whether there was
    one. One round trip. (Ruby: remove_schedule.)"""
    return put_json(keys, name, b"")


def announce(keys: Keys, names: Sequence[str]) -> Exchange[None]:
    """Tell the schedulers that these were changed, as Ruby does for schedules that live in a
    process's memory only. One round trip."""
    command: Command = ("SADD", keys.schedules_changed(), *map(name_bytes, names))
    return Exchange((command,) if names else (), lambda _: None, writes=True)


# ---- firing


Fired = Literal["fired", "already", "not master"]


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing of a schedule: for which moment, and what goes onto which queue."""

    name: str
    at: datetime
    queue: str
    payload: bytes


def fire(keys: Keys, firing: Firing, *, lock: bytes, owner: str, now: datetime) -> Steps[Fired]:
    """Put a schedule's job onto its queue, unless that was done for this moment already.

    `lock` is the master lock's key and `owner` who we are: only the master fires. The last time
    is kept as the moment for which the schedule fired, so that schedulers whose clocks differ
    agree on it. Two round trips. After a lost answer it may be called again.
    """
    name = name_bytes(firing.name)
    seen: bytes | None = yield single(("HGET", keys.last_enqueued(), name), lambda reply: reply)
    last = last_time(seen, now)
    if last is not None and last >= firing.at:
        return "already"
    done: int = yield _FIRE.write(
        [lock, keys.last_enqueued(), keys.queues(), keys.queue(firing.queue)],
        [
            name_bytes(owner),
            name,
            seen or b"",
            times.started(firing.at),
            name_bytes(firing.queue),
            firing.payload,
        ],
        int,
    )
    return "fired" if done == 1 else "already" if done == 0 else "not master"


def last_time(raw: bytes | None, now: datetime) -> datetime | None:
    """When a schedule last fired; None when it never did or what is written is no sensible past
    time: a mistake must not keep a schedule from firing."""
    moment = times.parse(raw)
    return None if moment is None or moment > now + LARGEST_SKEW else moment


# ---- the scheduler at work


@dataclass(frozen=True, slots=True)
class Hold:
    """Whether the master lock is ours: newly, or still; else `owner` has it. `server_time` is the
    server's clock, None where it is not given."""

    is_ours: bool
    is_new: bool = False
    owner: str | None = None
    server_time: datetime | None = None


def hold(lock: bytes, owner: str, timeout_s: int) -> Exchange[Hold]:
    """Take the master lock, or keep it, for `timeout_s`, and ask for the server's clock. One round
    trip. (Ruby: master?)"""

    def parse(replies: list[Reply]) -> Hold:
        taken, clock = replies
        if isinstance(taken, StoreError):
            raise taken
        state, holder = taken
        server_time = None if isinstance(clock, StoreError) else times.from_server(*clock)
        holder = name_text(holder) if state == 0 else None
        return Hold(state != 0, state == 1, holder, server_time)

    lock_it = _LOCK.call([lock], [name_bytes(owner), timeout_s])
    return Exchange((lock_it, ("TIME",)), parse, writes=True, tolerant=True)


def release(lock: bytes, owner: str) -> Exchange[bool]:
    """Let go of the master lock if it is ours. Returns whether it was. One round trip."""
    return _UNLOCK.write([lock], [name_bytes(owner)], bool)


def lease(lock: bytes) -> Exchange[tuple[str | None, float | None]]:
    """Who holds the master lock, and for how many more seconds (None: for ever). One round trip."""

    def parse(replies: list[Any]) -> tuple[str | None, float | None]:
        owner, left_ms = replies
        return None if owner is None else name_text(owner), left_ms / 1000 if left_ms >= 0 else None

    return Exchange((("GET", lock), ("PTTL", lock)), parse)


def master(lock: bytes) -> Exchange[tuple[str | None, int]]:
    """Who holds the master lock, and for how many more seconds. One round trip."""
    return Exchange(
        (("GET", lock), ("TTL", lock)),
        lambda replies: (None if replies[0] is None else name_text(replies[0]), int(replies[1])),
    )


# ---- schedules of a scheduler's file, which it publishes while it is the master (ours)


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
    content = _published_content(entries)
    if len(content) > LONGEST_BYTES:
        return None
    touched = [keys.master_lock(prefix), keys.published_schedules(prefix)]
    return _PUBLISH.write(touched, [name_bytes(owner), content, lifetime_s], bool)


def withdraw(keys: Keys, prefix: str, owner: str) -> Exchange[bool]:
    """Withdraw what `owner` has published. Returns whether there was something. One round trip."""
    return _WITHDRAW.write([keys.published_schedules(prefix)], [name_bytes(owner)], bool)


def read_published(keys: Keys, prefix: str) -> Exchange[OfFile]:
    """The schedules of the master's file. One round trip, O(size)."""
    touched = [keys.master_lock(prefix), keys.published_schedules(prefix)]
    return _READ_PUBLISHED.read(touched, [LONGEST_BYTES], _published)


def _published(reply: list[Any]) -> OfFile:
    master, owner, content = reply
    if not master:
        return OfFile(None)
    name = name_text(master)
    if owner != master:
        return OfFile(name, unknown=f"{name} does not publish those of its file")
    if isinstance(content, int):
        return OfFile(name, unknown=f"what {name} has published is too large ({content:,} bytes)")
    try:
        return OfFile(name, _published_entries(content))
    except ValueError:
        return OfFile(name, unknown=f"what {name} has published cannot be read")


def _published_content(entries: Mapping[str, PublishedSchedule]) -> bytes:
    parts = [
        b'%s:{"config":%s,"queue":%s,"problem":%s}'
        % (encode(name), entry.config or b"null", encode(entry.queue), encode(entry.problem))
        for name, entry in entries.items()
    ]
    return b"{%s}" % b",".join(parts)


def _published_entries(content: bytes) -> dict[str, PublishedSchedule]:
    found = {}
    for name, raw in members(content).items():
        parts = members(raw)
        config = parts.get("config", b"null")
        queue, problem = (text_of(parts.get(key)) for key in ("queue", "problem"))
        found[name] = PublishedSchedule(None if config == b"null" else config, queue, problem)
    return found
