"""Frames around parts of a screen: their titles, the focus, and how little is painted."""

from typing import Any

from tests.support.table_app import COLUMNS, WatchedTable, queues
from textual.app import App, ComposeResult
from textual.geometry import Region

from qtop.text.format import to_ascii
from qtop.widgets import theme
from qtop.widgets.bars import Span
from qtop.widgets.panel import JOINED, OPEN, Panel


class WatchedPanel(Panel):
    """A panel that records what it was asked to paint."""

    def __init__(self, *children: Any, **options: Any) -> None:
        self.regions: list[Region] = []
        super().__init__(*children, **options)

    def refresh(self, *regions: Region, **options: Any) -> "WatchedPanel":
        self.regions += regions or [self.outer_size.region]
        super().refresh(*regions, **options)
        return self


class Panels(App[None]):
    """Two panels, one below the other, each around a table."""

    def __init__(self, first: str = "", second: str = "") -> None:
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = theme.DARK.name
        self.tables = [WatchedTable(COLUMNS, key=lambda q: q.name) for _ in range(2)]
        self.panels = [
            WatchedPanel(table, classes=classes)
            for table, classes in zip(self.tables, (first, second), strict=True)
        ]
        self.clicked = 0

    def compose(self) -> ComposeResult:
        yield from self.panels

    def action_count(self) -> None:
        self.clicked += 1

    def lines(self) -> list[str]:
        return [strip.text for strip in self.screen._compositor.render_strips()]

    def colour_at(self, x: int, y: int) -> str:
        """The colour of a cell of the screen."""
        [segment] = self.screen._compositor.render_strips()[y].crop(x, x + 1)
        assert segment.style is not None
        assert segment.style.color is not None
        return segment.style.color.name


async def test_a_frame_has_its_title_at_the_left_and_figures_at_the_right() -> None:
    app = Panels()
    async with app.run_test(size=(40, 12)):
        app.panels[0].show([Span("Queues", "strong"), Span(" 47")], [Span("sort depth")])
        assert app.lines()[0] == "╭─ Queues 47 ───────────── sort depth ─╮"
        assert app.lines()[5] == "╰──────────────────────────────────────╯"
        assert all(line[0] == line[-1] == "│" for line in app.lines()[1:5])


async def test_what_does_not_fit_into_a_title_is_left_out() -> None:
    app = Panels()
    async with app.run_test(size=(30, 12)):
        figures = [Span(" 47", "", 80), Span(" of which none is served", "", 70)]
        app.panels[0].show([Span("Queues", "strong", 90), *figures], [Span("sort depth", "", 85)])
        assert app.lines()[0] == "╭─ Queues 47 ─── sort depth ─╮"


async def test_only_the_panel_with_the_focus_has_a_frame_in_the_accent() -> None:
    app = Panels()
    async with app.run_test(size=(40, 12)) as pilot:
        assert app.colour_at(0, 0) != app.colour_at(0, 6)
        focused = app.colour_at(0, 0)
        await pilot.press("tab")
        await pilot.pause()
        assert (app.colour_at(0, 6), app.colour_at(39, 11)) == (focused, focused)
        assert app.colour_at(0, 0) != focused


async def test_only_what_has_changed_in_a_title_is_painted() -> None:
    app = Panels()
    async with app.run_test(size=(40, 12)) as pilot:
        panel = app.panels[0]
        panel.show([Span("Queues"), Span(" 47")], [Span("sort depth")])
        await pilot.pause()
        panel.regions.clear()
        panel.show([Span("Queues"), Span(" 48")], [Span("sort depth")])
        panel.show([Span("Queues"), Span(" 48")], [Span("sort depth")])
        assert [region.width for region in panel.regions] == [3]
        await pilot.pause()
        assert app.lines()[0].startswith("╭─ Queues 48 ──")


async def test_rows_that_change_do_not_paint_the_frame() -> None:
    app = Panels()
    async with app.run_test(size=(40, 12)) as pilot:
        app.tables[0].set_rows(queues("a b"))
        await pilot.pause()
        app.panels[0].regions.clear()
        app.tables[0].set_rows(queues("c d e"))
        await pilot.pause()
        assert app.panels[0].regions == []


async def test_two_panels_that_are_joined_share_a_line() -> None:
    app = Panels(OPEN, JOINED)
    async with app.run_test(size=(40, 12)):
        app.panels[1].show([Span("mail")])
        assert app.lines()[5].startswith("│")
        assert app.lines()[6] == f"├─ mail {'─' * 31}┤"


async def test_a_click_on_a_part_of_a_title_runs_its_action() -> None:
    app = Panels()
    async with app.run_test(size=(40, 12)) as pilot:
        app.panels[0].show([Span("jobs", action="app.count"), Span(" all")])
        await pilot.pause()
        await pilot.click(app.panels[0], offset=(4, 0))
        await pilot.click(app.panels[0], offset=(9, 0))
        assert app.clicked == 1


async def test_a_frame_can_be_drawn_in_ascii() -> None:
    app = Panels()
    async with app.run_test(size=(20, 12)):
        app.panels[0].show([Span("Jobs")])
        assert to_ascii("\n".join(app.lines())).splitlines()[:2] == [
            "+- Jobs -----------+",
            "|" + to_ascii(app.lines()[1])[1:-1] + "|",
        ]
