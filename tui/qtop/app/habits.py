"""What the settings make of the console before it shows anything: colours, keys, characters; and
the keys that change how it shows."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import App

from qtop.app.lifecycle import Lifeline
from qtop.app.terminal.driver import AsciiDriver, TerminalDriver
from qtop.config.settings import Settings
from qtop.monitor.ui_policy import UiPolicy
from qtop.systems.resque import permissions
from qtop.widgets import theme
from resque.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.theme import Theme

    from qtop.monitor.poller import Poller
    from qtop.monitor.state import ConsoleState
    from qtop.systems.resque.connection import System
    from resque.keys import Keys


_INTERVALS_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Habits(Lifeline):
    """An app that knows its settings.

    Args:
        settings: What is in force.
        log_folder: As for `Lifeline`.
        terminal_is_there: As for `Lifeline`.
    """

    THEMES: ClassVar = {"dark": theme.DARK, "light": theme.LIGHT}

    if TYPE_CHECKING:
        keys: Keys
        stage: ConsoleState
        _poller: Poller | None

        def say(self, text: str, tone: str = "") -> None: ...
        def _show(self) -> None: ...

    def __init__(
        self,
        settings: Settings,
        log_folder: Path,
        terminal_is_there: Callable[[], bool] | None = None,
    ) -> None:
        is_ascii = settings.values["ascii"]
        super().__init__(log_folder, terminal_is_there, AsciiDriver if is_ascii else TerminalDriver)
        self.settings = settings
        self._styled_for: Theme | None = None
        self._filter_memory: dict[str, list[str]] = {}
        for each in self.THEMES.values():
            self.register_theme(each)
        if "TEXTUAL_THEME" not in os.environ:
            self.theme = self.THEMES[settings.values["theme"]].name
        self.set_keymap({name: ",".join(keys) for name, keys in settings.keys.items()})

    def run(self, **options: Any) -> None:
        """Run until the end, in colours that the terminal has."""
        if self.console.color_system == "standard":
            # Under the same names, each in the place of the other.
            for each in (theme.DARK_OF_16, theme.LIGHT_OF_16):
                self.register_theme(each)
        super().run(**options)

    def manner(self) -> UiPolicy:
        """How the console deals with people, before the server was asked."""
        return UiPolicy(
            production=self.settings.production,
            secrets=self.settings.redactor,
            rebound=self.settings.keys,
        )

    def refresh_css(self, animate: bool = True) -> None:
        """Parse the style sheets anew and style everything, if the theme is another one.

        Textual asks for it before there is anything to style, too, and for each screen that is
        shown for the first time. A screen is styled anyway when it comes to the front.
        """
        if self.current_theme is self._styled_for:
            return
        self._styled_for = self.current_theme
        if self.children:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    async def run_action(self, action: Any, *args: Any, **options: Any) -> bool:
        """Run what a key or a click asks for, unless the server would refuse it."""
        name = action if isinstance(action, str) else action[1]
        refused = self.stage.manner.forbidden.get(name.partition("(")[0].rpartition(".")[2])
        if refused is None:
            return await App.run_action(self, action, *args, **options)
        self.say(refused, "warn")
        return True

    async def learn_permissions(self, source: System) -> None:
        """Find out which keys the server would refuse. Where that cannot be known, none."""
        with contextlib.suppress(StoreError):
            found = await source.run(permissions.forbidden(self.keys))
            self.stage.manner = replace(self.stage.manner, forbidden=found)
            self._show()

    def remembered_filters(self, place: str) -> list[str]:
        """The filters used in a place, the newest last: to be added to."""
        return self._filter_memory.setdefault(place, [])

    def toggle_freeze(self) -> None:
        """Stop the display where it is, or let it go on."""
        self.stage.toggle_freeze()
        # What was said of a frozen display is over.
        self.say("")
        self._show()

    # Keys that work everywhere

    def action_faster(self) -> None:
        """Look more often."""
        self._set_interval(max((s for s in _INTERVALS_S if s < self.stage.interval_s), default=0))

    def action_slower(self) -> None:
        """Look less often."""
        self._set_interval(min((s for s in _INTERVALS_S if s > self.stage.interval_s), default=60))

    def _set_interval(self, interval_s: float) -> None:
        self.stage.interval_s = interval_s
        if self._poller is not None:
            self._poller.interval_s = self.stage.interval_s
        self._show()
        self.say(f"a look every {self.stage.interval_s:g} s")

    def action_next_theme(self) -> None:
        """Change between dark and light."""
        names = [each.name for each in self.THEMES.values()]
        now = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(now + 1) % len(names)]

    def action_reveal(self) -> None:
        """Show secrets, or hide them again."""
        manner = self.stage.manner
        if manner.secrets.hides_nothing:
            self.say("nothing is hidden: the settings say redact = false", "dim")
            return
        self.stage.manner = replace(manner, is_revealed=not manner.is_revealed)
        self._show()
