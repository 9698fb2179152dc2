"""Reads of entries of failures only what groups them: a million of them take seconds."""

from __future__ import annotations

from typing import Final

from qtop.model.job import GroupKey
from qtop.model.job_list import GroupFacts
from qtop.search.failure_groups import MOST_CHARACTERS, KeyMaker, statuses, unreadable
from qtop.systems.resque.job_reader import failed_job
from queuecore.active_job import WRAPPERS, unwrapped
from queuecore.windows import RawItem, read_item
from resque.codec import decode
from resque.store import failures

#: Two messages that differ in figures only are normalised once, but for figures that stay.
_FIGURES: Final = bytes.maketrans(b"123456789", b"0" * 9)
#: The members of an entry as Ruby writes them.
_FAILED_AT: Final = b'{"failed_at":"'
_PAYLOAD: Final = b'","payload":{"class":"'
_EXCEPTION: Final = b',"exception":"'
_ERROR: Final = b'","error":"'
_BACKTRACE: Final = b'","backtrace":['
_WORKER: Final = b'],"worker":"'
_QUEUE: Final = b'","queue":"'
_WRAPPERS: Final = frozenset(each.encode() for each in WRAPPERS)
#: Remembered with their backtraces.
_MOST_SHAPES: Final = 5_000
_MOST_BYTES: Final = 4 * MOST_CHARACTERS


class GroupReader:
    """Reads entries in passing, and remembers what it has normalised. Bounded memory."""

    def __init__(self) -> None:
        self._maker = KeyMaker()
        self._by_bytes: dict[tuple[bytes | str, ...], GroupKey] = {}

    def read(self, reply: RawItem) -> GroupFacts:
        """What groups an entry as a window of its list holds it. Never raises. About 3 us a KB for
        what looks as Ruby writes it and is alike, 8 us for the rest."""
        if not isinstance(reply, bytes):
            job = failed_job(read_item(reply), 0)
            return GroupFacts(self._maker.key_of(job), job.queue, job.failed_at)
        shape = _shape(reply)
        if shape is None:
            return self._decoded(reply)
        known_as, error, queue, failed_at = shape
        key = self._by_bytes.get(known_as)
        if key is None:
            known_as += statuses(error.decode("utf-8", "replace"))
            key = self._by_bytes.get(known_as)
        if key is None:
            key = self._decoded(reply).fingerprint
            if len(self._by_bytes) >= _MOST_SHAPES:
                self._by_bytes.clear()
            self._by_bytes[known_as] = key
        text = queue.decode("utf-8", "surrogateescape")
        return GroupFacts(key, text, failed_at.decode("ascii", "replace"))

    def _decoded(self, reply: bytes) -> GroupFacts:
        # Not by way of a job: it would read times that are not needed.
        try:
            value = decode(reply)
        except ValueError as error:
            return GroupFacts(unreadable(str(error)), None, None)
        if not isinstance(value, dict):
            return GroupFacts(unreadable("not a JSON object"), None, None)
        job, trace = value.get("payload"), value.get("backtrace")
        name = None
        if isinstance(job, dict):
            name, _ = unwrapped(failures.as_text(job.get("class")), job.get("args"))
        lines = trace if isinstance(trace, list) else str(trace or "").splitlines()
        key = self._maker.key(name, *failures.raised(value), map(str, lines))
        is_retried = value.get("retried_at") is not None
        return GroupFacts(
            key, failures.as_text(value.get("queue")), value.get("failed_at"), is_retried
        )


def _shape(raw: bytes) -> tuple[tuple[bytes | str, ...], bytes, bytes, bytes] | None:
    """The parts of an entry that Ruby wrote, as they are: what makes its fingerprint, the error,
    the queue, the time. None when it does not look so. Decodes nothing: an entry that begins and
    ends as Ruby's is taken at its word.

    In JSON no text holds a quote without a backslash before it, so what is found here are the
    members, and those at the end are the entry's own.
    """
    paid = raw.find(_PAYLOAD, 14, 64)
    if paid < 0 or not raw.startswith(_FAILED_AT) or not raw.endswith(b'"}'):
        return None
    named = paid + len(_PAYLOAD)
    raised = raw.rfind(_EXCEPTION)
    said = raw.find(_ERROR, raised)
    traced = raw.find(_BACKTRACE, said)
    worked = raw.rfind(_WORKER)
    queued = raw.find(_QUEUE, worked)
    if not named < raised < said < traced < worked < queued:
        return None
    name = raw[named : raw.find(b'"', named)]
    exception = raw[raised + len(_EXCEPTION) : said]
    error = raw[said + len(_ERROR) : min(traced, said + _MOST_BYTES)]
    queue = raw[queued + len(_QUEUE) : -2]
    is_plain = b"\\" not in error and b"\\" not in queue and b'"' not in queue
    if not is_plain or name in _WRAPPERS or b"\\" in raw[14:paid]:
        return None
    backtrace = raw[traced + len(_BACKTRACE) : worked]
    known_as = (name, exception, error.translate(_FIGURES), backtrace)
    return known_as, error, queue, raw[14:paid]
