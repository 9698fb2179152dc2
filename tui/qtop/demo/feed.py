"""`python -m qtop.demo.feed`: enqueues sample jobs until its parent ends, and is the scheduler.

Reads `REDIS_URL` and `RESQUE_PARENT_PID`. It enqueues nothing while a few hundred jobs wait.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import sys
import time

import resque as engine
from qtop.demo import NAMESPACE, jobs
from queuecore.stores import Store
from queuecore.windows import append
from resque import Resque, StoreError
from resque.scheduler import listing
from resque.scheduler.scheduler import Scheduler, SchedulerOptions
from resque.scheduler.zones import local_zone

_MOST_WAITING = 400
_PAUSE_S = 0.42
#: A hook refuses orders of 0.
_CENTS = (0, *[990, 4_900, 12_500] * 6)


#: Schedules, which are kept in Redis.
_SCHEDULES: dict[str, dict[str, object]] = {
    "purge old carts": {"every": "50s", "class": "Cleanup", "queue": "maintenance", "args": [30]},
    "monthly report": {
        **{"cron": "0 6 1 * * UTC", "class": "MonthlyReport", "queue": "reports"},
        **{"args": ["last"], "description": "for the accountants"},
    },
}
#: How long the lock of a killed scheduler holds another one up.
_LOCK_S = 15


def feed_once(resque: Resque, turn: int) -> None:
    person = random.choice(["ada", "grace", "linus", "margaret", "dennis", "barbara"])
    resque.enqueue(jobs.welcome, f"{person}{turn}@example.com")
    resque.enqueue(jobs.resize_image, 1000 + turn, random.choice(["64x64", "800x600"]))
    if turn % 2 == 0:
        resque.enqueue(jobs.ChargeCard, 70_000 + turn, random.choice(_CENTS))
    if turn % 6 == 0:
        resque.enqueue(jobs.import_catalogue, f"catalogue-{turn // 6}.xml")
    if turn % 5 == 0:
        resque.enqueue_in(random.choice([20, 90, 240, 1_500]), jobs.welcome, f"reminder-{person}")
    if turn % 40 == 0:
        resque.enqueue(jobs.monthly_report, f"2026-{turn // 40 % 12 + 1:02}")
    if turn % 50 == 10:
        resque.enqueue(jobs.cleanup, random.choice([0, 30]))
        # A job of another application: no worker here knows its class, but they serve its queue.
        resque.enqueue_to("maintenance", "Legacy::PurgeSessions", {"dry_run": False})
    if turn % 60 == 5:
        resque.enqueue_to("legacy", "Legacy::NightlyExport", turn)


def fill(resque: Resque) -> None:
    """Enqueue a first backlog, with one item that is no job."""
    for turn in range(40):
        feed_once(resque, turn)
    resque.run(append(resque.keys.queue("imports"), b"<xml>not a job</xml>"))
    for day in range(1, 15):
        resque.enqueue_in(day * 86_400, jobs.import_catalogue, f"catalogue-of-day-{day}.xml")
    for name, config in _SCHEDULES.items():
        resque.run(listing.put(resque.keys, name, config))


def main() -> None:
    parent = int(os.environ["RESQUE_PARENT_PID"])
    url = os.environ["REDIS_URL"]
    resque = Resque(url, namespace=NAMESPACE)
    scheduler = Scheduler(
        Store(url, client_name="demo-scheduler"),
        resque.keys,
        version=engine.__version__,
        zone=local_zone(os.environ),
        options=SchedulerOptions(lock_timeout_s=_LOCK_S, is_dynamic=True),
    )
    if resque.info().pending < _MOST_WAITING // 4:
        fill(resque)
    for turn in itertools.count(40):
        if os.getppid() != parent:
            return
        try:
            scheduler.step()
            if resque.info().pending < _MOST_WAITING:
                feed_once(resque, turn)
        except StoreError as error:
            print(error, file=sys.stderr)
        # In waves, so that the trends of the console show something.
        time.sleep(_PAUSE_S * (1 + 0.6 * math.sin(turn / 25)))


if __name__ == "__main__":
    main()
