"""Jobs that come back from a file: to queues, and among the dead."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, ResultTone, count_of, rest_of
from qtop.actions.request import JobRequest, Load
from qtop.actions.stopping import between
from qtop.model.job import JobSource
from qtop.search.selection import RefusalCheck
from qtop.systems.sidekiq import job_actions
from qtop.text.format import number
from qtop.text.safe import safe
from queuecore import bulk, values
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.errors import StoreError
from queuecore.exchange import Steps
from sidekiq.keys import SidekiqKeys
from sidekiq.store import new_jobs
from sidekiq.store.pushes import job_for, unreadable

#: Between so many items of a file, or so many bytes, a load can be stopped.
_AT_ONCE: Final = 500
_BYTES: Final = 1 << 20

_THERE: Final = "already there"
_OF_QUEUES: Final = (
    "Lines that are not jobs are skipped. "
    "A job of another queue gets this one as its `queue`; all other "
    "bytes stay.",
)
_RETURNING: Final = ("Lines that are not jobs are skipped. They are written byte for byte.",)
_OF_DEAD: Final = (
    "Lines that are not jobs, or are already there, are skipped. They are written byte for byte.",
    "Their time of death is their last failure, or now where none is known.",
    "At its next death Sidekiq drops the dead of more than 6 months, and the oldest of more than "
    "10,000, by default.",
)

_Written = Callable[[bytes], "bytes | str"]


def refusal_of(request: JobRequest | Load) -> RefusalCheck:
    """Says for an item's bytes why a request will refuse it. O(bytes)."""
    if not isinstance(request, Load):
        return job_actions.refusal_of(request)
    target = request.target
    if (why := _why_not(target)) is not None:
        return lambda raw: why
    written = _written(request)

    def check(raw: bytes) -> str | None:
        found = written(raw)
        return found if isinstance(found, str) else None

    return check


def _why_not(target: JobSource) -> str | None:
    if target.kind == "queue" or (target.kind, target.name) == ("failed", "dead"):
        return None
    return (
        "only a queue or failed:dead takes jobs from a file: a file does not say when "
        "they are to be tried again, or are due"
    )


def _written(request: Load) -> _Written:
    """Gives the bytes that an item of a file becomes in a list, or says why it cannot be there."""
    if request.target.kind == "queue" and not request.returns:
        return partial(job_for, to=request.target.name)
    return lambda raw: unreadable(raw) or raw


def prepare(keys: SidekiqKeys, operator: Operator, request: Load) -> Plan | Refusal:
    """Say what putting the jobs of a file into a list would do. It cannot be taken back."""
    target, number_of = request.target, request.number
    if (why := _why_not(target)) is not None:
        return Refusal(why)
    key = job_actions.list_key(keys, target)
    record = operator.record("load", f"{target} from a file", key, number_of, undo_s=0)
    details: tuple[str, ...] = _OF_DEAD
    if target.kind == "queue":
        details = _RETURNING if request.returns else _OF_QUEUES
    what = f"Load {count_of(number_of, 'item')} to {safe(str(target))}"
    run = partial(_load, keys, request, record)
    return Plan(what, "Load", details, "confirm", run, many=number_of, record=record)


def _load(keys: SidekiqKeys, request: Load, record: ActionRecord) -> Steps[Outcome]:
    """A round trip for each 500 items or each MiB, and one before them. Where one fails, those
    before are there, and counted."""
    written, tried, result = _written(request), 0, Result()
    now_s: float = yield job_actions.clock()
    try:
        for part in bulk.parts(request.items, _AT_ONCE, len, _BYTES):
            yield between(tried, request.number)
            found = list(map(written, part))
            jobs = [each for each in found if isinstance(each, bytes)]
            result = result.plus(refused=[each for each in found if isinstance(each, str)])
            done = 0
            if jobs and request.target.kind == "queue":
                done = yield new_jobs.load(keys, request.target.name, jobs, record)
            elif jobs:
                done = yield new_jobs.load_dead(keys, jobs, now_s, record)
            result = result.plus(done, refused=[_THERE] * (len(jobs) - done))
            tried += len(part)
    except StoreError as error:
        result = values.replace(result, stopped=error)
    return _outcome(result, request.number - tried, record)


def _outcome(result: Result, untried: int, record: ActionRecord) -> Outcome:
    refused = dict(result.refused)
    there = refused.pop(_THERE, 0)
    text = f"loaded {count_of(result.done, 'item')}"
    text += f", skipped {number(there)} (already there)" if there else ""
    if refused:
        text += f", refused {number(sum(refused.values()))} ({safe(next(iter(refused)))})"
    tone: ResultTone = "warn" if result.refused else "good"
    left = 0
    if result.stopped is not None:
        left = untried
        text, tone = text + rest_of(left, result.stopped), "bad"
    numbers = (result.done, 0, result.refused, result.stopped, left)
    return Outcome(text, tone, *numbers, record if result.done else None)
