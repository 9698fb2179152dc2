"""What a scheduler checks before it enqueues: whether the queue is Sidekiq's by its content, and
whether the job is one of resque-status, whose arguments only Ruby's scheduler can make."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from queuecore import times
from queuecore.stores import Store
from resque.errors import BelongsToSidekiq, Refused, StoreError
from resque.keys import Keys
from resque.scheduler.definition import Schedule
from resque.scheduler.moving import Push
from resque.store import ownership, statuses
from resque.store.ownership import KeyOwners

#: How long what was found of the namespace counts.
_HOLDS_S: Final = 60.0


class OwnershipCheck:
    """Finds out on which queues a scheduler may put jobs. It reads the namespace when it is opened,
    and again each minute: two round trips. Where Sidekiq was found, it also reads each further
    queue before a job goes there."""

    def __init__(
        self, store: Store, keys: Keys, clock: times.Clock, log: Callable[[str], None]
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._log = log
        self._seen: KeyOwners | None = None
        self._owners: dict[str, KeyOwners] = {}
        self._looked_s = 0.0
        self._was_refused = False

    def open(self) -> None:
        """Read for the first time. Raises BelongsToSidekiq when the namespace is Sidekiq's, and
        StoreError."""
        seen = self._read()
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
            self._read()
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
            found = ownership.find_owners(self._keys, [queue], now=self._clock())
            self._owners[queue] = self._store.run(found)
        return self._owners[queue].reason(queue)

    def _read(self) -> KeyOwners:
        now = self._clock()
        self._seen = self._store.run(ownership.find_owners(self._keys, now=now))
        self._owners.clear()
        self._looked_s = now.timestamp()
        return self._seen


#: What is known of such classes is read again after this time.
_REFRESH_S = 60.0


class StatusCheck:
    """Warns of jobs of resque-status that one scheduler is about to enqueue. `log` gets a line for
    each class, once."""

    def __init__(self, store: Store, keys: Keys, log: Callable[[str], None]) -> None:
        self._store = store
        self._keys = keys
        self._log = log
        self._known: frozenset[str] = frozenset()
        self._due_at = float("-inf")
        self._told = set[str]()

    def refresh(self) -> None:
        """Find out which classes there are, at most once a minute. Raises StoreError when Redis
        does not answer."""
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + _REFRESH_S
            try:
                self.learn(self._store.run(statuses.newest(self._keys)))
            except Refused as error:
                self.learn(error)

    def learn(self, ids: list[bytes] | StoreError) -> None:
        """As `refresh`, from an answer to `statuses.newest`; raises as it. Where a key is of
        another kind, or a right is missing, it is not resque-status's to us."""
        self._due_at = time.monotonic() + _REFRESH_S
        self._known = frozenset()
        if not isinstance(ids, StoreError):
            with suppress(Refused):
                self._known = self._store.run(statuses.named_in(self._keys, ids))

    def see(self, push: Push) -> None:
        """A delayed job is about to be enqueued."""
        self._tell(statuses.payload_lacks_id(push.queue, push.payload, self._known))

    def see_schedules(self, schedules: Iterable[Schedule]) -> None:
        """These schedules will fire."""
        for schedule in schedules:
            payload = schedule.queue or "", schedule.payload
            self._tell(schedule.custom or statuses.payload_lacks_id(*payload, self._known))

    def _tell(self, name: str | None) -> None:
        if name is not None and name not in self._told:
            self._told.add(name)
            self._log(
                f"{name!r} seems to answer to `scheduled`, as resque-status's classes do: here its "
                "jobs get their arguments as they are, without an id; let Ruby's scheduler run them"
            )
