"""Fields to type in, and the line for filters with completion and history."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.suggester import Suggester
from textual.widgets import Checkbox, Input

from qtop.search import fields
from qtop.text.safe import visible

# Fields: what is typed or pasted is made safe, like all that is shown.


class InputField(Input):
    """A line to type in, whose cursor does not blink. Characters that are not safe to show, which
    may be pasted, are replaced."""

    cursor_blink = reactive(False, init=False)

    def validate_value(self, value: str) -> str:
        return visible(value)


class FigureField(InputField):
    """A field for a whole number. Keys that are no digits are left to the dialog around it."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character is not None and character.isdecimal()

    async def _on_key(self, event: events.Key) -> None:
        if not self.check_consume_key(event.key, event.character):
            event.prevent_default()


class Box(Checkbox):
    """A checkbox that can be read without colours: `[x]` and `[ ]`."""

    BUTTON_LEFT = "["
    BUTTON_RIGHT = "]"

    @property
    def _button(self) -> Content:
        self.BUTTON_INNER = "x" if self.value else " "
        style = self.get_visual_style("toggle--label")
        return Content.assemble((f"[{self.BUTTON_INNER}]", style))


FILTER_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("enter", "keep", show=False, id="filter.keep"),
    Binding("escape", "leave", show=False, id="filter.leave"),
    Binding("tab", "complete", show=False, id="filter.complete"),
    Binding("up", "recall(-1)", show=False, id="filter.older"),
    Binding("down", "recall(1)", show=False, id="filter.newer"),
)
"""The keys of the line, for the console's table of keys."""

STARTS: Final = (
    *(f"{name}:" for name in fields.FIELDS),
    *("args.0:", "id:", "retried:no", "retried:yes", "readable:no", "serves:", "lists:", "tag:"),
    *("age>1h", "age<10m", "due<10m", "due>1h", "failed:today", "failed:yesterday"),
    *("due:today", "due:tomorrow", "after:08:00", "before:08:00"),
    *("waiting>100", "workers:0", "running>0"),
)
"""The beginnings of terms that can be completed."""
#: Before the name of a saved filter; it stands for the field whose values those names are.
SAVED: Final = "@"
_MOST_REMEMBERED: Final = 50
_BLANK: Final = re.compile(r"\s")

#: Gives the known values of a field, such as the names of classes for `class`. Safe texts.
ValuesOf = Callable[[str], Iterable[str]]


def completion(text: str, values_of: ValuesOf) -> str | None:
    """The whole text with its last term completed; None when nothing fits. O(values)."""
    start = max((found.end() for found in _BLANK.finditer(text)), default=0)
    head, term = text[:start], text[start:]
    if term.startswith("!"):
        head, term = f"{head}!", term[1:]
    if not term:
        return None
    if term.startswith(SAVED):
        names = (f"{SAVED}{name}" for name in sorted(values_of(SAVED)))
        return next((head + each for each in names if each.startswith(term) and each != term), None)
    field, colon, begun = term.partition(":")
    low = begun.casefold()
    for value in sorted(values_of(field)) if colon else ():
        if value.casefold().startswith(low) and value != begun and not _BLANK.search(value):
            return f"{head}{field}:{value}"
    return next((head + name for name in STARTS if name.startswith(term) and name != term), None)


class _Completion(Suggester):
    def __init__(self, values_of: ValuesOf) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._values_of = values_of

    async def get_suggestion(self, value: str) -> str | None:
        return completion(value, self._values_of)


class FilterInput(InputField):
    """A line to type a filter in. Hidden until `ask`.

    Args:
        values_of: Gives the values to complete with.
        remembered: Earlier filters, the newest last; new ones are added.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *FILTER_BINDINGS,
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
    ]

    class Left(Message):
        """Typing has ended. `text` is the filter to use; None: the one before stays."""

        def __init__(self, text: str | None) -> None:
            self.text = text
            super().__init__()

    def __init__(self, values_of: ValuesOf, remembered: list[str]) -> None:
        super().__init__(
            id="filter",
            compact=True,
            placeholder="class:Mail* error:timeout args.0:42 age>1h retried:no !x",
            suggester=_Completion(values_of),
            select_on_focus=False,
        )
        self.display = False
        self._remembered = remembered
        self._place = 0

    def ask(self, text: str) -> None:
        """Appear, with this text."""
        self._place = len(self._remembered)
        self.display = True
        with self.prevent(Input.Changed):
            self.value = text
        self.cursor_position = len(text)
        self.focus()

    def action_keep(self) -> None:
        text = self.value.strip()
        if text:
            remember(self._remembered, text)
        self._leave(text)

    def action_leave(self) -> None:
        self._leave(None)

    def action_complete(self) -> None:
        self.action_cursor_right() if self._suggestion else self.action_end()

    def action_recall(self, step: int) -> None:
        """Show the filter after this one (1), or before it (-1)."""
        texts: Sequence[str] = [*self._remembered, ""]
        self._place = max(0, min(self._place + step, len(self._remembered)))
        self.value = texts[self._place]
        self.cursor_position = len(self.value)

    def on_blur(self, event: events.Blur) -> None:
        """A click elsewhere keeps the text."""
        if self.display:
            self.action_keep()

    def _leave(self, text: str | None) -> None:
        self.display = False
        self.post_message(self.Left(text))


def remember(texts: list[str], text: str) -> None:
    """Add a text as the newest; a text is kept once."""
    if text in texts:
        texts.remove(text)
    texts.append(text)
    del texts[:-_MOST_REMEMBERED]
