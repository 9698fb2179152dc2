"""One line of short texts: the status line, the tabs, the footer, the result of an action.

Text reaches the screen as plain segments, never as markup. Only what changed is painted again. The
texts about the server are made here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from qtop.model.health import ServerInfo
from qtop.text.safe import ago, counted, crop, safe
from qtop.widgets.theme import toned


class Span(NamedTuple):
    """A short safe text on a bar.

    Attributes:
        text: What is shown.
        tone: Its meaning, the name of a tone (see `theme`), or empty.
        priority: Where not all spans fit, those with the lowest priority are left out first.
        action: What a click runs.
        group: Spans of one group are left out together.
        least: To how many cells it may be cut before it is left out; 0: not at all.
    """

    text: str
    tone: str = ""
    priority: int = 100
    action: str | None = None
    group: str = ""
    least: int = 0


#: The first cell of a span on a bar, and the span with as much of its text as is shown.
PlacedSpan = tuple[int, Span]


def place(left: Sequence[Span], right: Sequence[Span], width: int) -> list[PlacedSpan]:
    """Give the spans their places: `left` from the left edge, `right` up to the right edge.

    Spans with the lowest priority are cut or left out until the others fit. The last one that is
    left is cut.
    """
    kept = [*((0, span) for span in left), *((1, span) for span in right)]
    while len(kept) > 1 and (over := _cells(kept) - width) > 0:
        _, lowest = min(reversed(kept), key=lambda sided: sided[1].priority)
        cells = cell_len(lowest.text) - over
        if 0 < lowest.least <= cells:
            cut = lowest._replace(text=crop(lowest.text, cells))
            kept = [(side, cut if span is lowest else span) for side, span in kept]
        else:
            # One without a group goes alone: none has None.
            group = lowest.group or None
            kept = [each for each in kept if each[1] is not lowest and each[1].group != group]
    placed: list[PlacedSpan] = []
    x = 0
    filled = sum(cell_len(span.text) for _, span in kept)
    on_right = False
    for side, span in kept:
        if side and not on_right:
            on_right = True
            x += max(0, width - filled)
        shown = span._replace(text=crop(span.text, width - x))
        placed.append((x, shown))
        x += cell_len(shown.text)
    return placed


def _cells(kept: Sequence[tuple[int, Span]]) -> int:
    """How wide the spans are, with a space between those at the left and those at the right."""
    left = "".join(span.text for side, span in kept if not side)
    right = "".join(span.text for side, span in kept if side)
    touching = left and right and left[-1] != " " and right[0] != " "
    return cell_len(left) + cell_len(right) + bool(touching)


class Bar(Widget):
    """One line of spans."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Bar {
        height: 1;
        width: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._left: tuple[Span, ...] = ()
        self._right: tuple[Span, ...] = ()
        self._painted: list[PlacedSpan] | None = None

    def show(self, left: Sequence[Span], right: Sequence[Span] = ()) -> None:
        """Show other spans. Costs nothing when they are the same."""
        if (tuple(left), tuple(right)) == (self._left, self._right):
            return
        self._left, self._right = tuple(left), tuple(right)
        regions = self._changed_regions()
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        placed = place(self._left, self._right, width)
        self._painted = placed
        ground = self.rich_style
        segments: list[Segment] = []
        x = 0
        for at, span in placed:
            segments.append(Segment(" " * (at - x), ground))
            segments.append(Segment(span.text, toned(self, span.tone) if span.tone else ground))
            x = at + cell_len(span.text)
        segments.append(Segment(" " * max(0, width - x), ground))
        return Strip(segments).adjust_cell_length(width, ground)

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the span that was clicked."""
        for at, span in self._painted or ():
            if span.action and at <= event.x < at + cell_len(span.text):
                event.stop()
                await self.run_action(span.action)

    def _changed_regions(self) -> list[Region]:
        """The parts that differ from what was painted; the whole line when a place has changed."""
        if not self.is_mounted or not self.size.width:
            return []
        width = self.size.width
        new = place(self._left, self._right, width)
        return [Region(x, 0, cells, 1) for x, cells in changed_cells(self._painted, new, width)]


def changed_cells(
    old: Sequence[PlacedSpan] | None, new: Sequence[PlacedSpan], width: int
) -> list[tuple[int, int]]:
    """The first cell and the number of cells of each part to paint again, where a line of `width`
    cells shows `old`: all of it where a place has changed, or nothing was painted yet."""
    if old is None or _places(old) != _places(new):
        return [(0, width)]
    return [
        (at, cell_len(span.text))
        for was, (at, span) in zip(old, new, strict=True)
        if was != (at, span)
    ]


def _places(placed: Sequence[PlacedSpan]) -> list[tuple[int, int]]:
    return [(at, cell_len(span.text)) for at, span in placed]


# What INFO says of the server, in brief.


def server(facts: ServerInfo | None) -> list[Span]:
    """Which server it is, its memory, its clients, how long it has been up; none while that is not
    known. The last ones are left out first."""
    parts = [] if facts is None else list(_parts(facts))
    spans = [Span(f"{', ' if at else '  '}{part}", "dim", 50 - at) for at, part in enumerate(parts)]
    return [*spans, Span(" ", "", 50)] if spans else []


def _parts(facts: ServerInfo) -> Iterator[str]:
    fields = facts.fields
    for name in ("valkey", "redis"):
        if version := fields.get(f"{name}_version"):
            yield f"{name.capitalize()} {safe(version)}"
            break
    used, limit = (_figure(facts, name) for name in ("used_memory", "maxmemory"))
    if used is not None:
        yield f"{_mib(used)} of {_mib(limit)}" if limit else _mib(used)
    clients = _figure(facts, "connected_clients")
    if clients is not None:
        yield counted(clients, "client")
    up_s = _figure(facts, "uptime_in_seconds")
    if up_s is not None:
        # By the hour: a figure that changes all the time sends bytes over ssh without need.
        yield f"up {ago(up_s) if up_s >= 3_600 else '<1 h'}"


def _mib(size_bytes: int) -> str:
    return f"{max(1, round(size_bytes / 2**20)):,} MiB"


def _figure(facts: ServerInfo, name: str) -> int | None:
    text = facts.fields.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
