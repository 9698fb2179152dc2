"""The texts of figures, times and jobs, safe and short enough for cells. Pure.

`to_ascii` redraws them for terminals that have nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from shlex import quote
from typing import Any, Final

from rich.cells import cell_len

from qtop.text.safe import MOST_CHARACTERS, ago, beginning, safe
from queuecore.active_job import unwrapped
from queuecore.codec import encode
from queuecore.errors import EncodeError

NOTHING: Final = "–"  # noqa: RUF001  a dash as wide as a figure: unknown, which is not zero
NOT_READ: Final = "?"
"""Shown for a count that could not be read."""
FALL_SIGN: Final = "↓"
#: The names of parts of an answer, where a person reads them; others are as in JSON.
_PARTS: Final = {
    "jobs in hand": "running jobs",
    "items set aside": "unreadable items",
    "delayed jobs that were set aside": "unreadable delayed jobs",
    "how long the next jobs have waited": "oldest ages",
    "whether there are jobs that no index leads to": "jobs that are in no index",
}
_UNITS: Final = (("M", 10**6), ("G", 10**9), ("T", 10**12), ("P", 10**15), ("E", 10**18))


def part_name(part: str) -> str:
    """What a part of an answer, which could not be read, is called on the screen."""
    return _PARTS.get(part, part)


def number(value: int | None) -> str:
    """A count in at most eight characters: `999,999`, `1.23M`; a dash when unknown."""
    if value is None:
        return NOTHING
    if abs(value) < 1_000_000:
        return f"{value:,}"
    for unit, of in _UNITS:
        if abs(value) < 1_000 * of:
            return f"{value / of:.4g}{unit}"
    return ">999E" if value > 0 else "<-999E"


def brief(value: int | None) -> str:
    """A count in at most five characters: `999`, `2.4k`, `12k`, `1.2M`; a dash when unknown."""
    if value is None or abs(value) < 1_000:
        return number(value)
    if abs(value) >= 999_500:
        return number(round(value, -5)) if abs(value) < 99_950_000 else number(round(value, -6))
    return f"{value / 1_000:.1f}k" if abs(value) < 9_950 else f"{value / 1_000:.0f}k"


def partly(
    value: int | None, *, is_least: bool = False, text: Callable[[int | None], str] = number
) -> str:
    """A count; `7+` for a sum with unknown parts, `?` when all of it is unknown."""
    if value is None or (is_least and not value):
        return NOT_READ
    return f"{text(value)}+" if is_least else text(value)


def dropped(figure: str, drops: object) -> str:
    """A figure, with a sign if it dropped suddenly."""
    return f"{FALL_SIGN}{figure}" if drops else figure


def named(names: Sequence[str], most: int = 5) -> str:
    """The first of some names."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def rate(per_s: float | None, *, is_estimate: bool = False) -> str:
    """Jobs a second in at most six characters; an estimate begins with `~`."""
    if per_s is None:
        return NOTHING
    if per_s == 0:
        return "0"
    if per_s < 10:
        text = f"{per_s:.1f}" if per_s >= 0.05 else "<0.1"
    elif per_s < 1_000:
        text = f"{per_s:.0f}"
    else:
        text = f"{per_s / 1_000:.3g}k" if per_s < 1_000_000 else f"{per_s / 1_000_000:.3g}M"
    return f"~{text}" if is_estimate else text


def axis_label(value: float) -> str:
    """A figure from zero on in at most four characters: `0`, `2.2`, `40`, `5.4k`, `12M`."""
    if 0 < value < 1e-9:
        return "~0"
    if 0 < value < 0.01:
        return f"{value:.0e}".replace("e-0", "e-")
    if value < 1:
        return f"{value:.2f}".rstrip("0").removesuffix(".")
    for unit, of in (("", 1), ("k", 1_000), *_UNITS):
        if value < 999.5 * of:
            digits = 1 if value < 9.95 * of else 0
            return f"{value / of:.{digits}f}".removesuffix(".0") + unit
    return ">1Z"


def duration(seconds: float | None) -> str:
    """A length of time in its largest unit; a dash when unknown."""
    return NOTHING if seconds is None else ago(seconds)


def stepped(seconds: float | None) -> str:
    """As `duration`, in steps: a wait that grows would be painted every second, and be no news."""
    if seconds is None or not seconds < 60:
        return duration(seconds)
    return "<10 s" if seconds < 10 else "<1 min"


def exception_name(name: str | None) -> str:
    """An exception's name without the module that a Python worker puts before it."""
    return optional(name if name is None else name.rpartition(".")[2] or name)


def job_class(class_name: str | None, args: Any) -> str:
    """The class of a job; of a wrapped job (ActiveJob), the inner class."""
    name, _ = unwrapped(class_name, args)
    return safe(name) if name else "(no class)"


def job(class_name: str | None, args: Any) -> str:
    """A job in one line: its class and the beginning of its arguments."""
    name, inner = unwrapped(class_name, args)
    return f"{safe(name) if name else '(no class)'} {short_json(inner)}"


def short_json(value: Any) -> str:
    """The beginning of a value as JSON. Costs no more for a huge value than for a small one."""
    try:
        raw = encode(beginning(value))
    except EncodeError:
        # NaN and lone surrogates can be read, but not written.
        raw = repr(beginning(value)).encode("utf-8", "replace")
    return safe(raw[: MOST_CHARACTERS * 4])


def both_times(moment: datetime | None) -> str:
    """A moment in local time and in UTC."""
    if moment is None:
        return NOTHING
    local = moment.astimezone()
    utc = moment.astimezone(UTC)
    if local.utcoffset() == utc.utcoffset():
        return f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return f"{local:%Y-%m-%d %H:%M:%S %Z} ({utc:%Y-%m-%d %H:%M:%S} UTC)"


def due_in(seconds: float) -> str:
    """How soon something is due: `in 5 min`, `overdue 3 min`."""
    if not math.isfinite(seconds):
        return "never" if seconds > 0 else "overdue"
    return f"overdue {ago(-seconds)}" if seconds < 0 else f"in {ago(seconds)}"


def due_for(late_s: float) -> str:
    """For how long something is due: `due for 3 min`. A time of minus infinity is no moment."""
    return f"due for {ago(late_s)}" if math.isfinite(late_s) else "due (its time is -inf)"


def late_by(late_s: float) -> str:
    """How late something is: `3 min late`. A time of minus infinity is no moment."""
    return f"{ago(late_s)} late" if math.isfinite(late_s) else "late (its time is -inf)"


def due_at(moment: datetime | None, due_s: float) -> str:
    """The local time at which something is due; of one further away than a day, with the date."""
    if moment is None:
        return NOTHING
    shape = "%H:%M:%S" if abs(due_s) < 86_400 else "%Y-%m-%d %H:%M"
    return moment.astimezone().strftime(shape)


def short_moment(moment: datetime | None) -> str:
    """A moment in local time, to the minute; a dash when unknown."""
    return NOTHING if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def optional(value: str | None) -> str:
    return NOTHING if value is None else safe(value)


# For a terminal, font or locale that has nothing but ASCII.

_OURS: Final = str.maketrans(
    {
        **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
        **dict.fromkeys("─━═╌┄–—", "-"),  # noqa: RUF001
        **dict.fromkeys("│┃║╎┆▏▕▊▎", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝┏┓┗┛", "+"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("‘’", "'"),  # noqa: RUF001
        **dict.fromkeys("▲↑", "^"),
        **dict.fromkeys("▼↓", "v"),
        **dict.fromkeys("→⇥▌", ">"),
        **dict(zip("←…●○✓◆⚠⏎·×\u00a0", "<~*o+#!$.x ", strict=True)),  # noqa: RUF001
    }
)
_OTHER: Final = re.compile(r"[^\x00-\x7f]")


def to_ascii(text: str) -> str:
    """The same text in ASCII, of as many cells: our own signs are replaced by similar ones, each
    cell of other characters by `?`. O(n); a text in ASCII is returned as it is."""
    if text.isascii():
        return text
    # A character without a width, such as an accent, is left out.
    return _OTHER.sub(lambda found: "?" * cell_len(found[0]), text.translate(_OURS))


def argument(name: str) -> str:
    """A name as the last argument of a command that is typed into a shell: never an option."""
    return f"{'-- ' if name.startswith('-') else ''}{quote(name)}"
