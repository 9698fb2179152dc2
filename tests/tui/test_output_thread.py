"""The thread that writes to the terminal: a slow or vanished terminal blocks nothing."""

import os
import threading
from collections.abc import Iterator

import pytest

from qtop.app.terminal.driver import MOST_WAITING, OutputThread

DEADLINE_S = 30.0
SCREEN = "x" * (MOST_WAITING // 4)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A terminal: the end that reads, and the end that is written to."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read(fd: int, number: int) -> bytes:
    found = b""
    while len(found) < number:
        found += os.read(fd, number - len(found))
    return found


def test_output_arrives_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = OutputThread(writing, lambda: None)
    for text in ("a", "é", "c" * 40_000):
        outlet.write(text)
    outlet.stop(0)
    assert read(reading, 40_003) == b"a\xc3\xa9" + b"c" * 40_000
    outlet.stop(DEADLINE_S)


def test_a_terminal_far_behind_gets_no_frames_until_it_has_caught_up(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    caught_up = threading.Event()
    outlet = OutputThread(writing, caught_up.set)
    for _ in range(4):
        assert not outlet.refuses
        outlet.write(SCREEN)
    for _ in range(4):  # more than a pipe holds
        outlet.write(SCREEN)
    was_refused = outlet.refuses
    read(reading, 8 * len(SCREEN))
    assert caught_up.wait(DEADLINE_S)
    outlet.stop(DEADLINE_S)
    assert (was_refused, outlet.refuses) == (True, False)


def test_no_notice_is_shown_when_nothing_was_refused(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    caught_up = threading.Event()
    outlet = OutputThread(writing, caught_up.set)
    outlet.write(SCREEN)
    read(reading, len(SCREEN))
    outlet.stop(DEADLINE_S)
    assert not caught_up.is_set()


def test_a_vanished_terminal_causes_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    outlet = OutputThread(writing, lambda: None)
    outlet.write(SCREEN)
    outlet.stop(DEADLINE_S)
    assert not outlet.refuses
    os.close(writing)
