"""Jobs of Sidekiq's sets and queues as they are chosen for actions, and what is done to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.support.direct import Direct
from tests.support.sidekiq_jobs import KEYS, state_of

from qtop.actions.plan import Operator, Outcome, Plan, Refusal
from qtop.actions.request import Request, Undo
from qtop.actions.stopping import reined
from qtop.config.limits import UndoLimits
from qtop.model.job import Job, JobSource
from qtop.search.filter_language import Filter
from qtop.search.list_walk import scan
from qtop.search.selection import Selection
from qtop.systems.sidekiq.actions import SidekiqActions
from qtop.systems.sidekiq.job_actions import SidekiqChooser, refusal_of
from qtop.systems.sidekiq.signal_watch import SignalWatch
from qtop.systems.sidekiq.system import SidekiqSystem
from queuecore.action_record import Actor
from queuecore.exchange import Exchange, drive
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys

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
        """What is in a list, as it is listed."""
        found: list[Job] = []
        jobs = SidekiqSystem(self.keys).jobs(source)
        self.store.run(scan(jobs, Filter(""), datetime.now(UTC), found.append))
        return found

    def chosen(
        self, source: JobSource, make: Callable[..., Any], jobs: Iterable[Job] | None = None
    ) -> Any:
        """A request about all jobs of a list, or some, as a search makes it."""
        chooser = SidekiqChooser(source, refusal_of(make(source, Selection())))
        for each in self.jobs(source) if jobs is None else jobs:
            chooser.take(each)
        return make(source, self.store.run(chooser.settle()))

    def prepare(self, request: Request) -> Plan | Refusal:
        operator = Operator(Actor("me@here", "tests"), self.limits)
        return self.store.run(
            SidekiqActions(self.keys, operator, SignalWatch(self.keys)).prepare(request)
        )

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
