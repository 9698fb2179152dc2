"""What pauses: Resque's own switch for all workers. How to set it: `switches`."""

from __future__ import annotations


def means_paused(value: bytes | None) -> bool:
    """Whether a value of `pause-all-workers` pauses: only the word true, in any case, does."""
    return value is not None and value.strip().lower() == b"true"
