"""What jobs say through Python's `logging`: it goes into the worker's log, unless the application
sends it elsewhere.

Only the handler of last resort is ours, the one that `logging` calls for a record that no other
handler takes: whatever an application configures, before or after, goes on as it would without us.
Imported only where `logging` is: its handlers run in every fork. That may be long after the worker
began, and its package may have been upgraded since: of `resque.worker.log` this file imports only
what has always been in it.
"""

from __future__ import annotations

import logging

from resque.perform import backtrace, message_of, name_of
from resque.worker import log
from resque.worker.log import Say, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from resque.worker.log import Level

_LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error", "critical")


class JobHandler(logging.Handler):
    """Tells each record to the worker's log, in one line."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises: what a job logs does not make it fail."""
        try:
            self._say(_line(record))
        except Exception:
            self.handleError(record)


def _line(record: logging.LogRecord) -> str:
    level = _LEVELS[max(0, min(record.levelno // 10 - 1, len(_LEVELS) - 1))]
    text = f"{record.levelname} {record.name}: {record.getMessage()}"
    parts: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
    error: BaseException | None = record.exc_info[1] if record.exc_info else None
    if error is not None:
        trace: TracebackType | None = error.__traceback__
        exception, message, frames = name_of(error), message_of(error), backtrace(trace)
        text += log.because(exception, message, frames)
        parts |= {"exception": exception, "error": message, "frames": frames}
    return told(text, level=level, event="log", **parts)


def listen(say: Say) -> None:
    """Have what no handler of the application takes handed to `say`, from INFO on where the
    application has configured nothing."""
    if not isinstance(logging.lastResort, JobHandler):
        logging.lastResort = JobHandler(say)
    root = logging.getLogger()
    if not root.handlers and root.level == logging.WARNING:
        root.setLevel(logging.INFO)
