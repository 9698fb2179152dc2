"""What is kept of a crash: where it happened, and nothing of the data. Pure but for one file."""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path
from typing import Final

from qtop.text.safe import safe
from queuecore.home import make_private

#: Errors of these kinds speak of code; the messages of others may quote data.
_SPEAKING: Final = (
    TypeError,
    AttributeError,
    NameError,
    ImportError,
    ZeroDivisionError,
    AssertionError,
)
_LONGEST_MESSAGE: Final = 300


def describe(error: BaseException) -> str:
    """An error and what caused it, without the values of variables. Messages that may quote data
    are left out."""
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        kind = type(cause)
        said = f": {safe(str(cause))[:_LONGEST_MESSAGE]}" if isinstance(cause, _SPEAKING) else ""
        frames = "".join(traceback.format_tb(cause.__traceback__))
        parts.append(f"{kind.__module__}.{kind.__qualname__}{said}\n{frames}")
        cause = cause.__cause__ or cause.__context__
    return "\ncaused by\n".join(parts)


def write_report(error: BaseException, folder: Path) -> Path | None:
    """Write the description of an error to a new file for this user alone. None when no file can
    be written."""
    path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        make_private(folder)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(describe(error))
    except OSError:
        return None
    return path
