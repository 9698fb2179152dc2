"""Incidents are reported with their figures, from the bound on; unknown is not called fine."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.derived import FINE, judged
from tests.support.sample_data import (
    NOW,
    SYSTEM,
    failure,
    fleet,
    health_report,
    queue,
    snapshot,
    worker,
)

from qtop.model import health
from qtop.model.fleet import Snapshot
from qtop.model.health import HealthReport, skew_s
from qtop.monitor.incidents.incident import Incident, Link, troubles
from qtop.monitor.incidents.queues import paused_by
from qtop.monitor.incidents.rules import IncidentRules, no_answer
from qtop.monitor.row_builder import RowBuilder
from qtop.systems.resque.health import next_jobs, waiting_classes
from queuecore.action_record import Actor
from queuecore.active_job import WRAPPER
from queuecore.audit import AuditEntry
from queuecore.values import replace as changed
from queuecore.windows import whole
from resque.store.failures import Failure, read
from resque.store.waiting_classes import QueueSample


def texts(incidents: Sequence[Incident]) -> list[str]:
    return [f"{each.severity}: {each.sentence}" for each in incidents]


def of_kind(kind: str, incidents: Sequence[Incident]) -> list[Incident]:
    return [each for each in incidents if each.kind == kind]


def only(kind: str, incidents: Sequence[Incident]) -> Incident:
    (found,) = of_kind(kind, incidents)
    return found


def served(*queues: Any, **more: Any) -> Snapshot:
    """A snapshot of queues that a worker serves."""
    return snapshot(queues, [worker("web1:7:*")], **more)


def failures_every(seconds: float, number: int, **fields: Any) -> list[Failure]:
    """Failures: the newest happened so long ago, and each other one as long before the next."""
    return [
        failure(
            -at,
            failed_at=(NOW - timedelta(seconds=seconds * at)).strftime("%Y/%m/%d %H:%M:%S UTC"),
            **fields,
        )
        for at in range(1, number + 1)
    ]


# All is well


def test_when_nothing_is_wrong_one_sentence_says_so() -> None:
    look = served(queue("mail", 3), failures=[failure(180)])
    (incident,) = judged(look)
    assert incident.severity == "good"
    assert incident.sentence == "No problems detected; 1 queue, 1 worker, last failure 3 h ago"
    assert troubles((incident,)) == (0, "good")


def test_without_failed_jobs_the_sentence_says_so() -> None:
    assert judged(served())[0].sentence.endswith("1 worker, no failure on record")
    unknown = served(failed=None)
    assert judged(unknown)[0].sentence.endswith("last failure unknown")


def test_before_the_first_health_report_nothing_is_wrong_so_far() -> None:
    (incident,) = judged(served(), found=None)
    assert incident.text == "No problems detected so far (checks are running)"


def test_forbidden_checks_are_unknown_and_not_fine() -> None:
    incidents = judged(served(), found=health.failed("this user lacks a right"))
    assert incidents[0].text == "No problems detected (some checks unavailable)"
    assert {incident.severity for incident in incidents} == {"info"}
    assert texts(incidents[1:]) == [
        f"info: unknown: {what} (this user lacks a right)"
        for what in (
            "Redis's memory, eviction and persistence",
            "the scheduler and delayed jobs",
            "who paused what",
            "unreadable delayed jobs",
            "oldest ages",
            "jobs that are in no index",
        )
    ]


def test_the_worst_incident_comes_first_and_crit_and_warn_are_counted() -> None:
    incidents = judged(fleet())
    ranks = [("crit", "warn", "info", "good").index(each.severity) for each in incidents]
    assert ranks == sorted(ranks)
    assert troubles(incidents) == (sum(rank < 2 for rank in ranks), "crit")


# Since when


def test_an_incident_that_began_later_has_its_time_and_one_of_the_first_poll_is_older() -> None:
    well, ill = served(queue("mail", 0)), snapshot([queue("mail", 5)])
    incident = only("no worker", judged(well, ill, ill, every_s=60))
    assert (incident.since, incident.is_older) == (NOW + timedelta(seconds=60), False)
    incident = only("no worker", judged(ill, ill, every_s=60))
    assert (incident.since, incident.is_older) == (NOW, True)


def test_an_incident_that_ends_and_returns_starts_again() -> None:
    well, ill = served(queue("mail", 0)), snapshot([queue("mail", 5)])
    incident = only("no worker", judged(ill, well, ill, every_s=60))
    assert (incident.since, incident.is_older) == (NOW + timedelta(seconds=120), False)


def test_the_same_poll_is_judged_again_when_a_health_report_arrives() -> None:
    fleet_rows, judge = RowBuilder(SYSTEM).add(fleet(), 0.0), IncidentRules()
    before = judge.judge(fleet_rows, 0.0, health_report=None, rtt_ms=None)
    after = judge.judge(fleet_rows, 0.0, health_report=FINE, rtt_ms=None)
    assert texts(before) == texts(after)


# Queues


def test_an_unserved_queue_with_jobs_is_reported() -> None:
    workers = [worker("web1:7:mail")]
    incident = only("unserved", judged(snapshot([queue("mail", 1), queue("low", 1_204)], workers)))
    assert (incident.severity, incident.sentence) == (
        "crit",
        "low: no live workers; 1,204 waiting",
    )
    assert incident.link == Link("queues", "low")
    assert "qtop worker" not in incident.advice
    assert not of_kind("unserved", judged(snapshot([queue("mail", 1), queue("low", 0)], workers)))


def test_the_advice_names_the_classes_that_wait_and_no_worker_that_would_fail_them() -> None:
    look = snapshot([queue("mail", 1), queue("low", 2)], [worker("web1:7:mail")])
    jobs = next_jobs({"low": b'{"class":"RubyJob","args":[]}'})
    sampled = [QueueSample("low", 2, ("RubyJob", "Other"), 2)]
    seen = replace(FINE, waiting=waiting_classes(jobs))
    # Where only the next job was read, others may wait behind it.
    remedy = only("unserved", judged(look, found=seen)).advice
    assert remedy == "start a worker that knows RubyJob and all that waits behind"
    seen = replace(FINE, waiting=waiting_classes(jobs, sampled))
    remedy = only("unserved", judged(look, found=seen)).advice
    assert remedy == "start a worker that knows RubyJob, Other"
    alone = only("no worker", judged(snapshot([queue("low", 2)]), found=seen))
    assert alone.advice == remedy


def test_the_advice_names_the_own_class_of_an_active_job() -> None:
    look = snapshot([queue("mail", 1), queue("low", 2)], [worker("web1:7:mail")])
    job = b'{"class":"%s","args":[{"job_class":"WelcomeJob"}]}' % WRAPPER.encode()
    seen = replace(FINE, waiting=waiting_classes(next_jobs({"low": job})))
    remedy = only("unserved", judged(look, found=seen)).advice
    assert "knows WelcomeJob " in remedy


def test_a_dead_worker_serves_no_queue_and_a_silent_one_may() -> None:
    def look(beat_age_s: float) -> Snapshot:
        workers = [worker("w:1:low", beat_age_s=beat_age_s), worker("w:2:mail")]
        return snapshot([queue("low", 1), queue("mail", 0)], workers)

    assert not of_kind("unserved", judged(look(300)))
    assert only("unserved", judged(look(301))).text == "low: no live workers"


def test_the_longest_of_many_unserved_queues_are_named_and_the_rest_is_counted() -> None:
    queues = [queue(f"q{number}", number) for number in range(1, 8)]
    incidents = of_kind("unserved", judged(snapshot([*queues, queue("m", 1)], [worker("w:1:m")])))
    assert [each.subject for each in incidents] == ["q7", "q6", "q5", ""]
    assert incidents[-1].sentence == "4 more queues: no live workers; 10 waiting in all"
    assert incidents[-1].link == Link("queues", filter='"no workers"')


def test_without_any_worker_one_sentence_says_it_for_all_queues() -> None:
    incident = only("no worker", judged(snapshot([queue("a", 1), queue("b", 2)])))
    assert incident.sentence == "no live workers; 3 waiting in b, a"
    assert incident.link == Link("workers")


def test_a_paused_queue_is_not_reported_as_unserved_too() -> None:
    incidents = judged(snapshot([queue("mail", 5, is_paused=True)]))
    assert [each.kind for each in incidents] == ["queue"]


def growing(sizes: Sequence[int], pushed: int = 0) -> list[Snapshot]:
    return [served(queue("mail", size, pushed=pushed)) for size in sizes]


def test_a_queue_that_grows_for_long_enough_is_reported_with_its_rates() -> None:
    snapshots = growing([100 + 5 * number for number in range(14)], pushed=25)
    incident = only("growing", judged(*snapshots, every_s=10))
    assert incident.severity == "warn"
    assert incident.sentence == "mail: backlog growing; 2.5/s in, 2.0/s out, 165 waiting"
    assert incident.since == NOW
    assert incident.link == Link("queues", "mail")


def test_the_class_that_grows_is_named_by_the_jobs_that_came_last() -> None:
    snapshots = growing([100 + 5 * number for number in range(14)], pushed=25)
    sampled = [QueueSample("mail", 165, ("A", "B"), 20, ("B", "A", *["Report"] * 8))]
    seen = replace(FINE, waiting=waiting_classes({}, sampled))
    incident = only("growing", judged(*snapshots, every_s=10, found=seen))
    assert "most of those that came last are Report" in incident.cause
    assert ("newest jobs", "Report 8, B 1, A 1 of 10 sampled") in incident.evidence


def test_a_grown_queue_that_drains_now_is_not_called_never_empty() -> None:
    snapshots = growing([*(100 + 5 * number for number in range(14)), 161], pushed=25)
    figures = only("growing", judged(*snapshots, every_s=10)).figures
    assert figures == "growing 0.4/s, 161 waiting"


def test_growth_with_a_known_cause_is_not_reported_too() -> None:
    sizes = [100 + 5 * number for number in range(14)]
    paused = [served(queue("mail", size, is_paused=True)) for size in sizes]
    unserved = [snapshot([queue("mail", size)], [worker("w:1:low")]) for size in sizes]
    assert not of_kind("growing", judged(*paused, every_s=10))
    assert not of_kind("growing", judged(*unserved, every_s=10))


@pytest.mark.parametrize(
    ("sizes", "is_told"),
    [
        ([100 + 5 * number for number in range(12)], False),
        ([100 + 5 * number for number in range(13)], True),
        ([100] * 12 + [119], False),
        ([100] * 12 + [120], True),
        ([100] + [200] * 12, False),
        ([200 - 5 * number for number in range(13)], False),
    ],
    ids=["too short", "long enough", "too little", "enough", "over", "drains"],
)
def test_growth_is_reported_from_the_bounds_on_for_as_long_as_it_lasts(
    sizes: list[int], is_told: bool
) -> None:
    assert bool(of_kind("growing", judged(*growing(sizes), every_s=10))) is is_told


def test_a_key_of_another_type_and_an_unreadable_part_are_reported() -> None:
    look = served(queue("odd", None, problem="no list"), problems={"failures": "no list"})
    found = texts(judged(look))
    assert found == ["crit: unknown: failures (no list)", "crit: queue odd: no list"]


def test_items_set_aside_are_reported_with_the_way_to_see_them() -> None:
    incident = only("unreadable", judged(served(queue("mail", 1, unreadable=3))))
    assert (incident.severity, incident.text) == (
        "warn",
        "mail: 3 unreadable items",
    )
    assert incident.advice == "qtop show --from unreadable:mail"


# Pauses


def audit_entry(
    action: str, subject: str, age_s: float, deed_id: str = "1", queue: str = ""
) -> AuditEntry:
    at = NOW - timedelta(seconds=age_s)
    who = Actor("ada@desk", "qtop")
    return AuditEntry(deed_id, at, who, action, subject, queue, b"", 1, None, None, None)


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        (3_600, "info: mail: paused by ada@desk; 5 waiting, for 1 h"),
        (3_601, "warn: mail: paused by ada@desk; 5 waiting, for 1 h, forgotten?"),
        (20, "info: mail: paused by ada@desk; 5 waiting, for 1 min"),
    ],
)
def test_a_pause_is_reported_with_operator_and_duration_and_later_as_forgotten(
    age_s: float, expected: str
) -> None:
    found = health_report(audit_entry("pause", "mail", age_s))
    incidents = judged(served(queue("mail", 5, is_paused=True)), found=found)
    assert texts(of_kind("queue", incidents)) == [expected]
    assert only("queue", incidents).since == NOW - timedelta(seconds=age_s)


def test_a_pause_without_an_audit_entry_may_be_forgotten() -> None:
    incident = only("queue", judged(served(queue("mail", 5, is_paused=True))))
    assert (incident.severity, incident.sentence) == ("warn", "mail: paused; 5 waiting")


@pytest.mark.parametrize(("age_s", "severity"), [(3_600, "warn"), (3_601, "crit")])
def test_a_pause_of_everything_becomes_worse_after_a_while(age_s: float, severity: str) -> None:
    found = health_report(audit_entry("pause", "everything", age_s))
    incident = only("everything", judged(served(queue("mail", 5), is_paused=True), found=found))
    assert incident.severity == severity
    assert incident.sentence == "all queues paused by ada@desk; 5 jobs waiting, for 1 h"
    assert incident.advice == "qtop resume --all"


@pytest.mark.parametrize(
    ("entries", "by"),
    [
        ([audit_entry("pause", "low, mail", 9, "p")], "p"),
        ([audit_entry("pause", "a, b", 9, "p", queue="mail")], "p"),
        ([audit_entry("pause", "mails", 9, "p")], None),
        ([audit_entry("pause", "everything", 9, "p")], None),
        ([audit_entry("resume", "mail", 5, "r"), audit_entry("pause", "mail", 9, "p")], None),
        (
            [audit_entry("undo", "resume mail (r)", 2, "u"), audit_entry("resume", "mail", 5, "r")],
            "u",
        ),
        (
            [audit_entry("undo", "pause mail (p)", 2, "u"), audit_entry("pause", "mail", 5, "p")],
            None,
        ),
        (
            [audit_entry("undo", "clear mail (c)", 2, "u"), audit_entry("pause", "mail", 5, "p")],
            "p",
        ),
        ([audit_entry("clear", "mail", 2, "c"), audit_entry("pause", "mail", 5, "p")], "p"),
        ([], None),
    ],
)
def test_who_paused_a_queue_is_the_operator_who_acted_on_it_last(
    entries: list[AuditEntry], by: str | None
) -> None:
    found = paused_by(entries, "mail")
    assert (None if found is None else found.id) == by


# Workers


@pytest.mark.parametrize(("beat_age_s", "expected"), [(120.0, []), (121.0, ["silent"])])
def test_a_worker_is_silent_from_the_bound_on(beat_age_s: float, expected: list[str]) -> None:
    incidents = judged(snapshot([], [worker("web1:7:mail", beat_age_s=beat_age_s)]))
    assert [each.kind for each in incidents if each.severity == "warn"] == expected


def test_silent_and_dead_workers_are_reported_with_their_machines() -> None:
    look = snapshot(
        [],
        [
            worker("web1:1:mail", beat_age_s=200),
            worker("web1:2:mail", beat_age_s=290),
            worker("web2:3:mail", beat_age_s=130),
            worker("db:4:mail", beat_age_s=4_000),
        ],
    )
    incidents = judged(look)
    silent, dead = only("silent", incidents), only("dead", incidents)
    assert silent.sentence == "3 workers silent; for up to 4 min, on web1, web2"
    assert silent.link == Link("workers", filter="silent")
    assert silent.since == NOW - timedelta(seconds=290)
    assert dead.sentence == "1 dead worker; silent 1 h, on db"
    assert (dead.link, dead.advice) == (Link("workers", "db:4:mail"), "qtop prune")


def test_the_dead_and_the_jobs_that_they_hold_are_one_incident() -> None:
    dead = worker("db:4:mail", on="mail", beat_age_s=301)
    incident = only("dead", judged(snapshot([], [dead])))
    assert incident.severity == "crit"
    assert incident.sentence == "1 job held by 1 dead worker; db (1); 1 dead worker silent 5 min"
    assert "1 job to Failed" in incident.remedies[1].words
    idle = worker("db:4:mail", beat_age_s=301)
    assert only("dead", judged(snapshot([], [idle]))).severity == "warn"


def test_a_worker_without_heartbeat_is_only_a_note() -> None:
    incidents = judged(snapshot([], [worker("ruby:1:mail", beat_age_s=None)]))
    assert incidents[0].severity == "good"
    assert only("no heartbeat", incidents).severity == "info"


@pytest.mark.parametrize(("beat_age_s", "is_told"), [(-60.0, False), (-61.0, True)])
def test_heartbeats_in_the_future_are_reported_from_the_bound_on(
    beat_age_s: float, is_told: bool
) -> None:
    incidents = judged(snapshot([], [worker("web1:7:mail", beat_age_s=beat_age_s)]))
    assert bool(of_kind("ahead", incidents)) is is_told


# Jobs that run long


def busy(number: int, seconds: float, *, beat_age_s: float = 5.0) -> Snapshot:
    """A snapshot of a worker with the job of this number, which has run for so long."""
    run_at = (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    job = ("Report", [number])
    state = worker("web1:7:mail", on="mail", job=job, run_at=run_at, beat_age_s=beat_age_s)
    return snapshot([], [state])


def after_ended_jobs(number: int, usual_s: float, last: Snapshot) -> tuple[Incident, ...]:
    """The incidents of a snapshot after so many jobs of that length have ended."""
    history, judge = RowBuilder(SYSTEM), IncidentRules()
    incidents: tuple[Incident, ...] = ()
    for at, look in enumerate([*(busy(each, usual_s) for each in range(number)), last]):
        fleet_rows = history.add(look, float(at))
        incidents = judge.judge(fleet_rows, float(at), health_report=FINE, rtt_ms=1.0)
    return incidents


@pytest.mark.parametrize(("seconds", "expected"), [(120, []), (121, ["warn"])])
def test_a_job_is_overdue_at_three_times_what_nearly_all_took(
    seconds: float, expected: list[str]
) -> None:
    incidents = after_ended_jobs(20, 40.0, busy(999, seconds))
    assert [each.severity for each in of_kind("long", incidents)] == expected
    if expected:
        incident = only("long", incidents)
        assert incident.sentence == "Report running 2 min; p95 40 s, on web1"
        assert incident.link == Link("workers", "web1:7:mail")
        assert incident.since == NOW - timedelta(seconds=seconds)


def test_a_job_of_a_short_class_is_not_overdue_within_the_first_minute() -> None:
    assert not of_kind("long", after_ended_jobs(20, 1.0, busy(999, 60)))
    assert of_kind("long", after_ended_jobs(20, 1.0, busy(999, 61)))


def test_a_job_of_a_long_class_may_run_long() -> None:
    assert not of_kind("long", after_ended_jobs(20, 3_600.0, busy(999, 7_200)))


@pytest.mark.parametrize(("seconds", "expected"), [(1_800, []), (1_801, ["info"])])
def test_without_known_usual_durations_only_very_long_jobs_are_noted(
    seconds: float, expected: list[str]
) -> None:
    incidents = after_ended_jobs(19, 1.0, busy(999, seconds))
    assert [each.severity for each in of_kind("long", incidents)] == expected
    assert all("no baseline yet" in each.figures for each in of_kind("long", incidents))


def test_the_job_of_a_dead_worker_does_not_count_as_running() -> None:
    assert not of_kind("long", judged(busy(1, 9_000, beat_age_s=400)))


def test_long_jobs_of_one_class_are_reported_together() -> None:
    old = "2026-11-23T09:30:00Z"
    workers = [worker(f"w:{n}:q", on="q", job=('Odd "one"', []), run_at=old) for n in range(3)]
    incident = only("long", judged(snapshot([], workers)))
    assert incident.text == 'Odd "one": 3 jobs running up to 3 h'
    assert incident.link == Link("workers", filter='class:"Odd \\"one\\""')


# Failures


def test_failures_that_come_much_faster_than_usual_are_a_burst() -> None:
    calm = failures_every(600, 20)
    look = served(failures=[*failures_every(1, 30, exception="Errno::EPIPE"), *calm])
    incident = only("burst", judged(look))
    assert (incident.severity, incident.link) == ("crit", Link("failed", filter="age<5m"))
    assert incident.sentence == "failure rate 30/min; baseline 0.1/min, mostly Errno::EPIPE"
    assert incident.cause.startswith("30 of the 30 failures of the last minute are of ")


@pytest.mark.parametrize(("number", "is_told"), [(9, False), (10, True)])
def test_a_few_failures_are_no_burst(number: int, is_told: bool) -> None:
    look = served(failures=[*failures_every(1, number), *failures_every(600, 20)])
    assert bool(of_kind("burst", judged(look))) is is_told


@pytest.mark.parametrize(("number", "is_told"), [(50, False), (51, True)])
def test_more_failures_than_usual_are_a_burst_from_five_times_on(
    number: int, is_told: bool
) -> None:
    # Ten a minute for the ten minutes before: not counting the last one.
    usual = [each for each in failures_every(6, 110) if (NOW - when(each)).total_seconds() >= 60]
    look = served(failures=[*failures_every(1, number), *usual])
    assert bool(of_kind("burst", judged(look))) is is_told


def when(entry: Failure) -> Any:
    return entry.failed_at


def test_without_a_known_usual_rate_only_many_failures_are_a_weaker_burst() -> None:
    def severities(number: int) -> list[str]:
        look = served(failures=failures_every(1, number))
        return [each.severity for each in of_kind("burst", judged(look))]

    assert severities(49) == []
    assert severities(50) == ["warn"]


def test_the_failed_count_of_resque_shows_a_burst_missing_from_the_list() -> None:
    calm = [served(failed_ever=100 + at // 6, failed=None) for at in range(42)]
    burst = [served(failed_ever=107 + 20 * at, failed=None) for at in range(1, 7)]
    incident = only("burst", judged(*calm, *burst, every_s=10))
    assert incident.severity == "crit"
    assert "baseline 0.9/min" in incident.figures


def test_a_count_that_was_reset_is_no_burst() -> None:
    snapshots = [served(failed_ever=total) for total in [5_000] * 40 + [0] * 10]
    assert not of_kind("burst", judged(*snapshots, every_s=10))


@pytest.mark.parametrize(("classes", "is_told"), [(3, False), (4, True)])
def test_the_same_error_in_many_classes_points_to_a_shared_cause(
    classes: int, is_told: bool
) -> None:
    entries = [
        failure(
            number + 2,
            payload={"class": f"Job{number % classes}", "args": []},
            error=f"timeout after {number} s",
        )
        for number in range(24)
    ]
    incidents = of_kind("shared", judged(served(failures=entries)))
    assert bool(incidents) is is_told
    if is_told:
        assert incidents[0].sentence == "Net::ReadTimeout in 4 classes; 24 times within an hour"
        assert incidents[0].link == Link("failed", filter='exception:"Net::ReadTimeout"')


@pytest.mark.parametrize(("others", "is_told"), [(6, False), (5, True)])
def test_a_class_that_makes_most_failures_is_named(others: int, is_told: bool) -> None:
    entries = [failure(number + 2) for number in range(20)]
    entries += [
        failure(number + 2, payload={"class": f"Other{number}"}, error=f"{'x' * number}")
        for number in range(others)
    ]
    incidents = of_kind("worst class", judged(served(failures=entries)))
    assert bool(incidents) is is_told
    if is_told:
        expected = "Mailers::Welcome: most failures; 20 of 25 within an hour"
        assert incidents[0].sentence == expected


def test_no_figure_is_for_the_hour_when_it_has_more_failures_than_were_read() -> None:
    entries = [failure(number + 2, payload={"class": f"Job{number % 4}"}) for number in range(24)]
    (incident,) = of_kind("shared", judged(served(failures=entries, failed=900)))
    assert "24 times among the newest 24" in incident.figures


def test_no_figure_is_for_the_hour_when_what_was_read_is_in_no_order_of_failures() -> None:
    entries = [failure(number + 2, payload={"class": f"Job{number % 4}"}) for number in range(24)]
    seen = served(failures=[*entries, failure(300)], failed=900)
    (incident,) = of_kind("shared", judged(seen))
    assert "within an hour" in incident.figures
    retries = tuple(changed(each, state="retry 2 of 25") for each in seen.failures or ())
    (incident,) = of_kind("shared", judged(changed(seen, failures=retries)))
    assert "24 times among the newest 25" in incident.figures


def test_failures_that_cannot_be_read_are_a_note() -> None:
    incident = only("unreadable failures", judged(served(failures=[read(whole(b"no"), -1)])))
    assert (incident.severity, incident.link) == ("info", Link("failed"))


# The server


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"role": "slave"}, ["crit: Redis is a replica"]),
        (
            {"maxmemory": "1048576"},
            ["crit: Redis memory nearly full; 1.0 MiB used of 1.0 MiB"],
        ),
        (
            {"maxmemory": "1165084"},
            ["warn: Redis memory nearly full; 1.0 MiB used of 1.1 MiB"],
        ),
        ({"maxmemory": "1165085"}, []),
        (
            {"maxmemory": "4194304", "maxmemory_policy": "allkeys-lru"},
            ["crit: Redis may drop data; allkeys-lru: a full server drops whole queues"],
        ),
        ({"maxmemory_policy": "allkeys-lru"}, []),
        (
            {"maxmemory": "4194304", "maxmemory_policy": "volatile-ttl"},
            [
                "warn: Redis may drop data; volatile-ttl: when full, locks, and what undo needs, "
                "are dropped"
            ],
        ),
        (
            {"rdb_last_bgsave_status": "err"},
            ["crit: Redis persistence failing; the last write of the snapshot failed"],
        ),
        (
            {"aof_enabled": "0"},
            ["warn: Redis persistence off; a restart loses all jobs"],
        ),
        ({"connected_clients": "8999"}, []),
        (
            {"connected_clients": "9000"},
            ["warn: Redis connections nearly used up; 9,000 used of 10,000"],
        ),
    ],
)
def test_the_report_of_the_server_is_judged(facts: dict[str, str], expected: list[str]) -> None:
    incidents = judged(served(), found=health_report(facts=facts))
    assert [text for text in texts(incidents) if text[:4] in ("crit", "warn")] == expected


@pytest.mark.parametrize("field", ["used_memory", "maxmemory_policy", "maxclients", "role"])
def test_missing_facts_of_the_server_are_a_note_and_no_alarm(field: str) -> None:
    incidents = judged(
        served(), found=health_report(facts={field: "?"} if field == "role" else {field: ""})
    )
    assert [each.severity for each in incidents if each.check == "server"] == ["info"]


def test_persistence_by_snapshots_only_is_a_note() -> None:
    incidents = judged(served(), found=health_report(facts={"aof_enabled": "0"}, save="3600 1"))
    assert [each.severity for each in incidents] == ["good", "info"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"due": NOW.timestamp() - 60}, []),
        (
            {"due": NOW.timestamp() - 61},
            ["crit: scheduler down; oldest overdue job 1 min late"],
        ),
        ({"due": NOW.timestamp() - 120, "master": "web1:7"}, []),
        (
            {"due": NOW.timestamp() - 121, "master": "web1:7"},
            ["warn: oldest overdue job 2 min late, though web1:7 holds the schedulers' lock"],
        ),
        ({"schedules": 3}, ["warn: scheduler down; 3 schedules will not fire"]),
    ],
)
def test_delayed_jobs_that_no_scheduler_moves_are_reported(
    more: dict[str, Any], expected: list[str]
) -> None:
    incidents = judged(served(), found=health_report(**more))
    assert [text for text in texts(incidents) if not text.startswith("good")] == expected


def lock_look(at_s: float, left_s: float, owner: str = "web1:7") -> HealthReport:
    return health_report(taken=NOW + timedelta(seconds=at_s), master=owner, lock_left_s=left_s)


def test_a_lock_that_is_not_renewed_between_health_reports_is_reported() -> None:
    judge = IncidentRules()

    def lock_incidents(found: HealthReport) -> list[str]:
        fleet_rows = RowBuilder(SYSTEM).add(served(), 0.0)
        incidents = judge.judge(fleet_rows, 0.0, health_report=found, rtt_ms=None)
        return [each.text for each in incidents if each.check == "scheduler"]

    # Only a lock end that does not move counts: its length is a setting.
    for at_s in (0.0, 70.0, 140.0):
        assert lock_incidents(lock_look(at_s, 100.0)) == []
    for at_s in (150.0, 160.0, 199.0):
        assert lock_incidents(lock_look(at_s, 240.0 - at_s)) == []
    [text] = lock_incidents(lock_look(210.0, 30.0))
    assert "web1:7 holds the lock and has not renewed it for" in text
    assert lock_incidents(lock_look(220.0, 180.0, "web2:9")) == []


@pytest.mark.parametrize(("skew", "expected"), [(5.0, []), (-5.1, ["warn"]), (200.0, ["crit"])])
def test_clocks_that_differ_are_reported(skew: float, expected: list[str]) -> None:
    incidents = judged(served(), found=health_report(skew_s=skew))
    assert [each.severity for each in incidents if each.check == "clock"] == expected


def test_a_clock_is_wrong_only_beyond_the_delay_of_the_answer() -> None:
    assert skew_s(105.0, 100.0, 110.0) == 0
    assert skew_s(90.0, 100.0, 110.0) == -10
    assert skew_s(112.0, 100.0, 110.0) == 2


@pytest.mark.parametrize(("rtt_ms", "is_told"), [(250.0, False), (251.0, True), (None, False)])
def test_slow_answers_are_reported(rtt_ms: float | None, is_told: bool) -> None:
    incidents = judged(served(), rtt_ms=rtt_ms)
    assert bool(of_kind("slow", incidents)) is is_told


def test_a_refusal_is_an_answer() -> None:
    incident = no_answer("the server is loading (Redis says: LOADING)", NOW)
    assert incident.text == "Redis refuses: the server is loading (Redis says: LOADING)"


def test_a_missing_answer_is_bad_and_says_why() -> None:
    incident = no_answer("connection refused", NOW)
    assert (incident.severity, incident.since) == ("crit", NOW)
    assert incident.text == "Redis does not answer: connection refused"
