"""The console shows jobs that no index leads to, and can put them back."""

import asyncio

from tests import words
from tests.support.console import console, shows, until, until_checked, until_shown
from tests.support.console_redis import KEYS, Redis, on
from tests.support.known import known
from tests.support.polling import Watching
from tests.support.sample_data import SYSTEM, FakeSystem, fleet, health_report, snapshot, worker

from qtop.model.health import Stray, Strays
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.poller import STRAYS_AFTER_S, StrayWatch
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import unregistered_rows
from queuecore.exchange import single
from resque.errors import Unreachable

LOST = "lost-1:7:mail"
JOB = b'{"queue":"mail","run_at":"2020-01-01T00:00:00Z","payload":{"class":"Charge","args":[1.50]}}'
RECORD = Stray("record", LOST, KEYS.worker(LOST), 1, worker(LOST, on="mail"))


async def first_only(seconds: float) -> None:
    """Waits for the first search only."""
    if seconds != STRAYS_AFTER_S:
        await asyncio.Event().wait()


async def test_a_worker_on_no_register_is_reported_shown_and_pruned(redis: Redis) -> None:
    await redis.source.run(single(("SET", KEYS.worker(LOST), JOB), str, writes=True))
    app = on(redis, sleep=first_only)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "1 job held by workers that are not registered")
        await pilot.press("3")
        await until_shown(pilot, "unregistered")
        assert shows(app, "Charge")
        await pilot.press("D")
        await until_shown(pilot, words.question("Prune", 1, "dead worker"))
        await until_shown(pilot, "not registered; no heartbeat ever")
        await pilot.press("y")
        await until_shown(pilot, words.pruned(1, failed=1))
        await until(pilot, lambda: not app.state.has_strays, "the next search")
        await until(pilot, lambda: not shows(app, LOST), "the row leaves")
    assert await redis.failed() == 1


def test_a_stray_record_of_a_registered_worker_adds_no_second_row() -> None:
    fleet_rows = RowBuilder(SYSTEM).add(fleet(), 0.0)
    known_id = known(fleet_rows.workers)[0].id
    found = Strays((RECORD, Stray("record", known_id, b"", 1, RECORD.process)))
    assert [row.id for row in unregistered_rows(found, fleet_rows)] == [LOST]
    assert unregistered_rows(None, fleet_rows) == ()


def test_an_unfinished_search_is_not_shown_as_fine() -> None:
    fleet_rows = RowBuilder(SYSTEM).add(fleet(), 0.0)
    seen = health_report().with_strays(Strays(is_complete=False))
    incidents = IncidentRules().judge(fleet_rows, 0.0, health_report=seen, rtt_ms=1.0)
    assert any(each.subject == "strays" and "200,000" in each.text for each in incidents)
    assert "strays" not in seen.with_strays(Strays()).problems


def test_each_kind_has_a_sentence_and_a_command_that_puts_it_back() -> None:
    fleet_rows = RowBuilder(SYSTEM).add(snapshot(), 0.0)
    found = Strays(
        (
            RECORD,
            Stray("queue", "-a b", b"", 3),
            Stray("unreadable", "q", b"", 1),
            Stray("delayed", "1000", b"", 2),
            Stray("failed", "q_failed", b"", 1),
            Stray("undo", "0123", b"", 9),
        )
    )
    incidents = IncidentRules().fleet(fleet_rows, 0.0, health_report().with_strays(found))
    assert [(each.kind, each.advice) for each in incidents if each.check == "keys"] == [
        ("record", "qtop prune --dry-run"),
        ("queue", "qtop register -- '-a b'"),
        ("unreadable", "qtop register q"),
        ("delayed", "qtop register --delayed 1000"),
        ("failed", "qtop register --failures q_failed"),
    ]


async def test_a_failed_search_is_unknown_and_is_repeated() -> None:
    source = FakeSystem()
    heard: list[tuple[Strays | None, str]] = []
    enough = asyncio.Event()

    def on_found(found: Strays | None, why: str) -> None:
        heard.append((found, why))
        if len(heard) == 3:
            enough.set()

    source.answers = [Unreachable("it is away"), ValueError("nonsense"), Strays()]
    watch = StrayWatch(source, Watching(on_strays=on_found), sleep=first_only)
    task = asyncio.create_task(watch.run())
    while not enough.is_set():
        watch.poke()
        await asyncio.sleep(0)
    task.cancel()
    assert [each[0] for each in heard] == [None, None, Strays()]
    assert (heard[0][1], heard[2][1]) == ("it is away", "")
    assert "ValueError" in heard[1][1]


async def test_while_no_search_is_possible_nothing_is_called_fine() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 30)) as pilot:
        await until_checked(pilot)
        app.places.first.on_strays(None, "NOPERM scan")
        await until_shown(pilot, "unknown: jobs that are in no index")
