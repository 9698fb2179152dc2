"""Whether modules can be imported, and which jobs they declare: tried in another process.

Also remembers the modules of the last start, and finds waiting classes that the modules lack.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from qtop.model.launch import QueueClasses
from qtop.text.safe import counted, safe

LIMIT_S: Final = 15.0
_TAIL_BYTES: Final = 4_096
_READ_BYTES: Final = 65_536
#: How many such reads empty a pipe, unless another process goes on writing.
_MOST_LEFT: Final = 16
_LONGEST_WORD: Final = 160
#: The exit status for success: no module ends with it by chance.
_IMPORTED: Final = 93

_PROGRAM: Final = f"""
import importlib, os, sys
try:
    importlib.import_module(sys.argv[1])
except ModuleNotFoundError as error:
    print(f"\\n{{type(error).__name__}}: {{error}}", flush=True)
    os._exit(1)
except BaseException as error:
    print(f"\\nit raises {{type(error).__name__}}: {{error}}", flush=True)
    os._exit(1)
os._exit({_IMPORTED})
"""
_MOST_NAMES_BYTES: Final = 4_000_000


async def trouble(
    module: str, environment: Mapping[str, str], *, limit_s: float = LIMIT_S
) -> str | None:
    """Import a module as a worker would, in a process of its own.

    Args:
        module: Its name.
        environment: The whole environment of the process.
        limit_s: How long it may take.

    Returns:
        None when it can be imported, else why not, in one safe line. Its output is discarded,
        except the last line; processes that it starts are killed.
    """
    # No pipe of asyncio: a process that the module started could hold it open for ever.
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    tail = bytearray()
    loop = asyncio.get_running_loop()
    loop.add_reader(read_end, _read, read_end, tail)
    try:
        status = await _run((_PROGRAM, module), environment, write_end, limit_s)
        for _ in range(_MOST_LEFT):
            if not _read(read_end, tail):
                break
    except OSError as error:
        return f"no process to try {safe(module)} in: {safe(str(error.strerror))}"
    finally:
        loop.remove_reader(read_end)
        os.close(read_end)
        os.close(write_end)
    if status == _IMPORTED:
        return None
    if status is None:
        return f"{safe(module)} cannot be imported: not done after {limit_s:g} s"
    return f"{safe(module)} cannot be imported: {_reason(tail, status)}"


async def known(
    program: str,
    modules: Sequence[str],
    environment: Mapping[str, str],
    *,
    limit_s: float = LIMIT_S,
) -> frozenset[str] | None:
    """The names of the jobs that these modules declare, together and in this order.

    Args:
        program: Finds them out; see `LaunchCommand.names_program`.
        modules: Their names; each can be imported.
        environment: The whole environment of the process.
        limit_s: How long that may take.

    Returns:
        The names; None when that could not be found out.
    """
    if not modules:
        return frozenset()
    with tempfile.TemporaryFile() as file, open(os.devnull, "wb") as nowhere:
        words = (f"{program}\nos._exit({_IMPORTED})\n", str(file.fileno()), *modules)
        output = nowhere.fileno()
        try:
            status = await _run(words, environment, output, limit_s, (file.fileno(),))
            file.seek(0)
            names = json.loads(file.read(_MOST_NAMES_BYTES)) if status == _IMPORTED else None
        except (OSError, ValueError):
            return None
    return frozenset(names) if isinstance(names, list) else None


async def _run(
    words: Sequence[str],
    environment: Mapping[str, str],
    output: int,
    limit_s: float,
    pass_fds: Sequence[int] = (),
) -> int | None:
    """The exit status of a Python program with its arguments; None when it took too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", *words),
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        return await asyncio.wait_for(process.wait(), limit_s)
    except TimeoutError:
        return None
    finally:
        # With all processes that it has started.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _read(read_end: int, tail: bytearray) -> bool:
    """Read some output, and keep the end of it. False when there is none."""
    try:
        data = os.read(read_end, _READ_BYTES)
    except BlockingIOError:
        return False
    tail += data
    del tail[:-_TAIL_BYTES]
    return bool(data)


def _reason(tail: bytearray, status: int) -> str:
    lines = [line for line in tail.decode("utf-8", "replace").splitlines() if line.strip()]
    if status == 1 and lines:
        return safe(lines[-1].strip()[:_LONGEST_WORD])
    if status < 0:
        return f"it ends its process with signal {-status}"
    return f"it ends its process with status {status}"


# Memory: the modules of the last start of each profile, which the next start proposes.

_MOST_KEPT: Final = 100
_MOST_BYTES: Final = 1_000_000


class ModuleMemory:
    """The modules of the last start of each profile, in a small file of this user. A file that
    cannot be read counts as empty; one that cannot be written is left as it is.

    Args:
        path: The file; its folder exists after a worker was started.
        whose: The profile, or the Redis and namespace.
    """

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


def unknown_classes(waiting: Sequence[QueueClasses], known: Collection[str]) -> str | None:
    """Why a worker that knows these classes should not be started for these queues, in one safe
    sentence; None when it knows all classes that were seen to wait. Pure."""

    def knows(name: str) -> bool:
        return name in known or name.removeprefix("::") in known

    troubled = [(each.queue, each.unknown(knows)) for each in waiting]
    lacking = [(queue, names) for queue, names in troubled if names]
    if not lacking:
        return None
    named = "; ".join(f"{safe(queue)}: {listed(names)}" for queue, names in lacking[:_MOST_QUEUES])
    rest = len(lacking) - _MOST_QUEUES
    more = f"; and in {counted(rest, 'more queue')}" if rest > 0 else ""
    return (
        f"classes wait that the modules do not know, their jobs would fail: {named}{more}. Load "
        "the modules that declare them, or name the command of a worker that knows them"
    )


def listed(names: Sequence[str], most: int = _MOST_CLASSES) -> str:
    """The first of some classes, as safe text."""
    rest = len(names) - most
    shown = ", ".join(safe(name) for name in names[:most])
    return f"{shown} and {rest:,} more" if rest > 0 else shown
