"""What a server tells about itself, in brief. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from qtop.text.safe import ago, counted, safe
from qtop.widgets.bars import Span
from resque.store.server_info import ServerInfo


def server(facts: ServerInfo | None) -> list[Span]:
    """Which server it is, how long it has been up, its memory and clients; nothing while that is
    not known. What is left out first where there is little room stands last."""
    told = [] if facts is None else list(_told(facts))
    spans = [Span(f"{', ' if at else '  '}{part}", "dim", 50 - at) for at, part in enumerate(told)]
    return [*spans, Span(" ", "", 50)] if spans else []


def _told(facts: ServerInfo) -> Iterator[str]:
    fields = facts.fields
    for name in ("valkey", "redis"):
        if version := fields.get(f"{name}_version"):
            yield f"{name.capitalize()} {safe(version)}"
            break
    used, limit = (_figure(facts, name) for name in ("used_memory", "maxmemory"))
    if used is not None:
        yield f"{_mib(used)} of {_mib(limit)}" if limit else _mib(used)
    clients = _figure(facts, "connected_clients")
    if clients is not None:
        yield counted(clients, "client")
    up_s = _figure(facts, "uptime_in_seconds")
    if up_s is not None:
        # By the hour: what changes all the time is bytes over ssh and no news.
        yield f"up {ago(up_s) if up_s >= 3_600 else '<1 h'}"


def _mib(size_bytes: int) -> str:
    return f"{max(1, round(size_bytes / 2**20)):,} MiB"


def _figure(facts: ServerInfo, name: str) -> int | None:
    text = facts.fields.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
