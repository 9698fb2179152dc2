"""Queues whose names begin alike as one row, and how far a paused queue is."""

import pytest
from tests.support.console import (
    console,
    screen_text,
    table_of,
    until,
    until_polled,
    until_rows,
    until_shown,
)
from tests.support.sample_data import FakeSystem, queue, running, snapshot, worker

from qtop.app.app import QtopApp
from qtop.config.settings import DEFAULTS, Settings
from qtop.monitor import row_text
from qtop.monitor.folding import Folding, folded
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import QueueRow
from qtop.screens.queues import QueuesScreen
from queuecore.fleet import Process, Queue

NAMES = ("tenant_a", "tenant_b", "tenant_c", "mail", "tenantry")


def rows(*queues: Queue, workers: tuple[Process, ...] = ()) -> tuple[QueueRow, ...]:
    seen = snapshot(list(queues), list(workers))
    return RowBuilder(FakeSystem(seen)).add(seen, 0.0).queues or ()


def names(found: list[QueueRow]) -> list[str]:
    return [row.name for row in found]


def test_queues_that_begin_alike_are_one_row_with_their_sums() -> None:
    given = rows(*(queue(name, 10) for name in NAMES))
    found = folded(given, Folding(("tenant_",)), ())
    assert names(found) == ["tenant_*", "mail", "tenantry"]
    assert found[0].depth == 30
    assert [each.name for each in found[0].queues] == list(NAMES[:3])


def test_what_was_opened_and_what_is_alone_is_not_folded() -> None:
    given = rows(*(queue(name, 10) for name in NAMES))
    assert folded(given, Folding(("tenant_",)), {("", "tenant_")}) == list(given)
    assert folded(given, Folding(("mail",)), ()) == list(given)


@pytest.mark.parametrize(("least", "rows_left"), [(3, 3), (4, 5)])
def test_enough_queues_with_one_prefix_fold_by_themselves(least: int, rows_left: int) -> None:
    given = rows(*(queue(name, 10) for name in NAMES))
    assert len(folded(given, Folding((), least), ())) == rows_left


def test_what_is_unknown_of_one_queue_is_unknown_of_all() -> None:
    given = rows(queue("tenant_a", 5), queue("tenant_b", None, problem="no list"))
    [one] = folded(given, Folding(("tenant_",)), ())
    assert one.depth is None
    assert one.problem == "no list"
    assert "2 queues" in row_text.queue_state(one)


def test_a_paused_queue_says_how_many_jobs_still_run() -> None:
    held = worker("web1:1:mail", on="mail")
    [draining] = rows(queue("mail", 5, is_paused=True), workers=(held,))
    assert "paused, draining 1" in row_text.queue_state(draining)
    [drained] = rows(queue("mail", 5, is_paused=True), workers=(worker("web1:1:mail"),))
    assert "paused, drained" in row_text.queue_state(drained)
    assert held.jobs == (running("mail"),)


def shop() -> QtopApp:
    settings = Settings(values={**DEFAULTS, "fold": ("tenant_",)})
    look = snapshot([queue(name, 10 + at) for at, name in enumerate(NAMES)])
    return console(FakeSystem(look), settings=settings)


async def test_enter_opens_a_folded_row_and_left_folds_it_again() -> None:
    app = shop()
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_rows(pilot, 3)
        table_of(app).move_to(("folded", "", "tenant_*"))
        await pilot.press("enter")
        await until_rows(pilot, 5)
        assert table_of(app).cursor_key == "tenant_a"
        await pilot.press("left")
        await until_rows(pilot, 3)
        assert table_of(app).cursor_key == ("folded", "", "tenant_*")


async def test_an_action_on_a_folded_row_names_all_its_queues_or_is_refused() -> None:
    app = shop()
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_rows(pilot, 3)
        table_of(app).move_to(("folded", "", "tenant_*"))
        await pilot.press("D")
        await until_shown(pilot, "is 3 queues")
        assert len(app.screen_stack) == 1
        await pilot.press("p")
        await until_shown(pilot, "tenant_a, tenant_b, tenant_c")


async def test_the_preview_of_a_folded_row_has_its_queues_and_reads_none_of_its_name() -> None:
    app = shop()
    async with app.run_test(size=(160, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_rows(pilot, 3)
        table_of(app).move_to(("folded", "", "tenant_*"))
        await pilot.press("V")
        await until_shown(pilot, "tenant_b  11  no workers")
        assert isinstance(app.screen, QueuesScreen)
        row = table_of(app).cursor_row
        assert row is not None
        look = app.screen.look_at(row)
        assert look.read is None


async def test_a_filter_and_a_link_show_queues_by_themselves() -> None:
    app = shop()
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "slash", *"queue:tenant_*", "enter")
        await until_rows(pilot, 3)
        assert "tenant_b" in screen_text(app)
        await pilot.press("escape")
        await until_rows(pilot, 3)
        await pilot.press("colon", *"queue tenant_b", "enter")
        await until(pilot, lambda: table_of(app).cursor_key == "tenant_b")
