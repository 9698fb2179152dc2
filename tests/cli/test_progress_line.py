"""The line that says on a terminal how far a command is."""

from __future__ import annotations

import io

import pytest
from tests.support.terminal_emulator import Emulator

from qtop.commands.progress import ProgressLine

WHAT = "Requeue 100,000 failed jobs"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(io.StringIO):
    """What is written to standard error, as a terminal of 24 lines shows it."""

    columns = 80

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        screen = Emulator(self.columns, 24)
        screen.feed(self.getvalue().replace("\n", "\r\n"))
        return [line.rstrip() for line in screen.display if line.strip()]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def going(
    stream: io.StringIO, what: str = WHAT, *, clock: Clock | None = None, is_wanted: bool = True
) -> ProgressLine:
    """The line of something that has done 12,400 of 100,000 within four seconds."""
    clock = clock or Clock()
    line = ProgressLine(is_wanted, stream=stream, clock=clock)
    line.begin(what)
    for step in range(1, 5):
        clock.now_s += 1
        line.note(3_100 * step, 100_000)
    return line


def shown_after(terminal: Terminal, line: ProgressLine) -> list[str]:
    """What is on the terminal once the line is up to date."""
    line.make_way()
    text = terminal.getvalue()
    last_up = text.rindex("\x1b[1A")
    emulator = Emulator(terminal.columns, 24)
    emulator.feed(text[:last_up].replace("\n", "\r\n"))
    return [each.rstrip() for each in emulator.display if each.strip()]


def test_it_says_what_is_under_way_how_far_it_is_and_how_long_it_takes(terminal: Terminal) -> None:
    [shown] = shown_after(terminal, going(terminal))
    assert shown.startswith(f"{WHAT}  ━")
    assert shown.endswith("━  12,400 of 100,000, 3,100/s, 29 s left")
    assert len(shown) < 79, "there is room for ^C"


def test_nothing_is_left_of_it_at_the_end(terminal: Terminal) -> None:
    line = going(terminal)
    line.end()
    assert terminal.lines == []
    terminal.write("requeued 100,000\n")
    assert terminal.lines == ["requeued 100,000"]
    assert "\x1b[?25l" not in terminal.getvalue(), "a killed command would leave no cursor"


def test_what_is_printed_meanwhile_is_never_mixed_with_it(terminal: Terminal) -> None:
    clock = Clock()
    line = going(terminal, clock=clock)
    line.make_way()
    terminal.write("one that matches\n")
    before = terminal.getvalue()
    line.note(12_500, 100_000)
    assert terminal.getvalue() == before
    clock.now_s += 0.5
    line.note(12_600, 100_000)
    line.end()
    assert terminal.lines == ["one that matches"]
    assert "12,600 of 100,000" in terminal.getvalue()


def test_what_takes_half_a_second_shows_nothing(terminal: Terminal) -> None:
    clock = Clock()
    line = ProgressLine(stream=terminal, clock=clock)
    for _ in range(10):
        line.begin(WHAT)
        clock.now_s += 0.4
        line.note(90, 100)
        line.end()
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(("columns", "has_bar", "name"), [(60, False, "Requeue"), (40, False, "")])
def test_a_narrow_terminal_shows_the_figures_first(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    has_bar: bool,
    name: str,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal.columns = columns
    [shown] = shown_after(terminal, going(terminal))
    assert ("━" in shown, shown.startswith(name)) == (has_bar, True)
    assert shown.endswith("12,400 of 100,000, 3,100/s, 29 s left")


def test_without_colours_it_has_none(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    going(terminal).end()
    assert "12,400 of 100,000" in terminal.getvalue()
    assert "\x1b[3" not in terminal.getvalue()


@pytest.mark.parametrize("term", ["dumb", None])
def test_a_terminal_that_cannot_take_it_away_has_none(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, term: str | None
) -> None:
    monkeypatch.delenv("TERM") if term is None else monkeypatch.setenv("TERM", term)
    going(terminal).end()
    assert terminal.getvalue() == ""


def test_where_nobody_sees_it_there_is_none(terminal: Terminal) -> None:
    going(terminal, is_wanted=False).end()
    assert terminal.getvalue() == ""
    file = io.StringIO()
    going(file).end()
    assert file.getvalue() == ""


def test_what_it_is_about_is_shown_and_never_obeyed(terminal: Terminal) -> None:
    [shown] = shown_after(terminal, going(terminal, "[red]\x1b[2J\n"))
    assert shown.startswith("[red]␛[2J⏎  ━")


def test_it_is_redrawn_by_itself(terminal: Terminal) -> None:
    """Where Redis does not answer, the time left is no longer true."""
    clock = Clock()
    line = going(terminal, clock=clock)
    clock.now_s += 6
    [shown] = shown_after(terminal, line)
    assert shown.endswith("12,400 of 100,000")
