"""A worker on a system that has no room for more processes.

Run as `python -m tests.support.programs.worker_without_fork`. `ROOM` names a file; while the file
exists, no process can be made.
"""

from __future__ import annotations

import os
import sys

from resque.worker.__main__ import main

_fork = os.fork


def _fork_if_there_is_room() -> int:
    if os.path.exists(os.environ["ROOM"]):
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return _fork()


if __name__ == "__main__":
    os.fork = _fork_if_there_is_room
    sys.exit(main(os.environ))
