"""What the walls let through for now. These lists only become shorter."""

from __future__ import annotations

from typing import Final

#: Files that import what is above them, and what that is.
BELOW: Final[dict[str, set[str]]] = {}
#: Files that import each other.
CIRCLES: Final[list[set[str]]] = []
#: Files of the console outside of the systems that know an engine.
STORE: Final[set[str]] = {
    "qtop.app.app",
    "qtop.commands.checks",
    "qtop.commands.cli",
    "qtop.commands.connection",
    "qtop.commands.console",
    "qtop.commands.doctor",
    "qtop.commands.enqueue",
    "qtop.commands.fleet_checks",
    "qtop.commands.lists",
    "qtop.commands.queues",
    "qtop.commands.sharing",
}
#: Files outside of the systems that know one of them and not only the protocol.
SYSTEMS: Final[set[str]] = {
    "qtop.app.action_controller",
    "qtop.app.app",
    "qtop.app.worker_controller",
    "qtop.commands.connection",
    "qtop.commands.doctor",
    "qtop.commands.fleet_checks",
    "qtop.commands.lists",
    "qtop.commands.prune",
    "qtop.commands.queues",
    "qtop.local.supervisor",
}
#: Public names of classes and types that two files define.
TWICE: Final[set[str]] = {"Job"}
