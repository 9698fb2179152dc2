"""How much long tests do: a little with every `make test`, much more with `make soak`."""

from __future__ import annotations

import os

#: Read before the tests hide the environment.
IS_SOAK = os.environ.get("QTOP_SOAK") == "1"

#: A soak's test may take so long; by itself it ends much earlier.
TIMEOUT_S = 900 if IS_SOAK else 120

#: Each goes its own way through the same test.
SEEDS = range(20261124, 20261124 + (3 if IS_SOAK else 1))


def either(short: int, soak: int) -> int:
    """The one that this run asks for."""
    return soak if IS_SOAK else short
