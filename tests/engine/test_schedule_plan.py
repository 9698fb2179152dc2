"""Which schedule fires when, by a clock of the test's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from resque.scheduler.definition import Schedule, read
from resque.scheduler.plan import FiringPlan, next_firing

NOW = datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def every(text: str, first_in: str | None = None, name: str = "a") -> Schedule:
    return read(name, {"every": [text, {"first_in": first_in}] if first_in else text})


def cron(text: str, name: str = "a") -> Schedule:
    return read(name, {"cron": text})


def begun(*schedules: Schedule, last: datetime | None = None, now: datetime = NOW) -> FiringPlan:
    plan = FiringPlan(UTC)
    plan.begin(schedules, {"a": last}, now)
    return plan


def next_at(plan: FiringPlan) -> str:
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


def test_what_was_missed_while_no_scheduler_ran_is_not_caught_up() -> None:
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


def with_options(kind: str, **options: object) -> Schedule:
    text = "1h" if kind == "every" else "0 3 * * *"
    return read("a", {kind: [text, options]})


def fire(plan: FiringPlan, times: int) -> list[str]:
    """The next firings of a plan, one after the other."""
    found = []
    for _ in range(times):
        found.append(next_at(plan))
        if (at := plan.next_at()) is not None:
            plan.fired("a", at)
    return found


def test_a_schedule_fires_so_often_after_each_start() -> None:
    three = with_options("every", times=2, first_in="5s")
    assert fire(begun(three), 3) == ["23. 12:00:05", "23. 13:00:05", "never"]
    last = NOW - HOUR
    assert fire(begun(three, last=last), 3) == ["23. 12:00:05", "23. 13:00:05", "never"]
    assert fire(begun(with_options("cron", times=1)), 2) == ["24. 03:00:00", "never"]
    assert fire(begun(with_options("cron", times=0)), 1) == ["never"]


def test_a_schedule_fires_first_at_a_moment_and_then_by_its_rule() -> None:
    at = "2026-11-23 15:30:00 UTC"
    assert fire(begun(with_options("cron", first_at=at)), 2) == ["23. 15:30:00", "24. 03:00:00"]
    assert fire(begun(with_options("every", first_at=at)), 2) == ["23. 15:30:00", "23. 16:30:00"]
    assert fire(begun(with_options("every", first_at=at), last=NOW - HOUR), 1) == ["23. 15:30:00"]
    assert fire(begun(with_options("cron", first_in="1m")), 2) == ["23. 12:01:00", "24. 03:00:00"]


def test_a_moment_without_a_zone_is_in_that_of_the_scheduler() -> None:
    plan = FiringPlan(timezone(2 * HOUR))
    plan.begin([with_options("every", first_at="2026-11-23 15:30")], {}, NOW)
    assert next_at(plan) == "23. 13:30:00"


def test_a_first_moment_that_has_passed_means_nothing_or_now() -> None:
    past = "2020-01-01T00:00:00Z"
    assert next_at(begun(with_options("every", first_at=past))) == "23. 13:00:00"
    options = {"first_at": past, "first_at_no_error": True}
    assert next_at(begun(with_options("cron", **options))) == "23. 12:00:00"


def test_a_schedule_ends_at_its_last_moment() -> None:
    assert fire(begun(with_options("every", last_in="90m")), 2) == ["23. 13:00:00", "never"]
    ended = with_options("every", last_at="2020-01-01 00:00 Europe/Berlin")
    assert next_at(begun(ended)) == "never"


def test_what_only_the_scheduler_at_work_knows_is_no_firing() -> None:
    last = NOW - timedelta(minutes=10)
    for options in ({"times": 3}, {"last_in": "1d"}):
        assert next_firing(with_options("every", **options), last, NOW, UTC) is None
    soon = with_options("every", first_at="2026-11-24 00:00 UTC")
    assert next_firing(soon, last, NOW, UTC) == datetime(2026, 11, 24, tzinfo=UTC)
    over = with_options("every", last_at="2026-11-23 12:30 UTC")
    assert next_firing(over, last, NOW, UTC) is None
