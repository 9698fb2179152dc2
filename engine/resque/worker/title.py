"""The title of this process, as `ps` shows it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder


def _setter() -> Callable[[str], None]:
    """The C function of the `setproctitle` package. The package itself imports `logging`, whose
    and `threading`'s handlers run in every fork."""
    package = PathFinder.find_spec("setproctitle")
    spec = package and PathFinder.find_spec(
        "setproctitle._setproctitle", package.submodule_search_locations
    )
    # On macOS the package does more than load it.
    if not spec or spec.loader is None or sys.platform == "darwin":
        import setproctitle

        return setproctitle.setproctitle
    module = spec.loader.create_module(spec)
    assert module is not None  # noqa: S101
    spec.loader.exec_module(module)
    set_title: Callable[[str], None] = module.setproctitle
    return set_title


_set = _setter()


def set_title(text: str) -> None:
    """Show `text`. What the title of a process cannot hold becomes `?`."""
    if not text.isascii() or "\0" in text:
        # Names from Redis may hold lone surrogates.
        text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    _set(text)
