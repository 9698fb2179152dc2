"""A pool that kills each child at once when its time is over. Run as `python -m
tests.support.programs.pool_without_patience`.

A child that this pool does not kill is therefore exempt by a rule, and not because the pool waits
for it.
"""

from __future__ import annotations

import os
import sys

from resque.worker import pool
from resque.worker.__main__ import main

if __name__ == "__main__":
    pool.PATIENCE_S = 0.0
    sys.exit(main(os.environ))
