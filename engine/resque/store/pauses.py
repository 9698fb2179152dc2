"""Pauses: reading Resque's own switch for all workers, and setting it and those of single queues as
an operator's action, on record and to be undone."""

from __future__ import annotations

from collections.abc import Sequence

from queuecore.action_record import ActionRecord, recorded
from queuecore.exchange import Exchange
from resque.keys import Keys
from resque.scripts import load_script

_SWITCH = load_script("switch")
_ON, _OFF = "true", ""


def means_paused(value: bytes | None) -> bool:
    """Whether a value of `pause-all-workers` pauses: only the word true, in any case, does."""
    return value is not None and value.strip().lower() == b"true"


def pause(keys: Keys, queues: Sequence[str], record: ActionRecord | None = None) -> Exchange[int]:
    """Let no worker take a job from these queues, all at once. Returns how many changed. Core Ruby
    workers obey only with the resque-pause plugin. One round trip, O(queues)."""
    return _switch(keys, [keys.pause_queue(queue) for queue in queues], _ON, record)


def resume(keys: Keys, queues: Sequence[str], record: ActionRecord | None = None) -> Exchange[int]:
    """Let workers take jobs from these queues again, all at once. Returns how many were paused.
    One round trip, O(queues)."""
    return _switch(keys, [keys.pause_queue(queue) for queue in queues], _OFF, record)


def pause_all(keys: Keys, record: ActionRecord | None = None) -> Exchange[int]:
    """Let no worker take another job. Ruby's workers obey it too. Returns 0 when it was set
    before, else 1. One round trip."""
    return _switch(keys, [keys.pause_all_workers()], _ON, record)


def resume_all(keys: Keys, record: ActionRecord | None = None) -> Exchange[int]:
    """Take back both switches for everything. Returns how many there were. Queues that were
    paused singly stay so. One round trip."""
    return _switch(keys, [keys.pause_all_workers(), keys.pause_all()], _OFF, record)


def _switch(
    keys: Keys, switches: Sequence[bytes], value: str, record: ActionRecord | None
) -> Exchange[int]:
    return recorded(_SWITCH, keys, record, switches, [value], int)
