"""Lists that a program left turned because it was ended in the middle of an action: what is said of
them, and how they are put in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, count_of, list_of
from qtop.actions.request import Reorder
from qtop.model.health import Finding
from qtop.model.job import FAILED, JobSource
from qtop.systems.resque.job_reader import list_key
from qtop.text.format import argument, named
from qtop.text.safe import ago, counted, safe
from queuecore import audit, turning
from queuecore.errors import Refused, StoreError
from queuecore.exchange import Exchange, Steps, single
from queuecore.keys import name_text
from queuecore.turning import Turned
from resque.keys import Keys
from resque.store import failures, queues

#: Moments with delayed jobs that are read at once, and looked at at most; and those on Overview.
_MOMENTS, _MOST_MOMENTS, _NEXT_MOMENTS = 1_000, 100_000, 100


def find(keys: Keys, sources: Sequence[JobSource]) -> Steps[list[tuple[JobSource, Turned]]]:
    """Which of these lists are turned, and how far. A round trip for each 1,000, and another where
    there is one. Raises StoreError."""
    by_key = {list_key(keys, source): source for source in sources}
    found: dict[bytes, Turned] = yield from turning.turned(list(by_key))
    return [(by_key[key], each) for key, each in found.items()]


def everything(keys: Keys) -> Steps[list[JobSource]]:
    """All lists that can be turned, but for moments with delayed jobs after the first 100,000. Two
    round trips, and one for each 1,000 moments. Raises StoreError."""
    named: list[str] = yield failures.lists(keys)
    waiting: list[str] = yield queues.names(keys)
    lists = [*(JobSource("failed", name) for name in named), *_of_queues(waiting)]
    for start in range(0, _MOST_MOMENTS, _MOMENTS):
        page: list[JobSource] = yield _moments(keys, start, _MOMENTS)
        lists += page
        if len(page) < _MOMENTS:
            break
    return lists


def _moments(keys: Keys, start: int, count: int) -> Exchange[list[JobSource]]:
    """Moments with delayed jobs, by when they come due."""
    return single(
        ("ZRANGE", keys.delayed_schedule(), start, start + count - 1),
        lambda reply: [JobSource("delayed", name_text(each)) for each in reply],
    )


def _of_queues(names: Sequence[str]) -> list[JobSource]:
    return [JobSource(kind, name) for name in names for kind in ("queue", "unreadable")]


def diagnose(keys: Keys) -> Steps[Finding]:
    """Whether every list is in its order. Four round trips, and two for each 1,000 moments with
    delayed jobs. Raises StoreError."""
    sources = yield from everything(keys)
    return judge((yield from find(keys, sources)), len(sources))


def glance(keys: Keys, names: Sequence[str]) -> Steps[Finding]:
    """Whether the main list of failures, those of some queues, and those of the moments that come
    due next are in their order; unknown where that is refused. Two round trips or three. Raises
    StoreError when nothing is answered."""
    sources = [JobSource("failed", FAILED), *_of_queues(names)]
    try:
        sources += yield _moments(keys, 0, _NEXT_MOMENTS)
        return judge((yield from find(keys, sources)), len(sources))
    except Refused as error:
        return Finding("order", "UNKNOWN", f"whether lists were left turned ({error})")


def judge(found: Sequence[tuple[JobSource, Turned]], of: int) -> Finding:
    """Whether lists are in their order, of which these are turned. Pure."""
    left = [(source, turned) for source, turned in found if turned.is_left]
    if left:
        text = "; ".join(_how_far(source, turned) for source, turned in left[:3])
        text += f"; and {len(left) - 3:,} more" if len(left) > 3 else ""
        text += ". Resque's own tools and workers see the other items first"
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


def prepare(keys: Keys, operator: Operator, request: Reorder) -> Steps[Plan | Refusal]:
    """Say which lists would be put in order. Costs as `diagnose`. Raises StoreError."""
    sources = request.sources or (yield from everything(keys))
    found = yield from find(keys, sources)
    left = [(source, turned) for source, turned in found if turned.is_left]
    if not left:
        changing = list_of(str(source) for source, _ in found)
        text = f"another program changes {changing} at the moment" if found else "no list is turned"
        return Refusal(text)
    what, lists = f"Reorder {count_of(len(left), 'list')}", [source for source, _ in left]
    details = tuple(safe(_how_far(*each)) for each in left)
    run = partial(_reorder, keys, operator, lists)
    return Plan(what, "Reorder", details, "confirm", run, many=len(left))


def _reorder(keys: Keys, operator: Operator, lists: Sequence[JobSource]) -> Steps[Outcome]:
    """Put lists in order. For each two round trips, and one for each 700 of its places of 1 KB."""
    outcome = Outcome("")
    for source in lists:
        try:
            # Another program may have taken it over since.
            if any(turned.is_left for _, turned in (yield from find(keys, [source]))):
                key = list_key(keys, source)
                yield from turning.settled(keys, key)
                record = operator.record("reorder", str(source), key, 1, source.queue, undo_s=0)
                yield audit.note(keys, record, 1)
                outcome = replace(outcome, done=outcome.done + 1)
            else:
                outcome = replace(outcome, gone=outcome.gone + 1)
        except StoreError as error:
            outcome = replace(outcome, stopped=error)
            break
    return replace(outcome, text=f"put {count_of(outcome.done, 'list')} in order")
