"""What is found out now and then of a Resque, as neutral values."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from qtop.model.health import (
    HealthReport,
    NextJob,
    SystemHealth,
    UpcomingJobs,
    WaitingClasses,
    skew_s,
)
from qtop.systems.resque import turnable
from qtop.systems.resque.ownership import notices, ownership
from queuecore.active_job import unwrapped, waiting_since
from queuecore.exchange import Steps
from queuecore.times import wall_now
from queuecore.values import replace
from resque.codec import Payload, decode_payload
from resque.keys import Keys
from resque.store import health, waiting_jobs
from resque.store import ownership as ownership_of
from resque.store import waiting_classes as waiting_classes_of
from resque.store.ownership import KeyOwners
from resque.store.waiting_classes import QueueSample as Sampled

#: Of so many of the longest queues the classes of some jobs are read.
_SAMPLED = 20


def master_prefix() -> str:
    """What the environment puts before the key of the schedulers' lock."""
    return os.environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", "")


def look(keys: Keys, queues: Sequence[str] = ()) -> Steps[HealthReport]:
    """Find out what is looked at now and then, also of these queues, or, without any, whose those
    are that are registered. Six round trips, eight where delayed jobs may be overdue. Raises
    StoreError."""
    before_s = time.time()
    found, payloads = yield health.take(keys, keys.master_lock(master_prefix()), queues)
    found = yield from health.settled(keys, found)
    whose = yield from ownership_of.find_owners(keys, queues or None, now=wall_now())
    after_s, taken = time.time(), found.taken
    sampled = (yield waiting_classes_of.take(keys, queues[:_SAMPLED])) if queues else ()
    order = yield from turnable.glance(keys, queues)
    skew = None if taken is None else skew_s(taken.timestamp(), before_s, after_s)
    return replace(
        report_of(found, payloads, whose, skew),
        waiting=waiting_classes(next_jobs(payloads), sampled),
        order=order,
    )


def report_of(
    found: SystemHealth, payloads: Mapping[str, bytes], whose: KeyOwners, skew: float | None
) -> HealthReport:
    """The report on what the engine found. O(bytes of the next jobs)."""
    jobs = next_jobs(payloads)
    return HealthReport(
        system=found,
        next_jobs=jobs,
        problems=found.problems,
        waiting=waiting_classes(jobs),
        skew_s=skew,
        ownership=ownership(whose),
        notices=tuple(notices(whose)),
    )


def first_jobs(keys: Keys, queues: Sequence[str], *, samples: bool) -> Steps[UpcomingJobs]:
    """Read the jobs that are next in queues. One round trip, with `samples` another for the classes
    of further jobs."""
    sampled = (yield waiting_classes_of.take(keys, queues)) if samples else ()
    seen = yield waiting_jobs.next_jobs(keys, queues)
    jobs = next_jobs(seen.payloads)
    return UpcomingJobs(jobs, waiting_classes(jobs, sampled), seen.problem)


def next_jobs(payloads: Mapping[str, bytes]) -> Mapping[str, NextJob]:
    """The jobs that are next, of the queues whose next item is one. O(bytes)."""
    found: dict[str, NextJob] = {}
    for queue, raw in payloads.items():
        payload = decode_payload(raw)
        if isinstance(payload, Payload):
            name, _ = unwrapped(payload.class_name, payload.args)
            found[queue] = NextJob(name, waiting_since(payload.class_name, payload.args))
    return found


def waiting_classes(
    jobs: Mapping[str, NextJob], sampled: Iterable[Sampled] = ()
) -> Mapping[str, WaitingClasses]:
    """The classes that are known to wait, by queue: those of the next jobs, and of the queues that
    were sampled."""
    found = {
        queue: WaitingClasses((job.class_name,) if job.class_name else (), is_sampled=False)
        for queue, job in jobs.items()
    }
    for seen in sampled:
        # The next one may be known better: whose job an ActiveJob is.
        first = found[seen.queue].names if seen.queue in found else ()
        names = tuple(dict.fromkeys((*first, *seen.classes)))
        found[seen.queue] = WaitingClasses(names, is_sampled=True, newest=Counter(seen.newest))
    return found
