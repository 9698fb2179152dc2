"""Jobs as Sidekiq of any version writes them; `queuecore.codec` reads and writes the JSON. Pure.

Times are the trap: up to 7 seconds as floats, since 8 milliseconds as integers, both in one set for
months after an upgrade; workers in other languages write texts.
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from queuecore import times
from queuecore.active_job import unwrapped
from queuecore.codec import decode, decode_object, members_of_beginning
from queuecore.values import value

#: A number of seconds or, above it, of milliseconds: as `Sidekiq::JobRecord` of 8 tells them apart
#: by their type, and as texts of other languages' workers must be told apart.
_MOST_SECONDS: Final = 1e11
_LAST_SECOND: Final = 60_000_000_000.0
#: How many times a job of `retry: true` is tried again (`Sidekiq::JobRetry`).
USUAL_RETRIES: Final = 25
#: A backtrace is inflated so far: some thousand lines. What is behind it may be a gigabyte.
BACKTRACE_BYTES: Final = 1 << 20
_DEFLATED_BYTES: Final = 1 << 20


def moment_of(written: Any) -> datetime | None:
    """A moment as some version wrote it: a float is seconds, an integer milliseconds where it is so
    large, a text a number or a date. None for all else: never an error, never a guess."""
    if isinstance(written, str):
        try:
            written = float(written) if "." in written else int(written)
        except ValueError:
            return times.parse(written)
    if isinstance(written, bool) or not isinstance(written, int | float):
        return None
    is_ms = isinstance(written, int) and abs(written) > _MOST_SECONDS
    try:
        seconds = written / 1000 if is_ms else float(written)
    except OverflowError:
        return None
    return instant_of(seconds)


def instant_of(seconds: float) -> datetime | None:
    """A moment from its epoch; None where no date has it, also for infinities and for what is no
    number."""
    if not -_LAST_SECOND < seconds < _LAST_SECOND:
        return None
    return datetime.fromtimestamp(seconds, UTC)


@value
class JobRecord:
    """A job in a queue, a set, or the hands of a process.

    Attributes:
        raw: Its bytes, untouched.
        members: Its JSON; empty where it cannot be read.
        problem: Why it cannot be read, in words.
    """

    raw: bytes
    members: Mapping[str, Any] = MappingProxyType({})
    problem: str | None = None

    def text(self, name: str) -> str | None:
        """A member that is a text; None where there is none, or it is something else."""
        found = self.members.get(name)
        return found if isinstance(found, str) else None

    def moment(self, name: str) -> datetime | None:
        """A member that is a moment, as any version writes it."""
        return moment_of(self.members.get(name))

    def whole(self, name: str) -> int | None:
        """A member that is a whole number."""
        found = self.members.get(name)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    @property
    def class_name(self) -> str | None:
        """The class as it is written: ActiveJob's wrapper for its jobs."""
        return self.text("class")

    @property
    def args(self) -> Any:
        """The arguments as they are written; None where there are none."""
        return self.members.get("args")

    @property
    def unwrapped(self) -> tuple[str | None, Any]:
        """The class and arguments of the job within ActiveJob's wrapper, as it is without one. The
        class is `wrapped`'s where the arguments do not tell it, as in Sidekiq's pages."""
        found = unwrapped(self.class_name, self.args)
        wrapped = self.text("wrapped")
        return (wrapped, found[1]) if found[0] == self.class_name and wrapped else found

    @property
    def jid(self) -> str | None:
        """Its id; other languages' clients may leave it out."""
        return self.text("jid")

    @property
    def queue(self) -> str | None:
        """The queue that it says it belongs to."""
        return self.text("queue")

    @property
    def retries(self) -> int | None:
        """How many times it is tried again: `true`, also as a text, is 25, `false` and nothing are
        0 (a job without `retry` whose class is unknown vanishes at its first failure). None where
        it cannot be told."""
        written = self.members.get("retry")
        if written is True or written == "true":
            return USUAL_RETRIES
        if written is None or written is False or written == "false":
            return 0
        return self.whole("retry")

    @property
    def tried(self) -> int | None:
        """How many times it was tried again, with the one to come: the first retry is 1. None
        before the first failure, and where that is no number."""
        count = self.whole("retry_count")
        return None if count is None else count + 1

    @property
    def waiting_since(self) -> datetime | None:
        """When it came to its queue, else when it was made: Sidekiq's latency counts from there."""
        return self.moment("enqueued_at") or self.moment("created_at")

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags that are texts."""
        found = self.members.get("tags")
        return tuple(filter(_is_text, found)) if isinstance(found, list) else ()

    @property
    def backtrace(self) -> tuple[str, ...]:
        """Its lines, bounded; empty without one. An array up to 6.0.0, then JSON that is deflated
        and in base 64. Never raises; O(1 MiB)."""
        written = self.members.get("error_backtrace")
        if isinstance(written, str):
            written = _inflated(written)
        return tuple(filter(_is_text, written)) if isinstance(written, list) else ()


def read_job(raw: bytes) -> JobRecord:
    """Read a job; never raises. What is no JSON object has a `problem`, nothing else. O(bytes)."""
    try:
        return JobRecord(raw, decode_object(raw))
    except ValueError as error:
        return JobRecord(raw, problem=str(error))


#: Members that stand behind the arguments in what Ruby writes.
_LATER: Final = re.compile(
    rb'"(class|jid|created_at|enqueued_at|error_message|error_class|tags|failed_at|retry_count'
    rb'|retried_at|retry|queue|wrapped|run_at)"\s*:'
)


def read_ends(beginning: bytes, end: bytes, size: int) -> JobRecord:
    """As `read_job`, of a job of `size` bytes that is too large to be carried whole: the members
    at its beginning and at its end. It has a `problem` that says so. O(beginning + 14 x end)."""
    found = members_of_both_ends(beginning, end)
    return JobRecord(beginning, found, f"too large to list ({size:,} bytes)")


def members_of_both_ends(beginning: bytes, end: bytes) -> dict[str, Any]:
    """The members of a JSON object of which only both ends are known; never raises. What stands
    between them, mostly the arguments, is missing."""
    found: dict[str, Any] = {}
    for name, raw in members_of_beginning(beginning).items():
        with suppress(ValueError):
            found[name] = decode(raw)
    last = next(reversed(found), None)
    if last is not None and isinstance(found[last], int | float):
        # Perhaps without its last digits.
        del found[last]
    last_of_each = {match[1]: match.start() for match in _LATER.finditer(end)}
    for at in sorted(last_of_each.values()):
        # The object's own members go on to its end; those of one within it do not.
        with suppress(ValueError):
            return found | decode_object(b"{" + end[at:])
    return found


def read_info(raw: bytes | None) -> Mapping[str, Any]:
    """A JSON object that is not there to be kept, such as what a process tells about itself; empty
    where it is none. Never raises."""
    try:
        return {} if raw is None else decode_object(raw)
    except ValueError:
        return {}


def _is_text(each: object) -> bool:
    return isinstance(each, str)


def _inflated(text: str) -> Any:
    """What a deflated text holds as JSON; of one that is too long the lines before its end."""
    if len(text) > _DEFLATED_BYTES:
        return None
    try:
        # Blanks: up to 7.2.0 there is a newline after each 60 characters.
        packed = b64decode("".join(text.split()), validate=True)
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, BACKTRACE_BYTES)
        is_whole = inflater.eof
    except (ValueError, NoBase64, zlib.error):
        return None
    if not is_whole:
        # Up to the last line that is whole.
        raw = raw[: raw.rfind(b'","')] + b'"]'
    try:
        return decode(raw)
    except ValueError:
        return None
