"""Publishes the schedules of a scheduler's file in Redis, while it is the master."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from queuecore.exchange import Exchange
from queuecore.stores import Store
from resque.errors import Refused, StoreError
from resque.keys import Keys
from resque.store import schedules
from resque.store.schedules import PublishedSchedule

#: What is published lives so long at least; it is renewed three times in that.
_LEAST_LIFETIME_S = 60


class Publisher:
    """Publishes for one scheduler, `owner`. `lifetime_s` is about that of its master lock, whose
    `prefix` is given. `log` gets a line for what is refused, once: schedules fire all the same."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        *,
        prefix: str,
        owner: str,
        lifetime_s: int,
        log: Callable[[str], None],
        mono_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._keys = keys
        self._prefix = prefix
        self._owner = owner
        self._lifetime_s = max(_LEAST_LIFETIME_S, lifetime_s)
        self._log = log
        self._mono_now = mono_now
        self._entries: Mapping[str, PublishedSchedule] = {}
        self._due_at = float("inf")
        self._was_told = False

    def publish(self, entries: Mapping[str, PublishedSchedule]) -> None:
        """Publish these from now on. Raises StoreError when Redis does not answer."""
        for exchange in self.begin(entries):
            try:
                self._store.run(exchange)
            except Refused as error:
                self._tell(str(error))
        self._put_off()

    def begin(self, entries: Mapping[str, PublishedSchedule]) -> list[Exchange[bool]]:
        """As `publish`, to be sent beside other things; what comes of it goes to `begun`."""
        self._entries, self._due_at = entries, float("-inf")
        exchange = schedules.publish(
            self._keys, self._prefix, self._owner, self._entries, self._lifetime_s
        )
        if exchange is None:
            self._tell("they are too large")
        return [] if exchange is None else [exchange]

    def begun(self, results: Sequence[object]) -> None:
        """What came of `begin`."""
        for each in results:
            if isinstance(each, StoreError):
                self._tell(str(each))
        self._put_off()

    def _put_off(self) -> None:
        self._due_at = self._mono_now() + self._lifetime_s / 3

    def renew(self) -> None:
        """Publish again, when it is time. Raises as `publish`."""
        if self._mono_now() >= self._due_at:
            self.publish(self._entries)

    def withdraw(self) -> None:
        """At the end: delete what was published. Never raises: it has a lifetime."""
        try:
            self._store.run(schedules.withdraw(self._keys, self._prefix, self._owner))
        except StoreError as error:
            self._tell(str(error))

    def _tell(self, why: str) -> None:
        if not self._was_told:
            self._was_told = True
            self._log(f"consoles cannot see the schedules of the file: {why}")
