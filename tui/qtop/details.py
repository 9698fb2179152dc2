"""The lines of the detail screens: everything that is known of one thing. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from qtop import cells
from qtop.model import WorkerRow
from qtop.text import safe, safe_lines
from qtop.widgets.text_lines import TextLine
from resque.state.failures import Failure
from resque.state.windows import Item
from resque.wire.codec import Payload, decode_payload

_MOST_LINES: Final = 400
_MOST_CELLS: Final = 2_000


def failure_lines(failure: Failure) -> Iterator[TextLine]:
    """Everything in an entry of the failures."""
    entry = failure
    yield TextLine(cells.failure_class(entry), "title")
    if entry.problem is not None:
        yield TextLine(safe(entry.problem), "bad", "unreadable")
    else:
        yield TextLine(cells.optional(entry.exception), "bad", "exception")
        yield from _labelled("error", entry.error)
    yield TextLine(cells.both_times(entry.failed_at), "", "failed")
    yield TextLine(cells.optional(entry.queue), "", "queue")
    yield TextLine(cells.optional(entry.worker), "", "worker")
    yield TextLine(cells.optional(entry.retried_at), "", "retried")
    yield TextLine(f"{entry.item.size:,} bytes, SHA-1 {entry.item.sha}", "dim", "entry")
    if entry.problem is None:
        yield from _arguments(*cells.unwrapped(entry.class_name, entry.args))
        yield TextLine("")
        yield TextLine("Backtrace", "title")
        yield from _backtrace(entry.backtrace)
    yield from _raw("Entry as it is in Redis", entry.item.raw, entry.item.size)


def job_lines(item: Item, queue: str, place: int) -> Iterator[TextLine]:
    """Everything in a waiting job."""
    payload = decode_payload(item.raw)
    if isinstance(payload, Payload):
        yield TextLine(cells.job_class(payload.class_name, payload.args), "title")
        yield TextLine(safe(queue), "", "queue")
        yield TextLine(f"{place + 1:,} from the front, when it was opened", "", "place")
        yield from _arguments(*cells.unwrapped(payload.class_name, payload.args))
        if payload.extra:
            yield TextLine("")
            yield TextLine("Other fields", "title")
            yield from _pretty(payload.extra)
    else:
        yield TextLine("unreadable", "title")
        reason = "too large to show" if item.is_cut else payload.reason
        yield TextLine(safe(reason), "bad", "problem")
        yield TextLine(safe(queue), "", "queue")
    yield from _raw("Payload as it is in Redis", item.raw, item.size)


def worker_lines(row: WorkerRow, log: str | None) -> Iterator[TextLine]:
    """Everything about a worker; `log` is the file of one that was started here."""
    yield TextLine(safe(row.identity.text), "title")
    bad = "bad" if row.condition in ("dead?", "silent") else ""
    yield TextLine(_condition(row), bad, "state")
    yield TextLine(cells.worker_queues(row), "", "queues")
    yield TextLine(cells.both_times(row.started), "", "started")
    yield TextLine(cells.number(row.processed), "", "processed")
    yield TextLine(cells.number(row.failed), "", "failed")
    if log is not None:
        yield TextLine(safe(log), "", "log")
    record = row.record
    if record is None:
        return
    yield TextLine("")
    yield TextLine("Job in hand", "title")
    yield TextLine(cells.job_class(record.class_name, record.args), "", "class")
    yield TextLine(cells.optional(record.queue), "", "queue")
    yield TextLine(cells.both_times(record.run_at), "", "since")
    yield TextLine(cells.worker_elapsed(row), "", "for")
    if record.problem is not None:
        yield TextLine(safe(record.problem), "bad", "problem")
    yield from _arguments(*cells.unwrapped(record.class_name, record.args))
    yield from _raw("Record as it is in Redis", record.raw, len(record.raw))


def _condition(row: WorkerRow) -> str:
    beat = cells.heartbeat(row)
    told = {
        "dead?": f"dead? last heartbeat {beat} ago; another worker will record its job as failed",
        "silent": f"silent: last heartbeat {beat} ago, where one a minute is usual",
        "no heartbeat": "no heartbeat ever: another implementation, or an old one",
    }
    return told.get(row.condition, f"{row.condition}; last heartbeat {beat} ago")


def _labelled(label: str, text: str | None) -> Iterator[TextLine]:
    lines = safe_lines(text or "", max_lines=40, max_width=_MOST_CELLS)
    for number, line in enumerate(lines):
        yield TextLine(line, "", label if number == 0 else " ")


def _arguments(_class_name: str | None, args: Any) -> Iterator[TextLine]:
    yield TextLine("")
    yield TextLine("Arguments", "title")
    yield from _pretty(args)


def _pretty(value: Any) -> Iterator[TextLine]:
    try:
        text = json.dumps(value, ensure_ascii=False, indent=2)
    except (ValueError, TypeError, RecursionError):
        text = cells.short_json(value)
    for line in safe_lines(text, max_lines=_MOST_LINES, max_width=_MOST_CELLS):
        yield TextLine(line, "", " ")


def _backtrace(lines: tuple[str, ...]) -> Iterator[TextLine]:
    if not lines:
        yield TextLine("none was recorded", "dim", " ")
    for line in safe_lines("\n".join(lines), max_lines=_MOST_LINES, max_width=_MOST_CELLS):
        yield TextLine(line, "", " ")


def _raw(title: str, raw: bytes, size: int) -> Iterator[TextLine]:
    cut = f", the first {len(raw):,} of them" if len(raw) < size else ""
    yield TextLine("")
    yield TextLine(f"{title}: {size:,} bytes{cut}", "title")
    for line in safe_lines(raw, max_lines=_MOST_LINES, max_width=_MOST_CELLS * 10):
        yield TextLine(line, "dim", " ")
