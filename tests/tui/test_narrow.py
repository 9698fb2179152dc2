"""Little room: what is cut, what is left out, what is broken into lines."""

import pytest
from rich.cells import cell_len
from tests import words as texts
from tests.support.console import (
    console,
    screen_lines,
    screen_text,
    shows,
    until,
    until_gone,
    until_polled,
    until_shown,
)
from tests.support.sample_data import FakeSystem, does_nothing, queue, snapshot, worker

from qtop.actions.plan import Plan
from qtop.screens.dialogs import ConfirmDialog
from qtop.text.safe import wrapped
from qtop.widgets.bars import Span, place

LONG = "image-processing-thumbnails-high-priority-eu-west-1"


def placed(*left: Span, right: tuple[Span, ...] = (), width: int) -> str:
    """A bar as text."""
    line = ""
    for x, span in place(left, right, width):
        line = line.ljust(x) + span.text
    return line


def test_a_span_that_may_be_cut_is_cut_before_it_is_dropped() -> None:
    name, count = Span("a long name", "", 50, least=4), Span(" 7 of 9", "", 90)
    assert placed(name, right=(count,), width=30) == "a long name             7 of 9"
    assert placed(name, right=(count,), width=14) == "a long… 7 of 9"
    assert placed(name, right=(count,), width=11) == "a l… 7 of 9"
    assert placed(name, right=(count,), width=10) == "    7 of 9"


def test_less_important_spans_are_dropped_before_more_important_ones_are_cut() -> None:
    name, less = Span("a long name", "", 50, least=4), Span(" by the way", "", 10)
    assert placed(name, less, width=15) == "a long name"


def test_left_and_right_never_touch() -> None:
    name, count = Span("a long name", "", 50, least=4), Span("7 of 9", "", 90)
    assert placed(name, right=(count,), width=18) == "a long name 7 of 9"
    assert placed(name, right=(count,), width=17) == "a long na… 7 of 9"
    assert placed(name, right=(count,), width=9) == "   7 of 9"


@pytest.mark.parametrize("width", [9, 20, 38, 58, 200])
def test_a_text_is_broken_between_words_into_lines_that_fit(width: int) -> None:
    text = "No actions yet: they are listed here"
    lines = wrapped(text, width)
    assert " ".join(lines) == text
    assert all(cell_len(line) <= width for line in lines)
    assert (len(lines) == 1) == (cell_len(text) <= width)
    assert wrapped("", width) == [""]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("2", "as from `qtop enqueue Sleep 5 --queue sleep`."),
        ("3", "press s to start one here."),
        ("6", "press s, then enter queues and how many."),
        ("7", "and u undoes them."),
    ],
)
async def test_an_empty_list_shows_its_whole_advice(key: str, words: str) -> None:
    source = FakeSystem(snapshot())
    source.answers = [[]]
    app = console(source)
    async with app.run_test(size=(60, 15)) as pilot:
        await until_polled(pilot)
        await pilot.press(key)
        await until_shown(pilot, words.rpartition(" ")[2])
        assert shows(app, words)


async def test_a_filter_is_never_hidden_by_its_length() -> None:
    app = console(FakeSystem(snapshot([queue(LONG, 3)], [worker(f"web1:1:{LONG}")])))
    async with app.run_test(size=(60, 15)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "W")
        await until_shown(pilot, "1 of 1")
        line = next(line for line in screen_lines(app) if line.startswith(" filter "))
        assert line.startswith(' filter  serves:"image-processing')
        assert line.endswith("…  1 of 1")


async def test_the_palette_has_room_for_what_it_offers() -> None:
    app = console(FakeSystem(snapshot([queue("mail", 3)])))
    async with app.run_test(size=(60, 15)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", ":", *"show the")
        await pilot.pause()
        assert screen_text(app).count("Show the ") >= 4


async def test_a_question_shows_its_buttons_however_low_the_terminal_is() -> None:
    source = FakeSystem(snapshot([queue(LONG * 3, 3)]))
    source.replies = [[[3, [b"job"]]], [100]]
    app = console(source)
    async with app.run_test(size=(60, 15)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "c")
        await until_shown(pilot, texts.CLEAR_QUEUE)
        shown = " ".join(screen_text(app).replace("│", " ").split())
        assert f"{LONG[-9:]}?" in shown
        assert texts.CANCEL in shown
        await pilot.press("down", "down", "down", "down", "down", "down", "down")
        await until_shown(pilot, f"{texts.type_to_go_on('clear')}:")
        assert texts.CANCEL in screen_text(app)
        await pilot.resize_terminal(60, 30)
        await until_shown(pilot, texts.CLEAR_QUEUE)
        assert texts.CANCEL in screen_text(app)
        assert f"{texts.type_to_go_on('clear')}:" in screen_text(app)


async def test_a_long_question_is_read_line_by_line_and_page_by_page() -> None:
    app = console(FakeSystem(snapshot([queue("mail", 3)])))
    lines = tuple(f"worker {number}" for number in range(40))
    async with app.run_test(size=(60, 15)) as pilot:
        await until_polled(pilot)

        await app.push_screen(ConfirmDialog(Plan("Prune", "Prune", lines, "confirm", does_nothing)))
        await until(pilot, lambda: "Prune?" in screen_text(app), "its beginning")
        await pilot.press("j")
        await until_gone(pilot, "Prune?")
        await pilot.press("k")
        await until(pilot, lambda: "Prune?" in screen_text(app), "the line before")
        await pilot.press("pagedown", "pagedown")
        await until_shown(pilot, "worker 30")
        await pilot.press("pageup", "pageup")
        await until(pilot, lambda: "Prune?" in screen_text(app), "the beginning again")


async def test_a_worker_has_its_name_on_the_lowest_terminal() -> None:
    app = console(FakeSystem(snapshot([queue("mail", 3)], [worker("web1:7:*")])))
    async with app.run_test(size=(60, 15)) as pilot:
        await until_polled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "web1:7")
