"""What the command line does: from what was chosen in it to the result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from textual.keys import _character_to_key

from qtop.config.places import PlaceOptions
from qtop.config.settings import Settings
from qtop.keymap import keymap
from qtop.keymap.keymap import Action
from qtop.model.health import Finding
from qtop.monitor.incidents.incident import Link
from qtop.monitor.state import ALL
from qtop.screens.base import ConsoleScreen
from qtop.screens.command_line import CommandLine
from qtop.screens.console import Console
from qtop.screens.findings import FindingsScreen
from qtop.screens.offers import CommandChoice, Offerable, Verb, VerbCall
from qtop.text.safe import safe
from qtop.widgets.filter_input import SAVED


class AroundConsole(Protocol):
    """What the program that opened the console does for it."""

    def profiles(self) -> Sequence[str]:
        """The names of the profiles in the settings file, as it is now."""

    def trouble_of(self, profile: str) -> str | None:
        """Why a profile cannot be used now; None when it can. Reads the settings file, connects to
        its Redis: blocks for seconds."""

    def findings(self, places: Sequence[PlaceOptions]) -> Iterator[tuple[str, Finding]]:
        """What `qtop doctor` finds in these places, one after the other, each with its label, which
        is empty where there is one place. Blocks for seconds. Raises QueueError."""


class CommandedConsole(Console, Protocol):
    """What the command line needs of the app beside what screens do."""

    theme: str
    settings: Settings

    @property
    def place_labels(self) -> Sequence[str]:
        """Those of the places that are watched, where there are several."""

    @property
    def shown_places(self) -> Sequence[PlaceOptions]:
        """The places that are shown now."""

    @property
    def theme_names(self) -> Sequence[str]:
        """The colours that there are."""

    def use_theme(self, name: str) -> None:
        """Show the console in a theme, by what the settings call it."""

    def show_place(self, label: str) -> None:
        """Show one place, or all."""

    def reopen(self, profile: str) -> None:
        """End, and have the console opened again on a profile of the settings."""

    def press_key(self, key: str) -> None:
        """Do what a key does."""


class CommandController:
    """Shows the command line of a console and does what is chosen in it. `around` is the program
    that opened it; None where it does nothing for it."""

    def __init__(
        self, app: CommandedConsole, around: AroundConsole | None, *, read_only: bool
    ) -> None:
        self._app, self._around, self._read_only = app, around, read_only

    def ask(self, page: ConsoleScreen) -> None:
        """Show the command line over a page, and do what is chosen."""

        def chosen(choice: CommandChoice | None) -> None:
            if choice is not None:
                self._do(choice, page)

        line = CommandLine(self._offerable(page), self._app.remembered_filters("commands"))
        self._app.push_screen(line, chosen)

    def _offerable(self, page: ConsoleScreen) -> Offerable:
        app, policy = self._app, self._app.state.policy
        places = {*page.PLACES, "everywhere"}
        here = policy.actions(places, read_only=self._read_only)
        known = {each.id for each in here} | {"palette"}
        every = policy.actions(set(keymap.PLACES), read_only=self._read_only)
        fleet = app.state.view().fleet
        return Offerable(
            actions=[each for each in here if each.id != "palette"],
            elsewhere=[each for each in every if each.id not in known],
            queues=() if fleet is None else fleet.queues or (),
            themes=app.theme_names,
            profiles=() if self._around is None else self._around.profiles(),
            places=[*app.place_labels, ALL] if app.place_labels else (),
            saved=app.settings.filters,
            commands=[each for each in app.settings.commands if set(each.where) & places],
            has_list=page.pane is not None,
            values_of=self._values_of,
        )

    def _values_of(self, field: str) -> Iterable[str]:
        """The values of a field among what the newest poll brought, as safe texts."""
        if field == SAVED:
            return self._app.settings.filters
        fleet = self._app.state.view().fleet
        if fleet is None:
            return ()
        if field in ("queue", "serves", "lists"):
            return {safe(row.name) for row in fleet.queues or ()}
        if field == "class":
            names = {row.job.unwrapped[0] for row in fleet.failures or ()}
            return {safe(name) for name in names if name}
        if field == "exception":
            return {safe(row.job.exception) for row in fleet.failures or () if row.job.exception}
        return self._app.place_labels if field == "system" else ()

    def _do(self, choice: CommandChoice, page: ConsoleScreen) -> None:
        if isinstance(choice, Link):
            self._app.run_worker(self._app.follow(choice), group="lead")
        elif isinstance(choice, Action):
            # Textual calls ? by its name, and hears it by no other.
            key = choice.keys[0]
            self._app.press_key(_character_to_key(key) if len(key) == 1 else key)
        else:
            self._call(choice, page)

    def _call(self, call: VerbCall, page: ConsoleScreen) -> None:
        does: dict[Verb, Callable[[], None]] = {
            "theme": lambda: self._show_theme(call.name),
            "profile": lambda: self._to_profile(call.name),
            "place": lambda: self._app.show_place(call.name),
            "filter": lambda: self._filter(call.name, page),
            "doctor": self._examine,
            "own": lambda: page.action_own_command(call.name),
        }
        does[call.verb]()

    def _show_theme(self, name: str) -> None:
        self._app.use_theme(name)

    @staticmethod
    def _filter(text: str, page: ConsoleScreen) -> None:
        if page.pane is not None:
            page.pane.set_filter(text)

    def _examine(self) -> None:
        around = self._around
        if around is None:
            self._app.say("not available in this console: run qtop doctor", "warn")
            return
        places = list(self._app.shown_places)
        self._app.push_screen(FindingsScreen(lambda: around.findings(places)))

    def _to_profile(self, name: str) -> None:
        self._app.run_worker(self._try_profile(name), group="profile", exclusive=True)

    async def _try_profile(self, name: str) -> None:
        """Leave for another profile, if it can be used: a console that cannot be opened again would
        leave a person without any."""
        around = self._around
        if around is None or name == self._app.settings.profile:
            self._app.say(f"already on profile {safe(name)}", "dim")
            return
        self._app.say(f"connecting to profile {safe(name)} …", "dim")
        why = await asyncio.to_thread(around.trouble_of, name)
        if why is not None:
            self._app.say(f"profile {safe(name)}: {safe(why)}", "warn")
        else:
            self._app.reopen(name)
