"""The table fits every width and every text, and paints only what changed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from rich.cells import cell_len
from tests.support.table_app import COLUMNS, Queue, TableApp, WatchedTable, numbered, queues

from qtop.text.format import to_ascii
from qtop.widgets.columns import Column, PlacedColumn, figure, fit, text_column
from qtop.widgets.table import Table

pytestmark = pytest.mark.usefixtures("every_frame")


def style_flags(table: Table[Queue], y: int) -> set[str]:
    """The attributes, without colours, that all cells of a line have."""
    styles = [segment.style for segment in table.render_line(y) if segment.style]
    names = ("bold", "dim", "reverse", "underline")
    return {name for name in names if all(getattr(style, name) for style in styles)}


@pytest.mark.parametrize(
    ("width", "labels"),
    [
        (18, ["Queue"]),
        (25, ["Queue", "Depth"]),
        (60, ["Queue", "Depth", "State"]),
        (80, ["Queue", "Depth", "State", "Note"]),
        (160, ["Queue", "Depth", "State", "Note"]),
    ],
)
async def test_narrow_terminals_drop_the_least_important_columns(
    width: int, labels: list[str]
) -> None:
    app = TableApp(numbered(3))
    async with app.run_test(size=(width, 10)):
        lines = app.screen_lines()
        assert lines[0].split() == labels
        assert {cell_len(line) for line in lines} == {width}


async def test_columns_are_laid_out_again_when_the_terminal_changes() -> None:
    app = TableApp(numbered(3))
    async with app.run_test(size=(160, 10)) as pilot:
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert app.screen_lines()[0].split() == ["Queue", "Depth", "State"]


def column(key: str, width: int, *, flex: int = 0, priority: int = 0) -> Column[str]:
    return Column(key, key, width, lambda row: row, flex=flex, priority=priority)


def places(placed: Sequence[PlacedColumn[str]]) -> list[tuple[str, int, int]]:
    return [(place.column.key, place.x, place.width) for place in placed]


def test_a_column_of_figures_has_its_own_tone_for_zero_and_for_unknown() -> None:
    numbers: Column[int | None] = figure(
        "n", "n", 6, lambda row: row, priority=1, style="bad", zero="dim"
    )
    [placed] = fit([numbers], 0, 6)
    cells = [placed.cell(row, str) for row in (1_234, 0, None)]
    assert [tuple(cell) for cell in cells] == [
        (" 1,234", "bad"),
        ("     0", "dim"),
        ("     –", "dim"),  # noqa: RUF001
    ]
    assert (numbers.descends, numbers.align) == (True, "right")


def test_a_column_of_texts_is_sorted_by_what_it_shows() -> None:
    names: Column[int] = text_column("n", "n", 6, lambda row: f"row {row}", priority=1)
    assert names.sort_key is not None
    assert names.sort_key(7) == "row 7"


def test_free_cells_are_shared_by_weight_without_a_rest() -> None:
    columns = [column("a", 5, flex=1), column("b", 5), column("c", 5, flex=2)]
    assert places(fit(columns, 2, 29)) == [("a", 2, 8), ("b", 12, 5), ("c", 19, 12)]
    assert places(fit(columns, 0, 20)) == [("a", 0, 5), ("b", 7, 5), ("c", 14, 6)]


def test_columns_that_grow_are_as_wide_as_their_texts_and_one_takes_the_rest() -> None:
    columns = [column("a", 5, flex=1), column("b", 5), column("c", 5, flex=2)]
    contents = {"a": 9, "b": 3, "c": 6}
    assert places(fit(columns, 0, 40, contents)) == [("a", 0, 9), ("b", 11, 5), ("c", 18, 22)]
    assert places(fit(columns, 0, 22, contents)) == [("a", 0, 9), ("b", 11, 3), ("c", 16, 6)]


def test_a_column_that_grows_takes_no_more_than_its_texts_where_others_need_the_room() -> None:
    columns = [column("a", 30, flex=1, priority=9), column("b", 5, priority=1)]
    assert places(fit(columns, 0, 20, {"a": 8, "b": 5})) == [("a", 0, 13), ("b", 15, 5)]


def test_columns_that_show_nothing_are_left_out_first() -> None:
    columns = [column("a", 5), column("b", 5, priority=9), column("c", 5)]
    contents = {"a": 5, "b": 0, "c": 2}
    assert places(fit(columns, 0, 12, contents)) == [("a", 0, 5), ("c", 7, 5)]
    assert len(fit(columns, 0, 19, contents)) == 3


async def test_a_column_stays_as_wide_as_its_widest_text_so_far() -> None:
    app = TableApp([Queue("q" * 30), Queue("low")])
    async with app.run_test(size=(80, 10)) as pilot:
        wide = app.screen_lines()[0].index("Depth")
        app.table.set_rows([Queue("low")])
        await pilot.pause()
        assert app.screen_lines()[0].index("Depth") == wide


def test_the_last_of_equally_important_columns_is_dropped_first() -> None:
    columns = [column("a", 5), column("b", 5, priority=1), column("c", 5)]
    assert places(fit(columns, 0, 12)) == [("a", 0, 5), ("b", 7, 5)]
    assert places(fit(columns, 0, 3)) == [("b", 0, 3)]


async def test_a_table_without_rows_shows_a_sentence_in_the_middle() -> None:
    app = TableApp([])
    app.table.empty_text = "No queues: [red]nothing[/red] to do"
    async with app.run_test(size=(80, 10)) as pilot:
        (line,) = [line for line in app.screen_lines()[1:] if line.strip()]
        assert line.strip() == "No queues: [red]nothing[/red] to do"
        assert len(line) - len(line.lstrip()) == (80 - 35) // 2
        app.table.empty_text = "Still nothing"
        await pilot.pause()
        assert "Still nothing" in "".join(app.screen_lines())
        app.table.set_rows(queues("a"))
        await pilot.pause()
        assert app.names() == ["a"]


async def test_a_table_can_be_drawn_in_ascii() -> None:
    app = TableApp([Queue("x" * 200, 5), Queue("b", 1)], sort="depth")
    async with app.run_test(size=(60, 6)) as pilot:
        await pilot.press("space", "v")
        drawn = to_ascii("".join(line[:59] for line in app.screen_lines()))
        assert drawn.isascii()
        assert not {"?", "\n"} & set(drawn), "each sign has one that resembles it"


@pytest.mark.parametrize(
    "name",
    [
        "\x1b[2J\x1b]52;c;aGk=\x07",
        "\x9b31m\x9d",
        "[/red]",
        "[@click=app.quit]x[/]",
        "[link=http://evil]x[/link]",
        "日本語" * 20,
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f44d\U0001f3fd\u2764\ufe0f",
        "\udcff\udc9b",
        "e\u0301" * 40,
        "a\nb\tc\u202e",
    ],
)
async def test_hostile_names_never_shift_a_column(name: str) -> None:
    app = TableApp([Queue("plain"), Queue(name), Queue("last")])
    async with app.run_test(size=(80, 8)) as pilot:
        lines = app.screen_lines()
        starts = {cell_len(line[: line.index("§")]) for line in lines[1:4]}
        assert len(starts) == 1
        assert "".join(lines).isprintable()
        await pilot.click(WatchedTable, offset=(4, 2))
        assert app.is_running


async def test_old_data_is_dimmed() -> None:
    app = TableApp(queues("a b"))
    async with app.run_test() as pilot:
        app.table.stale = True
        await pilot.pause()
        assert all("dim" in style_flags(app.table, y) for y in range(3))
        app.table.stale = False
        await pilot.pause()
        assert "dim" not in style_flags(app.table, 2)


async def test_a_cell_has_the_colour_of_its_meaning_in_every_theme() -> None:
    app = TableApp([Queue("a"), Queue("b"), Queue("c", state="paused")])
    async with app.run_test() as pilot:
        for theme in ("textual-dark", "textual-light"):
            app.theme = theme
            await pilot.pause()
            good, bad = (cell_colour(app, y, word) for y, word in ((2, "ok"), (3, "paused")))
            assert good == expected_colour(app, "text-success")
            assert bad == expected_colour(app, "text-error")


def cell_colour(app: TableApp, y: int, word: str) -> str:
    (style,) = [s.style for s in app.table.render_line(y) if s.text.strip() == word]
    assert style is not None
    assert style.color is not None
    return style.color.get_truecolor().hex


def expected_colour(app: TableApp, variable: str) -> str:
    return app.theme_variables[variable].lower()


async def test_only_cells_that_changed_are_painted() -> None:
    rows = numbered(100)
    app = TableApp(rows)
    async with app.run_test(size=(80, 20)) as pilot:
        app.table.forget()
        rows[3] = replace(rows[3], depth=77)
        rows[70] = replace(rows[70], depth=77)
        app.table.set_rows(list(rows))
        (region,) = app.table.regions
        assert (region.y, region.height, region.width) == (4, 1, 9)
        await pilot.pause()
        assert set(app.table.lines_painted) == {4}
        assert "77" in app.screen_lines()[4][region.x : region.right]


async def test_rows_that_did_not_change_paint_nothing() -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 20)) as pilot:
        app.table.forget()
        app.table.set_rows(numbered(100))
        app.table.set_rows(numbered(100))
        await pilot.pause()
        assert app.table.regions == []
        assert app.table.lines_painted == []


async def test_a_list_that_grows_below_the_screen_paints_no_line() -> None:
    app = TableApp(numbered(5_000))
    async with app.run_test(size=(80, 20)) as pilot:
        app.table.forget()
        app.table.set_rows(numbered(5_001))
        await pilot.pause()
        assert app.table.regions == []
        assert app.table.max_scroll_y == 5_001 + 1 - 20


async def test_a_change_that_is_reverted_before_the_frame_is_painted_correctly() -> None:
    rows = numbered(3)
    app = TableApp(rows)
    async with app.run_test() as pilot:
        app.table.set_rows([replace(rows[0], depth=5), *rows[1:]])
        app.table.set_rows(rows)
        await pilot.pause()
        app.table.set_rows([replace(rows[0], depth=6), *rows[1:]])
        await pilot.pause()
        assert "6" in app.screen_lines()[1]


async def test_the_cursor_repaints_the_line_it_left_and_the_one_it_reached() -> None:
    app = TableApp(numbered(100))
    async with app.run_test(size=(80, 20)) as pilot:
        app.table.forget()
        await pilot.press("j")
        assert {region.y for region in app.table.regions} == {1, 2}
        assert set(app.table.lines_painted) == {1, 2}


async def test_a_hundred_thousand_rows_cost_only_the_cells_of_one_screen() -> None:
    asked: list[str] = []

    def counted(cell: Callable[[Queue], str]) -> Callable[[Queue], str]:
        def count_and_get(row: Queue) -> str:
            asked.append(row.name)
            return cell(row)

        return count_and_get

    columns = [replace(c, cell=counted(c.cell)) for c in COLUMNS]
    app = TableApp([], columns=columns)
    async with app.run_test(size=(80, 20)) as pilot:
        rows = numbered(100_000)
        app.table.set_rows(rows)
        # Once to measure them, once to show them.
        assert len(asked) == 2 * 19 * len(COLUMNS)
        await pilot.pause()
        await pilot.press("G")
        assert app.names()[-1] == "q99999"
        app.table.set_rows(rows)
        await pilot.pause()
        assert len(asked) <= 19 * len(COLUMNS) * 12
        assert len(set(asked)) == 19 * 2
