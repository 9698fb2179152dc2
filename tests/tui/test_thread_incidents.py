"""Processes with threads: a beat that does not come, quiet for long, gone with jobs, all threads
busy, far from Redis, memory that only grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest
from tests.support.sample_data import NOW

from qtop.config.limits import USUAL, Thresholds
from qtop.model.fleet import Process, Queue, RunningJob, Snapshot
from qtop.model.health import HealthReport, SystemHealth
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.row_builder import RowBuilder
from qtop.systems.sidekiq.system import SidekiqSystem
from queuecore.action_record import Actor
from queuecore.audit import AuditEntry
from queuecore.fleet import ProcessFacts
from queuecore.values import replace
from sidekiq.keys import SidekiqKeys

MIB: Final = 2**20
SLOW: Final = "More jobs come than its 1 worker finish."


def process(at_s: float, number: int = 1, *, jobs: Any = (), **facts: Any) -> Process:
    """One with five threads that has just beaten."""
    beat = NOW + timedelta(seconds=at_s)
    return Process(
        *(f"web-1:{number}:ab", "web-1", number, ("q",), NOW, beat, True, 5, jobs, None, None),
        facts=ProcessFacts(**{"busy": len(jobs), **facts}),
    )


def job(class_name: str, since_s: float = 0) -> RunningJob:
    since = NOW + timedelta(seconds=since_s)
    return RunningJob(class_name.encode(), "q", since, class_name, [])


def gone(number: int = 1) -> Process:
    seen = process(0, number, is_gone=True, busy=None)
    return replace(seen, listed=(), jobs=None, problem="gone", beat_at=None)


def judged(
    polls: Sequence[Sequence[Process] | None],
    every_s: float = 10,
    *,
    queues: Callable[[int], tuple[Queue, ...]] = lambda number: (),
    thresholds: Thresholds = USUAL,
    report: HealthReport | None = None,
) -> dict[str, Incident]:
    """The incidents of the last poll, by their kinds."""
    system = SidekiqSystem(SidekiqKeys())
    builder, rules = RowBuilder(system), IncidentRules(thresholds, abilities=system.abilities)
    found: tuple[Incident, ...] = ()
    for number, processes in enumerate(polls):
        at_s = number * every_s
        now = NOW + timedelta(seconds=at_s)
        known = None if processes is None else tuple(processes)
        snapshot = Snapshot(now, queues(number), known, (), 0, 0, 0, False)
        fleet = builder.add(snapshot, at_s)
        found = rules.judge(fleet, at_s, health_report=report, rtt_ms=None)
    return {each.kind: each for each in found}


def beating(polls: int, **facts: Any) -> list[list[Process]]:
    return [[process(10 * at, **facts)] for at in range(polls)]


@pytest.mark.parametrize(("polls", "is_late"), [(3, False), (4, True)])
def test_a_process_that_misses_two_beats_is_late(polls: int, is_late: bool) -> None:
    assert ("late beat" in judged([[process(0)]] * polls)) is is_late
    assert "late beat" not in judged(beating(polls))


def test_a_clock_that_is_wrong_makes_no_beat_late() -> None:
    behind = [[process(10 * at - 500)] for at in range(5)]
    assert "late beat" not in judged(behind)


def test_a_process_that_does_not_tell_its_beats_is_not_late() -> None:
    silent = replace(process(0), beat_at=None)
    assert "late beat" not in judged([[silent]] * 9)


def test_processes_that_cannot_be_read_any_more_are_not_called_late() -> None:
    """Nor quiet for long, nor far from Redis: nothing is known of them."""
    facts = {"is_quiet": True, "busy": 3, "round_trip_us": 900_000}
    seen = [[process(10 * at, **facts)] for at in range(100)]
    assert {"quiet", "round trip"} <= judged(seen).keys()
    unknown: list[None] = [None] * 9
    assert not {"quiet", "round trip", "late beat"} & judged([*seen, *unknown]).keys()
    assert "late beat" not in judged([*seen, *unknown, [process(1090)]])


def test_a_process_that_went_stays_lost_while_processes_cannot_be_read() -> None:
    polls: list[list[Process] | None] = [[process(0, jobs=(job("Charge"),))], [gone()], None]
    assert "gone with jobs" in judged(polls)


def test_a_process_that_stays_quiet_with_jobs_is_reported() -> None:
    jobs = (job("Import", -60),)
    assert "quiet" not in judged(beating(30, jobs=jobs, is_quiet=True))
    found = judged(beating(32, jobs=jobs, is_quiet=True))["quiet"]
    assert "Import" in found.sentence
    assert found.evidence
    assert "quiet" not in judged(beating(32, is_quiet=True))
    assert "quiet" not in judged(beating(32, jobs=jobs))


def test_a_process_that_is_gone_is_named_with_the_jobs_it_ran() -> None:
    found = judged([[process(0, jobs=(job("Charge"), job("Mail")))], [gone()]])
    assert "gone" not in found
    lost = found["gone with jobs"]
    assert (lost.severity, lost.remedies[1].action) == ("crit", "prune")
    assert [each for each in lost.evidence if "Charge" in each.value]


def test_jobs_of_a_process_stay_named_when_another_takes_it_off_the_set() -> None:
    polls = [[process(0, jobs=(job("Charge"),))], [gone()], *beating(5, number=2)]
    assert "gone with jobs" in judged(polls)
    short = Thresholds(lost_for_s=30)
    assert "gone with jobs" not in judged(polls, thresholds=short)
    left = [[process(0, jobs=(job("Charge"),))], *beating(5, number=2)]
    assert "gone with jobs" not in judged(left)


def test_a_process_that_comes_back_or_was_rescued_has_lost_nothing_unless_that_was_undone() -> None:
    ran = process(0, jobs=(job("Charge"),))
    assert "gone with jobs" not in judged([[ran], [gone()], [process(20)]])
    at = NOW + timedelta(seconds=15)
    entry = AuditEntry(
        "1", at, Actor("ann", "host"), "rescue", "1 lost job", "", b"queue:q", 1, 1, 0, None
    )
    report = HealthReport(system=SystemHealth(audit_entries=(entry,)))
    assert "gone with jobs" not in judged([[ran], [gone()]], report=report)
    undone = HealthReport(system=SystemHealth(audit_entries=(replace(entry, undone=1),)))
    assert "gone with jobs" in judged([[ran], [gone()]], report=undone)


def test_a_rescue_ends_what_is_said_of_its_own_processes() -> None:
    ran = [process(0, number, jobs=(job("Charge"),)) for number in (1, 2)]
    at = NOW + timedelta(seconds=15)
    rescue = (*("1", at, Actor("ann", "host"), "rescue", "1 lost job", "", b"queue:q"), 1, 1, 0)
    entry = AuditEntry(*rescue, None, processes=("web-1:2:ab",))
    report = HealthReport(system=SystemHealth(audit_entries=(entry,)))
    found = judged([ran, [gone(1), gone(2)]], report=report)["gone with jobs"]
    assert [each.label for each in found.evidence] == ["web-1:1:ab"]


def test_a_process_of_which_no_jobs_were_seen_is_gone_without_a_word() -> None:
    assert judged([[gone()]])["gone"].severity == "warn"


# Threads that are all busy.


def unchanged(queues: tuple[Queue, ...]) -> Callable[[int], tuple[Queue, ...]]:
    return lambda _: queues


def growing(number: int) -> tuple[Queue, ...]:
    return (Queue("q", 100 + 10 * number),)


def test_a_queue_that_grows_while_all_threads_are_busy_says_so() -> None:
    found = judged(beating(14, busy=5), queues=growing)["growing"]
    assert "5 threads" in found.cause
    assert any(each.label == "threads" for each in found.evidence)
    assert judged(beating(14, busy=4), queues=growing)["growing"].cause == SLOW


def test_threads_of_a_process_that_does_not_tell_are_not_called_busy() -> None:
    assert judged(beating(14, busy=None), queues=growing)["growing"].cause == SLOW


def test_threads_of_processes_that_cannot_be_read_any_more_are_not_called_busy() -> None:
    polls: list[list[Process] | None] = [*beating(14, busy=5), None]
    assert "5 threads" in judged(polls[:-1], queues=growing)["growing"].cause
    assert "threads" not in judged(polls, queues=growing)["growing"].cause


def test_one_beat_with_all_threads_busy_is_no_evidence() -> None:
    polls = [*beating(13, busy=1), [process(130, busy=5)]]
    assert judged(polls, queues=growing)["growing"].cause == SLOW


@pytest.mark.parametrize(("waits_s", "is_late"), [(299, False), (301, True)])
def test_a_queue_is_late_from_its_limit_on(waits_s: float, is_late: bool) -> None:
    def waiting(_: int) -> tuple[Queue, ...]:
        return (Queue("q", 7, next_since=NOW - timedelta(seconds=waits_s)),)

    found = judged([[process(0)]], queues=waiting)
    assert ("latency" in found) is is_late
    lower = judged([[process(0)]], queues=waiting, thresholds=Thresholds(latency_s=60))
    assert "latency" in lower


def test_an_unknown_or_explained_latency_gives_no_alarm() -> None:
    long_ago = NOW - timedelta(hours=1)
    put_back = (Queue("q", 7, next_since=long_ago, is_put_back=True),)
    paused = (Queue("q", 7, is_paused=True, next_since=long_ago),)
    for found in (put_back, paused, (Queue("q", 7),)):
        assert "latency" not in judged([[process(0)]], queues=unchanged(found))
    unserved = judged([[]], queues=lambda _: (Queue("q", 7, next_since=long_ago),))
    assert "latency" not in unserved


# Redis, and memory.


def test_a_round_trip_is_long_at_two_beats_in_a_row() -> None:
    far, near = {"round_trip_us": 51_000}, {"round_trip_us": 49_000}
    assert "round trip" in judged(beating(2, **far))
    assert "round trip" not in judged(beating(2, **near))
    assert "round trip" not in judged([[process(0, **near)], [process(10, **far)]])
    assert "round trip" not in judged(beating(3))


def sizes(course: Callable[[int], int]) -> dict[str, Incident]:
    """A process whose memory in MiB is so much at each beat of 35 minutes."""
    polls = [[process(10 * at, rss_bytes=course(at) * MIB)] for at in range(210)]
    return judged(polls)


def test_memory_that_only_grows_is_reported() -> None:
    found = sizes(lambda at: 400 + at)["memory"]
    assert "MiB" in found.figures
    assert found.evidence


def test_memory_that_settles_or_shrinks_or_grows_little_is_not() -> None:
    assert "memory" not in sizes(lambda at: 400 + min(at, 60))
    assert "memory" not in sizes(lambda at: 400 + at % 100)
    assert "memory" not in sizes(lambda at: 4_000 + at)
