"""What tries jobs again, loaded when a job asks for it: most workers need none of it, and each fork
would carry it."""

from __future__ import annotations

from collections.abc import Callable

from queuecore import times
from queuecore.lean import LeanStore
from resque.jobs import Registry
from resque.keys import Keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from resque.worker.retrying import Retrying


class Retries:
    """Makes the `Retrying` of one worker. In a child its store opens a connection of its own, the
    first time it is needed."""

    def __init__(
        self,
        keys: Keys,
        registry: Registry,
        store: LeanStore,
        clock: times.Clock,
        log: Callable[[str], None],
    ) -> None:
        self._parts = (keys, registry, store.run, clock, log)
        self._registry = registry
        self._made: Retrying | None = None

    def wanted(self) -> Retrying | None:
        """None while no registered job asks for retries."""
        if self._made is None and self._registry.has_retries:
            from resque.worker.retrying import Retrying

            self._made = Retrying(*self._parts)
        return self._made
