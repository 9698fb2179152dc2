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
    "qtop.commands.acting",
    "qtop.commands.checks",
    "qtop.commands.cli",
    "qtop.commands.connection",
    "qtop.commands.console",
    "qtop.commands.doctor",
    "qtop.commands.enqueue",
    "qtop.commands.export",
    "qtop.commands.find",
    "qtop.commands.fleet_checks",
    "qtop.commands.lists",
    "qtop.commands.pauses",
    "qtop.commands.queues",
    "qtop.commands.schedules",
    "qtop.config.settings",
    "qtop.screens.console",
    "qtop.screens.details",
    "qtop.screens.scheduled",
    "qtop.screens.scheduled_details",
}
#: Public names of classes and types that two files define.
TWICE: Final[set[str]] = {
    "Bounds",
    "HealthPart",
    "HealthReport",
    "Job",
    "Ownership",
    "Read",
    "ServerInfo",
    "Snapshot",
    "Stray",
    "StrayKind",
    "Strays",
    "WaitingClasses",
}
