"""What is known of several places, shown as one: rows of all, sums, what is wrong anywhere.

What a place that does not answer counted may be wrong by now: its rows stay, its figures are left
out of sums, which are then at least so many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace as replaced
from operator import attrgetter
from typing import Final, TypeAlias, TypeVar, get_args

from qtop.actions.request import AnyRequest, Placed, Request, Several
from qtop.keymap.keymap import ACTIONS
from qtop.model.fleet import RunningJob
from qtop.model.health import HealthReport, Ownership
from qtop.model.job import JobRow
from qtop.model.placed import placed_job
from qtop.monitor.changes import Drops
from qtop.monitor.failure_census import FailureCensus
from qtop.monitor.incidents.incident import SEVERITIES, Check, Incident
from qtop.monitor.poller import PollResult
from qtop.monitor.rows import FleetRows, Totals
from qtop.monitor.series import FleetSeries, SeriesRecorder, Trend, TrendRecorder
from qtop.monitor.state import (
    ALL,
    ConsoleState,
    Insights,
    PlaceCondition,
    UiPolicy,
    ViewState,
)
from qtop.systems.system import Wording
from qtop.text.safe import safe
from queuecore.values import replace

_RowT = TypeVar("_RowT")
_CHECKS: Final = get_args(Check)

#: What actions are called where their system has no other words for them.
_IN_TABLE: Final = {action.id: Wording(action.label, action.help) for action in ACTIONS}
#: What is known of what is shown: of one place, or of all together.
ShownState: TypeAlias = "ConsoleState | TogetherState"


class TogetherState:
    """The states of several places as one: what screens ask of a `ConsoleState` they ask of this.
    `states` are those of the places by their labels, at least one; more may join."""

    def __init__(self, states: Mapping[str, ConsoleState], clock: Callable[[], float]) -> None:
        self._states = states
        self._clock = clock
        self._recorder = SeriesRecorder(has_one_clock=False)
        self._trend = TrendRecorder()
        #: The parts of the fleet that was merged last, and what came of them.
        self._merged: tuple[tuple[object, ...], FleetRows | None] = ((), None)
        #: The label of the place that was polled last.
        self._polled_last = next(iter(states))
        #: The courses of the totals as they are shown while the display is frozen.
        self._frozen: tuple[FleetSeries, Trend] | None = None

    # What the console asks of each state

    @property
    def policy(self) -> UiPolicy:
        """That of the places. Forbidden is what is so in each of them."""
        policies = {label: state.policy for label, state in self._states.items()}
        first, *others = policies.values()
        impossible = set(first.forbidden).intersection(*(each.forbidden for each in others))
        return replaced(
            first,
            forbidden={each: self._why_not(each) for each in sorted(impossible)},
            wording=_wording(policies),
        )

    def _why_not(self, action_id: str) -> str:
        reasons = dict.fromkeys(self.lacking(action_id).values())
        return "; ".join(reasons)

    def lacking(self, action_id: str) -> dict[str, str]:
        """Why some places cannot do an action, by label."""
        found = {
            label: each.policy.forbidden.get(action_id) for label, each in self._states.items()
        }
        return {label: why for label, why in found.items() if why is not None}

    def everywhere(self, action_id: str, request: Request) -> AnyRequest:
        """A request to all places that can do it. What none can do is refused before."""
        lacking = self.lacking(action_id)
        able = [label for label in self._states if label not in lacking]
        return Several(tuple(Placed(label, request) for label in able), lacking)

    @property
    def interval_s(self) -> float:
        return self._first.interval_s

    @property
    def poll(self) -> PollResult:
        """The newest poll of any place. Polls fail when those of all places do."""
        return self._poll({label: state.poll for label, state in self._states.items()})

    @property
    def reported(self) -> HealthReport | None:
        """The report of the place that was polled last; None before each has one."""
        if any(state.reported is None for state in self._states.values()):
            return None
        return self._states.get(self._polled_last, self._first).reported

    @property
    def ownership(self) -> Ownership | None:
        """None: each place refuses what is not its own."""
        return None

    @property
    def is_paused(self) -> bool | None:
        """Whether everything was paused at the last poll, wherever that can be; None when that is
        unknown."""
        lacking = self.lacking("pause_all")
        able = (state for label, state in self._states.items() if label not in lacking)
        return _all_of(state.is_paused for state in able)

    @property
    def has_strays(self) -> bool:
        return any(state.has_strays for state in self._states.values())

    @property
    def ages(self) -> bool:
        """Whether what is shown changes by the mere passing of time."""
        return any(state.ages for state in self._states.values())

    def served_by(self, queues: tuple[str, ...], system: str = "") -> Collection[str]:
        """As `ConsoleState.served_by`, in the place with the label `system`."""
        state = self._states.get(system)
        return () if state is None else state.served_by(queues)

    def usual_s(self, job: RunningJob | None, system: str = "") -> float | None:
        """As `ConsoleState.usual_s`, in the place with the label `system`."""
        state = self._states.get(system)
        return None if state is None else state.usual_s(job)

    # What it is told

    def toggle_freeze(self) -> None:
        """Keep everything as it is, of each place and of all, or go on to the newest."""
        now = self._recorder.series_now, self._trend.trend
        self._frozen = now if self._frozen is None else None
        for state in self._states.values():
            state.toggle_freeze()

    def joined(self, state: ConsoleState) -> None:
        """A place has joined: of a frozen display it shows nothing before that goes on."""
        if self._frozen is not None:
            state.toggle_freeze()

    def take_failure_census(self, census: FailureCensus, label: str) -> None:
        """As `ConsoleState.take_failure_census`, of the place with this label."""
        state = self._states.get(label)
        if state is not None:
            state.take_failure_census(census)

    def note_poll(self, label: str) -> None:
        """Take in that a place was polled, also in vain. O(rows) where there are other ones."""
        if self._frozen is None:
            self._polled_last = label
        fleet, now_mono = (
            self._fleet([state.view() for state in self._states.values()]),
            self._clock(),
        )
        totals = None if fleet is None else fleet.totals
        moment = None if fleet is None else fleet.server_time
        self._recorder.add(totals, now_mono, moment)
        self._trend.add(totals, now_mono, moment)

    # What it shows

    def view(self) -> ViewState:
        """All that a screen shows of all places. O(rows) after a poll of any."""
        views = {label: state.view() for label, state in self._states.items()}
        first = next(iter(views.values()))
        fleet = self._fleet(list(views.values()))
        newest = [view.newest for view in views.values() if view.newest is not None]
        poll = self._poll({label: view.poll for label, view in views.items()})
        rtts_ms = [view.rtt_ms for view in views.values() if view.rtt_ms is not None]
        return replaced(
            first,
            fleet=fleet,
            poll=poll,
            insights=self._insights(list(views.values())),
            policy=self.policy,
            newest=max(newest, default=None),
            rtt_ms=max(rtts_ms, default=None),
            is_unanswered=all(view.is_unanswered for view in views.values()),
            shown=ALL,
            parts=tuple(_condition(label, view) for label, view in views.items()),
        )

    @property
    def _first(self) -> ConsoleState:
        return next(iter(self._states.values()))

    def _poll(self, each: Mapping[str, PollResult]) -> PollResult:
        polls = list(each.values())
        taken = [poll.taken_mono for poll in polls if poll.taken_mono is not None]
        # Another one after each poll of any; of a frozen display always the same.
        last = each.get(self._polled_last, polls[0])
        found = PollResult(last.snapshot, max(taken, default=None), last.rtt_ms)
        errors = [poll.error for poll in polls if poll.error is not None]
        if len(errors) < len(polls):
            return found
        since = [each.failing_since_mono for each in polls if each.failing_since_mono is not None]
        tries = [each.next_try_mono for each in polls if each.next_try_mono is not None]
        return replaced(
            found,
            error="; ".join(dict.fromkeys(errors)),
            failing_since_mono=max(since, default=None),
            next_try_mono=min(tries, default=None),
        )

    def _fleet(self, views: Sequence[ViewState]) -> FleetRows | None:
        parts = tuple((view.shown, view.fleet, view.is_stale) for view in views)
        flat = tuple(each for part in parts for each in part)
        before, merged = self._merged
        if len(before) != len(flat) or any(
            was is not now for was, now in zip(before, flat, strict=True)
        ):
            merged = merged_fleet(parts)
            self._merged = flat, merged
        return merged

    def _insights(self, views: Sequence[ViewState]) -> Insights:
        each = [view.insights for view in views]
        groups = [group for insights in each for group in insights.groups]
        now = self._recorder.series_now, self._trend.trend
        series_now, trend = self._frozen or now
        return Insights(
            incidents=merged_incidents(each),
            groups=tuple(sorted(groups, key=lambda group: -group.number)),
            series_now=series_now,
            trend=trend,
            facts=None,
            unregistered=tuple(row for insights in each for row in insights.unregistered),
            groups_are_all=all(insights.groups_are_all for insights in each),
        )


def _wording(policies: Mapping[str, UiPolicy]) -> dict[str, Wording]:
    """What actions are called in the places that can do them: where these differ, all of it, with
    their labels. O(places x actions with words of their own)."""
    ids = {action_id for policy in policies.values() for action_id in policy.wording}
    found: dict[str, Wording] = {}
    for action_id in ids:
        able = [label for label, each in policies.items() if action_id not in each.forbidden]
        whose: dict[Wording, list[str]] = {}
        for label in able or policies:
            words = policies[label].wording.get(action_id) or _IN_TABLE[action_id]
            whose.setdefault(words, []).append(label)
        found[action_id] = _joint(whose)
    return found


def _joint(whose: Mapping[Wording, Sequence[str]]) -> Wording:
    if len(whose) == 1:
        return next(iter(whose))
    labels = dict.fromkeys(each.label for each in whose if each.label)
    texts = (f"{', '.join(map(safe, places))}: {each.help}" for each, places in whose.items())
    return Wording("/".join(labels), " ".join(texts))


def _condition(label: str, view: ViewState) -> PlaceCondition:
    moment = None if view.fleet is None else view.fleet.server_time
    return PlaceCondition(label, view.address, view.namespace, view.poll, moment)


def merged_incidents(each: Sequence[Insights]) -> tuple[Incident, ...]:
    """What is wrong in any place, the worst first, in each place's own order; where nothing is
    wrong anywhere, what says so comes first."""
    found = [incident for insights in each for incident in insights.incidents]
    if any(one.severity in ("crit", "warn") and not one.is_over for one in found):
        found.sort(key=lambda one: (SEVERITIES.index(one.severity), _CHECKS.index(one.check)))
    else:
        found.sort(key=lambda one: one.check != "all")
    return tuple(found)


#: A place, its rows, and whether they may be wrong by now.
Part = tuple[str, FleetRows | None, bool]


def merged_fleet(parts: Sequence[Part]) -> FleetRows | None:
    """The rows of all places; None before any has some. O(rows)."""
    seen = [(label, fleet) for label, fleet, _ in parts if fleet is not None]
    if not seen:
        return None
    fleets = [fleet for _, fleet in seen]
    return FleetRows(
        server_time=max(fleet.server_time for fleet in fleets),
        queues=_joined([fleet.queues for fleet in fleets]),
        workers=_joined([fleet.workers for fleet in fleets]),
        failures=_failures(seen),
        totals=_totals(parts),
    )


def _joined(parts: Sequence[tuple[_RowT, ...] | None]) -> tuple[_RowT, ...] | None:
    known = [part for part in parts if part is not None]
    return tuple(row for part in known for row in part) if known else None


def _failures(seen: Sequence[tuple[str, FleetRows]]) -> tuple[JobRow, ...] | None:
    known = [(label, fleet.failures) for label, fleet in seen if fleet.failures is not None]
    if not known:
        return None
    rows = [
        replace(row, key=(label, row.key), job=placed_job(label, row.job))
        for label, part in known
        for row in part
    ]
    # Not by their ages: each place was polled at another moment.
    rows.sort(key=_newest_first)
    return tuple(rows)


def _newest_first(row: JobRow) -> float:
    failed_at = row.job.failed_at
    return math.inf if failed_at is None else -failed_at.timestamp()


def _totals(parts: Sequence[Part]) -> Totals:
    fresh = [(label, fleet.totals) for label, fleet, is_old in parts if fleet and not is_old]
    # Where no place answers, all is as it was, and dimmed.
    used = fresh or [(label, fleet.totals) for label, fleet, _ in parts if fleet]
    figures = [totals for _, totals in used]
    is_part = len(used) < len(parts)

    def summed(name: str) -> int | None:
        known = [each for each in map(attrgetter(name), figures) if each is not None]
        return sum(known) if known else None

    def is_least(name: str) -> bool:
        return is_part or any(each is None for each in map(attrgetter(name), figures))

    return Totals(
        queues=summed("queues"),
        waiting=summed("waiting"),
        working=summed("working"),
        workers=summed("workers"),
        troubled=sum(each.troubled for each in figures),
        failed=summed("failed"),
        failed_ever=None if is_least("failed_ever") else summed("failed_ever"),
        processed_per_s=None if is_part else _rate(figures, "processed_per_s"),
        failed_per_s=None if is_part else _rate(figures, "failed_per_s"),
        is_paused=_any_of(each.is_paused for each in figures),
        problems=_problems(used),
        drops=_drops([each.drops for each in figures]),
        waiting_is_least=is_least("waiting") or any(each.waiting_is_least for each in figures),
        working_is_least=is_least("working") or any(each.working_is_least for each in figures),
        queues_is_least=is_least("queues"),
        workers_is_least=is_least("workers"),
        failed_is_least=is_least("failed"),
        in_per_s=None if is_part else _rate(figures, "in_per_s"),
        in_is_estimate=any(each.in_is_estimate for each in figures),
        rates_over_s=max(
            (each.rates_over_s for each in figures if each.rates_over_s is not None), default=None
        ),
        dead=sum(each.dead for each in figures),
        slots=None if is_least("slots") else summed("slots"),
        busy=None if is_least("busy") else summed("busy"),
    )


def _rate(figures: Sequence[Totals], name: str) -> float | None:
    known = [each for each in map(attrgetter(name), figures) if each is not None]
    return sum(known) if len(known) == len(figures) else None


def _problems(used: Sequence[tuple[str, Totals]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for label, totals in used:
        for what, why in totals.problems.items():
            found.setdefault(what, []).append(f"{label}: {why}")
    return {what: "; ".join(reasons) for what, reasons in found.items()}


def _drops(each: Sequence[Drops]) -> Drops:
    first = each[0]
    return first._replace(
        gone=tuple(drop for drops in each for drop in drops.gone),
        waiting=next((drops.waiting for drops in each if drops.waiting), None),
        workers=next((drops.workers for drops in each if drops.workers), None),
        failed=next((drops.failed for drops in each if drops.failed), None),
        breaks_waiting=any(drops.breaks_waiting for drops in each),
        breaks_counts=any(drops.breaks_counts for drops in each),
    )


def _any_of(answers: Iterable[bool | None]) -> bool | None:
    """Whether any is so; None when that is unknown."""
    seen = set(answers)
    return True if True in seen else None if None in seen else False


def _all_of(answers: Iterable[bool | None]) -> bool | None:
    """Whether all are so, of at least one; None when that is unknown."""
    seen = set(answers)
    return False if False in seen or not seen else None if None in seen else True
