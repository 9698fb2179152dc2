"""What is pushed for a job that is to run again, or elsewhere: its own text, with other values for
the few members that must change. Pure.

Sidekiq's own API writes the whole payload anew, and only after it has removed it: what it cannot
write is lost then (`Sidekiq::SortedEntry#remove_job`). Here it is refused before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from queuecore.codec import encode, spliced
from queuecore.keys import is_name
from queuecore.values import value
from sidekiq.codec import JobRecord, read_job

#: A number that Python has words for, or the first half of a character as two escapes write it.
_DOUBTFUL: Final = re.compile(rb"NaN|Infinity|\\u[dD][89abAB]")
_HALF: Final = re.compile("[\ud800-\udbff]")
_UNREADABLE: Final = "it can only be deleted or exported, for it is no job: "


@value
class PushTime:
    """When a job is pushed, in epoch seconds, and whether it is written as 8 and later do: in whole
    milliseconds. Seconds are read right by every version; milliseconds by 8 and later only."""

    epoch_s: float
    in_ms: bool = False

    @property
    def written(self) -> bytes:
        """As a value in JSON. Whole seconds keep their `.0`, which tells them from milliseconds."""
        return encode(round(self.epoch_s * 1000) if self.in_ms else float(self.epoch_s))


def pushed(
    raw: bytes, enqueued_at: bytes, *, to: str | None = None, is_retry: bool
) -> tuple[str, bytes] | str:
    """The queue and the payload of a job that is pushed at a time, as `PushTime` writes it: to
    `to`, else to the queue that it names. A retry has one attempt less behind it, for it is none of
    those that its `retry` allows (`Sidekiq::SortedEntry#retry`). Or why it must not be pushed.
    O(bytes)."""
    job = read_job(raw)
    if (problem := _why_not(job)) is not None:
        return problem
    queue = (job.queue or "") if to is None else to
    if (problem := _why_no_queue(queue)) is not None:
        return problem
    changes = {"enqueued_at": enqueued_at}
    if to is not None:
        changes["queue"] = encode(to)
    count = job.whole("retry_count")
    if is_retry and count is not None:
        changes["retry_count"] = b"%d" % (count - 1)
    return queue, spliced(raw, changes, job.members)


def moved(raw: bytes, to: str) -> tuple[str, bytes] | str:
    """The queue and the payload of a job that is to be of another queue; or why it cannot be.
    O(bytes)."""
    job = read_job(raw)
    if (problem := _why_not(job) or _why_no_queue(to)) is not None:
        return problem
    return to, spliced(raw, {"queue": encode(to)}, job.members)


def job_for(raw: bytes, to: str) -> bytes | str:
    """The payload of a job that comes to a queue from elsewhere: its very bytes where it is of that
    queue, else with another `queue` in them; or why it must not. O(bytes)."""
    change = moved(raw, to)
    if isinstance(change, str):
        return change
    return raw if read_job(raw).queue == to else change[1]


def unreadable(raw: bytes) -> str | None:
    """Why bytes can only be deleted or exported; None of a job. O(bytes)."""
    problem = read_job(raw).problem
    return None if problem is None else _UNREADABLE + problem


PayloadEdit = Callable[[bytes], "bytes | str"]
"""Makes another payload of a job's bytes, or says why it cannot."""


def edited_job(raw: bytes, edit: PayloadEdit) -> bytes | str:
    """Another payload for a job; or why there is none: what it is made of, or what is made, is no
    job, or no JSON to Ruby. O(bytes)."""
    if (problem := unreadable(raw)) is not None:
        return problem
    edited = edit(raw)
    if isinstance(edited, str):
        return edited
    return why_not_pushed(edited) or _why_not_read(edited) or edited


def _why_not_read(raw: bytes) -> str | None:
    """Why Ruby's JSON cannot read what Python's can: such a job would never run."""
    if not _DOUBTFUL.search(raw):
        return None
    words: list[str] = []
    # What is left of pairs that are whole are characters.
    told = json.loads(raw.decode(errors="replace"), parse_constant=words.append)
    words += _HALF.findall(json.dumps(told, ensure_ascii=False))
    return f"{words[0]!a} is no JSON: Sidekiq could not read the job" if words else None


def why_not_pushed(raw: bytes) -> str | None:
    """Why a text must not go to a queue; None where nothing is against it. O(bytes)."""
    return _why_not(read_job(raw))


def _why_no_queue(name: str) -> str | None:
    if not name:
        return "it names no queue: name the one that it is to go to"
    return None if is_name(name) else "its queue has a name that is no text"


def _why_not(job: JobRecord) -> str | None:
    if job.problem is not None:
        return _UNREADABLE + job.problem
    if not job.class_name:
        return "it names no class"
    if not isinstance(job.args, list):
        return "its arguments are no list"
    count = job.members.get("retry_count")
    # Ruby takes false for none. Anything else that is no number would destroy the job at its next
    # failure.
    if count is not None and count is not False and job.whole("retry_count") is None:
        return "its `retry_count` is no whole number: it would be lost at its next failure"
    return None
