"""The themes that can be chosen: their states can be read, and one is chosen by looking at it."""

import pytest
from tests.support.console import console, screen_text, until, until_screen, until_shown
from tests.support.sample_data import FakeSystem, fleet
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from qtop.config.settings import DEFAULTS, THEMES, Settings
from qtop.screens.overview import OverviewScreen
from qtop.screens.theme_chooser import ThemeScreen
from qtop.widgets.theme import DARK
from qtop.widgets.themes import (
    GROUNDS,
    LEAST_CONTRAST,
    STATES,
    contrast,
    readable,
    theme_named,
    theme_names,
)


def variables(theme: Theme) -> dict[str, Color]:
    found = {**theme.to_color_system().generate(), **theme.variables}
    return {name: Color.parse(found[name]) for name in (*GROUNDS, *STATES)}


def test_black_on_white_has_the_highest_contrast_and_a_colour_none_with_itself() -> None:
    assert contrast(Color.parse("#000000"), Color.parse("#ffffff")) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), Color.parse("#777777")) == pytest.approx(1)
    # A pair for which WCAG's own tools give 4.54.
    assert contrast(Color.parse("#767676"), Color.parse("#ffffff")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", THEMES)
def test_the_states_of_a_listed_theme_can_be_read_on_all_its_backgrounds(name: str) -> None:
    colours = variables(theme_named(name, of_16=False))
    for state in STATES:
        for ground in GROUNDS:
            assert contrast(colours[state], colours[ground]) >= LEAST_CONTRAST, (state, ground)


@pytest.mark.parametrize("name", THEMES)
def test_the_row_of_the_cursor_can_be_told_from_others(name: str) -> None:
    colours = variables(theme_named(name, of_16=False))
    assert colours["cursor-row"] != colours["background"]


def test_the_settings_take_the_themes_that_are_listed_and_no_others() -> None:
    assert list(THEMES) == theme_names(of_16=False)


def test_a_theme_in_the_colours_of_the_terminal_is_not_listed() -> None:
    assert readable(BUILTIN_THEMES["ansi-dark"]) is None
    assert "ansi-dark" not in THEMES


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    kept = readable(DARK)
    assert kept is not None
    known, given = variables(kept), DARK.to_color_system().generate()
    for name in ("success", "warning", "error"):
        assert known[f"text-{name}"].hex == Color.parse(given[name]).hex


@pytest.mark.parametrize(("name", "is_dark"), [("nord", True), ("solarized-light", False)])
def test_16_colours_have_our_own_themes_only(name: str, *, is_dark: bool) -> None:
    assert theme_names(of_16=True) == ["dark", "light"]
    assert theme_named(name, of_16=True).dark is is_dark


async def test_the_console_is_shown_in_the_theme_under_the_cursor_and_enter_keeps_it() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "1 Overview")
        await pilot.press("T")
        await until_screen(pilot, ThemeScreen)
        await pilot.press("G")
        await until(pilot, lambda: app.theme == THEMES[-1], "the last theme")
        await pilot.press("enter")
        await until_screen(pilot, OverviewScreen)
        assert app.theme == THEMES[-1]
        assert f'theme = "{THEMES[-1]}"' in screen_text(app)


async def test_escape_brings_back_the_theme_there_was() -> None:
    app = console(FakeSystem(fleet()), settings=Settings({**DEFAULTS, "theme": "nord"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "1 Overview")
        assert app.theme == "nord"
        await pilot.press("T")
        await until_screen(pilot, ThemeScreen)
        await pilot.press("j")
        await until(pilot, lambda: app.theme != "nord", "another theme")
        await pilot.press("escape")
        await until_screen(pilot, OverviewScreen)
        assert app.theme == "nord"
