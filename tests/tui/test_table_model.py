"""Marks stay on their rows, and the order does not change while the cursor moves."""

import pytest
from tests.support.table_app import Clock, Queue, TableApp, cursor_name, queues

from qtop.widgets.table_model import FREEZE_S, TableRows


async def test_space_marks_and_goes_on() -> None:
    app = TableApp(queues("a b c"))
    async with app.run_test() as pilot:
        await pilot.press("space", "space")
        assert app.table.rows.marked == {"a", "b"}
        assert [line[0] for line in app.screen_lines()[1:4]] == ["●", "●", " "]
        await pilot.press("g", "space")
        assert app.table.rows.marked == {"b"}
        assert app.table.rows.marked_rows() == [Queue("b")]
        assert app.marked[-1] == {"b"}


async def test_a_range_is_marked_from_its_start_to_the_cursor() -> None:
    app = TableApp(queues("a b c d e"))
    async with app.run_test() as pilot:
        await pilot.press("j", "j", "j", "v")
        assert app.table.rows.marked == {"d"}
        assert app.screen_lines()[4][0] == "◆"
        await pilot.press("k", "k", "v")
        assert app.table.rows.marked == {"b", "c", "d"}
        await pilot.press("g", "v")
        assert app.table.rows.marked == {"a", "b", "c", "d"}


async def test_a_range_whose_start_vanished_starts_again() -> None:
    app = TableApp(queues("a b c d"))
    async with app.run_test() as pilot:
        await pilot.press("v")
        app.table.set_rows(queues("b c d"))
        await pilot.press("G", "v")
        assert app.table.rows.marked == {"d"}


async def test_all_rows_are_marked_and_unmarked_with_one_key() -> None:
    app = TableApp(queues("a b c"))
    async with app.run_test() as pilot:
        await pilot.press("space", "a")
        assert app.table.rows.marked == {"a", "b", "c"}
        await pilot.press("a")
        assert app.table.rows.marked == frozenset()


async def test_marks_stay_on_their_rows_and_vanish_with_them() -> None:
    app = TableApp(queues("a b c"))
    async with app.run_test() as pilot:
        await pilot.press("space", "space", "space")
        app.table.set_rows(queues("c x a"))
        assert app.table.rows.marked == {"a", "c"}
        assert app.table.rows.dropped_marks == 1
        app.table.set_rows(queues("c x"))
        assert app.table.rows.dropped_marks == 2
        app.table.set_rows(queues("c x a b"))
        assert app.table.rows.marked == {"c"}
        app.table.clear_marks()
        assert (app.table.rows.marked, app.table.rows.dropped_marks) == (frozenset(), 0)


async def test_a_table_without_marks_has_room_for_a_blank_only() -> None:
    app = TableApp(queues("a b"), markable=False)
    async with app.run_test() as pilot:
        await pilot.press("space", "v", "a")
        assert app.table.rows.marked == frozenset()
        assert app.screen_lines()[1].startswith(" a ")


async def test_rows_are_sorted_with_ties_in_the_order_they_came() -> None:
    rows = [Queue("x", 1), Queue("b", 5), Queue("a", 5), Queue("none", None), Queue("y", 0)]
    app = TableApp(rows, sort="depth")
    async with app.run_test() as pilot:
        assert app.names() == ["b", "a", "x", "y", "none"]
        assert "Depth▼" in app.screen_lines()[0]
        app.table.reverse_sort()
        await pilot.pause()
        assert app.names() == ["y", "x", "b", "a", "none"]
        assert "Depth▲" in app.screen_lines()[0]


async def test_the_next_sort_goes_through_the_columns_and_back_to_none() -> None:
    app = TableApp([Queue("b", 1), Queue("a", 2), Queue("c", 3)])
    async with app.run_test() as pilot:
        seen = []
        for _ in range(4):
            seen.append((app.table.sort and app.table.sort.column_key, "".join(app.names())))
            app.table.next_sort()
            await pilot.pause()
        assert seen == [(None, "bac"), ("name", "abc"), ("depth", "cab"), (None, "bac")]


async def test_a_column_that_cannot_be_sorted_by_is_refused() -> None:
    app = TableApp(queues("a"))
    async with app.run_test():
        with pytest.raises(ValueError, match="note"):
            app.table.sort_by("note")
        with pytest.raises(ValueError, match="nothing"):
            app.table.sort_by("nothing")


async def test_rows_keep_their_order_while_the_cursor_moves() -> None:
    app = TableApp([Queue("a", 9), Queue("b", 5), Queue("c", 1)], sort="depth")
    grown = [Queue("new", 99), Queue("a", 9), Queue("b", 5), Queue("c", 50)]
    async with app.run_test() as pilot:
        await pilot.press("j")
        app.clock.now_s += FREEZE_S - 0.1
        app.table.set_rows(grown)
        await pilot.pause()
        assert app.names() == ["a", "b", "c", "new"]
        assert "50" in app.screen_lines()[3]
        app.clock.now_s += 0.1
        app.table.set_rows(grown)
        await pilot.pause()
        assert app.names() == ["new", "c", "a", "b"]
        assert cursor_name(app) == "b"


async def test_a_requested_sort_happens_at_once() -> None:
    app = TableApp([Queue("b", 1), Queue("a", 2)])
    async with app.run_test() as pilot:
        await pilot.press("j")
        app.table.sort_by("name")
        await pilot.pause()
        assert app.names() == ["a", "b"]
        assert cursor_name(app) == "a"


def test_a_frozen_order_loses_no_row_when_two_have_one_key() -> None:
    rows: TableRows[str] = TableRows(lambda row: row[0], Clock())
    rows.replace(["a1", "b1"])
    rows.move_to(1)
    rows.replace(["b2", "b3", "a2"])
    assert [rows[i] for i in range(len(rows))] == ["b2", "b3", "a2"]
