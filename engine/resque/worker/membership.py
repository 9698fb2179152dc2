"""Registering a worker, taking it off the register, and pruning workers that are silent."""

from __future__ import annotations

import os

from queuecore.exchange import Steps
from resque.store import claims, workers
from resque.store.claims import Terms
from resque.store.pruning import Tell, prune
from resque.worker.context import WorkerContext
from resque.worker.heartbeat import Heartbeat
from resque.worker.log import told


def here() -> str:
    """Which boot of which machine this is, and which space of process ids: within one, a pid is of
    one process at a time. Empty where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}" if boot else ""
    except (OSError, ValueError):
        return ""


class Membership:
    """One worker's registration. All methods raise StoreError."""

    def __init__(self, context: WorkerContext, heart: Heartbeat) -> None:
        self._worker = context
        self._heart = heart
        self._prune_at = float("-inf")
        self._started = context.clock()

    def register(self) -> bool:
        """Register under the id, or, where another worker has it, under another one. Returns
        whether the id is another than before."""
        terms = self._terms()
        claim = self._worker.store.run(
            claims.take(self._worker.keys, self._worker.worker_id.wanted(), terms)
        )
        assert claim is not None  # noqa: S101
        self._heart.begin_anew(terms.beat)
        return self._worker.worker_id.take(claim)

    def renewal(self) -> Steps[bool]:
        """Takes the id again after its claim has ended; returns whether that succeeded. To be run
        by the connection that sends the heartbeats."""
        return claims.renew(self._worker.keys, self._worker.worker_id.claim, self._terms())

    def _terms(self) -> Terms:
        return Terms(
            started=self._started,
            beat=self._heart.text(),
            after_s=self._worker.options.prune_after_s,
            lasts_s=self._heart.lasts_s,
            now=self._worker.clock,
            own_lists=self._worker.options.multi_failure_queues,
            is_own_beat=self._is_own_beat,
        )

    def _is_own_beat(self, worker_id: str, beat: bytes | None) -> bool:
        own = self._worker.worker_id
        return own.is_taken and worker_id == own.id and self._heart.may_have_written(beat)

    def unregister(self) -> bool:
        """Unregister, if the id is still this worker's. Returns whether it still had a job, which
        is a failure now."""
        claim = self._worker.worker_id.claim
        left = workers.left_behind(claim.worker_id, self._worker.clock)
        own_lists = self._worker.options.multi_failure_queues
        return self._worker.store.run(
            workers.unregister(
                self._worker.keys, claim.worker_id, left, own_lists=own_lists, token=claim.token
            )
        )

    @property
    def is_prune_due(self) -> bool:
        """Whether it is time to look for silent workers."""
        return self._worker.mono_now() >= self._prune_at

    def put_off_prune(self) -> None:
        """Not now: other workers were perhaps cut off from Redis as this one was, and need time to
        send a heartbeat."""
        self._prune_at = self._worker.mono_now() + workers.HEARTBEAT_INTERVAL_S

    def prune(self, tell: Tell) -> None:
        """Take those off the register that are silent for too long; `tell` as in `pruning`."""
        worker, options = self._worker, self._worker.options
        pruned = worker.store.run(
            prune(
                *(worker.keys, worker.worker_id.id, worker.clock),
                after_s=options.prune_after_s,
                requeue_lost=options.requeue_lost,
                own_lists=options.multi_failure_queues,
                tell=tell,
            )
        )
        for worker_id in pruned:
            text = f"pruned {worker_id!r}: silent for more than {options.prune_after_s:g} s"
            self._worker.log(told(text, level="warning", event="pruned", worker=worker_id))
        self.put_off_prune()
