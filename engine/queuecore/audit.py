"""Reads and writes the stream of operators' actions."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from queuecore.action_record import ActionRecord, Actor, recorded
from queuecore.exchange import Exchange, Reply, Steps, load_script
from queuecore.keys import QueueKeys, name_text
from queuecore.values import value

_NOTE = load_script("note")


@value
class AuditEntry:
    """One action on record. `done` and `undone` count items and are None when that is no longer
    known; `undo_left_s` is how long it can still be undone, None when it cannot. `system` is for
    those who list the actions of several systems together: which one this is of. `processes` are
    the names of those whose jobs it was about; none where it does not say so."""

    id: str
    at: datetime
    actor: Actor
    action: str
    subject: str
    queue: str
    source: bytes
    planned: int
    done: int | None
    undone: int | None
    undo_left_s: int | None
    system: str = ""
    processes: tuple[str, ...] = ()


def newest(keys: QueueKeys, limit: int) -> Steps[list[AuditEntry]]:
    """The last `limit` actions, newest first. Two round trips, O(limit)."""
    entries: list[dict[str, str]] = yield Exchange(
        (("XREVRANGE", keys.audit(), "+", "-", "COUNT", limit),),
        lambda replies: [_fields(entry) for entry in replies[0]],
    )
    found: list[AuditEntry] = yield Exchange(
        tuple(
            command
            for entry in entries
            for command in (
                ("HMGET", keys.undo(entry["id"]), "done", "undone"),
                ("TTL", keys.undo_items(entry["id"])),
            )
        ),
        lambda replies: [
            _entry(entry, replies[2 * i], replies[2 * i + 1]) for i, entry in enumerate(entries)
        ],
    )
    return found


def note(keys: QueueKeys, record: ActionRecord, done: int) -> Exchange[int]:
    """Put an action on record that happened outside of Redis and cannot be undone there, such as
    starting workers; nothing where `done` is 0. One round trip, O(1)."""
    return recorded(_NOTE, keys, record, (), [done], int)


def listed(reply: Reply) -> list[AuditEntry]:
    """The actions in a reply to XREVRANGE, without what is counted and can be undone."""
    return [_entry(_fields(entry), [None, None], 0) for entry in reply]


def _fields(entry: Reply) -> dict[str, str]:
    moment, flat = entry
    texts = [name_text(raw) for raw in flat]
    fields = dict(zip(texts[::2], texts[1::2], strict=True))
    return {"id": "", **fields, "at": name_text(moment).partition("-")[0]}


def _entry(entry: dict[str, str], counts: list[bytes | None], ttl_s: int) -> AuditEntry:
    done, undone = counts
    return AuditEntry(
        id=entry["id"],
        at=datetime.fromtimestamp(int(entry["at"]) / 1000, UTC),
        actor=Actor(entry.get("who", "unknown"), entry.get("client", "unknown")),
        action=entry.get("action", "unknown"),
        subject=entry.get("subject", ""),
        queue=entry.get("queue", ""),
        source=entry.get("source", "").encode("utf-8", "surrogateescape"),
        planned=_number(entry.get("planned")) or 0,
        done=_number(done),
        undone=None if _number(done) is None else _number(undone) or 0,
        undo_left_s=ttl_s if ttl_s > 0 else None,
        processes=_names(entry.get("processes")),
    )


def _names(text: str | None) -> tuple[str, ...]:
    """The names in a JSON list; none where it is no such list."""
    try:
        found = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        return ()
    return tuple(found)


def _number(text: bytes | str | None) -> int | None:
    """A number that was written there; None when it is none."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
