"""What the console's keys would do to waiting jobs, to items set aside, and to a whole queue; see
`plans`."""

from __future__ import annotations

from collections.abc import Iterable

from qtop.actions.plan import (
    Operator,
    Outcome,
    Plan,
    Throttle,
    acted,
    count_of,
)
from qtop.keymap.keymap import Danger
from qtop.model.job import JobSource
from qtop.search.selection import Selection
from qtop.systems.resque.job_reader import list_key
from qtop.text.format import both_times, number
from qtop.text.safe import safe
from queuecore import bulk, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import Decide, Result, Taking
from queuecore.exchange import Steps
from resque.codec import Payload, decode_payload
from resque.keys import Keys
from resque.store import queues
from resque.store.lock_freeing import Leaving, and_free, edited, noting


def unusable(raw: bytes) -> str | None:
    """Why a worker would set an item aside; None when it would perform it. O(bytes)."""
    payload = decode_payload(raw)
    return None if isinstance(payload, Payload) else f"still unreadable: {payload.reason}"


class JobPlans:
    """Makes plans for one namespace, in one operator's name.

    One job goes at once; several, and whatever was found by a filter (`asks`), after a question.
    """

    def __init__(self, keys: Keys, operator: Operator) -> None:
        self._keys = keys
        self._operator = operator

    def delete(
        self, source: JobSource, chosen: Selection, where: str = "", *, asks: bool = False
    ) -> Plan:
        """Delete jobs. `where` is the filter that found them."""
        return self._plan(
            *("Delete", "deleted"),
            source,
            chosen,
            bulk.delete,
            ("They will not run.",),
            where,
            asks=asks,
        )

    def move(
        self, source: JobSource, chosen: Selection, to: str, where: str = "", *, asks: bool = False
    ) -> Plan:
        """Move jobs to the end of another queue, byte for byte."""
        return self._plan(
            *("Move", f"moved to {safe(to)}:"),
            source,
            chosen,
            lambda raw: Taking(0, raw, to, raw),
            (f"They go to the end of {safe(to)}, in their order, byte for byte.",),
            where,
            asks=asks,
            to=to,
        )

    def put_back(
        self, source: JobSource, chosen: Selection, where: str = "", *, asks: bool = False
    ) -> Plan:
        """Put items that were set aside back onto their queue: those that can be read by now."""

        def decide(raw: bytes) -> Taking | str:
            return unusable(raw) or Taking(0, raw, source.name, raw)

        return self._plan(
            *("Requeue", "requeued"),
            source,
            chosen,
            decide,
            (f"They go to the end of {safe(source.name)}; what is still unreadable stays here.",),
            where,
            asks=asks,
            to=source.name,
        )

    def edit(self, source: JobSource, place: int, raw: bytes, payload: bytes) -> Plan:
        """Put another payload in the place of a waiting job; one that was set aside goes to the end
        of its queue with it."""
        if source.kind != "queue":
            return self._edit_and_put_back(source, place, raw, payload)
        trail = self._trail("edit", "1 waiting job", source, 1, len(raw) + len(payload))

        def run() -> Steps[Outcome]:
            replacing = queues.replace(self._keys, source.name, place, raw, payload, trail)
            leaving = edited(self._keys, source.name, raw, payload)
            was_there = yield from and_free(replacing, leaving)
            return acted("edited", Result(int(was_there), int(not was_there)), trail)

        back = self._operator.way_back(trail)
        details = (f"It keeps its place in {safe(source.name)}. {back}",)
        return Plan("Edit 1 waiting job", "Edit", details, "undoable", run)

    def _edit_and_put_back(self, source: JobSource, place: int, raw: bytes, payload: bytes) -> Plan:
        mark = bulk.JobRef(place, windows.whole(raw).sha)
        trail = self._trail("edit", "1 item set aside", source, 1, len(raw) + len(payload))

        def run() -> Steps[Outcome]:
            decide = bulk.instead(source.name, payload)
            taking = bulk.take(self._keys, list_key(self._keys, source), [mark], decide, trail)
            return acted("edited and put back", (yield from taking), trail)

        back = self._operator.way_back(trail)
        details = (f"It goes to the end of {safe(source.name)}. {back}",)
        return Plan("Edit 1 item set aside", "Edit", details, "undoable", run)

    def _plan(
        self,
        verb: str,
        done: str,
        source: JobSource,
        chosen: Selection,
        decide: Decide,
        lines: Iterable[str],
        where: str,
        *,
        asks: bool,
        to: str | None = None,
    ) -> Plan:
        many, pace = len(chosen.marks), Throttle()
        noun = "item" if source.kind == "unreadable" else source.noun
        what = count_of(many, noun)
        subject = f"{what}, filter {where}"[:200] if where else what
        # An undo keeps what left the list, and what was pushed.
        size_bytes = chosen.size_bytes * (1 if to is None else 2)
        trail = self._trail(verb.lower(), subject, source, many, size_bytes)

        def run() -> Steps[Outcome]:
            key, marks = list_key(self._keys, source), chosen.marks
            leaving = Leaving(self._keys, source.name)
            noted = noting(leaving, decide) if source.kind == "queue" else decide
            taking = bulk.take(self._keys, key, marks, noted, trail, at_once=pace.at_once)
            return acted(done, (yield from and_free(taking, leaving)), trail)

        danger: Danger = "confirm" if many > 1 or asks or not trail.undo_s else "undoable"
        details = (*_which(chosen, where), *lines, self._operator.way_back(trail))
        asked = f"{verb} {what}" if to is None else f"{verb} {what} to {safe(to)}"
        return Plan(asked, verb, details, danger, run, pace=pace if many > 1 else None, many=many)

    def _trail(
        self, action: str, subject: str, source: JobSource, planned: int, size_bytes: int
    ) -> ActionRecord:
        key = list_key(self._keys, source)
        return self._operator.record(action, subject, key, planned, source.queue, size_bytes)


def _which(chosen: Selection, where: str) -> list[str]:
    """What was found, in figures: the classes, the places, the filter."""
    lines = [line for line in chosen.details(both_times) if not line.startswith("queues: ")]
    if chosen.marks:
        first, last = chosen.marks[0].place + 1, chosen.marks[-1].place + 1
        span = number(first) if first == last else f"{number(first)} to {number(last)}"
        lines.append(f"places: {span} from the front, when looked at")
    if where:
        lines.append(f"filter: {safe(where)}")
    return lines
