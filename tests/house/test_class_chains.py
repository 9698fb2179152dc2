"""How deep class hierarchies are: a reader has to know every class of a chain."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Final

import qtop

#: Levels of our own classes above those of Textual and of the standard library; mix-ins count.
MOST_LEVELS: Final = 3


def classes() -> Iterator[type]:
    """All classes that the console defines."""
    for module in pkgutil.walk_packages(qtop.__path__, "qtop."):
        if not module.name.endswith("__main__"):
            for value in vars(importlib.import_module(module.name)).values():
                if inspect.isclass(value) and value.__module__ == module.name:
                    yield value


def test_chains_of_classes_are_short() -> None:
    chains = {
        kind.__name__: [each for each in kind.__mro__ if each.__module__.startswith("qtop.")]
        for kind in classes()
    }
    longer = {name: ours for name, ours in chains.items() if len(ours) > MOST_LEVELS}
    assert longer == {}
