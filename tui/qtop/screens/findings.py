"""What is wrong, and what to do about it: the findings of `qtop doctor`, as they come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final

from qtop.keymap.keymap import Where
from qtop.model.health import Finding, FindingLevel
from qtop.monitor.state import ViewState
from qtop.screens.base import TextScreen
from qtop.text.safe import counted, pad, safe
from qtop.widgets.text_lines import TextLine
from queuecore.errors import QueueError

#: Finds one after the other, each with the label of its place, which is empty where there is one.
FindAll = Callable[[], Iterator[tuple[str, Finding]]]

_TONES: Final[dict[FindingLevel, str]] = {
    "OK": "good",
    "UNKNOWN": "warn",
    "WARN": "warn",
    "ERROR": "bad",
}
#: In this order they are listed.
_ORDER: Final[tuple[FindingLevel, ...]] = ("ERROR", "WARN", "UNKNOWN", "OK")
_CHECK_CELLS: Final = 13


class FindingsScreen(TextScreen):
    """The findings, the worst first.

    Args:
        find: Finds them, over connections of its own; it blocks, so it has a thread.
    """

    PLACES: ClassVar[tuple[Where, ...]] = ("texts",)
    NAME = "findings"
    TAB: ClassVar[Where] = "overview"

    def __init__(self, find: FindAll) -> None:
        super().__init__()
        self._find = find
        self._found: list[tuple[str, Finding]] = []
        self._is_over = False
        self._problem = ""

    def on_mount(self) -> None:
        super().on_mount()
        loop = asyncio.get_running_loop()
        # Not one of the event loop's threads, for which the console would wait when it ends.
        threading.Thread(target=self._look, args=(loop,), daemon=True).start()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        problem = ""
        try:
            for place, finding in self._find():
                loop.call_soon_threadsafe(self._take, place, finding)
        except QueueError as error:
            problem = str(error)
        except RuntimeError:
            # The console has ended meanwhile.
            return
        loop.call_soon_threadsafe(self._end, problem)

    def _take(self, place: str, finding: Finding) -> None:
        self._found.append((place, finding))
        self._show_again()

    def _end(self, problem: str) -> None:
        self._is_over, self._problem = True, problem
        self._show_again()

    def _show_again(self) -> None:
        if self.is_mounted:
            self.show_view(self.app.state.view())

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        return finding_lines(self._found, is_over=self._is_over, problem=self._problem)


def finding_lines(
    found: Iterable[tuple[str, Finding]], *, is_over: bool, problem: str = ""
) -> Iterator[TextLine]:
    """The findings as text, the worst first. `problem` is what ended the search before its end."""
    listed = sorted(found, key=lambda each: _ORDER.index(each[1].level))
    wrong = sum(each.level in ("ERROR", "WARN") for _, each in listed)
    unknown = sum(each.level == "UNKNOWN" for _, each in listed)
    far = "" if is_over else ", checking …"
    title = f"{counted(wrong, 'problem')}, {unknown:,} unknown, of {counted(len(listed), 'check')}"
    yield TextLine(f"{title}{far}", "title")
    if problem:
        yield TextLine(f"The checks stopped early: {safe(problem)}", "bad")
    for place, each in listed:
        of = f"{safe(place)}: " if place else ""
        level = pad(f"{each.level} {each.check}", _CHECK_CELLS)
        yield TextLine(f"{of}{safe(each.text)}", _TONES[each.level], level)
        if each.remedy:
            yield TextLine(f"→ {safe(each.remedy)}", "", " " * _CHECK_CELLS)
