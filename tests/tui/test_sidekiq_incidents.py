"""What is said to be wrong with Sidekiq is so, and is said in its terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

import pytest
from tests.support.console import console, screen_lines, until_checked, until_shown
from tests.support.direct import Direct
from tests.support.rights import refused
from tests.support.sidekiq_console import NOW, SHOWN, StillSystem, restored
from tests.support.sidekiq_sets import KEYS, add, payload

from qtop.model.fleet import Process, Queue, Snapshot
from qtop.model.health import HealthReport, StrayJob
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.row_builder import RowBuilder
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.sidekiq.system import SidekiqSystem
from queuecore.fleet import ProcessFacts
from queuecore.stores import Store
from queuecore.values import replace
from resque.keys import Keys
from sidekiq.keys import SidekiqKeys

NOW_S: Final = NOW.timestamp()


@pytest.fixture
def still(direct: Direct, redis_url: str) -> Iterator[StillSystem]:
    """A recorded Sidekiq with one process that beats."""
    system = restored(direct, redis_url, SHOWN)
    yield system
    system.shut()


def kinds(still: StillSystem) -> dict[tuple[str, str], Incident]:
    """What is wrong now, by its check and kind."""
    fleet = RowBuilder(still.system).add(still.snapshot(), 0.0)
    report: HealthReport = still.do(still.system.health(["idle"]))
    rules = IncidentRules(abilities=still.system.abilities)
    found = rules.judge(fleet, 0.0, health_report=report, rtt_ms=None)
    return {each.key[:2]: each for each in found}


def test_what_is_overdue_is_said_once_it_is_late_for_so_many_processes(
    direct: Direct, still: StillSystem
) -> None:
    assert ("jobs", "overdue schedule") not in kinds(still)
    add(direct, KEYS.jobs("schedule"), [(NOW_S - 50, payload(1))])
    assert ("jobs", "overdue schedule") not in kinds(still)
    add(direct, KEYS.jobs("schedule"), [(NOW_S - 70, payload(2))])
    assert kinds(still)["jobs", "overdue schedule"].severity == "warn"
    direct("DEL", *direct("SMEMBERS", "processes"))
    found = kinds(still)
    assert found["jobs", "overdue schedule"].severity == "crit"
    assert found["workers", "gone"].severity == "warn"


def test_a_score_that_is_no_time_is_not_called_unknown(direct: Direct, still: StillSystem) -> None:
    direct("ZADD", KEYS.jobs("retry"), "-inf", payload(1))
    text = kinds(still)["jobs", "overdue retry"].sentence
    assert "unknown" not in text
    assert "-inf" in text


def test_dead_jobs_at_the_usual_limit_are_information(direct: Direct, still: StillSystem) -> None:
    direct("DEL", KEYS.jobs("dead"))
    add(direct, KEYS.jobs("dead"), [(float(n), b"%d" % n) for n in range(9_998)])
    assert ("failures", "dead cap") not in kinds(still)
    add(direct, KEYS.jobs("dead"), [(9_998.0, b"one more")])
    assert kinds(still)["failures", "dead cap"].severity == "info"


def test_retries_are_counted_by_minute_and_the_fullest_minutes_by_class(
    direct: Direct, still: StillSystem
) -> None:
    direct("DEL", KEYS.jobs("retry"))
    add(direct, KEYS.jobs("retry"), [(NOW_S + 610, payload(n)) for n in range(120)])
    add(direct, KEYS.jobs("retry"), [(NOW_S + 10, b'{"class":"Rare"}'), (NOW_S - 5, b"{}")])
    timed = still.do(still.system.health([])).timed
    assert timed is not None
    assert timed.retries is not None
    assert (timed.retries.length, timed.retries.overdue) == (122, 1)
    assert timed.retries_ahead is not None
    assert {at: n for at, n in enumerate(timed.retries_ahead) if n} == {0: 1, 10: 120}
    assert sum(timed.storm_classes.values()) == 120
    assert "Rare" not in timed.storm_classes


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_storm_ahead_is_on_overview(
    direct: Direct, still: StillSystem, size: tuple[int, int]
) -> None:
    add(direct, KEYS.jobs("retry"), [(NOW_S + 610, payload(3 * n)) for n in range(1_500)])
    app = console(still, namespace="")
    async with app.run_test(size=size) as pilot:
        await until_checked(pilot)
        await until_shown(pilot, "retry storm ahead")
        assert any("1,500 retries" in line for line in screen_lines(app) if "storm" in line)
        [storm] = [e for e in app.state.view().insights.incidents if e.kind == "storm"]
        assert "Job0" in storm.cause
        assert storm.link is not None
        assert (storm.link.place, storm.link.filter) == ("failed", 'class:"Job0"')


def test_a_set_that_cannot_be_read_gives_neither_alarm_nor_well(
    direct: Direct, still: StillSystem
) -> None:
    direct("DEL", "retry")
    direct("SET", "retry", "x")
    report: HealthReport = still.do(still.system.health([]))
    assert report.timed is not None
    assert (report.timed.retries, report.timed.retries_ahead) == (None, None)
    assert report.timed.dead is not None
    assert "retries" in report.problems["scheduler"]


def test_processes_of_two_major_versions_are_reported(direct: Direct, still: StillSystem) -> None:
    assert ("keys", "versions") not in kinds(still)
    info = '{"hostname":"old","pid":7,"queues":["default"],"version":"7.3.2"}'
    beat = ("beat", f"{NOW_S:.1f}", "busy", "0", "quiet", "false", "concurrency", "5")
    direct("SADD", "processes", "old:7:ab")
    direct("HSET", "old:7:ab", "info", info, *beat)
    found = kinds(still)["keys", "versions"]
    assert found.severity == "warn"
    assert any("version 7" in each for each in found.evidence)


# The neutral rules, on processes that tell more about themselves.


def process(number: int, *, behind_s: float = 0, facts: ProcessFacts | None = None) -> Process:
    beat = NOW - timedelta(seconds=behind_s)
    return Process(
        *(f"host:{number}:ab", "host", number, ("q",), NOW, beat, True, 5, (), None, None),
        facts=facts or ProcessFacts(busy=0),
    )


GONE: Final = replace(
    process(9, facts=ProcessFacts(is_gone=True)), listed=(), jobs=None, has_beat=False, beat_at=None
)


def seen(
    *processes: Process,
    depth: int = 3,
    processed: int = 100,
    failed: int = 100,
    queue: str = "q",
    at: int = 0,
) -> Snapshot:
    return Snapshot(
        *(NOW + timedelta(seconds=at), (Queue(queue, depth),), processes, ()),
        *(failed, processed, 10, False),
        sizes={"retry": failed, "schedule": 4, "dead": 0},
    )


def judged(snapshots: Sequence[Snapshot]) -> set[tuple[str, str]]:
    system = SidekiqSystem(SidekiqKeys())
    builder, rules = RowBuilder(system), IncidentRules(abilities=system.abilities)
    found: tuple[Incident, ...] = ()
    for at, each in enumerate(snapshots):
        fleet = builder.add(each, float(at))
        found = rules.judge(fleet, float(at), health_report=None, rtt_ms=None)
    return {each.key[:2] for each in found}


def test_a_quiet_process_serves_no_queue_and_a_gone_one_leaves_nothing_unknown() -> None:
    quiet = process(1, facts=ProcessFacts(is_quiet=True))
    assert ("queues", "no worker") in judged([seen(quiet, GONE)])
    found = judged([seen(process(1), GONE)])
    assert ("queues", "no worker") not in found
    assert ("workers", "gone") in found
    assert not {kind for check, kind in found if check == "keys"}


def test_a_process_that_beats_lives_whatever_its_clock_says() -> None:
    found = judged([seen(process(1, behind_s=86_400))])
    assert ("clock", "behind") in found
    assert not {("workers", "dead"), ("workers", "silent")} & found
    assert ("clock", "behind") not in judged([seen(process(1, behind_s=50))])


def test_what_drains_between_two_beats_and_totals_that_are_reset_are_no_drops() -> None:
    drained = [seen(process(1), depth=5_000), seen(process(1), depth=3, at=1)]
    assert ("queues", "fell") not in judged(drained)
    retried = [seen(process(1), failed=5_000), seen(process(1), failed=3, at=1)]
    assert ("failures", "fell") not in judged(retried)
    reset = [seen(process(1)), seen(process(1), processed=0, at=1)]
    assert ("server", "fell") not in judged(reset)


def test_another_database_is_noticed() -> None:
    other = [seen(process(1)), seen(process(1), processed=0, failed=0, queue="other", at=1)]
    assert ("server", "fell") in judged(other)


def test_a_command_is_advised_only_by_a_system_that_has_it() -> None:
    paused = replace(seen(process(1)), queues=(Queue("q", 1, is_paused=True),))
    remedies = {}
    for system in (SidekiqSystem(SidekiqKeys()), ResqueSystem(Keys())):
        fleet = RowBuilder(system).add(paused, 0.0)
        rules = IncidentRules(abilities=system.abilities)
        found = rules.judge(fleet, 0.0, health_report=None, rtt_ms=None)
        [remedies[system.name]] = [each.advice for each in found if each.check == "pauses"]
    assert remedies["resque"] == "qtop resume q"
    assert remedies["sidekiq"] == SidekiqSystem.abilities["pause"]


# Jobs that no set leads to.


def test_hidden_queues_and_jobs_left_behind_are_found(direct: Direct, still: StillSystem) -> None:
    direct("LPUSH", "queue:hidden", payload(1), payload(2))
    direct("LPUSH", "queue:sq|host:1:0123456789ab|mail", payload(3))
    found = still.do(still.system.strays())
    assert found.is_complete
    assert [(each.kind, each.jobs) for each in found.found] == [("queue", 2), ("held", 1)]
    shown: list[StrayJob] = []

    def visit(job: StrayJob) -> bool:
        shown.append(job)
        return True

    assert still.do(still.system.stray_jobs(found.found[1], NOW, visit))
    assert [each.job.class_name for each in shown] == ["Job0"]
    missing = still.do(still.system.unregistered("queue", ["hidden", "idle", "none"]))
    assert missing == [("hidden", True), ("idle", False), ("none", False)]


def test_without_the_servers_time_it_is_unknown_what_is_overdue(
    redis_url: str, direct: Direct
) -> None:
    """Neither an alarm nor all well."""
    add(direct, KEYS.jobs("retry"), [(1.0, payload(1))])
    with Store(redis_url) as store, refused(direct, "-time"):
        report: HealthReport = store.run(SidekiqSystem(SidekiqKeys()).health(["idle"]))
    assert (report.timed, report.skew_s) == (None, None)
    assert "time" in report.problems["scheduler"]
