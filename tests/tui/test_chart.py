"""Charts on the screen: their scale and clock, and that what goes on as it was costs nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from tests.support.console import screen_lines
from textual.app import App, ComposeResult
from textual.containers import Horizontal

from qtop.widgets.chart import Chart, Timeline
from qtop.widgets.plot import ChartClock, Course, Scale

pytestmark = pytest.mark.usefixtures("in_utc")
CLOCK = ChartClock(0, 5.0, datetime(2026, 11, 24, 8, 14, tzinfo=UTC))
KEPT = 480


class ChartApp(App[None]):
    """Two charts beside each other, the second one with a scale of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = Chart(), Chart(scale=Scale(0.0, 1.0))
        self.timeline = Timeline([self.left, self.right], KEPT)

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self.left
            yield self.right

    def show(
        self, left: Sequence[float | None], right: Sequence[float | None], first: int = 0
    ) -> None:
        courses = [[Course(left, "good")], [Course(right, "bad")]]
        self.timeline.show(courses, CLOCK._replace(first=first))


def watched(app: ChartApp, monkeypatch: pytest.MonkeyPatch) -> list[Chart]:
    """The charts that are painted from now on."""
    painted: list[Chart] = []
    monkeypatch.setattr(Chart, "refresh", lambda self, *a, **k: painted.append(self))
    return painted


async def test_a_chart_shows_its_scale_its_line_and_the_time() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 5)) as pilot:
        app.show([0.0, 10.0, 40.0, 40.0], [0.5, 0.5, None, 0.5])
        await pilot.pause()
        assert screen_lines(app) == [
            "  40  ⡏                          1",
            "      ⡇                            ⣀⢀",
            "     ⢀⠇",
            "   0 ⡸                           0",
            "     since 08:14                   since 08:14",
        ]


async def test_a_stretch_in_which_nothing_changes_is_drawn_at_the_next_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 5)) as pilot:
        app.show([10.0, 20.0, 40.0], [0.5, 0.5, 0.5])
        await pilot.pause()
        before = screen_lines(app)
        painted = watched(app, monkeypatch)
        # Longer than the charts have room for, and than values are kept.
        for steps in (4, 60, KEPT):
            app.show([10.0, 20.0, *[40.0] * steps], [0.5] * (steps + 2))
        app.show([40.0] * KEPT, [0.5] * KEPT, first=KEPT)
        assert painted == []
        monkeypatch.undo()
        app.show([40.0] * KEPT, [0.5] * (KEPT - 1) + [1.0], first=KEPT)
        await pilot.pause()
        assert screen_lines(app) != before
        assert "since" not in "".join(screen_lines(app))


async def test_a_change_in_one_chart_lets_all_show_the_same_time() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 5)) as pilot:
        app.show([10.0] * 3, [0.5] * 3)
        app.show([10.0] * 9 + [20.0], [0.5] * 10)
        await pilot.pause()
        assert screen_lines(app)[1].endswith("⣀⣀⣀⣀⣀")


async def test_the_scale_stays_while_all_values_fit_it() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 5)) as pilot:
        app.show([40.0], [0.5])
        app.show([40.0, 3.0], [0.5, 0.5])
        await pilot.pause()
        assert screen_lines(app)[0].startswith("  40")
        app.show([40.0, 3.0, 41.0], [0.5] * 3)
        await pilot.pause()
        assert screen_lines(app)[0].startswith("  50")


async def test_a_new_point_paints_few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 5)) as pilot:
        app.show([10.0, 40.0], [0.5, 0.5])
        await pilot.pause()
        cells: list[int] = []
        monkeypatch.setattr(
            Chart, "refresh", lambda self, *parts: cells.extend(each.area for each in parts)
        )
        app.show([10.0, 40.0, 20.0], [0.5] * 3)
        assert 0 < sum(cells) <= 4


async def test_charts_are_drawn_anew_for_another_size() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 5)) as pilot:
        app.show([float(each) for each in range(40)], [0.5] * 40)
        await pilot.pause()
        await pilot.resize_terminal(40, 3)
        await pilot.pause()
        lines = screen_lines(app)
        assert len(lines) == 3
        assert lines[0].startswith("  40")
        await pilot.resize_terminal(30, 3)
        await pilot.pause()
        # No room for a scale.
        assert "40" not in screen_lines(app)[0]


async def test_where_there_is_no_braille_charts_are_of_blocks() -> None:
    class Plain(ChartApp):
        def __init__(self) -> None:
            super().__init__()
            self.left.drawn_as = self.right.drawn_as = "blocks"

    app = Plain()
    async with app.run_test(size=(60, 3)) as pilot:
        app.show([0.0, 20.0, 40.0], [0.0, None, 1.0])
        await pilot.pause()
        assert screen_lines(app) == [
            "  40   █                         1   █",
            "      ▅█                             █",
            "   0 ▁██                         0 ▁ █",
        ]
