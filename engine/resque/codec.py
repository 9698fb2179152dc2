"""Jobs as they are in a queue, and entries of failures; `queuecore.codec` reads and writes the
JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from queuecore import times
from queuecore.codec import decode as decode
from queuecore.codec import decode_object
from queuecore.codec import encode as encode
from queuecore.codec import encode_float as encode_float
from queuecore.codec import member as member
from queuecore.codec import members as members
from queuecore.codec import members_of_beginning as members_of_beginning
from queuecore.codec import text_of as text_of
from queuecore.values import Any
from queuecore.values import value as value_class
from resque.errors import EncodeError


@value_class
class Payload:
    """A job as it lies in a queue. `raw` are its bytes, untouched; the rest is a reading of
    them. `class_name` is None when there is none or it is not a text; `args` is whatever the
    key `args` holds, None when there is none."""

    raw: bytes
    class_name: str | None
    args: Any
    extra: Mapping[str, Any]


@value_class
class Unreadable:
    """Bytes that are not a job, with the reason in words."""

    raw: bytes
    reason: str


def decode_payload(raw: bytes) -> Payload | Unreadable:
    """Read a queue item; never raises. Whatever is not a JSON object is Unreadable."""
    try:
        value = decode_object(raw)
    except ValueError as error:
        return Unreadable(raw, str(error))
    class_name = value.pop("class", None)
    args = value.pop("args", None)
    return Payload(raw, class_name if isinstance(class_name, str) else None, args, value)


def encode_job(class_name: str, args: list[Any] | tuple[Any, ...]) -> bytes:
    """The canonical payload: `{"class":...,"args":[...]}`."""
    return encode({"class": class_name, "args": list(args)})


def require_utf8(queue: str, payload: bytes) -> None:
    """Raise EncodeError where a new job or its queue's name is not UTF-8. Ruby refuses such a job,
    too: its pages could not show it, and its failure would be lost there. O(size)."""
    try:
        payload.decode()
        queue.encode()
    except UnicodeError:
        raise EncodeError("a text of the job, or its queue's name, is not UTF-8") from None


def encode_failure(
    *,
    failed_at: datetime,
    payload: bytes,
    exception: str,
    error: str,
    backtrace: Sequence[str],
    worker: str,
    queue: str,
) -> bytes:
    """A failure entry as Ruby writes it, with its keys in their order; the payload goes in byte for
    byte. Text that UTF-8 cannot carry becomes `?`, as in Ruby, so that no failure is lost for its
    message."""
    head = encode({"failed_at": times.failed_at(failed_at)})
    tail = encode(
        {
            "exception": _without_surrogates(exception),
            "error": _without_surrogates(error),
            "backtrace": [_without_surrogates(line) for line in backtrace],
            "worker": worker,
            "queue": queue,
        }
    )
    return b'%s,"payload":%s,%s' % (head[:-1], payload, tail[1:])


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
