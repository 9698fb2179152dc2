"""How much long tests do: a little with every `make test`, much more with `make soak`."""

from __future__ import annotations

import os

#: Read before the tests hide the environment.
IS_SOAK = os.environ.get("QTOP_SOAK") == "1"

#: The time limit of a soak test; by itself it ends much earlier.
TIMEOUT_S = 900 if IS_SOAK else 120

#: The seeds: each makes another run of the same test.
SEEDS = range(20261124, 20261124 + (3 if IS_SOAK else 1))


def either(short: int, soak: int) -> int:
    """The number for this run: the short one or that of the soak."""
    return soak if IS_SOAK else short
