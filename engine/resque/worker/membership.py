"""A worker's place on the register: taking it, leaving it, and pruning those who left it without
a word."""

from __future__ import annotations

from collections.abc import Callable

from resque.state import workers
from resque.state.pruning import Tell, prune
from resque.wire import times
from resque.wire.keys import Keys
from resque.worker.connection import LeanStore
from resque.worker.log import told
from resque.worker.options import Options


class Membership:
    """One worker's place. Whatever it does raises StoreError."""

    def __init__(
        self,
        store: LeanStore,
        keys: Keys,
        worker_id: str,
        options: Options,
        log: Callable[[str], None],
        clock: times.Clock,
        mono_now: Callable[[], float],
    ) -> None:
        self._store = store
        self._keys = keys
        self._worker_id = worker_id
        self._options = options
        self._log = log
        self._clock = clock
        self._mono_now = mono_now
        self._prune_at = float("-inf")

    def register(self) -> None:
        """Take the place."""
        self._store.run(workers.register(self._keys, self._worker_id, self._clock()))

    def unregister(self) -> bool:
        """Leave it. Returns whether a job was left in it, which is a failure now."""
        left = workers.left_behind(self._worker_id, self._clock)
        own_lists = self._options.multi_failure_queues
        return self._store.run(
            workers.unregister(self._keys, self._worker_id, left, own_lists=own_lists)
        )

    @property
    def is_prune_due(self) -> bool:
        """Whether the others were not looked at for a while."""
        return self._mono_now() >= self._prune_at

    def put_off_prune(self) -> None:
        """Not now: others were perhaps cut off as we are, and get the time to show that they
        live."""
        self._prune_at = self._mono_now() + workers.HEARTBEAT_INTERVAL_S

    def prune(self, tell: Tell) -> None:
        """Take those off the register that are silent for too long; `tell` as in `pruning`."""
        pruned = self._store.run(
            prune(
                self._keys,
                self._worker_id,
                self._clock,
                after_s=self._options.prune_after_s,
                requeue_lost=self._options.requeue_lost,
                own_lists=self._options.multi_failure_queues,
                tell=tell,
            )
        )
        for worker_id in pruned:
            text = f"pruned {worker_id!r}: silent for {self._options.prune_after_s:g} s"
            self._log(told(text, level="warning", event="pruned", worker=worker_id))
        self.put_off_prune()
