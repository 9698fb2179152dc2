"""What the walls let through for now. These lists only become shorter."""

from __future__ import annotations

from typing import Final

#: Files that import what is above them, and what that is.
BELOW: Final[dict[str, set[str]]] = {
    "qtop.config.settings": {"qtop.local.launch"},
    "qtop.systems.resque.workers": {"qtop.monitor.rows"},
}
#: Files that import each other.
CIRCLES: Final[list[set[str]]] = []
#: Files of the console outside of the systems that know an engine.
STORE: Final[set[str]] = {
    "qtop.app.app",
    "qtop.app.worker_controller",
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
    "qtop.commands.jobs",
    "qtop.commands.lists",
    "qtop.commands.once",
    "qtop.commands.pauses",
    "qtop.commands.prune",
    "qtop.commands.queues",
    "qtop.commands.register",
    "qtop.commands.schedules",
    "qtop.commands.show",
    "qtop.commands.stats",
    "qtop.commands.stray_jobs",
    "qtop.commands.unread",
    "qtop.config.settings",
    "qtop.local.import_check",
    "qtop.local.launch",
    "qtop.local.supervisor",
    "qtop.local.usage",
    "qtop.local.workers",
    "qtop.monitor.drops",
    "qtop.monitor.explained_drops",
    "qtop.monitor.incidents.jobs",
    "qtop.monitor.incidents.queues",
    "qtop.monitor.incidents.rules",
    "qtop.monitor.incidents.server",
    "qtop.monitor.incidents.server_checks",
    "qtop.monitor.incidents.workers",
    "qtop.monitor.poller",
    "qtop.monitor.rates",
    "qtop.monitor.row_builder",
    "qtop.monitor.row_text",
    "qtop.monitor.rows",
    "qtop.monitor.state",
    "qtop.monitor.stray_watch",
    "qtop.screens.console",
    "qtop.screens.details",
    "qtop.screens.failed",
    "qtop.screens.failed_entries",
    "qtop.screens.failure",
    "qtop.screens.local",
    "qtop.screens.paging",
    "qtop.screens.payload_editor",
    "qtop.screens.scheduled",
    "qtop.screens.scheduled_bars",
    "qtop.screens.scheduled_details",
    "qtop.search.failure_groups",
    "qtop.search.fields",
    "qtop.search.selection",
    "qtop.widgets.bars",
}
#: Public names of classes and types that two files define.
TWICE: Final[set[str]] = {"Cell", "Read", "Reader", "Refusal"}
