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
    "qtop.commands.schedules",
    "qtop.screens.console",
}
#: Files outside of the systems that know one of them and not only the protocol.
SYSTEMS: Final[set[str]] = {
    "qtop.app.action_controller",
    "qtop.commands.edit",
    "qtop.commands.export",
    "qtop.commands.schedules",
    "qtop.screens.console",
    "qtop.screens.details",
    "qtop.screens.export",
    "qtop.screens.jobs",
    "qtop.screens.paging",
    "qtop.screens.payload_editor",
    "qtop.screens.scheduled",
    "qtop.screens.scheduled_bars",
    "qtop.screens.scheduled_details",
}
#: Public names of classes and types that two files define.
TWICE: Final[set[str]] = {"Job"}
