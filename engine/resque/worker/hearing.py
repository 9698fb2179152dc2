"""Hearing what jobs say through Python's `logging`, which a worker's parent does without: loaded
there it would run code in every fork."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from resque.worker.log import Say

_NAME = "logging"


def hear_jobs(say: Say) -> None:
    """Have what jobs log told to `say`, where `logging` is loaded; see `job_logging`. In the
    process that runs the jobs."""
    if _NAME in sys.modules:
        from resque.worker.job_logging import listen

        listen(say)


def hear_jobs_later(say: Say) -> None:
    """Have `hear_jobs` called as soon as something imports `logging`, here or in a child."""
    if _NAME not in sys.modules:
        sys.meta_path.insert(0, _Door(say))


class _Door:
    """A finder of modules that finds none, and is there when `logging` comes."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _NAME:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_hear(module: ModuleType) -> None:
                load(module)
                hear_jobs(self._say)

            vars(spec.loader)["exec_module"] = load_and_hear
        return spec
