"""Every Redis key name, in one class made with the namespace. Nothing else spells a key. How names
are text is said in `queuecore.keys`."""

from __future__ import annotations

from queuecore.keys import name_bytes, name_text
from queuecore.values import value

DEFAULT_NAMESPACE = "resque"


@value
class Keys:
    """The key names of one namespace. Every method returns the full key as bytes.

    The layout is Ruby Resque's; `pause_*` of single queues is the resque-pause plugin's, and
    `unreadable` is ours.
    """

    namespace: str = DEFAULT_NAMESPACE

    def _key(self, rest: str) -> bytes:
        return name_bytes(f"{self.namespace}:{rest}")

    # Queues
    def queues(self) -> bytes:
        """Set of the names of all queues ever enqueued to."""
        return self._key("queues")

    def queue(self, queue: str) -> bytes:
        """List of payloads; the head is next."""
        return self._key(f"queue:{queue}")

    def unreadable(self, queue: str) -> bytes:
        """List of the queue's items that are not JSON objects, set aside byte for byte."""
        return self._key(f"unreadable:{queue}")

    def quarantine(self, queue: str) -> bytes:
        """List: payloads of the queue that no worker shall take, such as jobs that kill theirs."""
        return self._key(f"qtop:quarantine:{queue}")

    def quarantined(self) -> bytes:
        """Set of the names of queues that have, or had, a `quarantine`."""
        return self._key("qtop:quarantined")

    # Workers
    def workers(self) -> bytes:
        """Set of the ids of registered workers."""
        return self._key("workers")

    def worker(self, worker_id: str) -> bytes:
        """String: the record of the job in the worker's hands; absent when idle."""
        return self._key(f"worker:{worker_id}")

    def worker_started(self, worker_id: str) -> bytes:
        """String: when the worker started."""
        return self._key(f"worker:{worker_id}:started")

    def of_worker(self, worker_id: str) -> tuple[bytes, bytes, bytes, bytes]:
        """What is kept of one worker: its record, its start, how many jobs it processed, how many
        of them failed."""
        counts = self.worker_stat("processed", worker_id), self.worker_stat("failed", worker_id)
        return self.worker(worker_id), self.worker_started(worker_id), *counts

    def heartbeats(self) -> bytes:
        """Hash: worker id to the time of its last heartbeat, by the server's clock."""
        return self._key("workers:heartbeat")

    def claim(self, worker_id: str) -> bytes:
        """String with a lifetime: which process bears the worker's id; see `store/claims.py`."""
        return self._key(f"qtop:claim:{worker_id}")

    def prune_lock(self) -> bytes:
        """String with a lifetime: the id of the worker that prunes the dead at the moment."""
        return self._key("pruning_dead_workers_in_progress")

    # Statistics
    def stat(self, name: str) -> bytes:
        """String holding an integer: a total since ever (`processed`, `failed`)."""
        return self._key(f"stat:{name}")

    def worker_stat(self, name: str, worker_id: str) -> bytes:
        """String holding an integer: a total of one worker."""
        return self._key(f"stat:{name}:{worker_id}")

    # Failures
    def failed(self) -> bytes:
        """List of failure entries; the newest is last."""
        return self._key("failed")

    def failed_queues(self) -> bytes:
        """Set of the names of failure lists, with the back end of one list a queue."""
        return self._key("failed_queues")

    def failed_named(self, name: str) -> bytes:
        """List of failure entries of that name, such as `mail_failed`: no prefix of its own."""
        return self._key(name)

    # Pauses
    def pause_all_workers(self) -> bytes:
        """String: Resque's own switch; paused when its text is `true`."""
        return self._key("pause-all-workers")

    def pause_all(self) -> bytes:
        """String: resque-pause's switch for all queues; its mere existence pauses."""
        return self._key("pause:all")

    def pause_queue(self, queue: str) -> bytes:
        """String: resque-pause's switch for one queue; its mere existence pauses."""
        return self._key(f"pause:queue:{queue}")

    # Delayed jobs and schedules (resque-scheduler's)
    def delayed_schedule(self) -> bytes:
        """Sorted set: the moments for which jobs are delayed; member = score = epoch seconds."""
        return self._key("delayed_queue_schedule")

    def delayed(self, stamp: str) -> bytes:
        """List: the jobs delayed until one moment. `stamp` is the member of `delayed_schedule`."""
        return self._key(f"delayed:{stamp}")

    def delayed_member(self, stamp: str) -> bytes:
        """How `delayed` is spelled inside values: without the namespace."""
        return name_bytes(f"delayed:{stamp}")

    def delayed_stamps(self, entry: bytes) -> bytes:
        """Set of `delayed_member`s: the moments for which one job is delayed. The whole JSON text
        of the job is part of the name."""
        return self._key(f"timestamps:{name_text(entry)}")

    def persistent_schedules(self) -> bytes:
        """Hash: schedule name to its configuration as JSON."""
        return self._key("persistent_schedules")

    def schedules_changed(self) -> bytes:
        """Set of the names of schedules that a scheduler has to read again."""
        return self._key("schedules_changed")

    def last_enqueued(self) -> bytes:
        """Hash: schedule name to when it last put its job on a queue."""
        return self._key("delayed:last_enqueued_at")

    def master_lock(self, prefix: str = "") -> bytes:
        """String with a lifetime: `host:pid` of the scheduler at work. Ruby namespaces it twice."""
        name = f"{prefix}:" if prefix else ""
        return self._key(f"{self.namespace}:{name}resque_scheduler_master_lock")

    # Retries (resque-retry's)
    def retry(self, identity: str) -> bytes:
        """String holding an integer: how often a job was tried again; 0 on the first run."""
        return self._key(f"resque-retry:{identity}")

    def retry_failure(self, identity: str) -> bytes:
        """String with a lifetime: the failure of the last attempt of a job that is tried again,
        where that is not on the list of failures."""
        return self._key(f"failure-resque-retry:{identity}")

    # Statuses (resque-status's)
    def statuses(self) -> bytes:
        """Sorted set: the ids of all statuses, by when each was made."""
        return self._key("_statuses")

    def status(self, uuid: str) -> bytes:
        """String: one status as JSON."""
        return self._key(f"status:{uuid}")

    # Locks of plug-ins (see `store/plugin_locks.py`)
    def loner(self, queue: str, digest: str) -> bytes:
        """String: resque-loner's lock of a waiting job."""
        return self._key(f"loners:queue:{queue}:job:{digest}")

    def solo(self, queue: str, digest: str) -> bytes:
        """String: resque_solo's lock of a waiting job."""
        return self._key(f"solo:queue:{queue}:job:{digest}")

    def loner_lock(self, class_name: str, identifier: str) -> bytes:
        """String: resque-lock-timeout's lock of a waiting job."""
        return self._key(f"loner:lock:{class_name}:{identifier}")

    def lock_beginnings(self) -> tuple[bytes, ...]:
        """What the keys of `loner`, `solo` and `loner_lock` begin with."""
        return self._key("loners:queue:"), self._key("solo:queue:"), self._key("loner:lock:")

    def queue_of_lock(self, key: bytes) -> str | None:
        """The queue that a key of `loner` or `solo` names; None of other keys."""
        for beginning in self.lock_beginnings()[:2]:
            if key.startswith(beginning):
                return name_text(key.removeprefix(beginning).rpartition(b":job:")[0])
        return None

    def job_lock(self, class_name: str, args: str) -> bytes:
        """String: resque-lock's lock of a job, until it is done; when it ends as epoch seconds."""
        return self._key(f"lock:{class_name}-{args}")

    def lost(self, sha: str) -> bytes:
        """String with a lifetime: how often a job of these bytes was lost with its process."""
        return self._key(f"qtop:lost:{sha}")

    def published_schedules(self, prefix: str = "") -> bytes:
        """Hash with a lifetime: the schedules of the file of the scheduler at work (ours).
        `prefix` as in `master_lock`."""
        return self._key(f"qtop:schedules:{prefix}" if prefix else "qtop:schedules")

    # Sidekiq's, where it lives under the same prefix: read, never written
    def processes(self) -> bytes:
        """Set of the identities of Sidekiq's processes."""
        return self._key("processes")

    def process(self, identity: str) -> bytes:
        """Hash with a lifetime: what one process of Sidekiq tells about itself."""
        return self._key(identity)

    def sidekiq_set(self, name: str) -> bytes:
        """Sorted set of Sidekiq's jobs: `retry`, `schedule` or `dead`."""
        return self._key(name)

    # What operators did (ours)
    def audit(self) -> bytes:
        """Stream: who did what, the newest last."""
        return self._key("qtop:audit")

    def acknowledged(self) -> bytes:
        """Hash: the incidents that somebody has acknowledged, and until when."""
        return self._key("qtop:acknowledged")

    def undo(self, operation: str) -> bytes:
        """Hash with a lifetime: one operation, and how far it was done and undone."""
        return self._key(f"qtop:undo:{operation}")

    def undo_items(self, operation: str) -> bytes:
        """List with a lifetime: what the operation removed, for its undo."""
        return self._key(f"qtop:undo:{operation}:items")


class QuarantineKeys(Keys):
    """The key names for moving jobs into quarantine: where jobs are pushed to a queue otherwise,
    they go to its `quarantine`."""

    def queues(self) -> bytes:
        return self.quarantined()

    def queue(self, queue: str) -> bytes:
        return self.quarantine(queue)


class BareKeys(Keys):
    """The key names of what lives in a database without any prefix, as Sidekiq does."""

    def _key(self, rest: str) -> bytes:
        return name_bytes(rest)
