"""Text in input fields: pasted text is shown, and never obeyed."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.support.console import console, screen_text, until, until_focused, until_polled
from tests.support.sample_data import FakeSystem, fleet
from textual import events
from textual.widgets import Input, TextArea

from qtop.screens.payload_editor import EditorDialog
from qtop.text.safe import safe, visible
from qtop.widgets.filter_input import FilterInput

EVIL = "a\x1b]52;c;aGk=\x07\x9b31m\u202eb\t\u200dc"
SEEN = "a␛]52;c;aGk=␇�31m�b⇥�c"


@given(st.text(st.characters()))
def test_visible_text_is_safe_and_of_the_same_length(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    assert safe(shown) == shown
    assert safe(text) != text or shown == text


async def test_text_pasted_into_a_filter_is_visible() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "slash")
        field = app.screen.query_one(FilterInput)
        app.post_message(events.Paste(EVIL))
        await until(pilot, lambda: field.value == SEEN, "the text")
        assert field.cursor_position == len(SEEN)
        assert isinstance(field, Input)


async def test_text_pasted_into_the_editor_is_escaped_and_keeps_its_meaning() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        app.push_screen(EditorDialog("", app.state.policy))
        await until_focused(pilot, TextArea)
        assert isinstance(app.focused, TextArea)
        app.post_message(events.Paste(f'"{EVIL}'))
        field = app.focused
        await until(pilot, lambda: bool(field.text), "the text")
        await pilot.press("right", "quotation_mark")
        assert safe(field.text) == field.text
        assert json.loads(field.text).split() == EVIL.split()
        assert field.text in screen_text(app)
