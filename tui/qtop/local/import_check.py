"""Whether modules can be imported and which jobs they declare, found out in a process that may do
what it likes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Final

from qtop.text.safe import safe

LIMIT_S: Final = 15.0
_TAIL_BYTES: Final = 4_096
_READ_BYTES: Final = 65_536
#: How often that, of what is left in the pipe: it holds no more, unless somebody goes on writing.
_MOST_LEFT: Final = 16
_LONGEST_WORD: Final = 160
#: No program says by chance that all is well with this status.
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
#: Imports modules as a worker does, and writes the names of their jobs to a file.
_NAMES_PROGRAM: Final = f"""
import importlib, json, os, sys
for module in sys.argv[2:]:
    importlib.import_module(module)
import resque
with os.fdopen(int(sys.argv[1]), "w") as file:
    json.dump([definition.name for definition in resque.registry], file)
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
        None when it can be imported, else why not, in one safe line. Whatever it prints is read
        and thrown away but for the last lines; whatever it started ends with it.
    """
    # Not a pipe of asyncio's: what the module started may hold it open for ever.
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
    modules: Sequence[str], environment: Mapping[str, str], *, limit_s: float = LIMIT_S
) -> frozenset[str] | None:
    """The names of the jobs that these modules declare, together and in this order.

    Args:
        modules: Their names; each can be imported.
        environment: The whole environment of the process.
        limit_s: How long that may take.

    Returns:
        The names; None when that could not be found out.
    """
    if not modules:
        return frozenset()
    with tempfile.TemporaryFile() as file, open(os.devnull, "wb") as nowhere:
        words = (_NAMES_PROGRAM, str(file.fileno()), *modules)
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
    """The exit status of a program in Python with its arguments; None when it had to be ended."""
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
        # With everything it has started.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _read(read_end: int, tail: bytearray) -> bool:
    """Take some of what was printed, and keep the end of it. False when there is nothing."""
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
