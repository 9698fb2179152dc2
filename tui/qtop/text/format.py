"""The texts of cells: where data from Redis become safe text, each exactly once. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.cells import cell_len

from qtop.monitor.drops import Drop
from qtop.monitor.rows import DEPTHS_KEPT, FailureRow, FleetRows, QueueRow, Totals, WorkerRow
from qtop.text.safe import MOST_CHARACTERS, ago, beginning, how_many, safe
from queuecore.active_job import unwrapped
from queuecore.codec import encode
from queuecore.errors import EncodeError
from resque.store.failures import Failure

NOTHING: Final = "–"  # noqa: RUF001  a dash as wide as a figure: unknown, which is not zero
NOT_READ: Final = "?"
"""In place of a count that could not be read."""
FALL_SIGN: Final = "↓"
_BREAK: Final = "╎"
_BARS: Final = "▁▂▃▄▅▆▇█"
_UNITS: Final = (("M", 10**6), ("G", 10**9), ("T", 10**12), ("P", 10**15), ("E", 10**18))


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


def depth(row: QueueRow) -> str:
    """How many jobs wait in a queue, with a sign while they fell to that of late."""
    return fallen(number(row.depth), row.drops)


def waiting(totals: Totals | None) -> str:
    """How many jobs wait in all queues, with a sign as for one: `7+` when at least so many,
    `unknown`; a dash before the first look."""
    if totals is None:
        return NOTHING
    figure = partly(totals.waiting, is_least=totals.waiting_is_least)
    return fallen("unknown" if figure == NOT_READ else figure, totals.drops.waiting)


def jobs_waiting(totals: Totals) -> str:
    """How many jobs wait in all queues, in words."""
    return f"{how_many(totals.waiting, 'job', is_least=totals.waiting_is_least)} waiting"


def partly(value: int | None, *, is_least: bool = False) -> str:
    """A count; `7+` for a sum of which parts are unknown, `?` when all of it is."""
    if value is None or (is_least and not value):
        return NOT_READ
    return f"{number(value)}+" if is_least else number(value)


def working(totals: Totals) -> str:
    """How many workers have a job, of how many: `3/5`, `3+/5`, `?`."""
    if totals.workers is None:
        return NOT_READ
    busy = partly(totals.working, is_least=totals.working_is_least)
    return f"{busy}/{number(totals.workers)}"


def fallen(figure: str, drops: object) -> str:
    """A figure, with a sign if it fell off a cliff of late."""
    return f"{FALL_SIGN}{figure}" if drops else figure


def rate(per_s: float | None, *, is_estimate: bool = False) -> str:
    """Jobs a second in at most six characters; estimates begin with `~`."""
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


def trend(depths: Sequence[int | None], looks: int, width: int, drops: Sequence[Drop] = ()) -> str:
    """The course of a depth in at most `width` bars, the newest at the right.

    An empty queue is the lowest bar. A depth that stays is a low line, whatever its size: what
    catches the eye is change, of a tenth of the depth at least. `looks` counts all looks there
    ever were: a bar stands for the same ones for as long as it is shown, so that bars do not dance.
    In place of the looks at which the depth fell off a cliff there is a break.
    """
    step = max(1, DEPTHS_KEPT // width)
    first = looks - len(depths)
    known_at = enumerate(depths, first + 1)
    shown = [(at, depth) for at, depth in known_at if at % step == 0 or at == looks][-width:]
    known = [depth for _, depth in shown if depth is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = max(high - low, high / 10, 1)
    broken = {(looks - drop.looks_ago - 1) // step for drop in drops}
    return "".join(
        _BREAK if (at - 1) // step in broken else _trend_bar(depth, low, span)
        for at, depth in shown
    )


def _trend_bar(depth: int | None, low: int, span: float) -> str:
    if depth is None:
        return " "
    return _BARS[0] if depth == 0 else _BARS[1 + round((depth - low) / span * (len(_BARS) - 2))]


def duration(seconds: float | None) -> str:
    """A length of time in its largest unit; a dash when unknown."""
    return NOTHING if seconds is None else ago(seconds)


def empty_in(row: QueueRow) -> str:
    """When a queue will be empty: `empty` by now, a time, `never`, `steady`, or a dash."""
    if row.empty_in_s == 0:
        return "empty"
    if row.empty_in_s is not None and math.isinf(row.empty_in_s):
        return "never"
    if row.empty_in_s is None and row.rates.out_per_s is not None and row.depth:
        return "steady"
    return duration(row.empty_in_s)


def exception_name(name: str | None) -> str:
    """An exception's name without the module that a Python worker puts before it."""
    return optional(name if name is None else name.rpartition(".")[2] or name)


def failed_label(fleet: FleetRows | None) -> str:
    """What a column of failures by queue or group is called: of long lists only the newest failures
    are read, and no figure is a total."""
    if fleet is None or fleet.totals.failed is None or not fleet.failures:
        return "failed"
    read = len(fleet.failures)
    return "failed" if read >= fleet.totals.failed else f"newest {read:,}"


def queue_failed(row: QueueRow) -> str:
    """How many of a queue's jobs failed: exact, at least so many (`7+`), or unknown."""
    if row.failed_is_all:
        return number(row.failed)
    # None of those that were read failed: older ones may have.
    return f"{number(row.failed)}+" if row.failed else NOTHING


def queue_state(row: QueueRow) -> str:
    """What is wrong with a queue, the worst first, and what is unknown; empty when nothing is."""
    wrong: list[str] = []
    if row.others:
        wrong.append(row.others)
    if row.problem is not None:
        wrong.append(safe(row.problem))
    # Before "unserved": what somebody did on purpose explains the rest.
    if row.is_paused:
        wrong.append("paused")
    if row.is_paused is None:
        wrong.append("pause unknown")
    if row.is_unserved:
        wrong.append("unserved")
    if row.unreadable is None:
        wrong.append("set aside unknown")
    elif row.unreadable:
        wrong.append(f"{number(row.unreadable)} unreadable")
    if row.drops:
        wrong.append(f"fell from {number(row.drops[-1].was)}")
    return ", ".join(wrong)


def job_class(class_name: str | None, args: Any) -> str:
    """The class of a job, also of a wrapped one."""
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


def worker_job(row: WorkerRow) -> str:
    """What a worker holds, in one line; empty when it is idle."""
    record = row.record
    if record is None:
        return ""
    if record.is_unread:
        return f"unknown: {safe(record.problem or '')}"
    if record.problem is not None and record.class_name is not None:
        return f"{safe(record.class_name)}: {safe(record.problem)}"
    if record.problem is not None:
        return f"unreadable: {safe(record.problem)}"
    return job(record.class_name, record.args)


def worker_elapsed(row: WorkerRow) -> str:
    """How long a worker has had its job; empty when it is idle."""
    return "" if row.record is None else duration(row.elapsed_s)


def heartbeat(row: WorkerRow) -> str:
    """The age of a worker's last heartbeat."""
    if row.has_heartbeat is None:
        return NOT_READ
    if not row.has_heartbeat:
        return "never"
    if row.heartbeat_age_s is not None and row.heartbeat_age_s < -60:
        return "ahead"
    return duration(row.heartbeat_age_s)


def worker_place(row: WorkerRow) -> str:
    """Where a worker runs: host and process id, or its whole id when it has another shape."""
    identity = row.identity
    if identity.host is None:
        return safe(identity.text) or "(no id)"
    return f"{safe(identity.host)}:{identity.pid}"


def worker_queues(row: WorkerRow) -> str:
    """The queues a worker serves, as its id lists them."""
    return safe(",".join(row.identity.queues))


def failed_at(row: FailureRow) -> str:
    """The local time at which a job failed; of one that is older than a day, the date."""
    moment = row.failure.failed_at
    if moment is None:
        return NOTHING
    shape = "%H:%M:%S" if row.age_s is not None and row.age_s < 86_400 else "%Y-%m-%d"
    return moment.astimezone().strftime(shape)


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


def due_at(moment: datetime | None, due_s: float) -> str:
    """The local time at which something is due; of one further away than a day, with the date."""
    if moment is None:
        return NOTHING
    shape = "%H:%M:%S" if abs(due_s) < 86_400 else "%Y-%m-%d %H:%M"
    return moment.astimezone().strftime(shape)


def short_moment(moment: datetime | None) -> str:
    """A moment in local time, to the minute; a dash when unknown."""
    return NOTHING if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def failure_class(failure: Failure) -> str:
    """The class of a failed job; of one too large to be read whole, if its beginning tells."""
    if failure.item.is_cut and failure.class_name is None:
        return "(large)"
    if failure.problem is not None and not failure.item.is_cut:
        return "unreadable"
    return job_class(failure.class_name, failure.args)


def failure_args(failure: Failure) -> str:
    """The beginning of the arguments of a failed job; nothing where they cannot be read."""
    if failure.problem is not None or failure.args is None:
        return ""
    return short_json(unwrapped(failure.class_name, failure.args)[1])


def failure_error(failure: Failure) -> str:
    """The first line of an error that says anything, or why the entry cannot be read."""
    if failure.problem is not None and failure.error is None:
        return safe(failure.problem)
    # No more than can be shown: an error may be a whole page.
    lines = (failure.error or "")[:2_000].strip().split("\n", 1)
    return safe(lines[0])


def optional(value: str | None) -> str:
    """A text that may be missing."""
    return NOTHING if value is None else safe(value)


# Small charts of block characters.

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_LEVELS: Final = len(_BLOCKS) - 1


def area(values: Sequence[float | None], width: int, height: int = 1) -> list[str]:
    """The course of a figure, the newest value at the right.

    Zero is the lowest bar and anything above zero is higher than that; the highest value shown has
    the highest bar.

    Args:
        values: Oldest first. None, and what is no finite number, leaves a blank.
        width: Cells; older values that do not fit are left out, missing ones are blanks.
        height: Lines.

    Returns:
        The lines from top to bottom, each of exactly `width` cells.
    """
    shown = list(values[-width:]) if width > 0 else []
    known = [each for each in shown if each is not None and math.isfinite(each)]
    peak = max(known, default=0.0)
    tops = [_top(each, peak, height * _LEVELS) for each in shown]
    return [
        "".join(_BLOCKS[max(0, min(_LEVELS, top - below))] for top in tops).rjust(max(0, width))
        for below in range((height - 1) * _LEVELS, -1, -_LEVELS)
    ]


def _top(value: float | None, peak: float, levels: int) -> int:
    if value is None or not math.isfinite(value):
        return 0
    if value <= 0 or peak <= 0:
        return 1
    # A tiny value over a huge peak rounds to zero, and must not look like zero.
    return max(2, math.ceil(value / peak * levels))


# What is drawn where a terminal, its font or its locale has nothing but ASCII.

_OURS: Final = str.maketrans(
    {
        **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
        **dict.fromkeys("─━═╌┄", "-"),
        **dict.fromkeys("│┃║╎┆▏▕▊▎", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝┏┓┗┛", "+"),
        "–": "-",  # noqa: RUF001
        "—": "-",
        "…": "~",
        "“": '"',
        "”": '"',
        "‘": "'",  # noqa: RUF001
        "’": "'",  # noqa: RUF001
        "●": "*",
        "◆": "#",
        "▌": ">",
        "▲": "^",
        "▼": "v",
        "↑": "^",
        "↓": "v",
        "→": ">",
        "←": "<",
        "⚠": "!",
        "⏎": "$",
        "⇥": ">",
        "·": ".",
        "×": "x",  # noqa: RUF001
        "\u00a0": " ",
    }
)
_OTHER: Final = re.compile(r"[^\x00-\x7f]")


def to_ascii(text: str) -> str:
    """The same text in ASCII, cell for cell: our own signs as others, of data `?` for each cell.
    O(n); a text in ASCII comes back as it is."""
    if text.isascii():
        return text
    # What has no width of its own, such as an accent, leaves nothing.
    return _OTHER.sub(lambda found: "?" * cell_len(found[0]), text.translate(_OURS))
