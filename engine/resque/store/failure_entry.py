"""Failure entries, written with Ruby's keys in Ruby's order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from queuecore import times
from resque.codec import encode


def entry(
    *,
    failed_at: datetime,
    payload: bytes,
    exception: str,
    error: str,
    backtrace: Sequence[str],
    worker: str,
    queue: str,
) -> bytes:
    """A failure entry as Ruby writes it; the payload goes in byte for byte.

    Text that UTF-8 cannot carry becomes `?`, as Ruby does it, so that no failure is lost for
    its message.
    """
    head = encode({"failed_at": times.failed_at(failed_at)})
    tail = encode(
        {
            "exception": _clean(exception),
            "error": _clean(error),
            "backtrace": [_clean(line) for line in backtrace],
            "worker": worker,
            "queue": queue,
        }
    )
    return b'%s,"payload":%s,%s' % (head[:-1], payload, tail[1:])


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
