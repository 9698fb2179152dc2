"""Which schedule fires when. Pure: moments come in as arguments, nothing is sent anywhere.

Firings that were missed while no scheduler was at work are not caught up, as in Ruby. An interval
goes on from its last firing, so that starting a scheduler anew does not delay it (in Ruby it
begins again with each start).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from resque.scheduler.cron import Cron, Every
from resque.scheduler.definition import Schedule


@dataclass(frozen=True, slots=True)
class Planned:
    """One schedule and its next firing (UTC, whole seconds); None when it never fires again.
    `left` is how often it may still fire, `until` from when on it does not; None without end."""

    schedule: Schedule
    at: datetime | None
    left: int | None = None
    until: datetime | None = None


class FiringPlan:
    """The schedules of one scheduler with their next firings. `local` is the zone of cron
    expressions that name none."""

    def __init__(self, local: tzinfo) -> None:
        self._local = local
        self._planned: dict[str, Planned] = {}

    def __iter__(self) -> Iterator[Planned]:
        return iter(self._planned.values())

    def __len__(self) -> int:
        return len(self._planned)

    def begin(
        self, schedules: Iterable[Schedule], last: Mapping[str, datetime | None], now: datetime
    ) -> None:
        """Plan all anew, as after a start. `last` are the times they last fired."""
        self._planned = {s.name: self._begun(s, last.get(s.name), now) for s in schedules}

    def _begun(self, schedule: Schedule, last: datetime | None, now: datetime) -> Planned:
        at = first_firing(schedule, last, now, self._local)
        until = schedule.bounds.last_at(now.replace(microsecond=0), self._local)
        return _within(Planned(schedule, at, schedule.bounds.times, until))

    def update(self, schedules: Iterable[Schedule], now: datetime) -> list[str]:
        """Take over what changed: a new or changed schedule begins now, an unchanged one keeps its
        next firing. Returns the names of those that began, changed or went."""
        before, self._planned = self._planned, {}
        for s in schedules:
            known = before.get(s.name)
            if known is not None and known.schedule.source == s.source:
                self._planned[s.name] = known
            else:
                self._planned[s.name] = self._begun(s, None, now)
        after = self._planned
        return [n for n in (before | after) if before.get(n) is not after.get(n)]

    def due(self, now: datetime) -> list[Planned]:
        """The schedules whose moment has come, the earliest first."""
        due = [(p.at, p) for p in self._planned.values() if p.at is not None and p.at <= now]
        return [p for _, p in sorted(due, key=lambda pair: pair[0])]

    def fired(self, name: str, now: datetime) -> None:
        """Plan the next firing of a schedule that is through with this one: the next after now,
        for what was missed is not caught up."""
        done = self._planned[name]
        at = _following(done.schedule, done.at, now, self._local)
        left = None if done.left is None else done.left - 1
        self._planned[name] = _within(replace(done, at=at, left=left))

    def next_at(self) -> datetime | None:
        """When the next schedule fires."""
        return min((p.at for p in self._planned.values() if p.at is not None), default=None)


def next_firing(
    schedule: Schedule, last: datetime | None, now: datetime, local: tzinfo
) -> datetime | None:
    """When a schedule fires next after `now`. None when never, or when only its scheduler knows: an
    interval that never fired begins with its start, as do limits that count from there."""
    bounds = schedule.bounds
    if bounds.depend_on_start:
        return None
    if isinstance(bounds.first, datetime) and (first := bounds.first_at(now, local)) is not None:
        return first
    at = _following(schedule, last, now, local)
    return _within(Planned(schedule, at, until=bounds.last_at(now, local))).at


def _within(planned: Planned) -> Planned:
    """The same, without a next firing when its limits are reached."""
    is_over = planned.left is not None and planned.left < 1
    if planned.at is not None and planned.until is not None:
        is_over |= planned.at >= planned.until
    return replace(planned, at=None) if is_over else planned


def _following(
    schedule: Schedule, last: datetime | None, now: datetime, local: tzinfo
) -> datetime | None:
    if isinstance(schedule.timing, Cron):
        found = schedule.timing.next_after(now, local)
        return None if found is None else found.astimezone(UTC)
    return None if last is None else schedule.timing.next_after(now, last.astimezone(UTC))


def next_firings(
    schedule: Schedule, last: datetime | None, now: datetime, local: tzinfo, count: int
) -> list[datetime]:
    """The next `count` firings after `now` (UTC); fewer when no more are known."""
    found: list[datetime] = []
    at: datetime | None = now
    while at is not None and len(found) < count:
        at = next_firing(schedule, last, at, local)
        found += [] if at is None else [at]
    return found


def first_firing(
    schedule: Schedule, last: datetime | None, now: datetime, local: tzinfo
) -> datetime | None:
    """When a schedule fires for the first time after it was loaded."""
    began = now.astimezone(UTC).replace(microsecond=0)
    is_interval = isinstance(schedule.timing, Every)
    # A number of firings is counted from the start, and so are they.
    is_new = last is None or schedule.bounds.times is not None
    if is_new or not is_interval or isinstance(schedule.bounds.first, datetime):
        first = schedule.bounds.first_at(began, local)
        if first is not None:
            return first
    if is_new and isinstance(schedule.timing, Every):
        return began + timedelta(seconds=schedule.timing.first_in_s)
    return _following(schedule, last, now, local)
