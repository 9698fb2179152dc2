"""The console under test: its screen as text, and ways to wait for it."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.support.sample_data import CONSOLE_URL
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from qtop.app.app import ConsoleOptions, QtopApp
from qtop.config.places import PlaceOptions
from qtop.config.settings import Settings
from qtop.systems.finding import Sought
from qtop.systems.system import PartRunner, Place
from qtop.widgets.table import Table
from queuecore.address import Address, parse_url

#: The usual size of a screen.
SIZES = [(80, 24), (120, 40), (200, 60)]

SNAPSHOTS = Path(__file__).resolve().parents[1] / "tui" / "snapshots"
#: After long work, a console waits for long before it searches everything again.
PATIENCE_S = 60.0
#: What a test may replace of a console; everything else is an option.
_AROUND = ("clock", "sleep", "terminal_is_there")


def console(
    source: PartRunner | None = None,
    *,
    url: str = CONSOLE_URL,
    folder: Path = Path("/dev/null/none"),
    **more: Any,
) -> QtopApp:
    """A console on a system, with a clock that does not move unless the test moves it. It polls
    when it is asked to, never by itself: a test that runs slowly sees no second try. Nor does it
    show previews, which come once the cursor has rested."""
    address: Address = parse_url(url)
    if source is not None:
        place = Place(str(address), more.get("namespace", "resque"))
        source.system.place = place  # type: ignore[misc]
    around: dict[str, Any] = {"clock": lambda: 1_000.0, "sleep": _for_ever}
    around |= {name: more.pop(name) for name in _AROUND if name in more}
    system, namespace = more.pop("system", "resque"), more.pop("namespace", "resque")
    shown = PlaceOptions(system, system, address, namespace, url)
    started: dict[str, Any] = {"interval_s": 60.0, "read_only": False}
    options = ConsoleOptions((shown,), log_folder=folder, **(started | more))
    open_place = None if source is None else lambda place: source
    return _without_previews(QtopApp(options, open_place=open_place, **around))


def console_of(
    places: Sequence[PlaceOptions],
    *,
    folder: Path = Path("/dev/null/none"),
    read_only: bool = False,
    settings: Settings | None = None,
    sought: Sought | None = None,
    **around: Any,
) -> QtopApp:
    """A console on real servers, with a clock and polls as of `console`."""
    options = ConsoleOptions(
        tuple(places),
        interval_s=60.0,
        read_only=read_only,
        log_folder=folder,
        settings=settings or Settings(),
        sought=sought,
    )
    app = QtopApp(options, **({"clock": lambda: 1_000.0, "sleep": _for_ever} | around))
    return _without_previews(app)


def _without_previews(app: QtopApp) -> QtopApp:
    app.shows_preview = False
    return app


async def _for_ever(seconds: float) -> None:
    await asyncio.Event().wait()


def screen_lines(app: App[Any]) -> list[str]:
    """The lines of the terminal."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def screen_text(app: App[Any]) -> str:
    return "\n".join(screen_lines(app)) + "\n"


def table_of(app: App[Any]) -> Table[Any]:
    """The table in front."""
    return next(table for table in app.screen.query(Table) if table.display)


async def until(pilot: Pilot[Any], condition: Callable[[], bool], what: str = "") -> None:
    """Let the console work until the condition is true."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"waited in vain for {what}:\n{screen_text(pilot.app)}")


def shows(app: App[Any], text: str) -> bool:
    """Whether a text is on the screen, in one line or broken between words to fit a box. Where a
    box breaks a text may depend on the place of this project: a command line starts with the path
    of the interpreter."""
    shown = screen_text(app)
    return text in shown or text in re.sub(r"[\s│]+", " ", shown)


async def until_shown(pilot: Pilot[Any], text: str) -> None:
    """Let the console work until a text is on the screen."""
    await until(pilot, lambda: shows(pilot.app, text), repr(text))


async def until_gone(pilot: Pilot[Any], text: str) -> None:
    """Let the console work until a text is no longer on the screen."""
    await until(pilot, lambda: text not in screen_text(pilot.app), f"the end of {text!r}")


def _console_of(pilot: Pilot[Any]) -> QtopApp:
    assert isinstance(pilot.app, QtopApp)
    return pilot.app


async def until_polled(pilot: Pilot[Any]) -> None:
    """Let the console work until it has processed a first snapshot. On a busy machine a poll may
    take too long; the clock of these tests does not bring the next one."""
    app = _console_of(pilot)

    def is_polled() -> bool:
        view = app.state.view()
        if view.fleet is None and view.poll.error is not None:
            app.poll_now()
        return view.fleet is not None

    await until(pilot, is_polled, "the first snapshot")


async def until_checked(pilot: Pilot[Any]) -> None:
    """Let the console work until it has processed a first snapshot, and a health report."""
    app = _console_of(pilot)
    await until_polled(pilot)
    await until(pilot, lambda: app.state.reported is not None, "the first health report")


async def until_screen(pilot: Pilot[Any], kind: type[Screen[Any]]) -> None:
    """Let the console work until a screen of this class is in front."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind), f"a {kind.__name__}")


async def until_mode(pilot: Pilot[Any], name: str) -> None:
    """Let the console work until the main screen of this name is shown."""
    await until(pilot, lambda: pilot.app.current_mode == name, f"the screen {name!r}")


async def until_focused(pilot: Pilot[Any], kind: type[Widget]) -> None:
    """Let the console work until a widget of this class has the focus."""
    await until(pilot, lambda: isinstance(pilot.app.focused, kind), f"a focused {kind.__name__}")


async def until_rows(pilot: Pilot[Any], number: int) -> None:
    """Let the console work until the table in front has so many rows."""
    await until(pilot, lambda: table_of(pilot.app).row_count == number, f"{number} rows")


async def until_ended(pilot: Pilot[Any]) -> None:
    """Let the console work until it has ended."""
    await until(pilot, lambda: not pilot.app.is_running, "the end")


# Read at import: the tests' environment is cleaned of our own settings.
_UPDATES: Final = os.environ.get("QTOP_UPDATE_SNAPSHOTS") == "1"


def assert_snapshot(app: App[Any], name: str) -> None:
    """Compare the screen with `snapshots/<name>.txt`; `make snapshots` writes it anew."""
    assert_as_recorded(screen_text(app), SNAPSHOTS / f"{name}.txt")


def assert_as_recorded(text: str, path: Path) -> None:
    """Compare a text with the file that holds it; `make snapshots` writes the file anew."""
    if _UPDATES:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    recorded = path.read_text()
    assert text == recorded, f"{path.name} looks different: if that is meant, run `make snapshots`"


async def assert_at_every_size(
    app: App[Any], pilot: Pilot[Any], name: str, sizes: Sequence[tuple[int, int]] = SIZES
) -> None:
    """Compare the screen with its pictures at 80x24, 120x40 and 200x60, or at other `sizes`."""
    for width, height in sizes:
        if app.size != (width, height):
            await pilot.resize_terminal(width, height)
        await until(pilot, lambda high=height: len(screen_lines(app)) == high, "the size")  # type: ignore[misc]
        await pilot.pause()
        assert_snapshot(app, f"{name}-{width}x{height}")
        assert all(line.isprintable() for line in screen_lines(app))
