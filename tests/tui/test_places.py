"""A console of two places: all together, each alone; keys act on the rows of their own system."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests import words
from tests.support.both_places import fill_resque, fill_sidekiq, places_at, until_all_polled
from tests.support.both_systems import RESQUE, SIDEKIQ
from tests.support.console import (
    console,
    console_of,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_gone,
    until_mode,
    until_rows,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from tests.support.own_redis import OwnRedis
from tests.support.sample_data import FakeSystem, snapshot
from textual.pilot import Pilot
from textual.widgets import Input

from qtop.app.app import QtopApp
from qtop.app.place_finder import LOOK_EVERY_S, SEARCH_EVERY
from qtop.config.places import PlaceOptions
from qtop.monitor.state import ALL
from qtop.screens.dialogs import ConfirmDialog
from qtop.screens.export import ExportDialog
from qtop.screens.running import RunningScreen
from qtop.screens.workers import WorkerScreen, WorkersScreen
from qtop.systems.finding import Sought
from queuecore.address import parse_url
from queuecore.server import Binary

pytestmark = pytest.mark.redis
Opened = tuple[QtopApp, Pilot[None]]


@asynccontextmanager
async def opened(
    url: str, folder: Path, size: tuple[int, int] = (120, 40), **urls: str
) -> AsyncIterator[Opened]:
    """A console of both places, polled."""
    app = console_of(places_at(url, **urls), folder=folder)
    async with app.run_test(size=size) as pilot:
        await until_all_polled(pilot)
        yield app, pilot


@pytest.fixture
async def both(direct: Direct, redis_url: str, tmp_path: Path) -> AsyncIterator[Opened]:
    """The same on a database with jobs of both, at its list of queues."""
    fill_resque(direct)
    fill_sidekiq(direct)
    async with opened(redis_url, tmp_path) as (app, pilot):
        await pilot.press("2")
        await until_mode(pilot, "queues")
        await until_rows(pilot, 4)
        yield app, pilot


def rows_of(app: QtopApp) -> list[tuple[str, str]]:
    """The system and the name of each queue that is listed."""
    table = table_of(app)
    return [(row.system, row.name) for row in (table.rows[at] for at in range(table.row_count))]


def cursor_row(app: QtopApp) -> Any:
    row = table_of(app).cursor_row
    assert row is not None
    return row


def go_to(app: QtopApp, system: str, name: str) -> None:
    assert table_of(app).move_to((system, name))


async def test_0_shows_all_systems_then_each_alone_then_all_again(both: Opened) -> None:
    app, pilot = both
    seen = [(app.places.shown, sorted(rows_of(app)))]
    for _ in range(3):
        await pilot.press("0")
        await pilot.pause()
        seen.append((app.places.shown, sorted(rows_of(app))))
    resque = [("resque", "mail"), ("resque", "reports")]
    sidekiq = [("sidekiq", "default"), ("sidekiq", "mail")]
    assert seen == [
        (ALL, resque + sidekiq),
        ("resque", resque),
        ("sidekiq", sidekiq),
        (ALL, resque + sidekiq),
    ]


async def test_the_cursor_and_the_filter_stay_when_another_place_is_shown(both: Opened) -> None:
    app, pilot = both
    go_to(app, "sidekiq", "mail")
    await pilot.press("0", "0")
    await pilot.pause()
    assert cursor_row(app).key == ("sidekiq", "mail")
    await pilot.press("slash", *"queue:mail", "enter")
    await pilot.press("0")
    await until(pilot, lambda: sorted(rows_of(app)) == [("resque", "mail"), ("sidekiq", "mail")])


async def test_system_in_a_filter_leaves_the_rows_of_one(both: Opened) -> None:
    app, pilot = both
    await pilot.press("slash", *"system:sidekiq", "enter")
    await until(pilot, lambda: {system for system, _ in rows_of(app)} == {"sidekiq"})
    await pilot.press("escape", "3", "slash", *"!system:sidekiq", "enter")
    await until_mode(pilot, "workers")
    await until_rows(pilot, 1)
    assert cursor_row(app).system == "resque"


async def test_a_wide_terminal_names_the_system_and_a_narrow_one_has_a_letter(
    both: Opened,
) -> None:
    app, pilot = both
    assert sum("sidekiq  " in line for line in screen_lines(app)[2:]) == 2, screen_text(app)
    await pilot.resize_terminal(80, 24)
    await until(pilot, lambda: len(screen_lines(app)) == 24)
    await pilot.pause()
    letters = [line.strip("│ ").split()[0] for line in screen_lines(app)[4:8]]
    assert sorted(letters) == ["R", "R", "S", "S"]
    narrow = {place.column.key for place in table_of(app)._layout()}
    await pilot.press("0")
    await pilot.pause()
    assert narrow - {"system"} == {place.column.key for place in table_of(app)._layout()}


async def test_a_queue_of_one_system_is_cleared_and_comes_back_and_the_other_of_that_name_stays(
    both: Opened, direct: Direct
) -> None:
    app, pilot = both
    go_to(app, "sidekiq", "mail")
    before = direct("LRANGE", SIDEKIQ.queue("mail"), 0, -1)
    await pilot.press("c")
    await until_screen(pilot, ConfirmDialog)
    assert "sidekiq" in screen_text(app)
    await pilot.press(*"mail", "enter")
    await until(pilot, lambda: not direct("EXISTS", SIDEKIQ.queue("mail")))
    assert direct("LLEN", RESQUE.queue("mail")) == 3
    # Whatever is shown meanwhile, the undo goes where the action was.
    await pilot.press("0")
    await until(pilot, lambda: not app.actions._actions.is_busy)
    await pilot.press("u")
    await until(pilot, lambda: direct("LRANGE", SIDEKIQ.queue("mail"), 0, -1) == before)


async def test_a_key_that_one_system_lacks_works_on_the_rows_of_the_other_and_says_so(
    both: Opened, direct: Direct
) -> None:
    app, pilot = both
    await pilot.press("slash", *"queue:mail", "enter")
    await until_rows(pilot, 2)
    await pilot.press("a", "p")
    await until_screen(pilot, ConfirmDialog)
    assert "sidekiq: " in screen_text(app)
    await pilot.press("y")
    await until(pilot, lambda: bool(direct("EXISTS", b"resque:pause:queue:mail")))
    assert not direct("EXISTS", SIDEKIQ.paused())


async def test_where_no_chosen_row_can_it_is_said_and_nothing_is_asked(both: Opened) -> None:
    app, pilot = both
    go_to(app, "sidekiq", "mail")
    await pilot.press("p")
    await until_shown(pilot, "not enforced")
    assert not isinstance(app.screen, ConfirmDialog)


async def test_marks_that_0_or_a_filter_hides_are_counted_in_the_question(
    both: Opened, direct: Direct
) -> None:
    app, pilot = both
    await pilot.press("slash", *"system:resque", "enter")
    await until_rows(pilot, 2)
    await pilot.press("a", "escape", "slash", *"queue:reports", "enter")
    await until_rows(pilot, 1)
    await pilot.press("p")
    await until_screen(pilot, ConfirmDialog)
    assert words.marked_elsewhere(1) in screen_text(app)
    await pilot.press("n")
    await pilot.press("escape", "0", "0")
    await until(pilot, lambda: app.places.shown == "sidekiq")
    assert table_of(app).rows.marked_elsewhere == 2


async def test_overview_leads_to_the_row_of_the_right_system(both: Opened) -> None:
    app, pilot = both
    await pilot.press("1")
    await until_mode(pilot, "overview")
    await until_shown(pilot, "reports: no live workers")
    table = table_of(app)
    rows = [table.rows[at] for at in range(table.row_count)]
    [unserved] = [row for row in rows if row.incident.kind == "unserved"]
    assert unserved.system == "resque"
    table.move_to(unserved.incident.row_key)
    await pilot.press("enter")
    await until_mode(pilot, "queues")
    assert cursor_row(app).key == ("resque", "reports")


async def test_workers_machines_and_running_jobs_of_both_are_in_one_table_each(
    both: Opened,
) -> None:
    app, pilot = both
    await pilot.press("3")
    await until_mode(pilot, "workers")
    await until_rows(pilot, 2)
    table = table_of(app)
    assert {table.rows[at].system for at in range(2)} == {"resque", "sidekiq"}
    await pilot.press("t")
    await until_rows(pilot, 2)
    hosts = [(table_of(app).rows[at].system, table_of(app).rows[at].name) for at in range(2)]
    assert sorted(hosts) == [("resque", "web1"), ("sidekiq", "web1")]
    await pilot.press("t")
    await until_screen(pilot, RunningScreen)
    jobs = [table_of(app).rows[at] for at in range(table_of(app).row_count)]
    assert [row.system for row in jobs] == ["resque", "sidekiq"], "the oldest first"
    assert "up to one beat late" in screen_text(app)
    await pilot.press("j", "enter")
    await until_screen(pilot, WorkerScreen)
    await until_shown(pilot, "Report")
    await pilot.press("escape", "t")
    await until_screen(pilot, WorkersScreen)


async def test_history_has_the_actions_of_both_and_takes_each_back_where_it_was(
    both: Opened, direct: Direct
) -> None:
    app, pilot = both
    for system in ("resque", "sidekiq"):
        go_to(app, system, "mail")
        await pilot.press("c")
        await until_screen(pilot, ConfirmDialog)
        await pilot.press(*"mail", "enter")
        await until(pilot, lambda: not app.actions._actions.is_busy)
    await until(pilot, lambda: not direct("EXISTS", SIDEKIQ.queue("mail")))
    await pilot.press("7")
    await until_mode(pilot, "history")
    await until_rows(pilot, 2)
    assert [table_of(app).rows[at].system for at in range(2)] == ["sidekiq", "resque"]
    await pilot.press("j", "u")
    await until_screen(pilot, ConfirmDialog)
    await pilot.press("y")
    await until(pilot, lambda: direct("LLEN", RESQUE.queue("mail")) == 3)
    assert not direct("EXISTS", SIDEKIQ.queue("mail"))


async def test_with_one_system_0_only_says_that_there_is_no_other() -> None:
    app = console(FakeSystem(snapshot()))
    async with app.run_test() as pilot:
        before = app.state
        await pilot.press("0")
        await until_shown(pilot, "there is only one system here")
        assert app.state is before


async def test_opened_screens_are_left_when_another_place_is_shown(both: Opened) -> None:
    app, pilot = both
    await pilot.press("enter")
    await until(pilot, lambda: len(app.screen_stack) == 2)
    await pilot.press("0")
    await until(pilot, lambda: len(app.screen_stack) == 1)
    assert json.dumps(rows_of(app))
    await until_gone(pilot, "sidekiq  ")


# Places that are found


def meant(url: str) -> tuple[PlaceOptions, Sought]:
    """Where a console begins that was told no system, and where it looks for more."""
    resque, _ = places_at(url)
    return resque, Sought(parse_url(url), "resque", url=url)


async def test_a_system_that_is_found_joins_and_is_said(
    direct: Direct, redis_url: str, tmp_path: Path
) -> None:
    fill_resque(direct)
    looks = asyncio.Queue[None]()

    async def sleep(seconds: float) -> None:
        await (looks.get() if seconds == LOOK_EVERY_S else asyncio.Event().wait())

    resque, sought = meant(redis_url)
    app = console_of((resque,), folder=tmp_path, sought=sought, sleep=sleep)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_all_polled(pilot)
        await pilot.press("2")
        await until_rows(pilot, 2)
        assert rows_of(app) == [("", "reports"), ("", "mail")]
        fill_sidekiq(direct)
        # All keys are searched every ten minutes; others wait for minutes, too.
        for _ in range(10 * SEARCH_EVERY):
            looks.put_nowait(None)
        await until(pilot, lambda: app.places.are_several, "the other place")
        await until_shown(pilot, "also found: sidekiq")
        await until_rows(pilot, 4)
        await until(pilot, lambda: {system for system, _ in rows_of(app)} == {"resque", "sidekiq"})


async def test_where_only_sidekiq_lives_it_is_shown_alone(
    direct: Direct, redis_url: str, tmp_path: Path
) -> None:
    fill_sidekiq(direct)
    resque, sought = meant(redis_url)
    app = console_of((resque,), folder=tmp_path, sought=sought)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: [each.name for each in app.places.monitors] == ["sidekiq"])
        await until_all_polled(pilot)
        assert not app.places.are_several
        await pilot.press("2")
        await until_rows(pilot, 2)
        await until(pilot, lambda: set(rows_of(app)) == {("", "mail"), ("", "default")})
        await pilot.press("s")
        await until_gone(pilot, "Start workers")


async def test_an_empty_database_stays_resque_s(redis_url: str, tmp_path: Path) -> None:
    resque, sought = meant(redis_url)
    app = console_of((resque,), folder=tmp_path, sought=sought)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_all_polled(pilot)
        await pilot.pause(0.3)
        assert [each.name for each in app.places.monitors] == ["resque"]


# A place that does not answer


@pytest.fixture
def own(redis_binary: Binary) -> Iterator[OwnRedis]:
    """A server that a test may freeze."""
    server = OwnRedis(redis_binary.path)
    server.start()
    yield server
    server.end()


async def test_a_place_that_hangs_is_dimmed_and_said_and_the_other_goes_on(
    direct: Direct, redis_url: str, own: OwnRedis, tmp_path: Path
) -> None:
    fill_resque(direct)
    with own.direct() as there:
        fill_sidekiq(there)
    async with opened(redis_url, tmp_path, sidekiq=own.url) as (app, pilot):
        await pilot.press("2")
        await until_rows(pilot, 4)
        own.send(signal.SIGSTOP)
        app.poll_now()
        await until(pilot, lambda: app.state.view().failing == {"sidekiq"}, "the missing answer")
        await until_shown(pilot, "sidekiq: no answer for")
        direct("RPUSH", RESQUE.queue("mail"), b'{"class":"Mail","args":[4]}')
        app.poll_now()
        await until(pilot, lambda: depths(app)["resque", "mail"] == 4, "the other's next poll")
        assert depths(app)["sidekiq", "mail"] == 5, "as it was"
        assert old_rows(app) == {"sidekiq"}
        # What does not answer is left out of the sums: they are at least so much.
        totals = app.state.view().fleet.totals  # type: ignore[union-attr]
        assert (totals.waiting, totals.waiting_is_least, totals.queues_is_least) == (16, True, True)
        # The other can be acted on, and what hangs keeps nothing waiting.
        go_to(app, "resque", "mail")
        await pilot.press("p")
        await until(pilot, lambda: bool(direct("EXISTS", b"resque:pause:queue:mail")))
        own.send(signal.SIGCONT)
        app.poll_now()
        await until(pilot, lambda: not app.state.view().failing, "the answer")
        await until(pilot, lambda: old_rows(app) == set(), "rows that are not dimmed")


async def test_a_file_of_all_that_match_says_which_place_is_not_in_it(
    direct: Direct, redis_url: str, tmp_path: Path
) -> None:
    fill_resque(direct)
    app = console_of(places_at(redis_url, sidekiq=f"unix://{tmp_path}/nowhere"), folder=tmp_path)
    async with app.run_test(size=(200, 40)) as pilot:
        await until(pilot, lambda: app.state.view().failing == {"sidekiq"}, "the missing answer")
        await pilot.press("4", "t")
        await until_rows(pilot, 3)
        await pilot.press("w")
        await until_screen(pilot, ExportDialog)
        app.screen.query_one("#path", Input).value = f"{tmp_path}/all.jsonl"
        await pilot.click("#all")
        await until_shown(pilot, "sidekiq could not be read")
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 3


def depths(app: QtopApp) -> dict[tuple[str, str], int | None]:
    table = table_of(app)
    rows = [table.rows[at] for at in range(table.row_count)]
    return {(row.system, row.name): row.depth for row in rows}


def old_rows(app: QtopApp) -> set[str]:
    """The systems of the rows that are dimmed."""
    table = table_of(app)
    lines = range(1, 1 + table.row_count)
    return {table.rows[at - 1].system for at in lines if table._line(at).stale}
