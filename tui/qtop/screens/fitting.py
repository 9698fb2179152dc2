"""Whether the settings fit the screens: keys that mean two things, columns that do not exist."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from qtop.config.settings import BadSettings, Settings
from qtop.keymap import keymap
from qtop.keymap.keymap import clashes, typed_in_fields
from qtop.screens.base import ConsoleScreen, listed_in
from qtop.widgets.columns import Column, arranged


def load_screens() -> None:
    """Import all that a digit shows, and the help."""
    for name in (*keymap.SCREENS, "help"):
        import_module(f"qtop.screens.{name}")


def screens() -> Iterator[type[ConsoleScreen]]:
    """All pages of the console."""
    load_screens()
    waiting: list[type[ConsoleScreen]] = [ConsoleScreen]
    while waiting:
        page = waiting.pop()
        waiting += page.__subclasses__()
        if page.PLACES:
            yield page


def check_settings(settings: Settings) -> None:
    """Raises BadSettings, which names the place in the file, when keys or columns do not fit."""
    if settings.keys:
        places = [{*page.PLACES, "everywhere"} for page in screens()]
        places += [{"dialogs"}, {"filter"}, {"palette"}]
        wrong = clashes(keymap.ACTIONS, settings.keys, places)
        wrong += typed_in_fields(keymap.ACTIONS, settings.keys)
        for action_id, sentence in wrong:
            where = settings.origins[f"keys.{action_id}"]
            raise BadSettings(f"{where}: {action_id}: {sentence}")
    known = columns() if settings.columns else {}
    for place, keys in settings.columns.items():
        try:
            if place not in known:
                raise ValueError(f"the columns of {place} cannot be chosen")
            arranged(known[place], keys)
        except ValueError as error:
            raise BadSettings(f"{settings.origins[f'columns.{place}']}: {error}") from None


def columns() -> dict[str, Sequence[Column[Any]]]:
    """The columns that can be chosen from, by screen: the COLUMNS of its module."""
    found: dict[str, Sequence[Column[Any]]] = {}
    for page in screens():
        place, known = listed_in(page), getattr(sys.modules[page.__module__], "COLUMNS", None)
        if place is not None and known is not None and "rows" in page.PLACES:
            found[place] = known
    return found
