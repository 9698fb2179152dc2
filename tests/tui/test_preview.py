"""What lists show of the row under the cursor beside them: once it rests, where there is room."""

from typing import Any

import pytest
from tests.support.console import console as console_without
from tests.support.console import (
    screen_lines,
    screen_text,
    shows,
    table_of,
    until,
    until_gone,
    until_mode,
    until_shown,
)
from tests.support.sample_data import (
    FakeSystem,
    failure,
    fleet,
    queue,
    snapshot,
    worker,
)
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.monitor.rows import QueueRow
from qtop.screens.preview import RowPreview

WIDE = (160, 48)


def console(source: FakeSystem) -> QtopApp:
    """A console that shows previews, as it does unless a key has taken them away."""
    app = console_without(source)
    app.shows_preview = True
    return app


def preview_of(pilot: Pilot[Any]) -> RowPreview:
    return pilot.app.screen.query_one(RowPreview)


async def test_a_queue_shows_beside_its_list_who_serves_it() -> None:
    hands = [
        worker("web:1:mail", on="mail", job=("Mail", [7])),
        worker("old:2:mail", beat_age_s=4_000),
    ]
    app = console(FakeSystem(snapshot([queue("mail", 5)], hands)))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "Served by")
        await until_shown(pilot, "web:1  working  Mail [7]")
        assert shows(app, "old:2  dead?")


async def test_workers_that_could_not_be_read_are_unknown() -> None:
    look = snapshot([queue("mail", 5)], None, problems={"workers": "no permission"})
    app = console(FakeSystem(look))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "Served by")
        assert shows(app, "unknown: no permission")


async def test_jobs_that_cannot_be_read_are_unknown_and_not_none() -> None:
    app = console(FakeSystem(snapshot([queue("mail", 5)])))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        # This system has no lists to read from.
        await until_shown(pilot, "unknown:")
        assert "nothing waits" not in screen_text(app)


async def test_a_group_of_failures_shows_its_counts_and_its_newest_failure() -> None:
    app = console(FakeSystem(snapshot([], [], [failure(1), failure(2)])))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "yesterday")
        for text in ("count", "raised in", "Newest", "Keys"):
            assert text in screen_text(app)


async def test_v_takes_the_preview_away_everywhere_and_brings_it_back() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "Served by")
        await pilot.press("V")
        await until_gone(pilot, "Served by")
        await pilot.press("3")
        await until_mode(pilot, "workers")
        assert not preview_of(pilot).display
        await pilot.press("V")
        await until(pilot, lambda: preview_of(pilot).display, "the preview")


@pytest.mark.parametrize(("queues", "is_shown"), [(3, True), (40, False)])
async def test_below_a_list_it_is_shown_where_the_rows_leave_room(
    queues: int, is_shown: bool
) -> None:
    rows = [queue(f"q{number}", 1) for number in range(queues)]
    app = console(FakeSystem(snapshot(rows)))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "q0")
        await pilot.pause()
        assert preview_of(pilot).display is is_shown
        if is_shown:
            await until_shown(pilot, "Served by")
            assert any(line.startswith("├─ q0") for line in screen_lines(app))


async def test_nothing_is_looked_at_while_the_cursor_moves() -> None:
    rows = [queue(f"q{number}", 1) for number in range(9)]
    app = console(FakeSystem(snapshot(rows)))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "Served by")
        looked: list[str] = []
        screen: Any = app.screen
        look_at = screen.look_at

        def watched(row: QueueRow) -> Any:
            looked.append(row.name)
            return look_at(row)

        screen.look_at = watched
        table = table_of(app)
        for _ in range(5):
            table.action_move(1)
        assert looked == []
        await until(pilot, lambda: bool(looked), "a look")
        assert set(looked) == {"q5"}


async def test_secrets_are_hidden_as_in_details() -> None:
    hands = [worker("web:1:mail", on="mail", job=("Mail", [{"password": "hunter2"}]))]
    app = console(FakeSystem(snapshot([queue("mail", 5)], hands)))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "web:1  working")
        assert "hunter2" not in screen_text(app)
        await pilot.press("S")
        await until_shown(pilot, "hunter2")
