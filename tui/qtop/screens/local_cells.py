"""The texts of the cells of the Local screen: safe, like all cells. Pure."""

from __future__ import annotations

from typing import Final

from qtop.local.state_file import DONE
from qtop.monitor import row_text
from qtop.monitor.rows import LocalGroupRow, LocalRow, LocalWorkerRow
from qtop.text import format
from qtop.text.safe import ago, safe
from qtop.widgets.columns import ToneOf

_MIB: Final = 1024 * 1024
#: So soon after its start a worker need not be registered yet.
_STARTS_WITHIN_S: Final = 30.0
_TONES: Final[dict[str, ToneOf]] = {
    **dict.fromkeys(("gave up", "lost"), "bad"),
    **dict.fromkeys(("waiting", "paused", "stopping"), "warn"),
    **dict.fromkeys(("finishing", "starting"), "accent"),
    **dict.fromkeys(("ended", "idle"), "dim"),
    "working": "good",
}


def name(row: LocalRow) -> str:
    """The queues of a group; the process of a worker."""
    if isinstance(row, LocalGroupRow):
        return safe(row.group.about.queues)
    return f"  {row.place.pid}" if row.place.is_alive else f"  #{row.place.number}"


def state(row: LocalRow) -> str:
    return _group_state(row) if isinstance(row, LocalGroupRow) else _place_state(row)


def state_tone(row: LocalRow) -> ToneOf | None:
    if isinstance(row, LocalGroupRow):
        states = {each.place.state for each in row.workers}
        if states & {"gave up", "lost"}:
            return "bad"
        return "warn" if "waiting" in states else None
    is_running = row.place.state == "running"
    return _TONES.get(_place_state(row) if is_running else row.place.state)


def _group_state(row: LocalGroupRow) -> str:
    group = row.group
    if group.is_gone:
        return "ended"
    told = f"{row.alive}/{group.wanted}"
    places = [each.place.state for each in row.workers]
    if "gave up" in places:
        return f"{told} gave up"
    if "waiting" in places:
        return f"{told} restarting"
    if row.alive > group.wanted:
        return f"{row.alive - group.wanted} of {row.alive} ending"
    return f"{told} staying" if group.is_detached else f"{told} alive"


def _place_state(row: LocalWorkerRow) -> str:
    place = row.place
    for_s = max(0.0, row.now_mono - place.since_mono)
    left = ago(max(0.0, (place.until_mono or 0.0) - row.now_mono))
    if place.state == "waiting":
        return f"again in {left}"
    if place.state in ("finishing", "stopping"):
        if place.until_mono is not None:
            return f"{'stops' if place.state == 'finishing' else 'killed'} in {left}"
        return f"{place.state} {ago(for_s)}"
    if place.state != "running":
        return place.state
    if row.seen is None:
        # It may be a child of what was started, or on another Redis: then all we know is this.
        return "starting" if for_s < _STARTS_WITHIN_S else "running"
    busy = row.seen.process.is_busy
    return "running" if busy is None else "working" if busy else "idle"


def job(row: LocalRow) -> str:
    """What a worker holds, or why there is none; of a group, what was started."""
    if isinstance(row, LocalGroupRow):
        shown = safe(row.group.about.shown)
        # Of our own worker the path of the interpreter would be all that there is room for.
        _, _, own = shown.partition(" -m qtop worker ")
        return f"qtop worker {own}" if own else shown
    does = reason(row) if row.seen is None else row_text.worker_job(row.seen)
    return "; ".join(part for part in (problems(row), does) if part)


def problems(row: LocalWorkerRow) -> str:
    """What is wrong with a worker beside its job."""
    alone = row.usage.left_alone if row.usage is not None else ""
    unknown = f"leaves {alone} alone: unknown classes" if alone else ""
    every = (unknown, row.place.problem, row.place.log_problem)
    return "; ".join(safe(each) for each in every if each)


def reason(row: LocalWorkerRow) -> str:
    """How the last process of a place ended, with what it said last."""
    place = row.place
    before = "before: " if place.is_alive else ""
    # What was in order needs no explanation.
    said = f": {safe(place.said[-1])}" if place.said and place.ending != DONE else ""
    return f"{before}{safe(place.ending)}{said}" if place.ending else ""


def elapsed(row: LocalRow) -> str:
    """How long a worker has had its job."""
    seen = None if isinstance(row, LocalGroupRow) else row.seen
    return "" if seen is None else row_text.worker_elapsed(seen)


def cpu(row: LocalRow) -> str:
    """Of one processor; of a group, of its workers together."""
    parts = [each.usage.cpu_percent for each in _parts(row) if each.usage is not None]
    known = [part for part in parts if part is not None]
    return f"{sum(known):.0f}%" if known else ""


def memory(row: LocalRow) -> str:
    """Resident memory, with what the workers have started."""
    parts = [each.usage.memory_bytes for each in _parts(row) if each.usage is not None]
    return f"{sum(parts) / _MIB:,.0f} MB" if parts else ""


def processed(row: LocalRow) -> str:
    return _sum([each.seen.process.processed for each in _parts(row) if each.seen is not None])


def failed(row: LocalRow) -> str:
    return _sum([each.seen.process.failed for each in _parts(row) if each.seen is not None])


def failed_tone(row: LocalRow) -> ToneOf:
    return "bad" if any(each.seen and each.seen.process.failed for each in _parts(row)) else "dim"


def restarts(row: LocalRow) -> str:
    number = sum(each.place.restarts for each in _parts(row))
    return f"{number:,}" if number else ""


def _parts(row: LocalRow) -> tuple[LocalWorkerRow, ...]:
    return row.workers if isinstance(row, LocalGroupRow) else (row,)


def _sum(numbers: list[int | None]) -> str:
    known = [number for number in numbers if number is not None]
    return format.partly(sum(known), is_least=len(known) < len(numbers)) if known else ""
