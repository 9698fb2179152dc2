"""Every Redis key name, in one class made with the namespace. Nothing else spells a key. How names
are text is said in `queuecore.keys`.

Sidekiq's keys have no common prefix. Up to 6.5 a namespace may stand before all of them
(redis-namespace), while names inside sets and hashes stay bare; 7 and later know none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Literal

from queuecore.keys import name_bytes, name_text
from queuecore.values import value

SetName = Literal["retry", "schedule", "dead"]
"""A sorted set of jobs: those that failed and are tried again, those that are to run later, those
that are not tried again."""

PluginName = Literal[
    "sidekiq-cron",
    "sidekiq-scheduler",
    "sidekiq-unique-jobs",
    "sidekiq-failures",
    "sidekiq-throttled",
    "sidekiq-status",
    "GitLab's reliable fetch",
    "Roundhouse",
    "Exq",
    "go-workers2",
    "Pro: paused queues",
    "Pro: super_fetch",
    "Pro: batches",
    "Enterprise: leader",
    "Enterprise: periodic jobs",
    "Enterprise: limiters",
    "Enterprise: unique jobs",
]
"""What adds keys of its own to Sidekiq's, or works on them."""

#: Keys by which they show at once, and what kind of value is there.
_PLUGIN_KEYS: Final[tuple[tuple[PluginName, str, str], ...]] = (
    ("sidekiq-cron", "cron_jobs", "set"),
    ("sidekiq-cron", "cron_jobs:default", "set"),
    ("sidekiq-scheduler", "sidekiq-scheduler:states", "hash"),
    ("sidekiq-scheduler", "sidekiq-scheduler:next_times", "hash"),
    ("sidekiq-scheduler", "sidekiq-scheduler:last_times", "hash"),
    ("sidekiq-scheduler", "schedules_changed", "zset"),
    ("sidekiq-unique-jobs", "uniquejobs:digests", "zset"),
    ("sidekiq-unique-jobs", "uniquejobs:expiring_digests", "zset"),
    ("sidekiq-failures", "failed", "zset"),
    ("Roundhouse", "roundhouse:paused", "set"),
    ("Exq", "heartbeats", "zset"),
    ("Pro: paused queues", "paused", "set"),
    ("Pro: batches", "batches", "zset"),
    ("Enterprise: leader", "dear-leader", "string"),
)
#: How their other keys look.
_PLUGIN_PATTERNS: Final[tuple[tuple[PluginName, str], ...]] = (
    ("sidekiq-cron", r"cron_jobs?:.+"),
    ("sidekiq-scheduler", r"sidekiq-scheduler:.+"),
    ("sidekiq-unique-jobs", r"uniquejobs:.+"),
    ("sidekiq-throttled", r"throttled:.+"),
    ("sidekiq-status", r"sidekiq:status:.+"),
    ("GitLab's reliable fetch", r"working:queue:.+"),
    ("Roundhouse", r"roundhouse:.+"),
    ("Exq", r"queue:backup::.+"),
    ("go-workers2", r"queue:.+:inprogress"),
    ("Pro: super_fetch", r"queue:sq\|.+"),
    ("Pro: batches", r"b-[\w-]{11,}"),
    ("Enterprise: periodic jobs", r"loops?-.+"),
    ("Enterprise: limiters", r"lmtr-.+"),
    ("Enterprise: unique jobs", r"unique:.+"),
)

#: Names of queues' keys that are lists of jobs in the hands of a process: of super_fetch (Pro), the
#: old reliable fetch, GitLab's, Exq and go-workers2. None of them is a queue.
_PRIVATE: Final = re.compile(r"sq\|.+|backup::.+|.+:inprogress", re.DOTALL)


@value
class SidekiqKeys:
    """The key names of one namespace; empty: none, as Sidekiq 7 and later have it. Every method
    returns the full key as bytes."""

    namespace: str = ""

    def _key(self, rest: str) -> bytes:
        return name_bytes(f"{self.namespace}:{rest}" if self.namespace else rest)

    # Queues
    def queues(self) -> bytes:
        """Set of the names of all queues ever pushed to and not cleared."""
        return self._key("queues")

    def queue(self, queue: str) -> bytes:
        """List of payloads: new ones come at the head, the next to run is the last."""
        return self._key(f"queue:{queue}")

    def paused(self) -> bytes:
        """Set of the names of queues that Sidekiq Pro has paused. Open source ignores it."""
        return self._key("paused")

    # Sorted sets of jobs
    def jobs(self, name: SetName) -> bytes:
        """Sorted set of payloads: by the next attempt, when they are due, when they died."""
        return self._key(name)

    def copies_of_failures(self) -> bytes:
        """Sorted set: copies of failed jobs, by sidekiq-failures."""
        return self._key("failed")

    # Processes
    def processes(self) -> bytes:
        """Set of the identities of the processes that have not left cleanly."""
        return self._key("processes")

    def process(self, identity: str) -> bytes:
        """Hash with a lifetime of 60 s: what one process tells about itself."""
        return self._key(identity)

    def work(self, identity: str) -> bytes:
        """Hash with a lifetime: thread to the job that it runs; 6.4.2 and later."""
        return self._key(f"{identity}:work")

    def old_work(self, identity: str) -> bytes:
        """The same of 6.4.1 and before, and of other languages' workers."""
        return self._key(f"{identity}:workers")

    def signals(self, identity: str) -> bytes:
        """List with a lifetime of 60 s: signals that wait for a process, which takes the last."""
        return self._key(f"{identity}-signals")

    def leader(self) -> bytes:
        """String: the identity of Enterprise's leader."""
        return self._key("dear-leader")

    # Statistics
    def stat(self, name: Literal["processed", "failed"]) -> bytes:
        """String holding an integer: a total since ever, or since it was reset."""
        return self._key(f"stat:{name}")

    def day(self, name: Literal["processed", "failed"], day: str) -> bytes:
        """String holding an integer: a total of one day in UTC, `YYYY-MM-DD`."""
        return self._key(f"stat:{name}:{day}")

    # Metrics
    def minute(self, moment: datetime) -> bytes:
        """Hash with a lifetime: what each class did in a minute, as 8 and later spell it."""
        at = moment.astimezone(UTC)
        return self._key(f"j|{at:%y%m%d}|{at.hour}:{at.minute:02}")

    def ten_minutes(self, moment: datetime) -> bytes:
        """The same of ten minutes; 8 and later."""
        return self.minute(moment)[:-1]

    def minute_of_7(self, moment: datetime) -> bytes:
        """The same of a minute, as 7 spells it."""
        at = moment.astimezone(UTC)
        return self._key(f"j|{at:%Y%m%d}|{at.hour}:{at.minute}")

    def durations(self, class_name: str, moment: datetime) -> bytes:
        """String of counters: how long the jobs of a class took that ended in a minute; 8 and
        later."""
        at = moment.astimezone(UTC)
        return self._key(f"h|{class_name}-{at.day}-{at.hour}:{at.minute}")

    def durations_of_7(self, class_name: str, moment: datetime) -> bytes:
        """The same as 7 spells it."""
        at = moment.astimezone(UTC)
        return self._key(f"{class_name}-{at:%d}-{at:%H}:{at.minute}")

    def deploys(self, day: str) -> bytes:
        """Hash with a lifetime: minute of a deploy to its label, of a day as `YYYYMMDD` in UTC."""
        return self._key(f"{day}-marks")

    # Iterable jobs
    def iteration(self, jid: str) -> bytes:
        """Hash with a lifetime of 30 days: how far an iterable job is; 7.3 and later."""
        return self._key(f"it-{jid}")

    # Recurring jobs of plug-ins: read, never written
    def cron_jobs(self, group: str | None) -> bytes:
        """Set of the keys of sidekiq-cron's jobs: of one of its namespaces, or (None) of before it
        had any."""
        return self._key("cron_jobs" if group is None else f"cron_jobs:{group}")

    def cron_job(self, group: str, name: str) -> bytes:
        """Hash: a job of one of sidekiq-cron's namespaces."""
        return self._key(f"cron_job:{group}:{name}")

    def member_key(self, member: bytes) -> bytes:
        """The key that a member of sidekiq-cron's sets names."""
        return self._key(name_text(member))

    def schedules(self) -> bytes:
        """Hash: name to definition, of sidekiq-scheduler."""
        return self._key("schedules")

    def schedule_times(self, what: Literal["states", "next_times", "last_times"]) -> bytes:
        """Hash: name to what sidekiq-scheduler keeps of a schedule."""
        return self._key(f"sidekiq-scheduler:{what}")

    def schedules_changed(self) -> bytes:
        """Sorted set: names of schedules, by when they changed. Resque's scheduler has a set."""
        return self._key("schedules_changed")

    # Plug-ins, and what is not Sidekiq's: read, never written
    def of_plugins(self) -> list[tuple[PluginName, bytes, str]]:
        """Keys by which plug-ins show: of which, the key, the kind of value."""
        return [(name, self._key(rest), kind) for name, rest, kind in _PLUGIN_KEYS]

    def workers_of_resque(self) -> bytes:
        """Set of Resque's workers, where it has the same namespace."""
        return self._key("workers")

    def delayed_of_resque(self) -> bytes:
        """Sorted set of the moments to which Resque's jobs are delayed."""
        return self._key("delayed_queue_schedule")

    # Jobs in the hands of processes: lists of plug-ins and of other languages' workers
    def held(self, queue: str) -> bytes:
        """What the list of GitLab's reliable fetch for a queue begins with; the process follows."""
        return self._key(f"working:queue:{queue}")

    def fetcher_beat(self, process: str) -> bytes:
        """String with a lifetime: that a process with GitLab's reliable fetch lives."""
        return self._key(f"reliable-fetcher-heartbeat-{process.replace(':', '-')}")

    def everything(self) -> bytes:
        """What all keys of the namespace begin with."""
        return self._key("")

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

    def rescued(self) -> bytes:
        """Sorted set: the jobs that were put back of processes that died, by when."""
        return self._key("qtop:rescued")

    def memory(self, identity: str) -> bytes:
        """Hash with a lifetime: what a process ran when it was last seen, for a rescue."""
        return self._key(f"qtop:work:{identity}")

    def memories(self) -> bytes:
        """Sorted set with a lifetime: the processes of which there is such a hash, by when."""
        return self._key("qtop:works")

    # What is under a key
    def queue_of(self, key: bytes) -> str | None:
        """The queue that a key belongs to; None of other keys, private lists among them."""
        beginning = self._key("queue:")
        name = name_text(key.removeprefix(beginning)) if key.startswith(beginning) else None
        return None if name is None or is_private(name) else name

    def plugin_of(self, key: bytes) -> PluginName | None:
        """Whose a key is that belongs to no set, by its name; None of Sidekiq's own."""
        beginning = self.everything()
        if not key.startswith(beginning):
            return None
        rest = name_text(key.removeprefix(beginning))
        return next(
            (name for name, own in _PLUGIN_PATTERNS if re.fullmatch(own, rest, re.DOTALL)), None
        )

    def cron_group_of(self, key: bytes) -> str | None:
        """The namespace of sidekiq-cron whose jobs are in the set under a key; None of others."""
        beginning = self._key("cron_jobs:")
        return name_text(key.removeprefix(beginning)) if key.startswith(beginning) else None


def namespace_of(key: bytes) -> str | None:
    """The namespace of a key that every Sidekiq has; None where it has none, and of other keys."""
    namespace, _, rest = name_text(key).rpartition(":")
    return namespace if namespace and rest in ("queues", "processes") else None


def is_private(queue: str) -> bool:
    """Whether `queue:<name>` of this name is no queue but a list of jobs that a process holds. A
    queue may have such a name: it is on the set of queues then."""
    return _PRIVATE.fullmatch(queue) is not None
