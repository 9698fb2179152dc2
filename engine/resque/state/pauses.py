"""Pauses: Resque's own switch for all workers, resque-pause's for single queues."""

from __future__ import annotations

from resque.wire.exchange import Exchange, single
from resque.wire.keys import Keys


def means_paused(value: bytes | None) -> bool:
    """Whether a value of `pause-all-workers` pauses: only the word true, in any case, does."""
    return value is not None and value.strip().lower() == b"true"


def pause_all(keys: Keys) -> Exchange[None]:
    """Let no worker take another job. Ruby's workers obey it too."""
    return single(("SET", keys.pause_all_workers(), "true"), lambda _: None, writes=True)


def resume_all(keys: Keys) -> Exchange[bool]:
    """Take back both switches for everything. Returns whether any was set."""
    return single(
        ("DEL", keys.pause_all_workers(), keys.pause_all()),
        lambda removed: bool(removed),
        writes=True,
    )


def pause(keys: Keys, queue: str) -> Exchange[bool]:
    """Let no worker take a job from `queue`. Core Ruby workers obey only with the resque-pause
    plugin. Returns False when it was paused already."""
    return single(
        ("SET", keys.pause_queue(queue), "true", "NX"), lambda reply: reply is not None, writes=True
    )


def resume(keys: Keys, queue: str) -> Exchange[bool]:
    """Let workers take jobs from `queue` again. Returns False when it was not paused."""
    return single(("DEL", keys.pause_queue(queue)), lambda removed: bool(removed), writes=True)
