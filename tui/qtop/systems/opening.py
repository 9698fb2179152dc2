"""Which queue system an address leads to: the one place that chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from queuecore.address import Address
from resque.keys import Keys

if TYPE_CHECKING:
    from qtop.systems.resque.local import ResqueLauncher
    from qtop.systems.system import System
    from queuecore.server import PrivateServer


def open_system(
    address: Address | None,
    namespace: str,
    *,
    failures_read: int = 500,
    warn: Callable[[str], None] = lambda text: None,
) -> System:
    """The queue system in a namespace, which remembers nothing yet. No round trip. Without an
    `address` it does what needs no server.

    Args:
        failures_read: How many of the newest failures are part of a snapshot.
        warn: Gets a sentence where another system perhaps lives there, too, before a change.
    """
    # Imported here: many commands do without it.
    from qtop.systems.resque.system import ResqueSystem

    return ResqueSystem(Keys(namespace), address, failures_read=failures_read, warn=warn)


def launcher_for(address: Address, url: str, namespace: str) -> ResqueLauncher:
    """How workers of that system are started on this machine. `url` is the address with its
    password."""
    from qtop.systems.resque.local import ResqueLauncher

    return ResqueLauncher(str(address), url, Keys(namespace))


def hold_server(address: str) -> PrivateServer | None:
    """Keep this user's private server alive, if the address leads there, until the result is
    closed. Raises NoServer when its folder cannot be used."""
    from resque.worker import own_server

    return own_server.hold(address)
