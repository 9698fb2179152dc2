"""Lists that a program left turned because it was ended in the middle of an action: what is said of
them, and how they are put in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, count_of, list_of
from qtop.actions.request import Reorder
from qtop.model.health import Finding
from qtop.model.job import JobSource
from qtop.text.format import argument, named
from qtop.text.safe import ago, counted, safe
from queuecore import audit, turning
from queuecore.bulk import JobRef
from queuecore.errors import StoreError
from queuecore.exchange import Steps
from queuecore.keys import ListEnd, QueueKeys
from queuecore.turning import Turned

#: What others see while a queue is turned.
OF_QUEUES: Final = (
    "Workers may take jobs of the queue while this runs. The order is kept; jobs that arrive "
    "meanwhile are last."
)


def may_be_turned(refs: Sequence[JobRef]) -> bool:
    """Whether a list may be turned for an action on these jobs, in the order of their places; its
    length is not known here."""
    few = turning.FEW_ITEMS
    return len(refs) > few and refs[-1 - few].place >= turning.SHALLOW_ITEMS


@dataclass(frozen=True, slots=True)
class TurnableLists:
    """The lists of a system that qtop may turn.

    Attributes:
        keys: Its namespace.
        key_of: The key of a list.
        everything: All of them. Costs some round trips; raises StoreError.
        others: Who reads a list without knowing that it is turned, in words.
        newest: The end of each at which newcomers arrive.
    """

    keys: QueueKeys
    key_of: Callable[[JobSource], bytes]
    everything: Callable[[], Steps[list[JobSource]]]
    others: str
    newest: ListEnd = "tail"


def find(
    lists: TurnableLists, sources: Sequence[JobSource]
) -> Steps[list[tuple[JobSource, Turned]]]:
    """Which of these lists are turned, and how far. A round trip for each 1,000, and another where
    there is one. Raises StoreError."""
    by_key = {lists.key_of(source): source for source in sources}
    found: dict[bytes, Turned] = yield from turning.turned(list(by_key))
    return [(by_key[key], each) for key, each in found.items()]


def diagnose(lists: TurnableLists) -> Steps[Finding]:
    """Whether every list is in its order. The round trips of `everything`, and two for each 1,000.
    Raises StoreError."""
    return (yield from look(lists, (yield from lists.everything())))


def look(lists: TurnableLists, sources: Sequence[JobSource]) -> Steps[Finding]:
    """Whether these lists are in their order. Costs as `find`. Raises StoreError."""
    return judge((yield from find(lists, sources)), len(sources), lists.others)


def judge(found: Sequence[tuple[JobSource, Turned]], of: int, others: str) -> Finding:
    """Whether lists are in their order, of which these are turned. Pure."""
    left = [(source, turned) for source, turned in found if turned.is_left]
    if left:
        text = "; ".join(_how_far(source, turned) for source, turned in left[:3])
        text += f"; and {len(left) - 3:,} more" if len(left) > 3 else ""
        text += f". {others} see the other items first"
        return Finding("order", "WARN", text, f"qtop reorder {argument(str(left[0][0]))}")
    text = f"no list was left turned, of {counted(of, 'list')}"
    if found:
        text += f"; being changed: {named([str(source) for source, _ in found])}"
    return Finding("order", "OK", text)


def _how_far(source: JobSource, turned: Turned) -> str:
    of = turned.turned + turned.rest
    return (
        f"{source} was left turned {ago(turned.idle_s)} ago by a program that was ended in the "
        f"middle: {turned.turned:,} of {counted(of, 'item')}"
    )


def prepare(lists: TurnableLists, operator: Operator, request: Reorder) -> Steps[Plan | Refusal]:
    """Say which lists would be put in order. Costs as `diagnose`. Raises StoreError."""
    sources = request.sources or (yield from lists.everything())
    found = yield from find(lists, sources)
    left = [(source, turned) for source, turned in found if turned.is_left]
    if not left:
        changing = list_of(str(source) for source, _ in found)
        text = f"another program changes {changing} at the moment" if found else "no list is turned"
        return Refusal(text)
    what = f"Reorder {count_of(len(left), 'list')}"
    details = tuple(safe(_how_far(*each)) for each in left)
    run = partial(_reorder, lists, operator, [source for source, _ in left])
    return Plan(what, "Reorder", details, "confirm", run, many=len(left))


def _reorder(
    lists: TurnableLists, operator: Operator, sources: Sequence[JobSource]
) -> Steps[Outcome]:
    """Put lists in order. For each two round trips, and one for each 700 of its places of 1 KB."""
    outcome = Outcome("")
    for source in sources:
        try:
            # Another program may have taken it over since.
            if any(turned.is_left for _, turned in (yield from find(lists, [source]))):
                key = lists.key_of(source)
                yield from turning.settled(lists.keys, key, lists.newest)
                record = operator.record("reorder", str(source), key, 1, source.queue, undo_s=0)
                yield audit.note(lists.keys, record, 1)
                outcome = replace(outcome, done=outcome.done + 1)
            else:
                outcome = replace(outcome, gone=outcome.gone + 1)
        except StoreError as error:
            outcome = replace(outcome, stopped=error)
            break
    return replace(outcome, text=f"put {count_of(outcome.done, 'list')} in order")
