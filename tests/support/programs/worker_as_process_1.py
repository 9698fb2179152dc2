"""A worker that behaves as process 1 of a container.

Run as `python -m tests.support.programs.worker_as_process_1`. Processes that its jobs leave behind
become its children, as they become those of process 1.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from functools import partial
from unittest.mock import patch

from resque import job
from resque.worker import pool, worker
from resque.worker.__main__ import main
from resque.worker.upkeep import adopted

_PR_SET_CHILD_SUBREAPER = 36


@job(queue="default", name="Leaves")
def leaves() -> None:
    """Leave a process behind that ends at once."""
    if os.fork() == 0:
        if os.fork() == 0:
            os.execvp("true", ["true"])
        os._exit(0)
    os.wait()


@job(queue="default", name="Asks")
def asks() -> None:
    """Leave one process behind, wait for another, and fail unless its exit status is right."""
    leaves()
    done = subprocess.run(["sh", "-c", "exit 3"], check=False)
    if done.returncode != 3:
        raise ValueError(done.returncode)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    as_first = partial(adopted, pid=1)
    with patch.object(pool, "adopted", as_first), patch.object(worker, "adopted", as_first):
        sys.exit(main(os.environ))
