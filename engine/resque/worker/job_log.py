"""What a worker logs about its jobs: how each ended, how long it took, why it failed; and what jobs
log by Python's `logging`. A worker's parent does not load that: it would run code in every fork."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from queuecore.values import Any
from resque.codec import decode
from resque.store.workers import Record
from resque.worker.log import Say, WorkerLogLine, because, cut, told

_NAME = "logging"
#: Of an error's message so many characters go into JSON, and so many frames, the innermost first.
_LONGEST_MESSAGE = 8_000
_FRAMES = 10


def done(record: Record, text: str, took_s: float) -> WorkerLogLine:
    """A job went well, as the text says, with its parts."""
    parts: dict[str, Any] = {"queue": record.queue, "class": record.class_name}
    return told(text, event="done", **parts, seconds=round(took_s, 6))


def failed(record: Record, failure: bytes, took_s: float) -> WorkerLogLine:
    """A job is over, with the entry of its failure: empty where that is on no list."""
    reason, why = _why(failure)
    # !r: names from Redis may hold escapes, and a log is read on a terminal.
    text = f"failed {record.class_name!r} of {record.queue!r} in {took_s:.3f} s{reason}"
    parts: dict[str, Any] = {"queue": record.queue, "class": record.class_name}
    parts["seconds"] = round(took_s, 6)
    return told(text, level="error", event="failed", **parts, **why)


def tried_again(record: Record, failure: bytes) -> WorkerLogLine:
    """An attempt failed with this entry, which is on no list: the job is tried again."""
    reason, why = _why(failure)
    text = f"{record.class_name!r} of {record.queue!r} is tried again{reason}"
    parts: dict[str, Any] = {"queue": record.queue, "class": record.class_name}
    return told(text, level="warning", event="retry", **parts, **why)


def _why(failure: bytes) -> tuple[str, dict[str, Any]]:
    """What the entry of a failure says of its cause, in words and in parts."""
    if not failure:
        return "", {}
    entry = decode(failure)
    exception, message, frames = entry["exception"], entry["error"], entry["backtrace"]
    parts = {
        "exception": exception,
        "message": cut(message, _LONGEST_MESSAGE),
        "frames": frames[:_FRAMES],
    }
    return because(exception, message, frames), parts


def capture_logging(say: Say) -> None:
    """Have what jobs log handed to `say`, where `logging` is loaded; see `job_logging`. In the
    process that runs the jobs."""
    if _NAME in sys.modules:
        from resque.worker.job_logging import listen

        listen(say)


def capture_logging_later(say: Say) -> None:
    """Have `capture_logging` called as soon as something imports `logging`, here or in a child."""
    if _NAME not in sys.modules:
        sys.meta_path.insert(0, _LoggingFinder(say))


class _LoggingFinder:
    """A finder of modules that finds none, and notices when `logging` is imported."""

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
                capture_logging(self._say)

            vars(spec.loader)["exec_module"] = load_and_hear
        return spec
