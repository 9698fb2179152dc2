"""A worker that is process 1 of a container called `twin`.

Run as `python -m tests.support.programs.worker_in_container`. `TWIN_WHERE` names its space of
process ids.
"""

from __future__ import annotations

import os
import sys

from resque.store.claims import WorkerId
from resque.worker import worker
from resque.worker.__main__ import main


def twin(host: str, pid: int, queues: str, *, where: str) -> WorkerId:
    """The place that it asks for."""
    return WorkerId("twin", 1, queues, where=os.environ["TWIN_WHERE"])


if __name__ == "__main__":
    vars(worker)["WorkerId"] = twin
    sys.exit(main(os.environ))
