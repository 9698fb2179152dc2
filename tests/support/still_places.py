"""A console of Resque and Sidekiq whose servers' clocks, and whose own, only a test moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.support.both_places import places_at
from tests.support.both_systems import NOON, RESQUE, SIDEKIQ
from tests.support.console import console_of
from tests.support.sample_data import CONSOLE_URL
from tests.support.still_runner import StillRunner

from qtop.app.app import QtopApp
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.sidekiq.system import SidekiqSystem
from queuecore.address import parse_url
from queuecore.errors import StoreError

#: What the console's own clock says at first.
_BEGAN_MONO: Final = 1_000.0


class StillPlaces:
    """Both systems in one database, and the clocks by which they are seen. `passed_s` is how long
    ago the console began."""

    def __init__(self, url: str) -> None:
        # Shown is an address that is the same in each run of the tests.
        shown = parse_url(CONSOLE_URL)
        self.resque = StillRunner(ResqueSystem(RESQUE, shown), url, NOON)
        self.sidekiq = StillRunner(SidekiqSystem(SIDEKIQ, shown), url, NOON)
        self.passed_s = 0.0

    @property
    def runners(self) -> Mapping[str, StillRunner[Any]]:
        """What answers for each, by the labels of their places."""
        return {"resque": self.resque, "sidekiq": self.sidekiq}

    def console(self, only: str = "", **more: Any) -> QtopApp:
        """A console of both, or `only` of the one with this label."""
        return console_of(
            [each for each in places_at(CONSOLE_URL) if only in ("", each.label)],
            clock=lambda: _BEGAN_MONO + self.passed_s,
            open_place=lambda place: self.runners[place.label],
            **more,
        )

    def wait(self, seconds: float) -> None:
        """Let time pass for all of them."""
        self.passed_s += seconds
        for each in self.runners.values():
            each.now_s += seconds

    def stop_answering(self, label: str, trouble: StoreError) -> None:
        """Let one of them answer no more."""
        self.runners[label].trouble = trouble
