"""What a chart draws: each value in its row, what is unknown in none, at the right time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtop.text.format import axis_label
from qtop.widgets.plot import (
    ChartClock,
    Course,
    DrawnSteps,
    Scale,
    clock_line,
    drawn,
    rows_of,
    scale_of,
    slotted,
    steps_at,
)

KEPT = 480
FIGURES = st.one_of(st.just(0.0), st.floats(0.001, 1e9), st.integers(0, 10**7).map(float))
VALUES = st.lists(st.one_of(st.none(), FIGURES), min_size=1, max_size=40)
#: The bit of each dot of a braille cell: those at the left from the top, then those at the right.
DOTS = [[0, 1, 2, 6], [3, 4, 5, 7]]


def dots(picture: list[list[tuple[str, str]]], slot: int) -> set[int]:
    """The rows, from 0 at the bottom, in which a column of dots has one."""
    lines = len(picture)
    found = set()
    for line, cells in enumerate(picture):
        bits = ord(cells[slot // 2][0]) - 0x2800 if cells[slot // 2][1] else 0
        for at, bit in enumerate(DOTS[slot % 2]):
            if bits >> bit & 1:
                found.add((lines - line) * 4 - 1 - at)
    return found


@given(VALUES, st.integers(1, 8), st.booleans())
def test_each_value_is_in_its_row_of_dots_and_what_is_unknown_in_none(
    values: list[float | None], lines: int, is_from_zero: bool
) -> None:
    scale = scale_of(values, is_from_zero=is_from_zero)
    rows = [scale.row(value, rows_of("braille", lines)) for value in values]
    picture = drawn("braille", [(rows, "good")], 20, lines)
    assert {len(line) for line in picture} == {20}
    for slot, row in enumerate(rows):
        found = dots(picture, slot)
        assert found == set() if row is None else row in found
    assert all(dots(picture, slot) == set() for slot in range(len(rows), 40))


@given(VALUES, st.integers(1, 8))
def test_a_line_has_no_holes_between_two_values_that_are_known(
    values: list[float | None], lines: int
) -> None:
    scale = scale_of(values, is_from_zero=True)
    rows = [scale.row(value, rows_of("braille", lines)) for value in values]
    picture = drawn("braille", [(rows, "good")], 20, lines)
    for slot in range(1, len(rows)):
        before, row = rows[slot - 1], rows[slot]
        if before is not None and row is not None:
            joined = dots(picture, slot) | {before}
            assert joined >= set(range(min(before, row), max(before, row) + 1))


@given(VALUES, st.integers(1, 6))
def test_a_bar_of_blocks_ends_at_its_value(values: list[float | None], lines: int) -> None:
    scale = scale_of(values, is_from_zero=True)
    rows = [scale.row(value, rows_of("blocks", lines)) for value in values]
    picture = drawn("blocks", [(rows, "bad")], 40, lines)
    for slot, row in enumerate(rows):
        levels = sum(" ▁▂▃▄▅▆▇█".index(line[slot][0]) for line in picture)
        assert levels == (0 if row is None else row + 1)


@given(VALUES, st.integers(2, 40))
def test_a_higher_value_is_never_in_a_lower_row(values: list[float | None], rows: int) -> None:
    scale = scale_of(values, is_from_zero=False)
    known = sorted(value for value in values if value is not None)
    found = [scale.row(value, rows) for value in known]
    assert found == sorted(found)  # type: ignore[type-var]
    assert all(row is not None and 0 <= row < rows for row in found)


@given(VALUES, st.booleans())
def test_a_scale_holds_what_it_was_made_for_and_is_not_much_larger(
    values: list[float | None], is_from_zero: bool
) -> None:
    scale = scale_of(values, is_from_zero=is_from_zero)
    highest = max((value for value in values if value is not None), default=0.0)
    slack = 1e-9 * scale.highest
    assert scale.highest + slack >= highest
    assert all(value is None or scale.lowest - slack <= value for value in values)
    assert highest == 0 or scale.highest <= 2 * highest
    assert scale.lowest == 0 or not is_from_zero


def test_a_backlog_that_grows_by_a_third_fills_its_chart_and_one_that_wavers_is_flat() -> None:
    assert scale_of([5_300.0, 7_400.0], is_from_zero=False) == Scale(4_500.0, 7_500.0)
    wavers = scale_of([5_300.0, 5_302.0], is_from_zero=False)
    assert {wavers.row(value, 16) for value in (5_300.0, 5_302.0)} == {wavers.row(5_300.0, 16)}
    assert scale_of([3.0, 100.0], is_from_zero=False) == Scale(0.0, 100.0)


def test_very_little_does_not_look_like_nothing() -> None:
    assert Scale(0.0, 1e6).row(0.0, 16) == 0
    assert Scale(0.0, 1e6).row(0.1, 16) == 1


def test_of_two_courses_the_later_one_gives_a_shared_cell_its_tone() -> None:
    both = [([0, 3], "dim"), ([0, 0], "good")]
    assert drawn("braille", both, 1, 1) == [[("⣸", "good")]]
    # Blocks have one course in a cell: the higher one is seen above the lower one.
    assert drawn("blocks", [([15], "dim"), ([3], "good")], 1, 2) == [
        [("█", "dim")],
        [("▄", "good")],
    ]


# Which steps are shown


@given(st.integers(0, 3_000), st.integers(1, 120))
def test_the_newest_step_is_shown_and_at_most_a_quarter_is_still_free(end: int, slots: int) -> None:
    shown = steps_at(end, slots, KEPT)
    used = -(-(shown.end - shown.first) // shown.steps)
    assert (shown.end, shown.first % shown.steps) == (end, 0)
    assert used <= slots
    assert shown.first == 0 or slots - used <= max(1, slots // 4)
    # All that is shown is still known.
    assert end - shown.first <= KEPT or shown.steps == 1


@given(st.integers(0, 3_000), st.integers(8, 120))
def test_the_part_that_is_shown_stays_until_all_slots_are_full(end: int, slots: int) -> None:
    now, later = steps_at(end, slots, KEPT), steps_at(end + 1, slots, KEPT)
    if (now.first, now.steps) != (later.first, later.steps):
        assert -(-(end - now.first) // now.steps) == slots


def test_a_slot_is_the_highest_of_its_steps_and_unknown_where_nothing_is_known() -> None:
    course = Course([1.0, 5.0, None, 2.0, None, None, float("nan"), 3.0], "good")
    clock = ChartClock(first=10)
    assert slotted(course, clock, DrawnSteps(10, 2, 18)) == [5.0, 2.0, None, 3.0]
    assert slotted(course, clock, DrawnSteps(8, 4, 14)) == [5.0, 2.0]


# The clock

pytestmark = pytest.mark.usefixtures("in_utc")
BEGAN = datetime(2026, 11, 24, 8, 14, 20, tzinfo=UTC)


def test_the_clock_says_since_when_and_then_round_minutes_below_their_dots() -> None:
    clock = ChartClock(0, 5.0, BEGAN)
    assert clock_line(clock, DrawnSteps(0, 1, 3), 36, 2) == "since 08:14           08:18         "
    assert (
        clock_line(clock, DrawnSteps(96, 4, 200), 36, 2) == "           08:30          08:40     "
    )


@given(
    st.integers(0, 10_000), st.sampled_from([1, 2, 4]), st.integers(0, 100), st.sampled_from([1, 2])
)
def test_each_time_is_below_the_slot_of_its_minute(
    first: int, steps: int, cells: int, in_cell: int
) -> None:
    clock = ChartClock(0, 5.0, BEGAN)
    line = clock_line(clock, DrawnSteps(first, steps, first), cells, in_cell)
    assert len(line) == cells
    cell_s = 5.0 * steps * in_cell
    for word in line.split():
        if ":" in word and not line.startswith(f"since {word}"):
            at = line.index(word)
            begin = BEGAN + timedelta(seconds=5.0 * first + at * cell_s)
            end = begin + timedelta(seconds=cell_s)
            hours, minutes = map(int, word.split(":"))
            moment = end.replace(hour=hours, minute=minutes, second=0, microsecond=0)
            assert begin <= moment < end or moment == begin


def test_without_a_moment_there_is_no_clock() -> None:
    assert clock_line(ChartClock(), DrawnSteps(), 10, 2) == " " * 10


# The ends of the scale


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.002, "2e-3"),
        (0.5, "0.5"),
        (2.2, "2.2"),
        (8.0, "8"),
        (40.0, "40"),
        (999.0, "999"),
        (999.7, "1k"),
        (5_400.0, "5.4k"),
        (54_321.0, "54k"),
        (1_500_000.0, "1.5M"),
    ],
)
def test_the_ends_of_a_scale_are_short(value: float, text: str) -> None:
    assert axis_label(value) == text


@given(st.floats(0, 1e25))
def test_no_figure_takes_more_than_four_cells(value: float) -> None:
    assert len(axis_label(value)) <= 4
