"""A reader of snapshots that records what it sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from queuecore.cooperative import at_once
from queuecore.exchange import Call, Command, Exchange, Reply
from queuecore.stores import Store
from resque.errors import Unreachable
from resque.keys import Keys
from resque.store.snapshot import EngineSnapshot, SnapshotReader
from resque.store.worker_reader import USUAL_FLEET, LargeFleet

KEYS = Keys()
#: Enough polls to read also what is read only now and then.
TURNS = 10


class Eye:
    """A snapshot reader with its store, and what it sent at the last poll."""

    def __init__(self, store: Store, *, large: LargeFleet = USUAL_FLEET) -> None:
        self._store = store
        self._looker = SnapshotReader(KEYS, failures_limit=20, large=large)
        self.sent: list[list[Command]] = []

    def read_all(self) -> None:
        self._looker.read_all()

    def look(
        self, *, breaks_off: bool = False, before_each: Callable[[], None] | None = None
    ) -> EngineSnapshot:
        """Look; it may break off when the second answer should come. What happens before each
        command of the second round trip may be given."""
        steps = self._looker.look()
        self.sent, result = [], None
        while True:
            try:
                exchange: Exchange[Any] = steps.send(result)
            except StopIteration as stop:
                break_here = stop.value
                break
            self.sent.append(list(exchange.commands))
            if breaks_off and len(self.sent) == 2:
                with pytest.raises(Unreachable):
                    steps.throw(Unreachable("gone"))
                raise Unreachable("gone")
            if before_each is None or len(self.sent) == 1:
                result = self._store.run(exchange)
                continue
            replies = []
            for command in exchange.commands:
                before_each()
                replies.append(self._store.run(Exchange((command,), _first, tolerant=True)))
            result = exchange.parse(replies)
        seen: EngineSnapshot = at_once(break_here)
        return seen

    def names(self) -> list[str]:
        """The commands and scripts of the last poll's second round trip."""
        return [c.script.name if isinstance(c, Call) else str(c[0]) for c in self.sent[1]]

    def records_asked(self) -> set[str]:
        """The workers whose records the last poll read."""
        scripts = ("short_texts", "beginnings")
        calls = [c for c in self.sent[1] if isinstance(c, Call) and c.script.name in scripts]
        keys = [key.decode() for call in calls for key in call.keys]
        return {key.removeprefix("resque:worker:") for key in keys}

    def plain_keys(self) -> set[bytes]:
        """The keys of the plain commands of the last poll's second round trip."""
        return {key for c in self.sent[1] if not isinstance(c, Call) for key in c[1:]}  # type: ignore[misc]


def _first(replies: list[Reply]) -> Reply:
    return replies[0]


@pytest.fixture
def eye(store: Store) -> Eye:
    return Eye(store)


@pytest.fixture
def thrifty(store: Store) -> Eye:
    """A reader for which every fleet is large. It reads the set of workers at each poll."""
    return Eye(store, large=LargeFleet(few=0, unread_s=0))
