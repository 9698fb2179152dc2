"""The screens that a digit shows, imported when they are first needed: each costs some 20 ms, and
the first frame must not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from textual.screen import Screen

_CLASSES: Final[dict[str, str]] = {
    "overview": "OverviewScreen",
    "queues": "QueuesScreen",
    "workers": "WorkersScreen",
    "failed": "FailedScreen",
    "scheduled": "ScheduledScreen",
    "local": "LocalScreen",
    "history": "HistoryScreen",
}


def modes() -> dict[str, str | Callable[[], Screen[Any]]]:
    """What makes each screen, by its name."""
    return {name: _maker(name) for name in _CLASSES}


def load() -> None:
    """Import all of them, and what carries out actions. Takes some 300 ms."""
    for name in (*_CLASSES, "help"):
        import_module(f"qtop.screens.{name}")
    import_module("qtop.app.action_controller")


def _maker(name: str) -> Callable[[], Screen[Any]]:
    def make() -> Screen[Any]:
        screen: Screen[Any] = getattr(import_module(f"qtop.screens.{name}"), _CLASSES[name])()
        return screen

    return make
