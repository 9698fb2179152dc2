"""For any data of Redis, the screen gets printable text of the requested width."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from qtop.text.safe import Align, ago, count, crop, pad, safe, safe_lines, spark

ANY_TEXT = st.text(st.characters(exclude_categories=()))
NASTY = st.text(
    st.sampled_from(
        "a\x1b\x07\n\t\r\x9b\u202e\u200d\ufe0f\u0301\udc80\ud800日👩👍\U0001f3fd\U000e0041"
    )
)
DATA = st.one_of(ANY_TEXT, NASTY, st.binary())

REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def refused(text: str) -> list[str]:
    """The characters of a text that a terminal could obey, hide or reorder."""
    return [
        character
        for character in text
        if unicodedata.category(character) in REFUSED_CATEGORIES
        or re.match("[\ufe00-\ufe0f\U000e0100-\U000e01ef]", character)
    ]


@given(DATA)
def test_nothing_that_a_terminal_obeys_passes(value: str | bytes) -> None:
    assert refused(safe(value)) == []


@given(DATA)
def test_safe_text_stays_unchanged(value: str | bytes) -> None:
    once = safe(value)
    assert safe(once) == once


def test_every_character_by_itself_is_safe_or_replaced() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert refused(safe(everything)) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain text", "plain text"),
        ("", ""),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x00\x08\x7f", "␀␈␡"),
        ("one\ntwo\tthree", "one⏎two⇥three"),
        ("\x9b31m", "\ufffd31m"),
        ("exe.\u202egpj", "exe.\ufffdgpj"),
        ("a\u200bb\ufeffc\u2028d", "a\ufffdb\ufffdc\ufffdd"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\ufffd\U0001f469"),
        ("\U0001f44d\U0001f3fd", "\U0001f44d\ufffd"),
        ("\u2764\ufe0f", "\u2764\ufffd"),
        ("tag\U000e0041", "tag\ufffd"),
        ("[red]x[/red] [@click=app.quit]", "[red]x[/red] [@click=app.quit]"),
        ("naïve 日本 🇫🇷", "naïve 日本 🇫🇷"),
        ("\ud800", "\ufffd"),
        ("\udcff", "\\xff"),
        (b"caf\xc3\xa9 \xff\x9b", "café \\xff\\x9b"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
    ],
)
def test_refused_characters_leave_a_visible_mark(value: str | bytes, shown: str) -> None:
    assert safe(value) == shown


def test_accents_cannot_be_piled_up() -> None:
    assert safe("e\u0301\u0323") == "e\u0301\u0323"
    assert safe("e" + "\u0301" * 1000) == "e\u0301\u0301\u0301\ufffd"


@given(DATA, st.integers(0, 40))
def test_a_crop_is_the_text_or_fills_the_width(value: str | bytes, width: int) -> None:
    text = safe(value)
    cut = crop(text, width)
    assert cut == text if cell_len(text) <= width else cell_len(cut) == width


@given(DATA, st.integers(0, 40), st.sampled_from(["left", "right", "center"]))
def test_padded_text_fills_exactly_its_width(value: str | bytes, width: int, align: Align) -> None:
    assert cell_len(pad(safe(value), width, align)) == width


def test_a_wide_character_that_does_not_fit_whole_is_left_out() -> None:
    assert crop("日本語", 4) == "日 …"
    assert crop("日本語", 6) == "日本語"
    assert crop("日本語", 1) == "…"
    assert crop("日本語", 0) == ""


def test_a_crop_keeps_a_more_telling_tail_of_at_most_half_the_width() -> None:
    assert crop("app-04.example.com:1042", 16, tail=":") == "app-04.exa…:1042"
    assert crop("app:1042", 16, tail=":") == "app:1042"
    assert crop("app-04.example.com:a,b,c,d,e", 16, tail=":") == "app-04.example.…"
    assert crop("a very long text", 8, tail=":") == "a very …"
    assert pad("日本語日本語:7", 9, tail=":") == "日本語…:7"
    assert crop("x" * 10**6 + ":7", 6, tail=":") == "xxx…:7"


def test_text_is_aligned_among_the_spaces() -> None:
    assert pad("ab", 5) == "ab   "
    assert pad("ab", 5, "right") == "   ab"
    assert pad("ab", 5, "center") == " ab  "
    assert crop("abcdef", 5, ellipsis="~") == "abcd~"


@given(DATA, st.integers(1, 8), st.integers(1, 60))
def test_lines_of_a_detail_stay_in_their_space(
    value: str | bytes, max_lines: int, max_width: int
) -> None:
    lines = safe_lines(value, max_lines=max_lines, max_width=max_width)
    assert 1 <= len(lines) <= max_lines
    assert all(cell_len(line) <= max_width for line in lines)
    assert refused("".join(lines)) == []


def test_short_details_are_shown_whole() -> None:
    text = "first\r\n\tsecond\n"
    assert safe_lines(text, max_lines=3, max_width=20) == ["first", "    second", ""]


def test_the_middle_of_a_long_detail_is_hidden_and_counted() -> None:
    text = "\n".join(str(number) for number in range(1_238))
    assert safe_lines(text, max_lines=5, max_width=40) == [
        "0",
        "1",
        "… 1,234 lines hidden …",
        "1236",
        "1237",
    ]


def test_a_very_long_line_ends_with_how_much_more_there_is() -> None:
    (line,) = safe_lines("x" * 12_345, max_lines=1, max_width=20)
    assert line == "xxxxxxx… 12,338 more"


def test_the_count_of_a_cut_line_is_of_the_data_and_not_of_its_display() -> None:
    (line,) = safe_lines(b"\xff" * 100, max_lines=1, max_width=20)
    assert line == r"\xff\xff… 98 more"


@pytest.mark.parametrize(
    ("age_s", "shown"),
    [
        (None, "unknown"),
        (float("nan"), "unknown"),
        (float("inf"), "unknown"),
        (-5, "0 s"),
        (0.9, "0 s"),
        (3.9, "3 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (4 * 3_600, "4 h"),
        (86_399, "23 h"),
        (3 * 86_400, "3 d"),
    ],
)
def test_an_age_has_one_unit(age_s: float | None, shown: str) -> None:
    assert ago(age_s) == shown


def test_counts_have_separated_thousands() -> None:
    assert [count(0), count(1_234_567), count(None)] == ["0", "1,234,567", "unknown"]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], "     "),
        ([0, 0, 0], "  ▁▁▁"),
        ([None, 0, 4, 8], "  ▁▅█"),
        ([1, 10_000], "   ▂█"),
        ([9, 9, 9, 1, 2, 3, 4, 5], "▃▄▆▇█"),
        ([float("nan"), -3, 7], "   ▁█"),
    ],
)
def test_a_history_has_its_newest_value_at_the_right(
    values: list[float | None], shown: str
) -> None:
    assert spark(values, 5) == shown


def test_a_history_without_room_is_nothing() -> None:
    assert spark([1], 0) == ""


@given(st.lists(st.none() | st.floats()), st.integers(0, 30))
def test_a_history_fills_exactly_its_width(values: list[float | None], width: int) -> None:
    assert cell_len(spark(values, width)) == width
