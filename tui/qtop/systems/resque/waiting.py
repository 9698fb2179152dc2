"""Waiting jobs, and items set aside, as rows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from qtop.search.selection import Hit, JobSource
from qtop.text.format import short_json
from qtop.text.safe import safe
from queuecore import windows
from queuecore.active_job import unwrapped
from queuecore.exchange import Steps
from queuecore.windows import Item, Window
from resque.codec import Payload, decode_payload

#: What a row of a search keeps of its job's bytes.
_KEPT_BYTES: Final = 1_000
#: How far from its place a job is looked for when it is not near it.
_FAR: Final = 5_000


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job. `place` 0 is next; `key` tells it from others with the same bytes. Class and arguments
    are those inside ActiveJob's wrapper; `args` is a safe text, `problem` why there are none."""

    key: tuple[str, int]
    place: int
    item: Item
    class_name: str | None
    args: str
    problem: str | None
    is_large: bool = False


def source_of(queue: str, *, is_set_aside: bool) -> JobSource:
    """The list: the jobs that wait in a queue, or what was set aside from it."""
    return JobSource("unreadable" if is_set_aside else "queue", queue)


def read(item: Item, place: int, nth: int = 0) -> JobRow:
    """A job as it was listed, whole or cut. O(bytes)."""
    payload = decode_payload(item.raw)
    key = (item.sha, nth)
    if isinstance(payload, Payload) and not item.is_cut:
        name, args = unwrapped(payload.class_name, payload.args)
        return JobRow(key, place, item, name, short_json(args), None)
    if item.is_cut:
        text = safe(item.raw[:_KEPT_BYTES])
        return JobRow(key, place, item, None, text, "too large to list", is_large=True)
    reason = "" if isinstance(payload, Payload) else payload.reason
    return JobRow(key, place, item, None, safe(reason), reason)


def rows_of(window: Window, start: int) -> list[JobRow]:
    """The rows of a window whose first item is at place `start`. O(bytes)."""
    return numbered(read(item, start + offset) for offset, item in enumerate(window.items))


def numbered(rows: Iterable[JobRow]) -> list[JobRow]:
    """The same rows; those with equal bytes get different keys. O(rows)."""
    seen: Counter[str] = Counter()
    told: list[JobRow] = []
    for row in rows:
        sha, nth = row.item.sha, seen[row.item.sha]
        seen[sha] += 1
        told.append(row if row.key[1] == nth else replace(row, key=(sha, nth)))
    return told


def slim(hit: Hit) -> JobRow:
    """What a row shows of a job that was found; the rest is fetched when it is opened. O(bytes)."""
    item, job = hit.item, hit.subject
    kept = Item(item.raw[:_KEPT_BYTES], item.size, item.sha)
    if not job.is_readable:
        return replace(read(item, hit.place), item=kept)
    return JobRow((item.sha, 0), hit.place, kept, job.class_name, short_json(job.args), None)


def shifted(before: Sequence[JobRow], window: Window) -> int:
    """How many of the rows of a window have left at its front since it was read before. 0 when
    that cannot be told."""
    if not before or not window.items:
        return 0
    first = window.items[0].sha
    return next((at for at, row in enumerate(before) if row.item.sha == first), 0)


def fetch(key: bytes, row: JobRow) -> Steps[bytes | None]:
    """The whole bytes of a job of the list `key`; None when it is gone, or very far from where it
    was seen. One round trip, a second one where many jobs have left before it."""
    if not row.item.is_cut:
        return row.item.raw
    raw: bytes | None = yield windows.find(key, row.item.sha, row.place)
    if raw is None:
        raw = yield windows.find(key, row.item.sha, row.place, reach=_FAR)
    return raw
