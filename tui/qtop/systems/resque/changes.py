"""What becomes of a job that is edited: class, arguments or the whole payload. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from qtop.search.selection import JobSource
from queuecore.bulk import Taking
from resque.codec import Payload, decode_payload, encode, members
from resque.errors import ResqueError
from resque.store import failures


class BadPayload(ResqueError):
    """A payload that no worker could perform. The message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of each payload. None leaves a part as it is; `args` are JSON."""

    payload: bytes | None = None
    class_name: str | None = None
    args: bytes | None = None
    queue: str | None = None

    def of(self, payload: bytes) -> bytes:
        """The new payload. What is not changed keeps its bytes. Raises ValueError."""
        if self.payload is not None:
            return self.payload
        parts = members(payload)
        if self.class_name is not None:
            parts["class"] = encode(self.class_name)
        if self.args is not None:
            parts["args"] = self.args
        return b"{%s}" % b",".join(b"%s:%s" % (encode(k), v) for k, v in parts.items())

    def taking(self, source: JobSource, raw: bytes) -> Taking | str:
        """What becomes of an item: where it goes and as what, or why it cannot be edited."""
        queue, payload = source.name, raw
        if source.kind == "failed":
            job = failures.job_of(raw)
            if isinstance(job, str) and (self.payload is None or self.queue is None):
                return job
            queue, payload = ("", b"") if isinstance(job, str) else job
        try:
            return Taking(0, raw, self.queue or queue, checked(self.of(payload)))
        except (ValueError, ResqueError) as error:
            return str(error)


def checked(payload: bytes) -> bytes:
    """A payload that a worker can perform. Raises BadPayload."""
    job = decode_payload(payload)
    if not isinstance(job, Payload):
        raise BadPayload(f"the payload: {job.reason}")
    if not job.class_name:
        raise BadPayload('the payload has no "class", or it is not a text')
    if not isinstance(job.args, list):
        raise BadPayload('the payload has no "args", or they are not a list')
    return payload
