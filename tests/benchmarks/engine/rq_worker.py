"""`python -m tests.benchmarks.engine.rq_worker Worker|SimpleWorker`: one worker of RQ."""

from __future__ import annotations

import importlib
import os
import sys


def main(kind: str) -> None:
    """Work until a signal stops it."""
    rq, redis = importlib.import_module("rq"), importlib.import_module("redis")
    connection = redis.Redis.from_url(os.environ["BENCH_URL"])
    queues = [rq.Queue(name, connection=connection) for name in os.environ["QUEUES"].split(",")]
    getattr(rq, kind)(queues, connection=connection).work(logging_level="WARNING")


if __name__ == "__main__":
    main(sys.argv[1])
