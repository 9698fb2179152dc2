"""What Rails' ActiveJob puts into a payload: the job's own class and arguments, and times. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from resque.wire import times
from resque.wire.codec import Payload, decode_payload

#: The class of every such payload; the job itself is its first argument.
WRAPPER: Final = "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"


def unwrapped(class_name: str | None, args: Any) -> tuple[str | None, Any]:
    """A job's class and arguments, taken out of ActiveJob's wrapper if they are in one."""
    job = _job(class_name, args)
    return (class_name, args) if job is None else (job["job_class"], job.get("arguments"))


def waiting_since(raw: bytes) -> datetime | None:
    """When the job of a payload came to its queue: when it was enqueued, or came due if that was
    later. None when nothing tells: Resque itself writes no time. O(bytes)."""
    # Others are not worth decoding.
    payload = decode_payload(raw) if b"enqueued_at" in raw else None
    if not isinstance(payload, Payload):
        return None
    job = _job(payload.class_name, payload.args) or {}
    moments = [times.parse(job.get(key)) for key in ("enqueued_at", "scheduled_at")]
    return max((moment for moment in moments if moment is not None), default=None)


def _job(class_name: str | None, args: Any) -> Mapping[str, Any] | None:
    if class_name == WRAPPER and isinstance(args, list) and args:
        inner = args[0]
        if isinstance(inner, Mapping) and isinstance(inner.get("job_class"), str):
            return inner
    return None
