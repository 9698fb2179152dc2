"""Jobs of Sidekiq's sets and queues as they are chosen for actions, read straight from Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.support.direct import Direct
from tests.support.sidekiq_jobs import KEYS, state_of

from qtop.actions.plan import Operator, Outcome, Plan, Refusal
from qtop.actions.request import Request, Undo
from qtop.actions.stopping import reined
from qtop.config.limits import UndoLimits
from qtop.model.job import Job, JobSource
from qtop.search.selection import Selection
from qtop.systems.sidekiq.actions import SidekiqActions
from qtop.systems.sidekiq.cautions import cautions_of
from qtop.systems.sidekiq.job_actions import JobChooser, refusal_of
from qtop.systems.sidekiq.refs import SetRef, listed_sets
from queuecore.action_record import Actor
from queuecore.bulk import JobRef
from queuecore.exchange import Exchange, drive
from queuecore.stores import Store
from queuecore.windows import sha_of, whole
from sidekiq.codec import read_job
from sidekiq.keys import SidekiqKeys
from sidekiq.store.entry_search import EntryRef

FAILED = JobSource("failed", "failed")
RETRY, DEAD = JobSource("failed", "retry"), JobSource("failed", "dead")
USUAL = UndoLimits()
SCHEDULED = JobSource("delayed", "")


@dataclass
class Operating:
    """An operator of one namespace, and a direct look at it."""

    store: Store
    direct: Direct
    keys: SidekiqKeys = KEYS
    limits: UndoLimits = USUAL

    def jobs(self, source: JobSource) -> list[Job]:
        """What is in a list, the sets in the order of their scores, queues with the next first."""
        if source.kind == "queue":
            items = self.direct("LRANGE", self.keys.queue(source.name), 0, -1)[::-1]
            return [_job(raw, JobRef(at, sha_of(raw))) for at, raw in enumerate(items)]
        found: list[Job] = []
        for name in listed_sets(source):
            flat = self.direct("ZRANGE", self.keys.jobs(name), 0, -1, "WITHSCORES")
            for raw, score in zip(flat[::2], flat[1::2], strict=True):
                found.append(_job(raw, SetRef(name, EntryRef(float(score), sha_of(raw)))))
        return found

    def chosen(
        self, source: JobSource, make: Callable[..., Any], jobs: Iterable[Job] | None = None
    ) -> Any:
        """A request about all jobs of a list, or some, as a search makes it."""
        chooser = JobChooser(source, refusal_of(make(source, Selection())))
        for each in self.jobs(source) if jobs is None else jobs:
            chooser.take(each)
        return make(source, self.store.run(chooser.settle()))

    def prepare(self, request: Request) -> Plan | Refusal:
        operator = Operator(Actor("me@here", "tests"), self.limits)
        return self.store.run(SidekiqActions(self.keys, operator).prepare(request))

    def plan(self, request: Request) -> Plan:
        plan = self.prepare(request)
        assert isinstance(plan, Plan), plan
        return plan

    def do(
        self, request: Request, between: Callable[[Exchange[Any]], object] = lambda step: None
    ) -> Outcome:
        """Carry out a request; `between` is called before each of its round trips."""
        plan = self.plan(request)

        def run(step: Exchange[Any]) -> Any:
            between(step)
            return self.store.run(step)

        return drive(reined(plan.run(), plan.pace), run)

    def undo(self, outcome: Outcome) -> Outcome:
        assert outcome.undoable is not None
        return self.do(Undo.of(outcome.undoable))

    def state(self) -> dict[str, Any]:
        return state_of(self.direct, self.keys)


def _job(raw: bytes, ref: object) -> Job:
    record = read_job(raw)
    name, args = record.unwrapped
    return Job(
        whole(raw),
        ref,
        class_name=name,
        args=args,
        queue=record.queue,
        problem=record.problem,
        cautions=cautions_of(record.members),
    )
