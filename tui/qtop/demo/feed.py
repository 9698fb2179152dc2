"""`python -m qtop.demo.feed`: enqueues sample jobs for the demo until its parent ends.

Reads `REDIS_URL` and `RESQUE_PARENT_PID`. It never lets more than a few hundred jobs wait.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import sys
import time

from qtop.demo import NAMESPACE, jobs
from resque import Resque, StoreError
from resque.state.windows import append

_MOST_WAITING = 400
_PAUSE_S = 0.42
#: Some orders have nothing to charge: a hook refuses them.
_CENTS = (0, *[990, 4_900, 12_500] * 6)


def feed_once(resque: Resque, turn: int) -> None:
    """Enqueue the jobs of one turn."""
    person = random.choice(["ada", "grace", "linus", "margaret", "dennis", "barbara"])
    resque.enqueue(jobs.welcome, f"{person}{turn}@example.com")
    resque.enqueue(jobs.resize_image, 1000 + turn, random.choice(["64x64", "800x600"]))
    if turn % 2 == 0:
        resque.enqueue(jobs.ChargeCard, 70_000 + turn, random.choice(_CENTS))
    if turn % 6 == 0:
        resque.enqueue(jobs.import_catalogue, f"catalogue-{turn // 6}.xml")
    if turn % 40 == 0:
        resque.enqueue(jobs.monthly_report, f"2026-{turn // 40 % 12 + 1:02}")
    if turn % 50 == 10:
        resque.enqueue(jobs.cleanup, random.choice([0, 30]))
        # Somebody else's job, which no worker here knows, on a queue that they do serve.
        resque.enqueue_to("maintenance", "Legacy::PurgeSessions", {"dry_run": False})
    if turn % 60 == 5:
        resque.enqueue_to("legacy", "Legacy::NightlyExport", turn)


def fill(resque: Resque) -> None:
    """A first backlog, with one item that is no job at all."""
    for turn in range(40):
        feed_once(resque, turn)
    resque.run(append(resque.keys.queue("imports"), b"<xml>not a job</xml>"))


def main() -> None:
    """Feed until the parent ends."""
    parent = int(os.environ["RESQUE_PARENT_PID"])
    resque = Resque(os.environ["REDIS_URL"], namespace=NAMESPACE)
    if resque.info().pending < _MOST_WAITING // 4:
        fill(resque)
    for turn in itertools.count(40):
        if os.getppid() != parent:
            return
        try:
            if resque.info().pending < _MOST_WAITING:
                feed_once(resque, turn)
        except StoreError as error:
            print(error, file=sys.stderr)
        # In waves, as work comes in real life.
        time.sleep(_PAUSE_S * (1 + 0.6 * math.sin(turn / 25)))


if __name__ == "__main__":
    main()
