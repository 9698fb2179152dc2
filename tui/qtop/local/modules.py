"""The modules with which workers were started last, for each profile: the next start proposes
them."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_MOST_KEPT: Final = 100
_MOST_BYTES: Final = 1_000_000


class ModuleMemory:
    """A small file of this user's. What cannot be read is as if nothing had been kept; what cannot
    be written is forgotten with the console.

    Args:
        path: The file; its folder is there once a worker was started.
        whose: The profile, or the Redis and namespace.
    """

    def __init__(self, path: Path, whose: str) -> None:
        self._path, self._whose = path, whose

    def recall(self) -> tuple[str, ...]:
        """The modules of the last start; none when none was kept."""
        return self._all().get(self._whose, ())

    def keep(self, modules: tuple[str, ...]) -> None:
        """Remember these, if they are others than before; forget whose were kept longest ago."""
        kept = self._all()
        if modules == kept.pop(self._whose, ()):
            return
        kept[self._whose] = modules
        newest = dict(list(kept.items())[-_MOST_KEPT:])
        made = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            descriptor = os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                with os.fdopen(descriptor, "w") as file:
                    json.dump(newest, file)
                os.replace(made, self._path)
            except OSError:
                made.unlink()

    def _all(self) -> dict[str, tuple[str, ...]]:
        try:
            with self._path.open() as file:
                told = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError):
            return {}
        if not isinstance(told, dict):
            return {}
        return {
            whose: tuple(modules)
            for whose, modules in told.items()
            if isinstance(modules, list) and all(isinstance(each, str) for each in modules)
        }
