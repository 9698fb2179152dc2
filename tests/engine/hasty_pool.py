"""A pool that kills at once what outlasts its time: `python -m tests.engine.hasty_pool`.

What it leaves alone is therefore not in a hurry by the clock, but by right.
"""

from __future__ import annotations

import os
import sys

from resque.worker import pool
from resque.worker.__main__ import main

if __name__ == "__main__":
    pool.PATIENCE_S = 0.0
    sys.exit(main(os.environ))
