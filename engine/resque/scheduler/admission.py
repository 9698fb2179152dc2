"""Which queues a scheduler may put jobs on: not those that are Sidekiq's by their content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from queuecore import times
from queuecore.stores import Store
from resque.errors import BelongsToSidekiq
from resque.keys import Keys
from resque.store import ownership
from resque.store.ownership import Ownership

#: How long a look at the queues holds.
_HOLDS_S: Final = 60.0


class QueueAdmission:
    """Looks at the namespace when it is opened, and again each minute: two round trips. Where
    Sidekiq was seen, also at each further queue before a job goes there."""

    def __init__(
        self, store: Store, keys: Keys, clock: times.Clock, log: Callable[[str], None]
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._log = log
        self._seen: Ownership | None = None
        self._owners: dict[str, Ownership] = {}
        self._looked_s = 0.0
        self._was_refused = False

    def open(self) -> None:
        """Look for the first time. Raises BelongsToSidekiq when the namespace is Sidekiq's, and
        StoreError."""
        seen = self._look()
        if (refusal := seen.refusal()) is not None:
            raise BelongsToSidekiq(refusal)
        if seen.warning is not None:
            self._log(f"warning: {seen.warning}")

    def is_open(self) -> bool:
        """Whether the namespace is not Sidekiq's by now, as far as it was ever looked at. Raises
        StoreError."""
        if self._seen is None:
            return True
        if abs(self._clock().timestamp() - self._looked_s) >= _HOLDS_S:
            self._look()
        reason = self._seen.reason()
        if reason is not None and not self._was_refused:
            self._log(f"does nothing until that has changed: {reason}")
        self._was_refused = reason is not None
        return reason is None

    def refusal(self, queue: str) -> str | None:
        """Why no job may go to a queue; None when it may. Raises StoreError."""
        if self._seen is None or self._seen.level == "none":
            return None
        if queue in self._seen.owners:
            return self._seen.reason(queue)
        if queue not in self._owners:
            look = ownership.look(self._keys, [queue], now=self._clock())
            self._owners[queue] = self._store.run(look)
        return self._owners[queue].reason(queue)

    def _look(self) -> Ownership:
        now = self._clock()
        self._seen = self._store.run(ownership.look(self._keys, now=now))
        self._owners.clear()
        self._looked_s = now.timestamp()
        return self._seen
