"""What a console without a terminal paints: one frame for each step of a test, not all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any
from unittest import mock

from textual.pilot import Pilot
from textual.screen import Screen

_refresh = Screen._compositor_refresh
_pause = Pilot.pause
_press = Pilot.press


@contextmanager
def painted_at_each_step() -> Iterator[None]:
    """Let a console without a terminal paint when the test waits for it or has pressed keys. By
    itself Textual paints each frame, and then throws it away: there is no terminal. That takes a
    quarter of the time of a test. What changed since the last step is painted, so that an error in
    a widget that paints itself fails the test, as before."""
    with (
        mock.patch.object(Screen, "_compositor_refresh", _postpone),
        mock.patch.object(Pilot, "pause", _pause_and_paint),
        mock.patch.object(Pilot, "press", _press_and_paint),
    ):
        yield


@contextmanager
def painted_always() -> Iterator[None]:
    """Let it paint every frame again: for tests that look for errors between two steps."""
    with mock.patch.object(Screen, "_compositor_refresh", _refresh):
        yield


def _postpone(screen: Screen[Any]) -> None:
    app = screen.app
    if app.is_headless and not app.is_inline and screen is app.screen:
        # What has to be painted is in the regions of the compositor already.
        screen._dirty_widgets.clear()
    else:
        _refresh(screen)


async def _pause_and_paint(pilot: Pilot[Any], delay: float | None = None) -> None:
    await _pause(pilot, delay)
    _paint(pilot)


async def _press_and_paint(pilot: Pilot[Any], *keys: str) -> None:
    await _press(pilot, *keys)
    _paint(pilot)


def _paint(pilot: Pilot[Any]) -> None:
    """Paint what has changed, as the screen itself would."""
    app = pilot.app
    if not app.is_running or not app._screen_stacks[app.current_mode]:
        return
    screen = app.screen
    if screen._compositor._dirty_regions and not app._batch_count:
        # Textual keeps the screens below in a variable of the context: the test keeps its own.
        copy_context().run(_paint_in, screen)


def _paint_in(screen: Screen[Any]) -> None:
    with screen._context():
        _refresh(screen)
