"""The console without a terminal, or on one that cannot place text."""

from collections.abc import Callable

import pytest
from tests.support.commands import Qtop

pytestmark = pytest.mark.redis

OnTerminal = Callable[..., tuple[int, str]]


@pytest.mark.parametrize("words", [(), ("console",), ("--read-only",), ("demo",)])
def test_without_a_terminal_one_sentence_names_the_command_to_use(
    qtop: Qtop, words: tuple[str, ...]
) -> None:
    ran = qtop(*words)
    assert (ran.status, ran.out) == (2, "")
    assert "--once" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert "\x1b" not in ran.err


def test_without_a_terminal_one_poll_is_printed(qtop: Qtop) -> None:
    assert qtop("--once").status == 0


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_places_nothing_gets_one_sentence(
    on_terminal: OnTerminal, term: str
) -> None:
    status, shown = on_terminal(TERM=term)
    assert status == 2
    assert "--once" in shown
    assert len(shown.splitlines()) == 1
    assert "\x1b" not in shown


@pytest.mark.parametrize("command", ["doctor", "queues", "--once"])
def test_a_terminal_that_places_nothing_gets_no_escape_codes(
    on_terminal: OnTerminal, command: str
) -> None:
    assert "\x1b" not in on_terminal(command, TERM="dumb")[1]
