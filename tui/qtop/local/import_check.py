"""Whether modules can be imported, and which jobs they declare: tried in another process.

Also remembers the modules of the last start, and finds waiting classes that the modules lack.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Final

from qtop.actions.plan import list_of
from qtop.actions.request import QueueClasses
from qtop.text.safe import counted, safe

LIMIT_S: Final = 15.0
_MOST_RESULT_BYTES: Final = 4_000_000
_LONGEST_WORD: Final = 160
#: The exit status for success: no module ends with it by chance.
_IMPORTED: Final = 93

_PROGRAM: Final = """
import importlib, os, sys
def fail(text):
    with os.fdopen(int(sys.argv[1]), "w", errors="replace") as file:
        file.write(text[-4000:])
    os._exit(1)
try:
    importlib.import_module(sys.argv[2])
except ModuleNotFoundError as error:
    fail(f"{type(error).__name__}: {error}")
except BaseException as error:
    fail(f"it raises {type(error).__name__}: {error}")
"""


async def trouble(
    module: str, environment: Mapping[str, str], *, limit_s: float = LIMIT_S
) -> str | None:
    """Import a module as a worker with this environment would, in a process of its own.

    Returns None when it can be imported, else why not, in one safe line. Its output is discarded;
    processes that it starts are killed.
    """
    try:
        status, result = await _run(_PROGRAM, [module], environment, limit_s)
    except OSError as error:
        return f"no process to import {safe(module)} in: {safe(str(error.strerror))}"
    if status == _IMPORTED:
        return None
    if status is None:
        return f"{safe(module)} cannot be imported: not finished after {limit_s:g} s"
    return f"{safe(module)} cannot be imported: {_reason(result, status)}"


async def known(
    program: str,
    modules: Sequence[str],
    environment: Mapping[str, str],
    *,
    limit_s: float = LIMIT_S,
) -> frozenset[str] | None:
    """The names of the jobs that these modules declare, together and in this order; None when that
    could not be found out. For `program` see `LaunchCommand.names_program`."""
    if not modules:
        return frozenset()
    try:
        status, result = await _run(program, modules, environment, limit_s)
        names = json.loads(result) if status == _IMPORTED else None
    except (OSError, ValueError):
        return None
    return frozenset(names) if isinstance(names, list) else None


async def _run(
    program: str, modules: Sequence[str], environment: Mapping[str, str], limit_s: float
) -> tuple[int | None, bytes]:
    """Run a Python program with a descriptor to write its result to, and modules. Returns its exit
    status, None when it took too long, and the result. Raises OSError.

    No pipe: a process that a module started could hold it open for ever.
    """
    with tempfile.TemporaryFile() as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", f"{program}\nos._exit({_IMPORTED})\n"),
            *(str(file.fileno()), *modules),
            pass_fds=(file.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )
        try:
            status = await asyncio.wait_for(process.wait(), limit_s)
        except TimeoutError:
            status = None
        finally:
            # With all processes that it has started.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        file.seek(0)
        return status, file.read(_MOST_RESULT_BYTES)


def _reason(result: bytes, status: int) -> str:
    lines = [line for line in result.decode("utf-8", "replace").splitlines() if line.strip()]
    if lines:
        return safe(lines[-1].strip()[:_LONGEST_WORD])
    if status < 0:
        return f"it ends its process with signal {-status}"
    return f"it ends its process with status {status}"


# Memory: the modules of the last start of each profile, which the next start proposes.

_MOST_KEPT: Final = 100
_MOST_BYTES: Final = 1_000_000


class ModuleMemory:
    """The modules of the last start of each profile, in a small file of this user. A file that
    cannot be read counts as empty; one that cannot be written is left as it is. `whose` is the
    profile, or the Redis and namespace."""

    def __init__(self, path: Path, whose: str) -> None:
        self._path, self._whose = path, whose

    def recall(self) -> tuple[str, ...]:
        """The modules of the last start; empty when none were kept."""
        return self._all().get(self._whose, ())

    def keep(self, modules: tuple[str, ...]) -> None:
        """Remember modules if they are new; the profiles kept longest ago are forgotten."""
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
                kept = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError):
            return {}
        if not isinstance(kept, dict):
            return {}
        return {
            whose: tuple(modules)
            for whose, modules in kept.items()
            if isinstance(modules, list) and all(isinstance(each, str) for each in modules)
        }


# Waiting classes that our own worker would not know: it would fail their jobs.

_MOST_QUEUES: Final = 3
_MOST_CLASSES: Final = 3


def unknown_classes(waiting: Sequence[QueueClasses], known: Set[str]) -> str | None:
    """Why a worker that knows these classes should not be started for these queues, in one safe
    sentence; None when it knows all classes that were seen to wait. Pure."""
    lacking = [
        (each.queue, unknown)
        for each in waiting
        if (unknown := [n for n in each.classes if known.isdisjoint((n, n.removeprefix("::")))])
    ]
    if not lacking:
        return None
    shown = lacking[:_MOST_QUEUES]
    named = "; ".join(f"{safe(queue)}: {list_of(names, _MOST_CLASSES)}" for queue, names in shown)
    rest = len(lacking) - _MOST_QUEUES
    more = f"; and in {counted(rest, 'more queue')}" if rest > 0 else ""
    return (
        f"jobs of unknown classes are waiting and would fail: {named}{more}. Load the modules "
        "that declare them, or name the command of a worker that knows them"
    )
