"""What the program does for the console that it opened: profiles, and the checks of `doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from qtop.commands.connection import Connection, Session
from qtop.commands.options import profile_names, settings_of_profile
from queuecore.errors import QueueError

if TYPE_CHECKING:
    from qtop.config.places import PlaceOptions
    from qtop.model.health import Finding

_TIMEOUT_S: Final = 5.0


class ProgramAround:
    """See `AroundConsole`. `context` is that of the command that opened the console, `connection`
    what is in force in it."""

    def __init__(self, context: click.Context, connection: Connection) -> None:
        self._context, self._connection = context, connection

    def profiles(self) -> Sequence[str]:
        return profile_names()

    def connection_to(self, profile: str) -> Connection:
        """What is in force on a profile of the settings file. Raises BadSettings and BadOption."""
        settings = settings_of_profile(self._context, profile)
        values = settings.values
        is_read_only = values["read_only"] or self._connection.is_read_only
        return Connection(values["url"], values["namespace"], is_read_only, settings)

    def trouble_of(self, profile: str) -> str | None:
        # Imported here: a console whose settings name none does without it.
        from qtop.screens.base import check_settings

        try:
            connection = self.connection_to(profile)
            check_settings(connection.settings)
            if connection.named_places():
                # Each says by itself whether it answers.
                return None
            with (
                connection.use() as url,
                closing(Session(url, connection, timeout_s=_TIMEOUT_S)) as session,
            ):
                session.run(session.system.probe())
        except QueueError as error:
            return str(error)
        return None

    def findings(self, places: Sequence[PlaceOptions]) -> Iterator[tuple[str, Finding]]:
        # Imported here: seldom needed.
        from qtop.commands import doctor

        # Nothing else may write on the console's terminal.
        quiet = replace(self._connection, shows_progress=False)
        for place in places:
            label = place.label if len(places) > 1 else ""
            for _, finding in doctor.findings(quiet.at(place)):
                yield label, finding
