"""Which of its queues a worker serves: not those that are Sidekiq's by their content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from queuecore import times
from queuecore.lean import LeanStore
from resque.errors import BelongsToSidekiq
from resque.keys import Keys
from resque.store import ownership
from resque.store.ownership import Ownership


class Admission:
    """Looks at queues before they are served for the first time, and at all of them again each
    `every_s` seconds: a round trip for each 200 queues. In between, the script that takes jobs
    leaves Sidekiq's where they are, and their queues go to `bar`.

    What cannot be looked at is served: nothing shows that it is Sidekiq's. `last_served` are those
    that may be served of the queues that were asked for last.
    """

    def __init__(
        self,
        store: LeanStore,
        keys: Keys,
        every_s: float,
        log: Callable[[str], None],
        clock: times.Clock,
        mono_now: Callable[[], float],
    ) -> None:
        self._store = store
        self._keys = keys
        self._every_s = every_s
        self._log = log
        self._clock = clock
        self._mono_now = mono_now
        self._due_at = float("-inf")
        self._seen: set[str] = set()
        #: Why queues are not served, by their names.
        self._barred: dict[str, str] = {}
        self._asked: Sequence[str] = ()
        self.last_served: Sequence[str] = ()

    def open(self, names: Sequence[str]) -> None:
        """Look for the first time. Raises BelongsToSidekiq when none of the queues may be served,
        or the namespace is Sidekiq's, and StoreError."""
        found = self._ask(names)
        refusals = [found.refusal(name) for name in names]
        if (refusal := found.refusal()) is None and refusals and None not in refusals:
            refusal = refusals[0]
        if refusal is not None:
            raise BelongsToSidekiq(refusal)
        if found.warning is not None:
            self._log(f"warning: {found.warning}")
        self._begin_anew(names, found)

    def served(self, names: Sequence[str]) -> Sequence[str]:
        """Those of some queues that may be served, in their order. Raises StoreError."""
        if self._mono_now() >= self._due_at:
            self._begin_anew(names, self._ask(names))
        elif names is self._asked:
            return self.last_served
        elif new := [name for name in names if name not in self._seen]:
            self._judge(new, self._ask(new))
        self._asked = names
        self.last_served = names
        if self._barred:
            self.last_served = [name for name in names if name not in self._barred]
        return self.last_served

    def bar(self, names: Iterable[str]) -> None:
        """Serve these no longer: a job of Sidekiq's is next in them."""
        for name in names:
            self._bar(name, f"a job with a jid is next in queue {name!r}: it is Sidekiq's")
        self._asked = ()

    def _begin_anew(self, names: Sequence[str], found: Ownership) -> None:
        before, self._barred, self._seen = self._barred, {}, set()
        self._judge(names, found, before)
        self._due_at = self._mono_now() + self._every_s

    def _ask(self, names: Sequence[str]) -> Ownership:
        return self._store.run(ownership.glance(self._keys, names, now=self._clock()))

    def _judge(self, names: Sequence[str], found: Ownership, before: Iterable[str] = ()) -> None:
        self._seen.update(names)
        for name in names:
            if (reason := found.reason(name)) is not None:
                self._bar(name, reason, is_news=name not in before)
        for name in before:
            if name in self._seen and name not in self._barred:
                self._log(f"serves queue {name!r} from now on: nothing of Sidekiq's shows there")

    def _bar(self, name: str, why: str, *, is_news: bool = True) -> None:
        if is_news and name not in self._barred:
            self._log(f"leaves queue {name!r} alone: {why}")
        self._barred[name] = why
