"""Telling of jobs of resque-status, whose arguments only Ruby's scheduler can make."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from queuecore.exchange import Exchange
from queuecore.stores import Store
from resque.errors import Refused, StoreError
from resque.keys import Keys
from resque.scheduler.definition import Schedule
from resque.scheduler.moving import Push
from resque.store import statuses

#: What is known of such classes is read again after this time.
_LOOK_AGAIN_S = 60.0


class Statused:
    """Looks at what one scheduler is about to enqueue. `log` gets a line for each class, once."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        log: Callable[[str], None],
        mono_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._keys = keys
        self._log = log
        self._mono_now = mono_now
        self._known: frozenset[str] = frozenset()
        self._due_at = float("-inf")
        self._told = set[str]()

    def look(self) -> None:
        """Find out which classes there are, at most once a minute. Raises StoreError when Redis
        does not answer."""
        if self._mono_now() < self._due_at:
            return
        self._due_at = self._mono_now() + _LOOK_AGAIN_S
        try:
            self._known = self._store.run(statuses.classes(self._keys))
        except Refused:
            # A key of another kind, or a missing right: then it is not resque-status's to us.
            self._known = frozenset()

    def ask(self) -> Exchange[list[bytes]]:
        """What `learn` wants to know, to be asked beside other things."""
        return statuses.newest(self._keys)

    def learn(self, ids: list[bytes] | StoreError) -> None:
        """As `look`, from an answer to `ask`. Raises as it."""
        self._due_at = self._mono_now() + _LOOK_AGAIN_S
        self._known = frozenset()
        if not isinstance(ids, StoreError):
            with suppress(Refused):
                self._known = self._store.run(statuses.named_in(self._keys, ids))

    def see(self, push: Push) -> None:
        """A delayed job is about to be enqueued."""
        name = statuses.payload_lacks_id(push.queue, push.payload, self._known)
        if name is not None:
            self._tell(name)

    def see_schedules(self, schedules: Iterable[Schedule]) -> None:
        """These schedules will fire."""
        for schedule in schedules:
            queue = schedule.queue or ""
            name = statuses.payload_lacks_id(queue, schedule.payload, self._known)
            if schedule.custom is not None:
                self._tell(schedule.custom)
            elif name is not None:
                self._tell(name)

    def _tell(self, name: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self._log(
                f"{name!r} seems to answer to `scheduled`, as resque-status's classes do: here its "
                "jobs get their arguments as they are, without an id; let Ruby's scheduler run them"
            )
