"""Jobs that are kept by their times: what is overdue, a storm of retries, dead jobs that are
dropped. An alarm has its figures; what is not known gives none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import pytest
from tests.support.sample_data import NOW

from qtop.config.limits import USUAL, Thresholds
from qtop.model.fleet import Process, Snapshot
from qtop.model.health import HealthReport, Ownership, TimedJobs, TimedSet
from qtop.monitor.changes import BeatWindow
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.row_builder import RowBuilder
from qtop.systems.sidekiq.system import SidekiqSystem
from queuecore.fleet import ProcessFacts
from queuecore.values import replace
from sidekiq.keys import SidekiqKeys

NOW_S: Final = NOW.timestamp()
DAY_S: Final = 86_400
QUIET_HOUR: Final = (0,) * 60


def process(number: int = 1, *, busy: int = 0) -> Process:
    """One with five threads."""
    return Process(
        *(f"web:{number}:ab", "web", number, ("q",), NOW, NOW, True, 5, (), None, None),
        facts=ProcessFacts(busy=busy),
    )


def seen(*processes: Process, processed: int = 100, at_s: float = 0) -> Snapshot:
    now = NOW + timedelta(seconds=at_s)
    return Snapshot(now, (), processes, (), 0, processed, 0, False)


def timed(at_s: float = 0, **sets: Any) -> TimedJobs:
    nothing: dict[str, Any] = {
        **dict.fromkeys(("scheduled", "retries", "dead"), TimedSet(0)),
        "retries_ahead": QUIET_HOUR,
    }
    return TimedJobs(NOW_S + at_s, **{**nothing, **sets})


def judged(
    looks: Sequence[tuple[Snapshot, TimedJobs | None]],
    every_s: float = 10,
    thresholds: Thresholds = USUAL,
) -> dict[str, Incident]:
    """The incidents of the last look, by their kinds."""
    builder, rules = RowBuilder(SidekiqSystem(SidekiqKeys())), IncidentRules(thresholds)
    found: tuple[Incident, ...] = ()
    for number, (snapshot, known) in enumerate(looks):
        fleet = builder.add(snapshot, number * every_s)
        report = HealthReport(ownership=Ownership(), timed=known)
        found = rules.judge(fleet, number * every_s, health_report=report, rtt_ms=None)
    return {each.kind: each for each in found}


# Overdue.


def overdue(late_s: float, many: int = 3) -> TimedSet:
    return TimedSet(10, NOW_S - late_s, NOW_S + 60, many)


@pytest.mark.parametrize(("processes", "late_s", "is_late"), [(1, 59, False), (1, 61, True)])
def test_one_process_has_a_minute_to_move_what_is_due(
    processes: int, late_s: float, is_late: bool
) -> None:
    fleet = seen(*map(process, range(processes)))
    assert ("overdue retry" in judged([(fleet, timed(retries=overdue(late_s)))])) is is_late


@pytest.mark.parametrize(("late_s", "is_late"), [(149, False), (151, True)])
def test_more_processes_look_less_often(late_s: float, is_late: bool) -> None:
    fleet = seen(*map(process, range(10)))
    assert ("overdue schedule" in judged([(fleet, timed(scheduled=overdue(late_s)))])) is is_late


def test_without_a_process_nothing_moves_what_is_due() -> None:
    found = judged([(seen(), timed(scheduled=overdue(70)))])["overdue schedule"]
    assert (found.severity, found.link and found.link.place) == ("crit", "workers")
    assert any("3 scheduled jobs" in each.value for each in found.evidence)


def test_unknown_processes_give_no_alarm() -> None:
    fleet = replace(seen(), processes=None)
    assert "overdue schedule" not in judged([(fleet, timed(scheduled=overdue(9_999)))])


def test_what_has_moved_while_it_was_looked_at_is_not_overdue() -> None:
    fleet = seen(process())
    assert "overdue retry" not in judged([(fleet, timed(retries=overdue(9_999, many=0)))])


def test_many_retries_are_the_cause_of_a_late_schedule() -> None:
    found = judged([(seen(process()), timed(scheduled=overdue(90), retries=overdue(90, 5_000)))])
    assert "5,000" in found["overdue schedule"].cause
    assert "stuck" in found["overdue retry"].cause


def test_a_retry_whose_time_is_endless_is_overdue_and_its_time_is_shown() -> None:
    found = judged([(seen(process()), timed(retries=TimedSet(1, float("-inf"), 0.0, 1)))])
    assert "-inf" in found["overdue retry"].figures


# A storm.


def storm(many: int, minute: int = 7, **more: Any) -> TimedJobs:
    ahead = [0] * 60
    ahead[minute] = many
    return timed(retries_ahead=tuple(ahead), storm_classes={"Charge": 90, "Mail": 10}, **more)


def worked(jobs_per_10_s: int, last: TimedJobs, polls: int = 8) -> list[Any]:
    """Polls of a process with one of its five threads busy, which does so many jobs in 10 s."""
    looks: list[tuple[Snapshot, TimedJobs | None]] = []
    for number in range(polls):
        fleet = seen(process(busy=1), processed=jobs_per_10_s * number, at_s=10 * number)
        looks.append((fleet, last))
    return looks


def test_more_retries_than_all_threads_can_do_are_a_storm() -> None:
    # One thread does 10 jobs a second: five do 15,000 in five minutes.
    assert "storm" not in judged(worked(100, storm(14_900)))
    found = judged(worked(100, storm(15_100)))["storm"]
    assert (found.severity, found.doubt) == ("warn", None)
    assert "15,100" in found.figures
    assert "Charge" in found.figures
    assert any("3,000/min" in each.value for each in found.evidence)
    assert any("90 of 100" in each.value for each in found.evidence)
    assert found.link is not None
    assert found.link.filter == 'class:"Charge"'
    assert len(found.remedies) > 1


def test_what_threads_can_do_must_be_known_for_an_alarm() -> None:
    found = judged([(seen(process()), storm(100_000))])["storm"]
    assert (found.severity, found.doubt) == ("info", "unjudged")


def test_few_retries_are_no_storm_however_slow_the_threads_are() -> None:
    assert "storm" not in judged(worked(5, storm(999)))
    assert "storm" in judged(worked(5, storm(999)), thresholds=Thresholds(storm_jobs=900))


def test_retries_that_could_not_be_counted_give_no_alarm() -> None:
    assert "storm" not in judged([(seen(process()), timed(retries_ahead=None))])


# The dead.


def dead(many: int, newest_ago_s: float = 3_600, oldest_days: float = 10) -> TimedSet:
    return TimedSet(many, NOW_S - oldest_days * DAY_S, NOW_S - newest_ago_s)


def of_dead(*sets: TimedSet) -> dict[str, Incident]:
    looks = [(seen(process()), timed(10 * at, dead=each)) for at, each in enumerate(sets)]
    return judged(looks)


def test_dead_jobs_at_their_limit_are_information_until_more_die() -> None:
    assert "dead cap" not in of_dead(dead(9_998))
    first = of_dead(dead(9_999))["dead cap"]
    assert (first.severity, first.doubt) == ("info", "unjudged")
    full = of_dead(dead(9_999), dead(9_999))["dead cap"]
    assert (full.severity, full.doubt) == ("info", None)
    growing = of_dead(dead(9_999), dead(9_999, newest_ago_s=5))["dead cap"]
    assert growing.severity == "warn"


def test_a_death_is_no_news_after_ten_minutes() -> None:
    looks = [
        (seen(process()), timed(at_s, dead=dead(9_999, newest_ago_s=newest_ago_s)))
        for at_s, newest_ago_s in ((0, 3_600), (10, 5), (620, 5))
    ]
    assert judged(looks)["dead cap"].severity == "info"


@pytest.mark.parametrize("newest_ago_s", [-3_600, float("-inf")])
def test_a_death_that_is_dated_in_the_future_hides_others(newest_ago_s: float) -> None:
    """By a clock that is ahead, or an endless score: whether others died since is not known."""
    found = of_dead(*[dead(9_999, newest_ago_s=newest_ago_s)] * 3)["dead cap"]
    assert (found.severity, found.doubt) == ("info", "unjudged")
    once_it_left = of_dead(dead(9_999, newest_ago_s=newest_ago_s), *[dead(9_999)] * 2)["dead cap"]
    assert (once_it_left.severity, once_it_left.doubt) == ("info", None)
    later = of_dead(
        *(dead(9_999, newest_ago_s=each) for each in (newest_ago_s, 3_600, 3_600, 5)),
    )["dead cap"]
    assert later.severity == "warn"


def test_dead_jobs_that_were_deleted_and_came_back_did_not_die() -> None:
    found = of_dead(dead(9_999), TimedSet(0), dead(9_999))["dead cap"]
    assert (found.severity, found.doubt) == ("info", None)


def test_a_limit_that_is_set_higher_is_not_reached() -> None:
    assert "dead cap" not in of_dead(dead(10_001), dead(10_001, newest_ago_s=5))


@pytest.mark.parametrize(("days", "is_told"), [(172, False), (174, True), (190, True)])
def test_dead_jobs_are_about_to_be_lost_to_age(days: float, is_told: bool) -> None:
    found = of_dead(dead(5, oldest_days=days), dead(5, newest_ago_s=5, oldest_days=days))
    assert ("dead age" in found) is is_told
    assert not is_told or found["dead age"].severity == "warn"


def test_nothing_is_lost_to_age_while_nothing_dies() -> None:
    assert of_dead(*[dead(5, oldest_days=179)] * 2)["dead age"].severity == "info"


# Rates of totals that move with beats.


def rates(totals: Sequence[int], every_s: float = 1.0) -> list[float | None]:
    window = BeatWindow()
    return [window.add(total, at * every_s) for at, total in enumerate(totals)]


def test_a_rate_is_that_of_whole_beats() -> None:
    # A process that does 5 jobs a second, and says so each 10 s.
    totals = [50 * (second // 10) for second in range(60)]
    found = rates(totals)
    assert found[:20] == [None] * 20
    assert set(found[20:]) == {5.0}


def test_a_total_that_stays_has_no_rate_until_beats_would_have_moved_it() -> None:
    found = rates([7] * 40)
    assert found[:26] == [None] * 26
    assert set(found[26:]) == {0.0}


def test_a_total_that_stops_falls_to_zero_and_one_that_was_reset_begins_anew() -> None:
    stopped = rates([50 * min(3, second // 10) for second in range(70)])
    assert stopped[50] == 5.0
    assert stopped[-1] == 0.0
    assert rates([0, 10, 20, 0])[-1] is None
