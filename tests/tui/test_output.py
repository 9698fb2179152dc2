"""The bytes sent to the terminal make it show what Textual painted, cell for cell, and are few."""

import re
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.support.soak import either
from tests.support.terminal_emulator import Emulator

from qtop.app.terminal.ansi import CERTAIN, PLAIN, Style, after, change
from qtop.app.terminal.diff import SYNC_BEGIN, SYNC_END, Output

COLUMNS, LINES = 12, 3
NO_WRAP = "\x1b[?7l"
STYLES = ("", "1", "2;4", "38;5;188;48;5;16", "38;5;116;48;5;16", "7;48;2;1;2;3", "53", "22;39")
#: Some more than once, so that they meet.
TEXTS = (
    *("a", "a", "ab", "ab", "abc", "    ", " 9", "10", "▁▂▇█", "●", "abcdefghijkl", "queue-00010"),
    *(
        "日本",
        "日本",
        "é",
        "e\u0301",
        "\u0301x",
        "\u0301",
        "👍",
        "👨‍👩‍👧",
        "⚠\ufe0f",
        "a\u200bb",
        "\u202eabc",
    ),
    *("\ufeff", "\ufffd", "नमस्ते", "שלום", "\ud800", "ｱ", "\U000e0041", "\xa0"),
)
#: Output that is no frame: of Textual, and of other programs on this terminal.
OTHER = (
    *("\x1b[?25l", "\x1b[?1003h", "\x1b[?2026$p", "\x1b]52;c;aGk=\x07", "\x1b]22;text\x07", "\x07"),
    *("\x1b[2J", "\x1b[K", "\x1bM", "\x1b[3;1H\n", "text", "\x1b[3;3H\x1b[31mred\x1b[0m", "\x1bc"),
    *("\x1b[2;2H\x1b[L", "\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "\x1b[?1049h", "\x1b[?7h"),
    *("\x1b[1;1Ha\rb", "\x1b[2;1H\x9b31m\x1b[0m", "\x1b[1;1H\tx", NO_WRAP, SYNC_BEGIN, SYNC_END),
)


def shown(terminal: Emulator) -> list[object]:
    """Every cell with its style, and where the cursor is."""
    return [*terminal.cells(), terminal.cursor.x, terminal.cursor.y, terminal.cursor.attrs]


@st.composite
def frames(draw: st.DrawFn) -> str:
    """A frame as Textual writes it: a part of each line, in several styles. The places are few, so
    that frames overlap."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        y, x = draw(st.integers(1, LINES)), draw(st.sampled_from((1, 2, 3, COLUMNS - 1, COLUMNS)))
        parts.append(f"\x1b[{y};{x}H")
        for _ in range(draw(st.integers(0, 3))):
            style, text = draw(st.sampled_from(STYLES)), draw(st.sampled_from(TEXTS))
            parts.append(f"\x1b[{style}m{text}\x1b[0m" if style else text)
        if y < LINES or draw(st.integers(0, 9)) == 0:
            parts.append("\n")
    if draw(st.integers(0, 9)) == 0:
        parts.append("\x1b[53m")
    return "".join((*parts, f"\x1b[{draw(st.integers(1, LINES))};{draw(st.integers(1, 3))}H"))


WRITES = st.one_of(
    *(frames() for _ in range(6)),
    st.sampled_from(OTHER),
    st.tuples(st.integers(3, 14), st.integers(2, 4)),
    st.just(NO_WRAP),
)


@settings(max_examples=either(300, 1_500), deadline=None)
@given(st.lists(WRITES, max_size=12))
@example(
    [f"\x1b[1;1H{text}\x1b[1;1H" for text in ("abcdefghijkl", "\n\x1b[2;1H\u0301", "abcdefghijkl")]
)
def test_a_terminal_shows_the_same_as_if_everything_were_sent(
    writes: list[str | tuple[int, int]],
) -> None:
    straight, through = Emulator(COLUMNS, LINES), Emulator(COLUMNS, LINES)
    output = Output()
    output.resize(COLUMNS, LINES)
    for write in (NO_WRAP, *writes):
        if isinstance(write, str):
            straight.feed(write)
            through.feed(output.passed(write))
        else:
            columns, lines = write
            for each in (straight, through):
                each.resize(lines, columns)
            output.resize(columns, lines)
        assert shown(through) == shown(straight), write


def begun() -> Output:
    """On a terminal whose size is known and that does not wrap lines."""
    output = Output()
    output.resize(COLUMNS, LINES)
    output.passed(NO_WRAP)
    return output


def frame(*lines: str) -> str:
    """A frame of lines from the top, in the colours of a row."""
    body = "\n".join(
        f"\x1b[{y};1H\x1b[38;5;188;48;5;16m{line}\x1b[0m" for y, line in enumerate(lines, start=1)
    )
    return f"{body}\x1b[1;1H"


def test_only_cells_that_differ_are_sent_and_colours_once() -> None:
    output = begun()
    output.passed(frame("mail       9", "web        9"))
    sent = output.passed(frame("mail      10", "web       10"))
    assert sent == "\x1b[1;11H\x1b[38;5;188;48;5;16m10\x1b[2;11H10\x1b[H\x1b[m"


def test_cells_between_two_changes_are_sent_where_a_move_is_longer() -> None:
    output = begun()
    output.passed(frame("1 a b c    1"))
    sent = output.passed(frame("2 a c c    2"))
    assert sent == "\x1b[H\x1b[38;5;188;48;5;16m2 a c\x1b[6C2\x1b[H\x1b[m"


def test_a_frame_that_covers_the_screen_is_sent_whole() -> None:
    output = begun()
    whole = frame(*("x" * COLUMNS for _ in range(LINES)))
    assert output.passed(whole) == output.passed(whole) != ""
    assert output.passed(frame("x" * COLUMNS)) == ""


def test_a_frame_does_not_depend_on_where_another_program_left_the_cursor() -> None:
    output, terminal = begun(), Emulator(COLUMNS, LINES)
    for data in (frame("mail   9"), "", frame("mail  10")):
        terminal.feed(output.passed(data) if data else "\x1b[3;9H")
    assert terminal.display[0].rstrip() == "mail  10"
    assert terminal.display[1:] == [" " * COLUMNS] * (LINES - 1)


def test_marks_of_a_frame_are_sent_only_around_something() -> None:
    output = begun()
    sent = [output.passed(data) for data in (SYNC_BEGIN, frame("mail"), SYNC_END)]
    assert sent[1].startswith(SYNC_BEGIN)
    assert sent[2] == SYNC_END
    assert not any(output.passed(data) for data in (SYNC_BEGIN, frame("mail"), SYNC_END))


@pytest.mark.parametrize("data", ["\x1b[?1049h", "\x1b[2J", "wall: going down"])
def test_after_unknown_output_everything_is_sent_again(data: str) -> None:
    output = begun()
    output.passed(frame("mail"))
    assert output.passed(data) == data
    assert output.passed(frame("mail")) == frame("mail")
    output.passed(NO_WRAP)
    assert "mail" in output.passed(frame("mail"))


def test_reports_and_the_clipboard_do_not_make_everything_be_sent_again() -> None:
    output = begun()
    output.passed(frame("mail"))
    for data in ("\x1b[?1003h", "\x1b]52;c;aGk=\x07", "\x07", "\x1b[?25l"):
        assert output.passed(data) == data
    assert output.passed(frame("mail")) == ""


def test_until_the_size_is_known_everything_is_sent() -> None:
    output = Output()
    output.passed(NO_WRAP)
    assert output.passed(frame("mail")) == frame("mail")
    assert output.passed(frame("mail")) == frame("mail")


def test_a_line_of_uncertain_width_is_sent_as_it_came_whenever_it_is_painted() -> None:
    output = begun()
    for _ in range(2):
        assert "mail 👨‍👩‍👧 9" in output.passed(frame("mail 👨‍👩‍👧 9"))


def test_every_compared_character_is_one_cell_wide_everywhere() -> None:
    every = map(chr, range(sys.maxunicode + 1))
    certain = [character for character in every if CERTAIN.fullmatch(character)]
    assert len(certain) > 95
    assert set(map(cell_len, certain)) == {1}


# Styles

OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
FOREGROUNDS = ("", "31", "97", "38;5;7", "38;2;1;22;0")
BACKGROUNDS = ("", "41", "107", "48;5;7", "48;2;1;22;0")


def in_force(sequence: str, before: frozenset[str]) -> frozenset[str]:
    """The effect of an SGR sequence on a terminal: the codes in force, those of colours as one."""
    now = set(before)
    for code in re.findall(r"[34]8;5;\d+|[34]8;2;\d+;\d+;\d+|\d+", sequence) or ["0"]:
        if code == "0":
            now.clear()
        elif code in OFF:
            now.add(code)
        elif code in OFF.values():
            now -= {mark for mark in OFF if OFF[mark] == code}
        else:
            places = FOREGROUNDS if code == "39" or code in FOREGROUNDS else BACKGROUNDS
            now -= {*places}
            now |= {code} - {"39", "49"}
    return frozenset(now)


def styles() -> st.SearchStrategy[Style]:
    marks = st.frozensets(st.sampled_from(sorted(OFF)))
    return st.builds(Style, st.sampled_from(FOREGROUNDS), st.sampled_from(BACKGROUNDS), marks)


@settings(max_examples=either(200, 1_000))
@given(styles(), styles(), styles())
def test_a_change_of_style_ends_in_the_one_that_was_asked_for(
    old: Style, new: Style, unknown: Style
) -> None:
    before, wanted, anything = (
        frozenset((*style.marks, style.foreground, style.background)) - {""}
        for style in (old, new, unknown)
    )
    sent = change(old, new)
    assert (in_force(sent, before) if sent else before) == wanted
    assert in_force(change(None, new), anything) == wanted
    assert len(sent) <= len(change(None, new))


@given(styles(), styles())
def test_a_sequence_is_read_as_it_was_written(old: Style, new: Style) -> None:
    assert after(None, change(None, new)[2:-1]) == new
    assert old == new or after(old, change(old, new)[2:-1]) == new


@pytest.mark.parametrize("codes", ["53", "21", "38;5", "48;3;0", "58;5;1", "38;2;1;;1", "110"])
def test_an_unknown_style_is_known_again_after_a_reset(codes: str) -> None:
    assert after(PLAIN, codes) is None
    assert after(after(PLAIN, codes), "1") is None
    assert after(after(PLAIN, codes), "0;1") == Style(marks=frozenset("1"))
