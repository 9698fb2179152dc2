"""Having iterable jobs end before they are done, as Sidekiq's own API does (7.3.3 and later)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, acted
from qtop.actions.request import Cancel
from qtop.actions.stopping import Stopped, between
from qtop.text.safe import ago, counted, safe
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.errors import StoreError
from queuecore.exchange import Exchange, Steps
from queuecore.values import replace
from sidekiq.keys import SidekiqKeys
from sidekiq.store import iterables, iterations
from sidekiq.store.iterables import Iteration
from sidekiq.store.iterations import Cancelled

_NO_STATE: Final = (
    "it has no state: it is not iterable, has not begun, or has ended; without a state its next "
    "start would fail"
)
_NO_CURSOR: Final = "it has written no cursor yet: its next start would fail; try again in 5 s"
_ASKED_BEFORE: Final = "already asked to end"
_REFUSED: Final[Mapping[Cancelled, str]] = {
    "no state": _NO_STATE,
    "no cursor": _NO_CURSOR,
    "asked before": _ASKED_BEFORE,
}
#: The dialog scrolls; of more, the first are enough.
_SHOWN: Final = 200


def prepare(keys: SidekiqKeys, operator: Operator, request: Cancel) -> Steps[Plan | Refusal]:
    """Say which of these jobs can be cancelled, or why none can. One round trip for each 200.
    Raises StoreError."""
    jids = tuple(dict.fromkeys(request.jids))
    found: dict[str, Iteration] = yield iterables.read(keys, jids)
    reasons = {jid: _refusal(found.get(jid)) for jid in jids}
    able = [jid for jid in jids if reasons[jid] is None]
    if not able:
        return Refusal(f"{safe(jids[0])}: {safe(reasons[jids[0]] or '')}")
    what = safe(able[0]) if len(able) == 1 else counted(len(able), "iterable job")
    record = operator.record("cancel", what, keys.iteration(able[0]), len(able))
    lines = [f"{safe(jid)}: {_far(found[jid])}" for jid in able[:_SHOWN]]
    lines += [f"and {len(able) - _SHOWN:,} more"] if len(able) > _SHOWN else []
    kept = Counter(why for why in reasons.values() if why is not None)
    details = (
        "Each ends when it next writes its state: every 5 s, between two iterations; a waiting "
        "one ends when it starts.",
        f"Until it has read that, {operator.way_back()}",
        "\n".join(lines),
        *(f"Skipped: {counted(many, 'job')}: {safe(why)}." for why, many in kept.items()),
    )
    run = partial(_cancel, keys, able, record, tuple(kept.items()))
    return Plan(
        *(f"Cancel {what}", "Cancel", details, "confirm", run), many=len(able), record=record
    )


def how_far(keys: SidekiqKeys, jids: Sequence[str]) -> Exchange[Mapping[str, str]]:
    """How far iterable jobs are, in safe words; others, and those that have not written their
    state yet, are left out. One round trip for each 200."""

    def words(found: dict[str, Iteration]) -> Mapping[str, str]:
        return {jid: _words(state) for jid, state in found.items()}

    return iterables.read(keys, jids).then(words)


def _words(state: Iteration) -> str:
    if state.problem is not None:
        return f"unknown: {safe(state.problem)}"
    return _far(state) + ("" if state.cancelled_at is None else "; asked to end")


def _refusal(state: Iteration | None) -> str | None:
    if state is None:
        return _NO_STATE
    if state.problem is not None:
        return state.problem
    if not state.has_cursor:
        return _NO_CURSOR
    return None if state.cancelled_at is None else _ASKED_BEFORE


def _far(state: Iteration) -> str:
    """How far a job is, in safe words."""
    starts = "starts unknown" if state.runs is None else counted(state.runs, "start")
    cursor = "" if state.cursor is None else f", at {safe(state.cursor)[:80]}"
    return f"{starts}, ran for {ago(state.runtime_s)}{cursor}"


def _cancel(
    keys: SidekiqKeys,
    jids: Sequence[str],
    record: ActionRecord,
    kept: Sequence[tuple[str, int]],
) -> Steps[Outcome]:
    """Cancel one after the other. One round trip each."""
    result = Result()
    for at, jid in enumerate(jids):
        try:
            yield between(at, len(jids))
            came: Cancelled = yield iterations.cancel(keys, jid, record)
        except (Stopped, StoreError) as error:
            result = replace(result, stopped=error)
            break
        refused = [] if came == "asked" else [_REFUSED[came]]
        result = result.plus(int(came == "asked"), refused=refused)
    return acted("asked to end:", result, record, kept)
