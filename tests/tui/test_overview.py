"""The first screen: the incidents, and what each key opens from there."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from tests import words
from tests.support.console import (
    assert_snapshot,
    console,
    screen_lines,
    screen_text,
    until,
    until_checked,
    until_gone,
    until_shown,
)
from tests.support.console_redis import Redis, on
from tests.support.sample_data import (
    FakeSystem,
    failure,
    fleet,
    health_report,
    queue,
    snapshot,
    worker,
)
from textual.pilot import Pilot
from textual.widgets import Input

from qtop.app.app import QtopApp
from qtop.keymap import keymap
from qtop.model import health
from qtop.model.fleet import Snapshot
from qtop.monitor.incidents.incident import Incident, Link, Remedy, RemedyAction
from qtop.monitor.series import KEPT, Series
from qtop.monitor.state import UiPolicy
from qtop.screens.base import RowsScreen
from qtop.screens.failed import FailedScreen
from qtop.screens.incidents import IncidentScreen, coarse, keyed_remedies
from qtop.screens.overview import OverviewScreen
from qtop.text.safe import area
from qtop.widgets.bars import Bar
from qtop.widgets.chart import Chart
from qtop.widgets.panel import Panel
from qtop.widgets.table import Table
from queuecore.exchange import single
from queuecore.windows import whole
from resque.codec import encode
from resque.errors import Unreachable
from resque.keys import Keys
from resque.store.failures import read

SIZES = [(60, 15), (80, 24), (120, 40), (200, 60)]
HOSTILE = "\x1b]52;c;aGk=\x07[/x][@click=app.quit]quit[/]\x1b[2J‮\x9b31m"

pytestmark = pytest.mark.usefixtures("in_utc")


def named(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


async def shown(pilot: Pilot[Any]) -> OverviewScreen:
    """Wait until a poll and a health report were judged."""
    app = pilot.app
    assert isinstance(app, QtopApp)
    await until_checked(pilot)
    await until(pilot, lambda: bool(app.state.view().insights.incidents), "an incident")
    await pilot.pause()
    assert isinstance(app.screen, OverviewScreen)
    return app.screen


def under_cursor(table: Table[Any]) -> Any:
    """The row under the cursor; there is exactly one."""
    assert table.cursor_row is not None
    return table.cursor_row


def healthy() -> Snapshot:
    return snapshot(
        [queue("mail", 12, pushed=0), queue("low", 0, pushed=0)],
        [worker("web1:7:*", on="mail"), worker("web1:8:*")],
        [failure(180)],
    )


def hostile() -> Snapshot:
    entry = {
        "payload": {"class": HOSTILE, "args": [HOSTILE]},
        "exception": HOSTILE,
        "error": HOSTILE,
        "queue": HOSTILE,
        "worker": HOSTILE,
    }
    return snapshot(
        [queue(HOSTILE, 3, unreadable=2), queue(f"{HOSTILE}2", None, problem=HOSTILE)],
        [worker(f"{HOSTILE}:1:x", on=HOSTILE, job=(HOSTILE, [HOSTILE]), beat_age_s=400)],
        [read(whole(encode(entry)), -1)],
        problems={HOSTILE: HOSTILE},
    )


# Its pictures


@pytest.mark.parametrize("size", SIZES, ids=named)
@pytest.mark.parametrize(
    ("name", "look"),
    [("troubles", fleet), ("well", healthy), ("empty", snapshot), ("hostile", hostile)],
)
async def test_the_overview_fits_every_size(
    size: tuple[int, int], name: str, look: Callable[[], Snapshot]
) -> None:
    app = console(FakeSystem(look()))
    async with app.run_test(size=size) as pilot:
        await shown(pilot)
        assert_snapshot(app, f"overview-{name}-{named(size)}")
        assert all(line.isprintable() for line in screen_lines(app))


async def settled(pilot: Pilot[Any]) -> None:
    """Let the console work until nothing changes any more: the bar about the answer takes a line,
    and all parts are shared out anew."""
    seen: list[str] = []
    while len(seen) < 12 or len(set(seen[-12:])) > 1:
        await pilot.pause(0.02)
        seen.append(screen_text(pilot.app))


@pytest.mark.parametrize("size", SIZES, ids=named)
async def test_without_an_answer_it_says_so_first_and_keeps_known_data(
    size: tuple[int, int],
) -> None:
    now = [1_000.0]
    source = FakeSystem(fleet())
    app = console(source, clock=lambda: now[0])
    async with app.run_test(size=size) as pilot:
        screen = await shown(pilot)
        now[0] = 1_200.0
        failed = replace(
            app.state.poll,
            error="cannot reach Redis (connection refused)",
            failing_since_mono=1_002.0,
            next_try_mono=1_204.0,
        )
        app.places.first.on_poll(failed)
        await settled(pilot)
        assert_snapshot(app, f"overview-no-answer-{named(size)}")
        assert screen.queues.stale
        assert not screen.table.stale
        assert screen.queues.row_count == 7
        source.snapshots = [fleet()]
        app.poll_now()
        await until_gone(pilot, "not answer")


async def test_before_the_first_poll_it_says_that_it_connects() -> None:
    app = console(FakeSystem(Unreachable("nobody there")))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "●  Redis does not answer: nobody there")
        assert words.NOTHING_IS_WRONG not in screen_text(app)
        assert "No job is running" not in screen_text(app)


async def test_it_is_the_first_screen_and_digit_1_leads_back_to_it() -> None:
    app = console(FakeSystem(healthy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("3", "1")
        assert app.current_mode == "overview"


async def test_every_screen_shows_the_number_of_incidents() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await shown(pilot)
        assert "▌1 Overview 5 " in screen_text(app)
        await pilot.press("2")
        assert " 1 Overview 5 " in screen_text(app)


async def test_forbidden_checks_are_reported_as_unknown() -> None:
    source = FakeSystem(healthy())
    source.reported = health.failed("this user lacks a right")
    app = console(source)
    async with app.run_test(size=(120, 24)) as pilot:
        await shown(pilot)
        assert "(some checks unavailable)" in screen_text(app)
        assert "unknown: Redis's memory, eviction and persistence" in screen_text(app)


async def test_the_advice_is_for_the_incident_under_the_cursor() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        assert "→ rename or delete the keys of another kind" in screen_text(app)
        await pilot.press("j")
        assert "enter workers  s start" in screen_text(app)


USUAL = UiPolicy()


def keys_of(
    incident: Incident, policy: UiPolicy = USUAL, *, read_only: bool = False
) -> list[tuple[str, str]]:
    """What can be done about an incident, each with its keys."""
    found = keyed_remedies(incident, policy, read_only=read_only)
    return [(" ".join(each.keys), each.remedy.words) for each in found]


def test_each_remedy_has_the_keys_that_carry_it_out() -> None:
    link, to_mail = Link("workers"), Link("queues", "mail")
    see, prune = Remedy("the dead", "table.open"), Remedy("prune 2", "prune", "qtop prune")
    dead = Incident("workers", "warn", "", "dead", "", link, remedies=(see, prune))
    start = Remedy("do it", "start_workers")
    unserved = Incident(*("queues", "crit", "", "unserved", "mail", to_mail), remedies=(start,))
    disk = Incident("server", "warn", "", "persistence", remedies=(Remedy("write to disk"),))
    assert keys_of(dead) == [("enter", "the dead"), ("enter D", "prune 2")]
    assert keys_of(dead, read_only=True) == [("enter", "the dead"), ("", "prune 2")]
    assert keys_of(unserved) == [("s", "do it")]
    assert keys_of(disk) == [("", "write to disk")]
    rebound = UiPolicy(rebound={"prune": ("f9",)})
    assert keys_of(dead, rebound)[1] == ("enter f9", "prune 2")
    refused = UiPolicy(forbidden={"prune": "the server refuses it"})
    assert keys_of(dead, refused)[1] == ("", "prune 2")


def test_every_key_that_advice_names_is_one_of_the_table() -> None:
    assert {*get_args(RemedyAction)} - {""} <= {action.id for action in keymap.ACTIONS}


async def test_a_quiet_screen_is_not_painted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    source = FakeSystem(healthy(), healthy())
    app = console(source, clock=lambda: now[0])
    async with app.run_test(size=(160, 48)) as pilot:
        await shown(pilot)
        painted: list[object] = []
        snapshots = source.looked
        for number in range(1, 4):
            # All rates are known from the third poll on.
            if number == 3:
                for kind in (Bar, Table, Chart, Panel):
                    monkeypatch.setattr(kind, "refresh", lambda self, *a, **k: painted.append(self))
            now[0] += 1.0
            source.snapshots = [healthy()]
            app.poll_now()
            await until(pilot, lambda n=number: source.looked >= snapshots + n, "a look")  # type: ignore[misc]
            await pilot.pause()
        assert painted == []


async def test_charts_of_a_quiet_fleet_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    source = FakeSystem(healthy(), healthy())
    app = console(source, clock=lambda: now[0])
    async with app.run_test(size=(160, 48)) as pilot:
        await shown(pilot)
        painted: list[object] = []
        for number in range(40):
            if number == 3:
                monkeypatch.setattr(Chart, "refresh", lambda self, *a, **k: painted.append(self))
            now[0] += 30.0
            look = healthy()
            source.snapshots = [look]
            app.poll_now()
            await until(pilot, lambda look=look: app.state.poll.snapshot is look, "a look")  # type: ignore[misc]
        await pilot.pause()
        assert painted == []


async def test_a_frozen_display_keeps_its_incidents() -> None:
    source = FakeSystem(healthy())
    app = console(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("f")
        source.snapshots = [snapshot([queue("mail", 5)]) for _ in range(2)]
        last = source.snapshots[-1]
        for _ in range(2):
            app.poll_now()
            await pilot.pause()
        await until(pilot, lambda: app.state.poll.snapshot is last, "two looks")
        await pilot.pause()
        assert words.NOTHING_IS_WRONG in screen_text(app)
        await pilot.press("f")
        await until_shown(pilot, "no live workers")


# What enter opens


async def go_to_incident(pilot: Pilot[Any], text: str) -> None:
    """Put the cursor on the incident with this text, and press enter."""
    screen = await shown(pilot)
    table = screen.table
    for _ in range(table.row_count):
        if text in under_cursor(table).incident.text:
            await pilot.press("enter")
            await pilot.pause()
            return
        await pilot.press("j")
    raise AssertionError(screen_text(pilot.app))


@pytest.mark.parametrize(
    ("text", "mode", "row"),
    [
        (words.unserved("reports:weekly"), "workers", "old:17:reports:weekly"),
        ("queue typo", "queues", "typo"),
        ("legacy: paused", "queues", "legacy"),
        ("images: 3 unreadable items", "queues", "images"),
        ("1 worker silent", "workers", "db-backup-07.example.com:991:images,search-index"),
        ("without heartbeat", "workers", "ruby2:55:legacy"),
    ],
)
async def test_enter_on_an_incident_opens_its_row(text: str, mode: str, row: str) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 30)) as pilot:
        await go_to_incident(pilot, text)
        assert app.current_mode == mode
        screen = app.screen
        assert isinstance(screen, RowsScreen)
        found = under_cursor(screen.table)
        assert row == (found.name if mode == "queues" else found.id)


async def test_enter_on_an_incident_about_many_sets_the_filter() -> None:
    workers = [worker(f"web{n}:1:mail", beat_age_s=200) for n in range(3)]
    look = snapshot([queue("mail", 1)], [*workers, worker("web9:1:mail")])
    app = console(FakeSystem(look))
    async with app.run_test(size=(120, 30)) as pilot:
        await go_to_incident(pilot, "3 workers silent")
        assert app.current_mode == "workers"
        assert "3 of 4" in screen_text(app)


async def test_a_filter_that_would_hide_the_row_is_removed() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 30)) as pilot:
        await shown(pilot)
        await pilot.press("2", "slash", *"mail", "enter", "1")
        await go_to_incident(pilot, "legacy: paused")
        screen = app.screen
        assert isinstance(screen, RowsScreen)
        assert under_cursor(screen.table).name == "legacy"


async def test_enter_on_a_burst_opens_the_failures_in_it() -> None:
    app = console(FakeSystem(snapshot(failures=[failure(0, error=str(n)) for n in range(60)])))
    async with app.run_test(size=(120, 30)) as pilot:
        await go_to_incident(pilot, "failure rate 60/min")
        assert app.current_mode == "failed"
        assert "age<5m" in screen_text(app)


async def test_an_incident_of_the_server_opens_with_what_to_do() -> None:
    source = FakeSystem(healthy())
    source.reported = health_report(facts={"maxmemory": "9", "maxmemory_policy": "allkeys-lru"})
    app = console(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await go_to_incident(pilot, "Redis may drop data")
        assert isinstance(app.screen, IncidentScreen)
        text = screen_text(app)
        assert "maxmemory-policy set to noeviction" in text
        incidents = app.state.view().insights.incidents
        [shown_one] = [each for each in incidents if each.kind == "eviction"]
        assert shown_one.cause
        assert shown_one.cause in text
        assert all(each.value in text for each in shown_one.evidence)
        source.reported = health_report()
        app.places.first.on_health_report(source.reported)
        await until_shown(pilot, "Resolved")
        await pilot.press("escape")
        assert isinstance(app.screen, OverviewScreen)


async def test_tab_goes_from_part_to_part_and_enter_works_in_each() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await shown(pilot)
        tables = []
        for _ in range(5):
            tables.append(app.focused)
            await pilot.press("tab")
        assert tables == [*screen.tables, screen.table]
        await pilot.press("shift+tab", "enter")
        await pilot.pause()
        # The first press went back to the incidents.
        assert app.current_mode == "queues"
        await pilot.press("1", "tab", "enter")
        await pilot.pause()
        found = under_cursor(app.screen.query_one(Table))
        assert (app.current_mode, found.name) == ("queues", "typo")
        await pilot.press("1", "tab", "tab", "enter")
        await pilot.pause()
        assert app.current_mode == "failed"
        await pilot.press("1", "tab", "tab", "tab", "enter")
        await pilot.pause()
        assert app.current_mode == "workers"
        assert under_cursor(app.screen.query_one(Table)).job is not None


async def test_parts_that_are_not_on_the_screen_are_skipped() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot)
        await pilot.press("tab", "tab")
        assert app.focused is screen.failures
        await pilot.press("tab")
        assert app.focused is screen.table


async def test_enter_on_failures_opens_their_group() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot)
        await pilot.press("tab", "tab", "j", "enter")
        await pilot.pause()
        group = screen.failures.cursor_row
        assert group is not None
        failed = app.screen
        assert isinstance(failed, FailedScreen)
        assert under_cursor(failed.table).group.id == group.fingerprint.id


@pytest.mark.redis
@pytest.mark.parametrize(
    ("read", "failed", "text"),
    [
        (3, 3, "Failures 1 group, 3"),
        (3, 9_000, "Failures 1 group of newest 3, 9,000 in all"),
        (1_000, 9_000, "Failures 1 group of newest 1,000, 9,000 in all"),
    ],
)
async def test_groups_of_the_newest_failures_say_that_there_may_be_more(
    read: int, failed: int, text: str
) -> None:
    look = snapshot(failures=[failure(number) for number in range(read)], failed=failed)
    app = console(FakeSystem(look))
    async with app.run_test(size=(140, 24)) as pilot:
        await until_shown(pilot, f"{read:,}  Mailers")
        assert text in screen_text(app)


async def test_the_groups_of_a_long_list_are_found_too(redis: Redis) -> None:
    await redis.fail(1_200)
    await redis.source.run(
        single(
            ("LSET", Keys().failed(), -3, failure(1, exception="Odd").item.raw), str, writes=True
        )
    )
    app = on(redis)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot)
        await pilot.press("tab", "tab", "j", "enter")
        await until_shown(pilot, "▌4 Failed")
        await pilot.pause()
        failed = app.screen
        assert isinstance(failed, FailedScreen)
        assert screen.failures.cursor_row is not None
        assert under_cursor(failed.table).group.fingerprint.exception == "Odd"


@pytest.mark.redis
async def test_after_failed_has_counted_all_the_figures_are_of_the_whole_list(redis: Redis) -> None:
    await redis.fail(1_200)
    await redis.source.run(single(("SADD", Keys().queues(), "mail"), int, writes=True))
    app = on(redis)
    async with app.run_test(size=(140, 40)) as pilot:
        await until_shown(pilot, "Failures 1 group of newest 500, 1,200 in all")
        await pilot.press("4")
        await until_shown(pilot, "1,200 failed jobs")
        await pilot.press("1")
        await until_shown(pilot, "Failures 1 group, 1,200")
        fleet = app.state.view().fleet
        assert fleet is not None
        assert fleet.queues is not None
        assert [(row.failed, row.failed_is_all) for row in fleet.queues] == [(1_200, True)]


# Other keys


async def test_s_asks_for_workers_of_the_queue_under_the_cursor() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("j", "s")
        await until_shown(pilot, words.START_TITLE)
        assert app.screen.query_one("#queues", Input).value == "reports:weekly"
        await pilot.press("escape", "tab", "j", "j", "s")
        await until_shown(pilot, words.START_TITLE)
        assert app.screen.query_one("#queues", Input).value == "legacy"


async def test_copy_takes_the_row_under_the_cursor() -> None:
    app = console(FakeSystem(healthy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("y")
        assert words.NOTHING_IS_WRONG in app.clipboard


async def test_a_read_only_console_leaves_out_keys_that_change_something(
    tmp_path: Path,
) -> None:
    app = console(FakeSystem(healthy()), read_only=True, folder=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        footer = screen_lines(app)[-1]
        assert "start" not in footer
        assert "pause" not in footer
        await pilot.press("P")
        await until_shown(pilot, words.READ_ONLY)


# Charts and their figures


def test_a_chart_has_its_newest_value_at_the_right_and_its_highest_at_the_top() -> None:
    assert area([0, 4, 8], 5) == ["  ▁▄█"]
    assert area([0, 4, 8], 3, 2) == ["  █", "▁██"]
    assert area([1, 2, 3], 2) == ["▆█"]


def test_a_chart_shows_unknown_as_blank_and_small_values_above_zero() -> None:
    assert area([None, 0, 1, 1_000, float("nan")], 5) == [" ▁▂█ "]
    assert area([0, 0], 2) == ["▁▁"]
    assert area([], 3) == ["   "]
    assert area([5], 0) == [""]
    assert area([5], -3, 2) == ["", ""]


def test_a_series_has_a_value_for_every_five_seconds() -> None:
    series = Series()
    for at_s, value in ((0, 1), (1, 2), (5, 3), (21, 4)):
        series.add(value, float(at_s))
    assert series.values == (2, 3, 3, 3, 4)


def test_a_series_is_unknown_for_the_time_without_an_answer() -> None:
    series = Series()
    for at_s, value in ((0, 1), (5, None), (14, None), (15, 2)):
        series.add(value, float(at_s))
    assert series.values == (1, None, None, 2)


def test_a_series_keeps_forty_minutes() -> None:
    series = Series()
    for step in range(1_000):
        series.add(step, step * 5.0)
    assert series.values == tuple(range(1_000 - KEPT, 1_000))
    series.add(7, 1e6)
    assert series.values == (999,) * (KEPT - 1) + (7,)


def test_ages_do_not_change_every_second() -> None:
    assert [coarse(age_s) for age_s in (0.0, 59.9, 60.0, 119.0)] == [
        "<1 min",
        "<1 min",
        "1 min",
        "1 min",
    ]
