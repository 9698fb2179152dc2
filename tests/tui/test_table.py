"""The table keeps its cursor and its place while rows change under it."""

import pytest
from rich.style import Style
from tests.support.table_app import Queue, TableApp, WatchedTable, cursor_name, numbered, queues
from textual import events
from textual.pilot import Pilot

from qtop.widgets.table import TABLE_BINDINGS, Table
from qtop.widgets.table_model import FREEZE_S


def style_flags(table: Table[Queue], y: int) -> set[str]:
    """The attributes, without colours, that all cells of a line have."""
    styles = [segment.style for segment in table.render_line(y) if segment.style]
    names = ("bold", "dim", "reverse", "underline")
    return {name for name in names if all(getattr(style, name) for style in styles)}


def styles(table: Table[Queue], y: int) -> list[Style]:
    """The styles of the texts of a line."""
    return [each.style for each in table.render_line(y) if each.style and each.text.strip()]


async def test_the_cursor_stays_on_its_row_when_rows_move() -> None:
    app = TableApp(queues("a b c d"))
    async with app.run_test() as pilot:
        await pilot.press("j", "j")
        app.clock.now_s += FREEZE_S
        app.table.set_rows(queues("new d c b a"))
        assert cursor_name(app) == "c"
        assert app.table.rows.cursor_index == 2
        app.table.set_rows(queues("c new d b a"))
        assert app.table.rows.cursor_index == 0


async def test_the_cursor_keeps_its_place_when_its_row_vanishes() -> None:
    app = TableApp(queues("a b c d"))
    async with app.run_test() as pilot:
        await pilot.press("j")
        app.table.set_rows(queues("a c d"))
        assert cursor_name(app) == "c"
        await pilot.press("G")
        app.table.set_rows(queues("a c"))
        assert cursor_name(app) == "c"


async def test_the_cursor_finds_its_row_again_after_an_empty_table() -> None:
    app = TableApp(queues("a b c"))
    async with app.run_test() as pilot:
        await pilot.press("j")
        app.table.set_rows([])
        await pilot.pause()
        assert app.pointed == ["a", "b", None]
        await pilot.press("j", "k", "G", "pageup", "space", "v", "a", "enter")
        app.table.set_rows(queues("a b c"))
        assert cursor_name(app) == "b"
    assert app.opened == []


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (["j"], "q1"),
        (["down", "down"], "q2"),
        (["j", "k", "up"], "q0"),
        (["G"], "q99"),
        (["end", "k"], "q98"),
        (["G", "g"], "q0"),
        (["end", "home"], "q0"),
        (["pagedown"], "q9"),
        (["pagedown", "pagedown", "pageup"], "q9"),
        (["G", "j", "pagedown"], "q99"),
    ],
)
async def test_keys_move_the_cursor_and_it_stays_in_view(keys: list[str], name: str) -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.press(*keys)
        assert cursor_name(app) == name
        assert name in app.names()


async def test_the_scroll_offset_stays_when_rows_are_added_and_others_change() -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.press("G")
        for _ in range(4):
            await pilot.press("k")
        offset = app.table.scroll_offset
        app.table.set_rows([*numbered(100), Queue("more")])
        await pilot.pause()
        assert app.table.scroll_offset == offset
        assert app.names()[0] == "q91"


async def test_the_view_follows_a_cursor_that_was_in_view() -> None:
    app = TableApp(numbered(30))
    async with app.run_test(size=(80, 10)) as pilot:
        app.table.set_rows([*(Queue(f"new{n}") for n in range(50)), *numbered(30)])
        await pilot.pause()
        assert cursor_name(app) == "q0"
        assert app.names()[-1] == "q0"


async def test_the_scroll_offset_shrinks_with_the_rows() -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.press("G")
        app.table.set_rows(numbered(3))
        await pilot.pause()
        assert app.names() == ["q0", "q1", "q2"]
        assert cursor_name(app) == "q2"


async def test_a_scrolled_view_ends_at_the_last_row_when_one_vanishes() -> None:
    app = TableApp(numbered(5_000))
    async with app.run_test(size=(80, 10)) as pilot:
        app.table.scroll_end(animate=False, immediate=True)
        await pilot.pause()
        assert app.names()[-1] == "q4999"
        app.table.set_rows(numbered(4_999))
        await pilot.pause()
        assert app.names()[-1] == "q4998"
        assert len(app.names()) == 9
        assert cursor_name(app) == "q0"


async def test_a_smaller_terminal_keeps_the_cursor_in_view() -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 30)) as pilot:
        await pilot.press(*["j"] * 20)
        await pilot.resize_terminal(80, 8)
        await pilot.pause()
        assert "q20" in app.names()


async def test_a_screen_can_put_the_cursor_on_a_key() -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 10)):
        assert app.table.move_to("q50")
        assert not app.table.move_to("nowhere")
        assert cursor_name(app) == "q50"


async def test_moves_are_reported_at_once() -> None:
    app = TableApp(queues("a b c"))
    async with app.run_test() as pilot:
        assert app.pointed == ["a"]
        app.table.action_move(1)
        assert app.pointed == ["a", "b"]
        await pilot.press("down", "down")
        app.table.set_rows(queues("a b"))
        await pilot.pause()
        assert app.pointed == ["a", "b", "c", "b"]


async def test_enter_opens_the_row_under_the_cursor() -> None:
    app = TableApp(queues("a b"))
    async with app.run_test() as pilot:
        await pilot.press("j", "enter")
    assert app.opened == ["b"]


async def test_the_cursor_needs_no_colour_to_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = TableApp(queues("a b"))
    async with app.run_test() as pilot:
        assert "reverse" in style_flags(app.table, 1)
        assert "reverse" not in style_flags(app.table, 2)
        app.set_focus(None)
        await pilot.pause()
        assert style_flags(app.table, 1) == set(), "the frame shows where the focus is"


async def test_the_row_of_the_cursor_is_tinted_and_keeps_the_colours_of_its_cells() -> None:
    app = TableApp([Queue("a"), Queue("b")])
    async with app.run_test():
        cursor, other = (styles(app.table, y) for y in (1, 2))
        assert [style.color for style in cursor] == [style.color for style in other]
        assert {style.bgcolor for style in cursor}.isdisjoint(style.bgcolor for style in other)


async def test_a_click_moves_the_cursor_and_a_double_click_opens() -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.click(WatchedTable, offset=(5, 3))
        assert cursor_name(app) == "q2"
        assert app.opened == []
        await pilot.double_click(WatchedTable, offset=(5, 5))
        assert app.opened == ["q4"]


async def test_a_click_below_the_rows_does_nothing() -> None:
    app = TableApp(queues("a b"))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.double_click(WatchedTable, offset=(5, 8))
        assert cursor_name(app) == "a"
        assert app.opened == []


async def test_a_click_on_a_label_sorts_and_another_one_turns_it() -> None:
    app = TableApp([Queue("a", 1), Queue("b", 3), Queue("c", 2)])
    async with app.run_test(size=(80, 10)) as pilot:
        at = app.screen_lines()[0].index("Depth")
        await pilot.click(WatchedTable, offset=(at, 0))
        assert app.names() == ["b", "c", "a"]
        await pilot.click(WatchedTable, offset=(at, 0))
        assert app.names() == ["a", "c", "b"]


async def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 10)) as pilot:
        await wheel_down(pilot, app.table)
        assert app.table.scroll_offset.y > 0
        assert cursor_name(app) == "q0"
        await pilot.press("j")
        assert "q1" in app.names()


async def wheel_down(pilot: Pilot[None], table: Table[Queue]) -> None:
    table.post_message(
        events.MouseScrollDown(
            widget=table,
            x=5,
            y=5,
            delta_x=0,
            delta_y=1,
            button=0,
            shift=False,
            meta=False,
            ctrl=False,
        )
    )
    await pilot.pause()


def test_every_key_has_an_action_and_an_id_and_stays_out_of_the_footer() -> None:
    for binding in TABLE_BINDINGS:
        assert callable(getattr(Table, f"action_{binding.action.partition('(')[0]}"))
        assert binding.id
        assert not binding.show
    assert len({binding.id for binding in TABLE_BINDINGS}) == len(TABLE_BINDINGS)


async def test_a_table_without_labels_has_one_more_row_and_opens_what_is_clicked() -> None:
    app = TableApp(numbered(3))
    async with app.run_test(size=(40, 3)) as pilot:
        app.table.show_labels(False)
        await pilot.pause()
        assert [line.split()[0] for line in app.screen_lines()] == ["q0", "q1", "q2"]
        await pilot.click(WatchedTable, offset=(4, 2), times=2)
        await pilot.pause()
        assert app.opened == ["q2"]
        app.table.show_labels(True)
        await pilot.pause()
        assert "Queue" in app.screen_lines()[0]
