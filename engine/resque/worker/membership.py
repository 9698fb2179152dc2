"""A worker's place on the register: taking it, leaving it, and pruning those who left it without
a word."""

from __future__ import annotations

from collections.abc import Callable

from queuecore import times
from queuecore.exchange import Steps
from queuecore.lean import LeanStore
from resque.keys import Keys
from resque.store import claims, workers
from resque.store.claims import Terms
from resque.store.pruning import Tell, prune
from resque.worker.heartbeat import Heartbeat
from resque.worker.log import told
from resque.worker.options import WorkerOptions
from resque.worker.place import WorkerId


class Membership:
    """One worker's place. Whatever it does raises StoreError."""

    def __init__(
        self,
        store: LeanStore,
        keys: Keys,
        place: WorkerId,
        heart: Heartbeat,
        options: WorkerOptions,
        log: Callable[[str], None],
        clock: times.Clock,
        mono_now: Callable[[], float],
    ) -> None:
        self._store = store
        self._keys = keys
        self._place = place
        self._heart = heart
        self._options = options
        self._log = log
        self._clock = clock
        self._mono_now = mono_now
        self._prune_at = float("-inf")
        self._started = clock()

    def register(self) -> bool:
        """Take the place, or, where another worker bears its id, one beside it. Returns whether it
        is another than before."""
        terms = self._terms()
        claim = self._store.run(claims.take(self._keys, self._place.wanted(), terms))
        assert claim is not None  # noqa: S101
        self._heart.begin_anew(terms.beat)
        return self._place.take(claim)

    def renewal(self) -> Steps[bool]:
        """What takes the place again after its claim has ended; it returns whether that went well.
        For whichever connection sends the beats."""
        return claims.renew(self._keys, self._place.claim, self._terms())

    def _terms(self) -> Terms:
        return Terms(
            started=self._started,
            beat=self._heart.text(),
            after_s=self._options.prune_after_s,
            lasts_s=self._heart.lasts_s,
            now=self._clock,
            own_lists=self._options.multi_failure_queues,
            is_own_beat=self._is_own_beat,
        )

    def _is_own_beat(self, worker_id: str, beat: bytes | None) -> bool:
        place = self._place
        return place.is_taken and worker_id == place.id and self._heart.may_have_written(beat)

    def unregister(self) -> bool:
        """Leave it, as far as it is still this worker's. Returns whether a job was left in it,
        which is a failure now."""
        claim = self._place.claim
        left = workers.left_behind(claim.worker_id, self._clock)
        own_lists = self._options.multi_failure_queues
        return self._store.run(
            workers.unregister(
                self._keys, claim.worker_id, left, own_lists=own_lists, token=claim.token
            )
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
                self._place.id,
                self._clock,
                after_s=self._options.prune_after_s,
                requeue_lost=self._options.requeue_lost,
                own_lists=self._options.multi_failure_queues,
                tell=tell,
            )
        )
        for worker_id in pruned:
            text = f"pruned {worker_id!r}: silent for more than {self._options.prune_after_s:g} s"
            self._log(told(text, level="warning", event="pruned", worker=worker_id))
        self.put_off_prune()
