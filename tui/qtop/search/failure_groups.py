"""What makes two failures the same failure: class, exception, the message without what differs from
case to case, and where in the application it was raised. Pure, and fast: a million an hour comes
through here in seconds."""

from __future__ import annotations

from hashlib import sha1
from typing import Any, Final, NamedTuple

from qtop.search.messages import MOST_CHARACTERS, normalised, statuses
from qtop.text import backtraces
from queuecore.active_job import WRAPPER, unwrapped
from queuecore.windows import read_item
from resque.codec import decode
from resque.store import failures

_MOST_REMEMBERED: Final = 20_000
_ID_CHARACTERS: Final = 12

#: Two messages that differ in figures only are normalised once, but for figures that stay.
_FIGURES: Final = str.maketrans("123456789", "0" * 9)
_FIGURE_BYTES: Final = bytes.maketrans(b"123456789", b"0" * 9)

#: The members of an entry as Ruby writes them.
_FAILED_AT: Final = b'{"failed_at":"'
_PAYLOAD: Final = b'","payload":{"class":"'
_EXCEPTION: Final = b',"exception":"'
_ERROR: Final = b'","error":"'
_BACKTRACE: Final = b'","backtrace":['
_WORKER: Final = b'],"worker":"'
_QUEUE: Final = b'","queue":"'
_WRAPPER: Final = WRAPPER.encode()
#: Remembered with their backtraces.
_MOST_SHAPES: Final = 5_000
_MOST_BYTES: Final = 4 * MOST_CHARACTERS


class GroupKey(NamedTuple):
    """What failures of one group share. `problem` is why entries cannot be read; None when they
    can, and then the other four say what happened."""

    class_name: str | None
    exception: str | None
    message: str
    frame: str
    problem: str | None = None

    @property
    def id(self) -> str:
        """The same for the same group, in every console."""
        text = "\0".join("" if part is None else f"={part}" for part in self)
        raw = text.encode("utf-8", "surrogatepass")
        return sha1(raw, usedforsecurity=False).hexdigest()[:_ID_CHARACTERS]


class GroupKeyParts(NamedTuple):
    """What an entry says in passing: enough to count it. `failed_at` is as it is written."""

    fingerprint: GroupKey
    queue: str | None
    failed_at: Any
    is_retried: bool = False


class Reader:
    """Reads entries in passing, and remembers what it has normalised. Bounded memory."""

    def __init__(self) -> None:
        self._by_bytes: dict[tuple[bytes | str, ...], GroupKey] = {}
        self._known: dict[tuple[str | None, ...], GroupKey] = {}
        self._places: dict[str, str | None] = {}

    def read(self, reply: bytes | list[bytes | int]) -> GroupKeyParts:
        """The facts of an entry as a stretch holds it. Never raises. About 3 us a KB for what looks
        as Ruby writes it and is alike, 8 us for the rest."""
        if not isinstance(reply, bytes):
            return self._of_cut(reply)
        shape = _shape(reply)
        if shape is None:
            return self._decoded(reply)
        known_as, error, queue, failed_at = shape
        mark = self._by_bytes.get(known_as)
        if mark is None:
            known_as += statuses(error.decode("utf-8", "replace"))
            mark = self._by_bytes.get(known_as)
        if mark is None:
            mark = self._decoded(reply).fingerprint
            if len(self._by_bytes) >= _MOST_SHAPES:
                self._by_bytes.clear()
            self._by_bytes[known_as] = mark
        text = queue.decode("utf-8", "surrogateescape")
        return GroupKeyParts(mark, text, failed_at.decode("ascii", "replace"))

    def _decoded(self, reply: bytes) -> GroupKeyParts:
        try:
            value = decode(reply)
        except ValueError as error:
            return GroupKeyParts(self._unreadable(str(error)), None, None)
        if not isinstance(value, dict):
            return GroupKeyParts(self._unreadable("not a JSON object"), None, None)
        job = value.get("payload")
        name = None
        if isinstance(job, dict):
            name, _ = unwrapped(_text(job.get("class")), job.get("args"))
        mark = self._fingerprint(name, *failures.raised(value), value.get("backtrace"))
        queue = _text(value.get("queue"))
        return GroupKeyParts(
            mark, queue, value.get("failed_at"), value.get("retried_at") is not None
        )

    def _of_cut(self, reply: list[bytes | int]) -> GroupKeyParts:
        entry = failures.read(read_item(reply), 0)
        if entry.class_name is None and entry.exception is None:
            return GroupKeyParts(
                self._unreadable("too large to list"), entry.queue, entry.failed_at
            )
        mark = self._fingerprint(entry.class_name, entry.exception, entry.error, ())
        return GroupKeyParts(mark, entry.queue, entry.failed_at)

    def _unreadable(self, reason: str) -> GroupKey:
        return GroupKey(None, None, "", "", f"unreadable: {normalised(reason)}")

    def _fingerprint(
        self, name: str | None, exception: str | None, error: str | None, backtrace: Any
    ) -> GroupKey:
        place = self._top(backtrace) if backtrace else ""
        message = (error or "")[:MOST_CHARACTERS]
        known_as: tuple[str | None, ...] = (name, exception, message.translate(_FIGURES), place)
        found = self._known.get(known_as)
        if found is None:
            known_as += statuses(message)
            found = self._known.get(known_as)
        if found is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            found = GroupKey(_cut(name), _cut(exception), normalised(message), place)
            self._known[known_as] = found
        return found

    def _top(self, backtrace: Any) -> str:
        lines = backtrace if isinstance(backtrace, list) else str(backtrace).split("\n", 100)
        return backtraces.top(lines, self._place)

    def _place(self, line: Any) -> str | None:
        if not isinstance(line, str):
            return None
        try:
            return self._places[line]
        except KeyError:
            place = backtraces.place(line)
        if len(self._places) >= _MOST_REMEMBERED:
            self._places.clear()
        if len(line) <= MOST_CHARACTERS:
            self._places[line] = place
        return place


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
    if not is_plain or name == _WRAPPER or b"\\" in raw[14:paid]:
        return None
    backtrace = raw[traced + len(_BACKTRACE) : worked]
    known_as = (name, exception, error.translate(_FIGURE_BYTES), backtrace)
    return known_as, error, queue, raw[14:paid]


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _cut(name: str | None) -> str | None:
    return None if name is None else name[:MOST_CHARACTERS]


def of(reply: bytes | list[bytes | int]) -> GroupKey:
    """The fingerprint of one entry."""
    return Reader().read(reply).fingerprint
