"""What the console shows: the newest poll, the rows made from it, whether the display is frozen. No
widget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from qtop.actions.request import AnyRequest, Request
from qtop.config.limits import USUAL, Thresholds
from qtop.keymap import keymap
from qtop.keymap.keymap import Action, Rebound, Where
from qtop.local.workers import LocalWorkers
from qtop.model.fleet import RunningJob
from qtop.model.health import (
    Acknowledgement,
    HealthReport,
    IncidentKey,
    Ownership,
    ServerInfo,
    Strays,
)
from qtop.monitor.changes import Flow
from qtop.monitor.failure_census import (
    FailureCensus,
    brought_up_to_date,
    census_groups,
    with_queue_figures,
)
from qtop.monitor.incidents.acknowledged import Acknowledgements
from qtop.monitor.incidents.incident import Incident, of_place
from qtop.monitor.incidents.rules import IncidentRules, no_answer
from qtop.monitor.poller import PollResult, clamped_interval_s
from qtop.monitor.row_builder import RowBuilder, without_explained
from qtop.monitor.rows import FleetRows, NewestGroup, WorkerRow, unregistered_rows
from qtop.monitor.series import FleetSeries, SeriesRecorder, Trend, TrendRecorder
from qtop.systems.system import System, Wording
from qtop.text.redact import OPEN, Redactor
from queuecore import values
from queuecore.active_job import unwrapped
from queuecore.cooperative import Slices, at_once

_NEW_RTT_WEIGHT: Final = 0.2


@dataclass(frozen=True, slots=True)
class UiPolicy:
    """What the settings and the server make of the console.

    Attributes:
        production: The word for large actions on a production system; None elsewhere.
        secrets: What hides secrets, unless they are revealed.
        is_revealed: Secrets are shown for now.
        rebound: Keys that are others than in the table.
        forbidden: Why an action is impossible, by its id: the system cannot do it, or the server
            would refuse it.
        wording: What the system calls actions, by their ids, where that is not what the table of
            keys says.
        thresholds: From when on something is wrong.
    """

    production: str | None = None
    secrets: Redactor = field(default_factory=Redactor)
    is_revealed: bool = False
    rebound: Rebound = field(default_factory=dict)
    forbidden: Mapping[str, str] = field(default_factory=dict)
    wording: Mapping[str, Wording] = field(default_factory=dict)
    thresholds: Thresholds = USUAL

    @property
    def redactor(self) -> Redactor:
        """What everything goes through that is shown of data."""
        return OPEN if self.is_revealed else self.secrets

    def sign(self, action_id: str, *, in_text: bool = False) -> str:
        """The key that an action has now, for a sentence; see `keymap.sign`."""
        return keymap.sign(action_id, self.rebound, in_text=in_text)

    def actions(self, places: Collection[Where], *, read_only: bool) -> list[Action]:
        """The actions that can be done in these places, with the keys they have now."""
        return [
            self.worded(action)
            for action in keymap.of(places, read_only=read_only, rebound=self.rebound)
            if action.id not in self.forbidden
        ]

    def worded(self, action: Action) -> Action:
        """An action as the system calls it."""
        words = self.wording.get(action.id)
        if words is None:
            return action
        return values.replace(action, label=words.label, help=words.help)


class Insights(NamedTuple):
    """What Overview and History show beside the rows.

    Attributes:
        incidents: What is wrong, the worst first; none before the first poll was judged.
        groups: The newest failures in groups; with `groups_are_all` all failures there are.
        series_now: The course of the totals over the last minutes.
        trend: Their course since the console began.
        facts: What the server tells about itself; None while that is not known.
        unregistered: Workers that hold jobs and are on no register.
    """

    incidents: tuple[Incident, ...] = ()
    groups: tuple[NewestGroup, ...] = ()
    series_now: FleetSeries = FleetSeries()
    trend: Trend = Trend()
    facts: ServerInfo | None = None
    unregistered: tuple[WorkerRow, ...] = ()
    groups_are_all: bool = False


NOTHING_YET: Final = Insights()
"""Before the first poll."""


#: What is shown when all places are.
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class PlaceCondition:
    """How one of several places is that are shown together: what its newest poll gave, and what its
    server's clock said at that of the rows; None before the first."""

    label: str
    address: str
    namespace: str
    poll: PollResult
    server_time: datetime | None


@dataclass(frozen=True, slots=True)
class ViewState:
    """All that a screen shows, at one moment.

    Attributes:
        fleet: The rows; None before the first poll. Not the newest when frozen.
        poll: What the newest poll gave.
        now_mono: The moment, on the clock of the polls.
        rtt_ms: What a poll costs, evened out over the last ones.
        frozen_since_mono: When the display was frozen; None when it is not. Then all of this is as
            it was, but for what people set.
        newest: When the newest snapshot was taken, by the server's clock: later than the rows when
            frozen.
        is_unanswered: Redis does not answer now, whatever is frozen.
        policy: What is hidden and which keys do something.
        insights: What is wrong, and how it came about; of the same poll as the rows.
        shown: What of several places is shown: the label of one, or `ALL`; empty where there is
            only one.
        parts: How each of the places is that are shown together; none where one is shown alone.
    """

    address: str
    namespace: str
    fleet: FleetRows | None
    poll: PollResult
    now_mono: float
    interval_s: float
    read_only: bool
    frozen_since_mono: float | None = None
    newest: datetime | None = None
    is_unanswered: bool = False
    local_alive: int = 0
    local_ending: int = 0
    rtt_ms: float | None = None
    policy: UiPolicy = field(default_factory=UiPolicy)
    insights: Insights = NOTHING_YET
    shown: str = ""
    parts: tuple[PlaceCondition, ...] = ()

    @property
    def failing(self) -> frozenset[str]:
        """The labels of the places whose polls fail: their rows may be wrong by now."""
        return frozenset(part.label for part in self.parts if part.poll.error is not None)

    @property
    def is_stale(self) -> bool:
        """Whether what is shown may be wrong by now because polls fail."""
        return self.poll.error is not None

    @property
    def is_late(self) -> bool:
        """Whether what is read now is later than what is shown."""
        return self.fleet is not None and self.newest != self.fleet.server_time

    @property
    def on(self) -> frozenset[str]:
        """The ids of switches that are on: their keys turn them off."""
        paused = self.fleet is not None and bool(self.fleet.totals.is_paused)
        states = {"pause_all": paused, "freeze": self.frozen_since_mono is not None}
        return frozenset(action_id for action_id, is_on in states.items() if is_on)


class ConsoleState:
    """What is known of one place. `local_host` is what `local`, the workers started here, call
    this machine; `clock` gives monotonic seconds, those of the polls; `policy` may be replaced."""

    def __init__(
        self,
        *,
        system: System,
        interval_s: float,
        read_only: bool,
        local: LocalWorkers,
        local_host: str,
        clock: Callable[[], float],
        policy: UiPolicy = UiPolicy(),
    ) -> None:
        self.poll = PollResult()
        self.policy = policy
        self._acknowledgements = Acknowledgements()
        self._system = system
        self._label = ""
        self._starts_here = system.abilities.get("start_workers") is None
        self.interval_s = clamped_interval_s(interval_s)
        self._read_only = read_only
        self._local = local
        self._clock = clock
        silent_after_s = policy.thresholds.silent_after_s
        self._builder = RowBuilder(system, local_host=local_host, silent_after_s=silent_after_s)
        self._rules = IncidentRules(
            policy.thresholds,
            is_steady=True,
            abilities=system.abilities,
            served_by=self._builder.served_by,
        )
        self._recorder = SeriesRecorder()
        self._trend = TrendRecorder()
        self.reported: HealthReport | None = None
        self._strays: tuple[Strays | None, str] = (None, "")
        self._rtt_ms: float | None = None
        self._built: FleetRows | None = None
        self._newest: FleetRows | None = None
        self._insights = NOTHING_YET
        self._frozen: ViewState | None = None
        self._usual_s: dict[str, float | None] = {}
        #: What the whole list of failures held, and the same as of the newest poll; None while
        #: that is not known.
        self._census: FailureCensus | None = None
        self._census_now: FailureCensus | None = None

    @property
    def label(self) -> str:
        """What the place is called, where there are several; empty where there is only one. Rows of
        the next poll have it."""
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        self._label = self._builder.label = label

    def lacking(self, action_id: str) -> Mapping[str, str]:
        """Why some of several places that are shown cannot do an action: none, this is one. What it
        cannot do is forbidden: see `policy`."""
        return {}

    def everywhere(self, action_id: str, request: Request) -> AnyRequest:
        """A request to all places that are shown and can do it: the same, this is one."""
        return request

    @property
    def ownership(self) -> Ownership | None:
        """Whose the queues are, as of the newest report; None while that is not known."""
        return None if self.reported is None else self.reported.ownership

    @property
    def dropped_now(self) -> bool:
        """Whether a figure dropped at the newest poll, and no action on record explains it."""
        if self._newest is None:
            return False
        drops = self._newest.totals.drops
        dropped = drops.waiting, drops.workers, drops.failed
        return drops.breaks_waiting or any(drop and not drop.polls_ago for drop in dropped)

    @property
    def newest_flows(self) -> Mapping[str, Flow]:
        """What was seen to come to each queue and leave it before the newest poll."""
        return self._builder.newest_flows

    @property
    def is_paused(self) -> bool | None:
        """Whether everything was paused at the last poll; None when that is unknown."""
        return False if self._newest is None else self._newest.totals.is_paused

    def served_by(self, queues: tuple[str, ...], system: str = "") -> Collection[str]:
        """The queues that workers with this list of queues serve, as of the newest poll. `system`
        is the label of this place."""
        return self._builder.served_by(queues)

    @property
    def ages(self) -> bool:
        """Whether what is shown changes by the mere passing of time."""
        if self._frozen is not None:
            return False
        return self.poll.error is not None or self._local.ages

    def take(self, poll: PollResult) -> None:
        """Take in a poll, also a failed one. Cost: see `RowBuilder` and `IncidentRules`."""
        at_once(self.taking(poll))

    def taking(self, poll: PollResult) -> Slices[None]:
        """As `take`, in slices; what is shown is the poll before until the last one is done."""
        if poll.snapshot is not None and poll.snapshot is not self.poll.snapshot:
            taken_mono = self._when_taken(poll)
            pids = self._local.pids if self._starts_here else ()
            fleet = yield from self._builder.adding(poll.snapshot, taken_mono, local_pids=pids)
            yield
            self._built = fleet
            self._recorder.add(fleet.totals, taken_mono, fleet.server_time)
            self._trend.add(fleet.totals, taken_mono, fleet.server_time)
            if poll.rtt_ms is not None:
                before_ms = poll.rtt_ms if self._rtt_ms is None else self._rtt_ms
                self._rtt_ms = before_ms + (poll.rtt_ms - before_ms) * _NEW_RTT_WEIGHT
        elif poll.error is not None:
            self._recorder.add(None, self._clock())
            self._trend.add(None, self._clock())
        self.poll = poll
        self._find_wrong()
        yield

    def take_health_report(self, health_report: HealthReport) -> None:
        """Take in what was found out beside the polls. Cost: see `IncidentRules`."""
        self.reported = health_report.with_strays(*self._strays)
        self._acknowledgements.take(health_report.acknowledged)
        self._builder.note_next_jobs(health_report.next_jobs)
        if health_report.ownership is not None:
            self._builder.note_ownership(health_report.ownership)
        self._find_wrong()

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What is wrong by the newest poll, also while the display is frozen."""
        return self._insights.incidents

    @property
    def acknowledged(self) -> tuple[Acknowledgement, ...]:
        """The acknowledgements that are known."""
        return self._acknowledgements.known

    def note_acknowledged(self, key: IncidentKey, done: Acknowledgement | None) -> None:
        """Take in that an incident was acknowledged from here; None: it is no more."""
        self._acknowledgements.note(key, done)
        self._find_wrong()

    @property
    def strays(self) -> Strays | None:
        """The jobs that no index leads to; None when that is unknown."""
        return self._strays[0]

    @property
    def unlisted(self) -> list[str]:
        """The names of processes that hold jobs and are on no register, as far as that is known."""
        return [] if self.strays is None else [each.name for each in self.strays.of("record")]

    @property
    def has_strays(self) -> bool:
        """Whether jobs are known that no index leads to."""
        return self.strays is not None and bool(self.strays.lost)

    def take_strays(self, found: Strays | None, why: str) -> None:
        """Take in which jobs no index leads to; None when that is unknown, and why."""
        self._strays = found, why
        if self.reported is not None:
            self.reported = self.reported.with_strays(found, why)
        self._find_wrong()

    def _find_wrong(self) -> None:
        audit_entries = () if self.reported is None else self.reported.system.audit_entries or ()
        if self._built is not None:
            self._newest = without_explained(self._built, audit_entries, self._system)
        fleet, poll = self._newest, self.poll
        incidents: tuple[Incident, ...] = ()
        groups: tuple[NewestGroup, ...] = ()
        unregistered: tuple[WorkerRow, ...] = ()
        if fleet is not None:
            incidents = self._rules.judge(
                fleet, self._when_taken(poll), health_report=self.reported, rtt_ms=self._rtt_ms
            )
            marked = self._acknowledgements.marked(incidents, fleet.server_time)
            incidents = tuple(marked)
            groups = self._groups(fleet)
            unregistered = unregistered_rows(self.strays, fleet)
        if poll.error is not None:
            since = None if fleet is None else fleet.server_time
            known = (each for each in incidents if each.check != "all")
            incidents = (no_answer(poll.error, since), *known)
        if self._label:
            incidents = tuple(of_place(each, self._label) for each in incidents)
            groups = tuple(each._replace(system=self._label) for each in groups)
            unregistered = tuple(each._replace(system=self._label) for each in unregistered)
        facts = self.reported.system.facts if self.reported is not None else None
        series_now, trend = self._recorder.series_now, self._trend.trend
        self._insights = Insights(
            *(incidents, groups, series_now, trend, facts, unregistered),
            groups_are_all=self._census_now is not None,
        )

    def take_failure_census(self, census: FailureCensus, label: str = "") -> None:
        """Take in what the whole list of failures holds: from now on figures are of all of it, for
        as long as nothing but newer failures changes it. `label` is that of this place."""
        self._census = census
        self._find_wrong()

    def _groups(self, fleet: FleetRows) -> tuple[NewestGroup, ...]:
        memory = self._rules.newest_groups
        newest = memory.groups(fleet.failures or ())
        census = None
        if self._census is not None:
            census = brought_up_to_date(self._census, fleet, memory.of)
        self._census_now = census
        if census is None:
            return newest
        self._newest = with_queue_figures(fleet, census)
        return census_groups(census, newest, fleet.server_time)

    def usual_s(self, job: RunningJob | None, system: str = "") -> float | None:
        """How long jobs like this one take, 95 of 100 of them; None when unknown. `system` is the
        label of this place."""
        name = None if job is None else unwrapped(job.class_name, job.args)[0]
        if name is None:
            return None
        return self._rules.usual_s(name) if self._frozen is None else self._usual_s.get(name)

    def _when_taken(self, poll: PollResult) -> float:
        return self._clock() if poll.taken_mono is None else poll.taken_mono

    def toggle_freeze(self) -> None:
        """Keep everything as it is, or go on to the newest."""
        if self._frozen is not None:
            self._frozen = None
            return
        view = self.view()
        workers = () if view.fleet is None else view.fleet.workers or ()
        jobs = [job for row in workers for job in row.jobs or ()]
        names = {unwrapped(each.class_name, each.args)[0] for each in jobs}
        self._usual_s = {name: self._rules.usual_s(name) for name in names if name is not None}
        self._frozen = replace(view, frozen_since_mono=view.now_mono)

    def view(self) -> ViewState:
        """All that a screen shows, at this moment, or at the one when it was frozen."""
        view = self._frozen or ViewState(
            address=self._system.place.address,
            # Without one, what it is.
            namespace=self._system.place.namespace or self._system.name,
            fleet=self._newest,
            insights=self._insights,
            poll=self.poll,
            now_mono=self._clock(),
            interval_s=self.interval_s,
            read_only=self._read_only,
            rtt_ms=self._rtt_ms,
            local_alive=len(self._local.alive),
            local_ending=self._local.ending,
            shown=self._label,
        )
        return replace(
            view,
            interval_s=self.interval_s,
            policy=self.policy,
            newest=None if self._newest is None else self._newest.server_time,
            is_unanswered=self.poll.error is not None,
        )
