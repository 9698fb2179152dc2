"""`--watch`: a listing again and again, redrawn on a terminal, one after the other in a pipe."""

from __future__ import annotations

import functools
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import click

from qtop.commands.output import json_line, line, message
from qtop.text.safe import crop, safe
from queuecore.errors import StoreError

F = TypeVar("F", bound=Callable[..., Any])

_USUAL_S: Final = 2.0
_SHORTEST_S: Final = 0.1
_LONGEST_S: Final = 3_600.0
#: Go to the upper left; erase the rest of a line, and what is below.
_HOME, _REST, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
#: A line that is too long is cut by the terminal, or goes on in the next one as usual.
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"


class _Seconds(click.ParamType[float]):
    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not _SHORTEST_S <= seconds <= _LONGEST_S:
            self.fail(f"{value!r} is not a number of seconds from 0.1 to 3600", param, ctx)
        return seconds


def watchable(command: F) -> F:
    """Give a command that lists something `--watch`."""

    @click.option(
        "--watch",
        "watch_s",
        is_flag=False,
        flag_value=str(_USUAL_S),
        type=_Seconds(),
        metavar="[SECONDS]",
        help="Repeat every 2 s, or every N s, until ctrl+c. In a pipe each listing begins with a "
        "line with the time.",
    )
    @functools.wraps(command)
    def repeated(*args: Any, watch_s: float | None, **kwargs: Any) -> Any:
        once = functools.partial(command, *args, **kwargs)
        if watch_s is None:
            return once()
        is_drawn = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        show = _draw if is_drawn else functools.partial(_append, as_json=kwargs.get("as_json"))
        while True:
            begun_s = time.monotonic()
            show(run_once(once, is_terminal=is_drawn), watch_s)
            time.sleep(max(0.0, begun_s + watch_s - time.monotonic()))

    return repeated  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Printed:
    """What a listing printed: on stdout, on stderr, and why it could not be made, if so."""

    at: datetime
    out: str
    err: str
    problem: str | None = None


def run_once(once: Callable[[], Any], *, is_terminal: bool) -> Printed:
    """Run a command, and return what it printed instead of printing it. Its exit status is not
    used: what it says on stderr has the reason. Raises what has nothing to do with Redis, such as
    wrong usage, and KeyboardInterrupt."""
    out, err = _Page(is_terminal), _Page(False)
    problem = None
    with _instead(out, err):
        try:
            once()
        except StoreError as error:
            problem = str(error)
        except SystemExit:
            pass
    return Printed(datetime.now().astimezone(), out.text, err.text, problem)


class _Page(io.TextIOWrapper):
    """A stream that keeps what is written; a terminal, as far as its writers can tell."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(), "utf-8", "surrogateescape", newline="", write_through=True)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def text(self) -> str:
        """All that was written."""
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)  # noqa: S101 - it was made above
        return buffer.getvalue().decode("utf-8", "replace")


@contextmanager
def _instead(out: _Page, err: _Page) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


# On a terminal


def _draw(listed: Printed, every_s: float) -> None:
    size = shutil.get_terminal_size()
    sys.stdout.write(painted(listed, every_s, size.columns, size.lines))
    sys.stdout.flush()


def painted(listed: Printed, every_s: float, columns: int, lines: int) -> str:
    """What draws a listing over the one before: a line with the time, its rows, then what was said
    on stderr; as much as there is room for, and how many lines are not shown."""
    said = [safe(each) for each in listed.err.splitlines()]
    if listed.problem is not None:
        said.append(safe(f"unknown: everything: {listed.problem}"))
    head = f"every {every_s:g} s  {listed.at:%Y-%m-%d %H:%M:%S}  ctrl+c ends"
    room = max(1, lines - 2 - len(said))
    rows = listed.out.splitlines()
    if len(rows) > room:
        rows, left = rows[: room - 1], len(rows) - room + 1
        rows.append(f"{left:,} more lines: a larger terminal or --limit")
    shown = [crop(head, columns), *rows, *(crop(each, columns) for each in said)]
    drawn = "".join(f"{each}{_REST}\r\n" for each in shown[: lines - 1])
    return f"{_HOME}{_CUT}{drawn}{_BELOW}{_WRAP}"


# In a pipe


def _append(listed: Printed, every_s: float, *, as_json: bool | None) -> None:
    sys.stderr.write(listed.err)
    if listed.problem is not None:
        message(f"unknown: everything: {listed.problem}")
    sys.stderr.flush()
    line(separator(listed, is_json=bool(as_json)))
    sys.stdout.write(listed.out)
    sys.stdout.flush()


def separator(listed: Printed, *, is_json: bool) -> str:
    """The line before each listing in a pipe: of JSON an object that has only `at`, and `unknown`
    where the listing could not be made."""
    if not is_json:
        return f"# {listed.at:%Y-%m-%d %H:%M:%S %z}"
    fields: Mapping[str, Any] = {"at": listed.at}
    if listed.problem is not None:
        fields = {**fields, "unknown": listed.problem}
    return json_line(fields)
