"""Whatever lies under Sidekiq's keys, reading ends with values, never with an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import sidekiq_recordings as recordings
from tests.support.direct import Direct
from tests.support.soak import either

from queuecore.exchange import Operation
from queuecore.reading import reading_only
from queuecore.stores import Store
from sidekiq.errors import WrongType
from sidekiq.keys import SidekiqKeys
from sidekiq.store import (
    iterables,
    metrics,
    plugins,
    processes,
    schedules,
    snapshot,
    stats,
    systems,
    work,
)

KEYS = SidekiqKeys()
NOW = datetime(2026, 11, 23, 12, 17, tzinfo=UTC)
NAME = "v8.1.7-api-mark_deploy"
IDENTITY = "vm:8040:f1bd128cb486"
HOSTILE = (b"", b"\xff\0\xfe", b"-1", b"1" * 400, b"[" * 3_000, b'{"a":' * 900, b"x" * 300_000)

READERS: dict[str, Callable[[], Operation[Any]]] = {
    "snapshot": lambda: snapshot.take(KEYS, failures_limit=10),
    "work": lambda: work.read(KEYS, [IDENTITY]),
    "totals": lambda: stats.totals(KEYS),
    "days": lambda: stats.days(KEYS, NOW.date()),
    "metrics": lambda: metrics.read(KEYS, NOW, minutes=2),
    "long metrics": lambda: metrics.read_long(KEYS, NOW, hours=1),
    "deploys": lambda: metrics.deploys(KEYS, [NOW.date()]),
    "iterables": lambda: iterables.read(KEYS, ["abc"]),
    "schedules": lambda: schedules.read(KEYS),
    "plugins": lambda: plugins.present(KEYS),
    "systems": lambda: systems.look([""], now=NOW),
}


def fill(direct: Direct) -> list[str]:
    """A recording, and the keys of plug-ins; returns all keys."""
    recordings.restore(direct, NAME)
    for key in ("it-abc", "cron_job:a", "schedules", "sidekiq-scheduler:states"):
        direct("HSET", key, "a", "{}")
    for key in ("cron_jobs", "paused"):
        direct("SADD", key, "cron_job:a")
    direct("SET", "dear-leader", IDENTITY)
    return sorted(key.decode() for key in direct("KEYS", "*"))


COMMANDS: tuple[tuple[str, ...], ...] = (
    *(("SET", "{}"), ("RPUSH", "{}"), ("SADD", "{}"), ("HSET", "a", "{}"), ("ZADD", "1", "{}")),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
def test_a_key_of_any_other_kind_spoils_nothing_else(
    direct: Direct, store: Store, command: tuple[str, ...]
) -> None:
    for key in fill(direct):
        before = direct("DUMP", key)
        direct("DEL", key)
        direct(command[0], key, *command[1:])
        for name, reader in READERS.items():
            try:
                store.run(reading_only(reader()))
            except WrongType:
                pytest.fail(f"{name} ends with an error when {key} is of another kind")
        direct("RESTORE", key, 0, before, "REPLACE")


def spoil(direct: Direct, key: str, raw: bytes) -> None:
    """Put hostile bytes wherever a key of its kind has room for them."""
    match direct("TYPE", key):
        case b"string":
            direct("SET", key, raw)
        case b"list":
            direct("LPUSH", key, raw)
            direct("RPUSH", key, raw)
        case b"set":
            direct("SADD", key, raw)
        case b"zset":
            direct("ZADD", key, "-inf", raw, "inf", raw + b"2")
        case b"hash":
            for field in direct("HKEYS", key):
                direct("HSET", key, field, raw)
            direct("HSET", key, raw, raw)


def test_hostile_bytes_anywhere_are_read_without_an_error(direct: Direct, store: Store) -> None:
    for raw in HOSTILE[:: either(2, 1)]:
        for key in fill(direct):
            spoil(direct, key, raw)
        for reader in READERS.values():
            store.run(reading_only(reader()))
        assert store.run(processes.read(KEYS))
