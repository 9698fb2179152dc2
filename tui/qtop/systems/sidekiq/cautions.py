"""What else hangs on a Sidekiq job, and is not changed with it: batches and locks, which only Ruby
knows how to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: By the member of a job that shows it. (Source: Sidekiq Pro and Enterprise, sidekiq-unique-jobs 6
#: and 7.)
_SIGNS: Final[Mapping[str, str]] = {
    "bid": "part of a batch, which stays pending",
    "unique_for": "hold a lock of Enterprise's, which stays until it expires",
    "lock_digest": "hold a lock of sidekiq-unique-jobs, which stays",
    "unique_digest": "hold a lock of sidekiq-unique-jobs, which stays",
}


def cautions_of(members: Mapping[str, Any]) -> tuple[str, ...]:
    """What hangs on a job, by its members, each once. O(1)."""
    found = (words for name, words in _SIGNS.items() if members.get(name))
    return tuple(dict.fromkeys(found))
