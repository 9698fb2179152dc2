"""How fast something long goes and how long it still takes: from evidence only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qtop.screens import list_bars
from qtop.text.progress import ProgressMeter
from qtop.widgets.bars import Span, place


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class Run:
    """Something that takes many steps, watched by a meter."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.meter = ProgressMeter(self.clock)
        self.done = 0

    def go(self, seconds: float, per_s: float, of: int, *, steps_per_s: int = 4) -> None:
        """Advance evenly for some seconds."""
        for _ in range(int(seconds * steps_per_s)):
            self.clock.now_s += 1 / steps_per_s
            self.done += int(per_s / steps_per_s)
            self.meter.note(self.done, of)


def test_rate_and_time_left_follow_from_what_was_done() -> None:
    run = Run()
    run.go(4, 3_100, 100_000)
    assert run.meter.words() == "12,400 of 100,000, 3,100/s, 29 s left"
    assert run.meter.percent == "12 %"


def test_nothing_is_made_up_before_there_is_evidence() -> None:
    run = Run()
    assert run.meter.words() == "0 of 0"
    run.meter.note(0, 100)
    run.go(0.75, 40, 100)
    assert run.meter.words() == "30 of 100"
    # One large step is no rate either, however long ago it was.
    run = Run()
    run.meter.note(0, 100)
    run.clock.now_s += 4
    run.meter.note(60, 100)
    assert (run.meter.per_s, run.meter.left_s) == (None, None)


def test_when_nothing_advances_the_rate_is_unknown() -> None:
    run = Run()
    run.go(4, 1_000, 100_000)
    assert run.meter.left_s == 96
    run.clock.now_s += 5
    assert run.meter.words() == "4,000 of 100,000, 1,000/s, 2 min left"
    run.clock.now_s += 1
    assert run.meter.words() == "4,000 of 100,000"
    run.meter.note(4_000, 100_000)
    assert run.meter.words() == "4,000 of 100,000"


def test_a_pause_does_not_lower_the_rate_after_it() -> None:
    run = Run()
    run.go(4, 1_000, 100_000)
    run.clock.now_s += 3_600
    run.go(1, 1_000, 100_000)
    assert run.meter.per_s is None
    run.go(1, 1_000, 100_000)
    assert run.meter.per_s == 1_000


def test_the_rate_is_that_of_the_last_seconds() -> None:
    run = Run()
    run.go(60, 10_000, 10**6)
    run.go(10, 400, 10**6)
    assert run.meter.speed == "400/s"


def test_a_total_that_grows_makes_the_rest_longer() -> None:
    run = Run()
    run.go(4, 1_000, 5_000)
    assert run.meter.left_s == 1
    run.meter.note(run.done, 14_000)
    assert run.meter.left_s == 10


@pytest.mark.parametrize("of", [0, -1, 3_999, 4_000])
def test_without_anything_left_no_time_is(of: int) -> None:
    run = Run()
    run.go(4, 1_000, of)
    assert (run.meter.per_s, run.meter.time_left) == (1_000, "")


def test_what_begins_anew_is_measured_anew() -> None:
    run = Run()
    run.go(4, 1_000, 5_000)
    run.meter.note(0, 200)
    assert run.meter.words() == "0 of 200"
    run.done = 0
    run.go(2, 40, 200)
    assert run.meter.words() == "80 of 200, 40/s, 3 s left"


def test_many_small_steps_count_as_few() -> None:
    run = Run()
    run.go(100, 2_000, 10**9, steps_per_s=1_000)
    assert run.meter.per_s == pytest.approx(2_000)
    assert len(vars(run.meter)["_advances"]) < 250


@pytest.mark.parametrize(
    ("per_s", "speed"),
    [
        (4, "4.0/s"),
        (54, "54/s"),
        (3_127, "3,100/s"),
        (98_765, "99,000/s"),
        (2_540_000, "2,500,000/s"),
    ],
)
def test_a_rate_has_two_figures(per_s: int, speed: str) -> None:
    run = Run()
    run.go(9, per_s, 10**12, steps_per_s=1)
    assert run.meter.speed == speed


@pytest.mark.parametrize(
    ("of", "left"),
    [(4_100, "1 s"), (63_500, "1 min"), (65_000, "2 min"), (4_000_000, "2 h"), (10**8, "2 d")],
)
def test_the_time_left_is_rounded_up(of: int, left: str) -> None:
    run = Run()
    run.go(4, 1_000, of)
    assert run.meter.time_left == f"{left} left"


def test_hostile_numbers_are_bearable() -> None:
    run = Run()
    run.go(9, 1, 2**63 - 1, steps_per_s=1)
    assert run.meter.time_left == ">999 y left"
    run.go(9, 2**62, 2**63 - 1, steps_per_s=1)
    assert run.meter.words()


# Above a list that is searched.


def searched(run: Run, of: int) -> list[Span]:
    """What is said of a search that is as far as the run."""
    fields = {"done": run.done, "of": of, "problem": None, "is_idle": False, "is_stopped": False}
    search: Any = SimpleNamespace(**fields, meter=run.meter)
    return list_bars.progress(search, "x")


def test_a_search_says_how_fast_it_goes_and_how_long_it_takes() -> None:
    run = Run()
    run.meter.note(0, 200_000)
    text = "".join(span.text for span in searched(run, 200_000))
    assert text == "scanned 0 of 200,000, 0 %; x stops "
    run.go(4, 5_000, 200_000)
    text = "".join(span.text for span in searched(run, 200_000))
    assert text == "scanned 20,000 of 200,000, 10 %, 5,000/s, 36 s left; x stops "


def test_on_a_narrow_terminal_the_time_left_and_the_key_that_stops_it_stay() -> None:
    run = Run()
    run.go(4, 5_000, 200_000)
    left = [Span(" failed", "current", 100), Span("   2 groups of 20,000 failed jobs", "dim", 90)]
    shown = "".join(span.text for _, span in place(left, searched(run, 200_000), 80))
    assert shown.endswith("20,000 of 200,000, 36 s left; x stops ")
