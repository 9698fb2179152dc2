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
    "qtop.commands.delayed",
    "qtop.commands.doctor",
    "qtop.commands.edit",
    "qtop.commands.enqueue",
    "qtop.commands.export",
    "qtop.commands.failed",
    "qtop.commands.find",
    "qtop.commands.fleet_checks",
    "qtop.commands.lists",
    "qtop.commands.pauses",
    "qtop.commands.queues",
    "qtop.commands.schedules",
    "qtop.commands.show",
    "qtop.config.settings",
    "qtop.model.fleet",
    "qtop.monitor.row_text",
    "qtop.monitor.rows",
    "qtop.screens.console",
    "qtop.screens.details",
    "qtop.screens.failed",
    "qtop.screens.failed_entries",
    "qtop.screens.failure",
    "qtop.screens.paging",
    "qtop.screens.payload_editor",
    "qtop.screens.scheduled",
    "qtop.screens.scheduled_bars",
    "qtop.screens.scheduled_details",
    "qtop.search.failure_groups",
    "qtop.search.fields",
    "qtop.search.selection",
}
#: Public names of classes and types that two files define.
TWICE: Final[set[str]] = {
    "HealthPart",
    "HealthReport",
    "Ownership",
    "Read",
    "ServerInfo",
    "Snapshot",
    "Stray",
    "StrayKind",
    "Strays",
    "WaitingClasses",
}
