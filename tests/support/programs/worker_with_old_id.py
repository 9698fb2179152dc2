"""A worker whose id another worker had before: `python -m
tests.support.programs.worker_with_old_id`.

`ODD_PREDECESSOR` holds the record that an earlier worker with the same id left behind. With
`ODD_IS_ALIVE` that worker still has heartbeats, in another place.
"""

from __future__ import annotations

import os
import socket
import sys
from datetime import UTC, datetime

from tests.support.direct import Direct
from tests.support.worker_claims import claimed

from queuecore.address import parse_url
from resque.worker.__main__ import main


def leave_remains() -> None:
    """Write what a worker with our id leaves when it is killed in a job."""
    path = parse_url(os.environ["REDIS_URL"]).path
    assert path is not None
    worker_id = f"{socket.gethostname()}:{os.getpid()}:{os.environ['QUEUES']}"
    with Direct(path) as direct:
        direct("SADD", "resque:workers", worker_id)
        direct("SET", f"resque:worker:{worker_id}", os.environ["ODD_PREDECESSOR"])
        direct("SET", f"resque:stat:processed:{worker_id}", 41)
        direct("HSET", "resque:workers:heartbeat", worker_id, "2020-01-01T00:00:00+00:00")
        if "ODD_IS_ALIVE" in os.environ:
            claimed(direct, worker_id)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            direct("HSET", "resque:workers:heartbeat", worker_id, now)


if __name__ == "__main__":
    leave_remains()
    sys.exit(main(os.environ))
