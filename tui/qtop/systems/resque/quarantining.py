"""Moves all copies of one job to where no worker takes them."""

from __future__ import annotations

from functools import partial

from qtop.actions.plan import Operator, Outcome, Plan, Refusal, acted, count_of
from qtop.actions.request import Quarantine
from qtop.text import format
from qtop.text.format import number
from qtop.text.safe import safe
from queuecore import turning
from queuecore.action_record import ActionRecord
from queuecore.exchange import Steps
from resque.keys import Keys
from resque.store import failures, quarantine
from resque.store.failures import FAILED
from resque.store.quarantine import Copies

#: One outcome of an action that has two records.
_DONE = "quarantined"


def prepare(keys: Keys, operator: Operator, request: Quarantine) -> Steps[Plan | Refusal]:
    """Find the copies of a job, and say what would become of them. A round trip for each 1,000
    failures and each 1,000 jobs of its queue."""
    job, source = request.job, request.source
    if job.item.is_cut:
        return Refusal("the job is too large to compare with others: delete or move it")
    if source.kind not in ("failed", "queue"):
        return Refusal("only failed and waiting jobs go into quarantine")
    raw = job.item.raw
    payload = failures.job_of(raw) if source.kind == "failed" else (source.name, raw)
    if isinstance(payload, str):
        return Refusal(safe(payload))
    list_name = source.name if source.kind == "failed" else FAILED
    found: Copies = yield from quarantine.find(keys, *payload, list_name)
    many = len(found.failed) + len(found.waiting)
    if not many:
        return Refusal("no copies of it are left")
    return _plan(keys, operator, found, list_name, format.job_class(job.class_name, job.args))


def _plan(keys: Keys, operator: Operator, found: Copies, list_name: str, named: str) -> Plan:
    failed, waiting = len(found.failed), len(found.waiting)
    queue, size_bytes = safe(found.queue), 2 * found.size_bytes
    parts = [count_of(failed, "failure")] if failed else []
    parts += [count_of(waiting, "waiting job")] if waiting else []
    subjects = (f"{count_of(many, noun)}: {named}"[:200] for many, noun in _parts(found))
    keyed = keys.queue(found.queue), failures.list_key(keys, list_name)
    records = [
        operator.record("quarantine", subject, key, many, found.queue, size_bytes)
        for subject, key, (many, _) in zip(subjects, keyed, _parts(found), strict=True)
    ]
    back = operator.way_back(size_bytes)
    if failed and waiting and records[0].undo_s:
        back = f"Undo: {operator.sign('undo')} for the failures, again for the waiting jobs."
    details = (
        f"Class {named}, queue {queue}: {' and '.join(parts)} with the same arguments.",
        f"They go to quarantine:{queue}; no worker takes jobs from there.",
        back,
    )
    return Plan(
        f"Quarantine {' and '.join(parts)}",
        "Quarantine",
        details,
        "confirm",
        partial(_run, keys, found, list_name, records),
        many=failed + waiting,
        size_bytes=size_bytes,
        record=records[1] if failed else records[0],
        no_undo=operator.limits.refusal(size_bytes),
    )


def _parts(found: Copies) -> tuple[tuple[int, str], tuple[int, str]]:
    return (len(found.waiting), "waiting job"), (len(found.failed), "failure")


def _run(keys: Keys, found: Copies, list_name: str, records: list[ActionRecord]) -> Steps[Outcome]:
    """The waiting ones first: a worker may take them at any moment."""
    of_waiting, of_failed = records
    outcomes: list[Outcome] = []
    if found.waiting:
        yield from turning.settled(keys, keys.queue(found.queue))
        taken = yield from quarantine.take_waiting(keys, found, of_waiting)
        outcomes.append(acted(_DONE, taken, of_waiting))
    if found.failed and not (outcomes and outcomes[0].stopped):
        taken = yield from quarantine.take_failed(keys, found, of_failed, list_name=list_name)
        outcomes.append(acted(_DONE, taken, of_failed))
    if len(outcomes) == 1:
        return outcomes[0]
    return _joined(outcomes)


def _joined(outcomes: list[Outcome]) -> Outcome:
    waiting, failed = outcomes
    done, gone = waiting.done + failed.done, waiting.gone + failed.gone
    text = f"{_DONE} {count_of(failed.done, 'failure')} and {count_of(waiting.done, 'waiting job')}"
    if gone:
        text += f"; skipped {number(gone)} (already gone)"
    if failed.stopped is not None:
        text += f"; {count_of(failed.left, 'failure')} left: {safe(str(failed.stopped))}"
    return Outcome(
        *(text, failed.tone if failed.tone != "good" else waiting.tone, done, gone),
        *((*waiting.refused, *failed.refused), failed.stopped, failed.left, failed.record),
        parts=(("", failed), ("", waiting)),
        verb=_DONE,
    )
