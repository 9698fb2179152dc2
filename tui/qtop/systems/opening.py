"""Which queue system an address leads to: the one place that chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from queuecore.address import Address
from resque.keys import Keys

if TYPE_CHECKING:
    from qtop.systems.system import System


def open_system(
    address: Address | None,
    namespace: str,
    *,
    url: str = "",
    failures_read: int = 500,
    warn: Callable[[str], None] = lambda text: None,
) -> System:
    """The queue system in a namespace, which remembers nothing yet. No round trip. Without an
    `address` it does what needs no server.

    Args:
        url: The address with its password, for workers that are started here.
        failures_read: How many of the newest failures are part of a snapshot.
        warn: Gets a sentence where another system perhaps lives there, too, before a change.
    """
    # Imported here: many commands do without it.
    from qtop.systems.resque.system import ResqueSystem

    return ResqueSystem(Keys(namespace), address, url=url, failures_read=failures_read, warn=warn)
