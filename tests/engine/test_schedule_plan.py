"""Which schedule fires when, by a clock of the test's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from resque.scheduler.definition import Schedule, read
from resque.scheduler.plan import Plan

NOW = datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def every(text: str, first_in: str | None = None, name: str = "a") -> Schedule:
    return read(name, {"every": [text, {"first_in": first_in}] if first_in else text})


def cron(text: str, name: str = "a") -> Schedule:
    return read(name, {"cron": text})


def begun(*schedules: Schedule, last: datetime | None = None, now: datetime = NOW) -> Plan:
    plan = Plan(UTC)
    plan.begin(schedules, {"a": last}, now)
    return plan


def next_at(plan: Plan) -> str:
    at = plan.next_at()
    return "never" if at is None else at.strftime("%d. %H:%M:%S")


def test_an_interval_that_never_fired_begins_with_the_scheduler() -> None:
    assert next_at(begun(every("1h"))) == "23. 13:00:00"
    assert next_at(begun(every("1h", "5m"))) == "23. 12:05:00"


def test_one_that_begins_at_once_is_due_at_once() -> None:
    assert [p.schedule.name for p in begun(every("1h", "0s")).due(NOW)] == ["a"]


def test_an_interval_goes_on_from_its_last_firing_after_a_restart() -> None:
    last = NOW.replace(microsecond=0) - timedelta(minutes=50)
    assert next_at(begun(every("1h", "0s"), last=last)) == "23. 12:10:00"


def test_what_was_missed_while_nobody_was_at_work_is_not_caught_up() -> None:
    last = NOW.replace(microsecond=0) - timedelta(hours=30, minutes=50)
    plan = begun(every("1h"), last=last)
    assert plan.due(NOW) == []
    assert next_at(plan) == "23. 12:10:00"
    assert begun(cron("0 3 * * *"), last=last).due(NOW) == []


def test_a_late_firing_is_made_once_and_the_next_one_comes_after_now() -> None:
    plan = begun(cron("*/10 * * * *"))
    late = NOW + HOUR
    assert len(plan.due(late)) == 1
    plan.fired("a", late)
    assert plan.due(late) == []
    assert next_at(plan) == "23. 13:10:00"


def test_the_earliest_fires_first() -> None:
    plan = begun(every("3s", name="c"), every("1s", name="a"), every("2s", name="b"))
    assert [p.schedule.name for p in plan.due(NOW + 5 * SECOND)] == ["a", "b", "c"]
    assert [p.schedule.name for p in plan.due(NOW + 1 * SECOND)] == ["a"]


def test_an_unchanged_schedule_keeps_its_next_firing_when_others_change() -> None:
    plan = begun(every("1h"), every("1h", name="b"), every("1h", name="c"))
    later = NOW + timedelta(minutes=30)
    changed = plan.update([every("1h"), every("2h", name="b"), every("1h", name="d")], later)
    assert sorted(changed) == ["b", "c", "d"]
    assert {p.schedule.name: str(p.at)[11:19] for p in plan} == {
        "a": "13:00:00",
        "b": "14:30:00",
        "d": "13:30:00",
    }


def test_an_empty_plan_never_fires() -> None:
    plan = begun()
    assert next_at(plan) == "never"
    assert plan.due(NOW + 1000 * HOUR) == []
    assert len(plan) == 0
