"""What all lists have in common: a filter, marks, an order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual.widget import Widget

from qtop.screens.base import ConsoleScreen, ListScreen
from qtop.search import filter_language
from qtop.search.fields import Subject
from qtop.search.filter_language import BadFilter, Filter
from qtop.text.safe import safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.filter_input import FilterInput


class RowsScreen(ListScreen):
    """A list whose rows can be filtered, marked and sorted.

    A filter looks at the rows there are. A screen that knows better (it reads only a window of a
    long list) overrides `filter_changed`.
    """

    marks_gone: ClassVar[str] = "what was marked is not listed any more: nothing was done"

    def __init__(self) -> None:
        super().__init__()
        self.filter = Filter("")
        self._all_rows: Sequence[Any] = ()
        self._typing: str | None = None
        self._filter_line = Bar(id="filter-line")
        self._filter_line.display = False
        place = type(self).__name__
        self._filter_bar = FilterInput(self.values_of, self.app.remembered_filters(place))

    # What a list defines

    def subject(self, row: Any) -> Subject:
        """A row as filters see it."""
        raise NotImplementedError

    def values_of(self, field: str) -> Iterable[str]:
        """Values to complete a field of a filter with. O(rows)."""
        found: set[str] = set()
        for row in self._all_rows:
            value = getattr(self.subject(row), "class_name" if field == "class" else field, None)
            if isinstance(value, str):
                found.add(safe(value))
        return found

    def filter_changed(self) -> None:
        """Show what matches now."""
        self.show_rows(self._all_rows)

    def shown_of(self) -> str:
        """How many rows match, of how many."""
        return f"{self.table.row_count:,} of {len(self._all_rows):,}"

    # For the lists

    def show_rows(self, rows: Sequence[Any]) -> None:
        """Show the rows that match. O(rows) with a filter."""
        self._all_rows = rows
        if not self.filter.is_empty:
            rows = [row for row in rows if self.filter.matches(self.subject(row))]
            self.table.empty_text = self.no_match
        self.table.set_rows(rows)
        self._show_filter()

    def chosen(self) -> list[Any]:
        """The marked rows, else the one under the cursor."""
        row = self.table.cursor_row
        return self.table.marked_rows() or ([] if row is None else [row])

    @property
    def no_match(self) -> str:
        """What an empty list says when there is a filter."""
        is_numbered = "lists" in self.PLACES
        key = self.app.stage.manner.sign("clear_filter" if is_numbered else "back")
        return f"Nothing matches the filter; {key} takes it away."

    def meant(self) -> list[Any]:
        """The rows that an action is for: the chosen ones; none when those that were marked have
        gone: who marked some does not mean another."""
        if self.table.dropped_marks and not self.table.marked_rows():
            self.table.clear_marks()
            self.app.say(self.marks_gone, "warn")
            return []
        return self.chosen()

    def copied(self) -> list[str]:
        """The chosen rows, their cells with tabs between them."""
        return [self.table.row_text(row) for row in self.chosen()]

    def compose_body(self) -> Iterable[Widget]:
        """The table, and the filter below it."""
        yield self.table
        yield self._filter_line
        yield self._filter_bar

    def set_filter(self, text: str) -> bool:
        """Show only what matches; False when the text makes no filter, and the reason is said."""
        try:
            wanted = filter_language.parse(text)
        except BadFilter as error:
            self.app.say(safe(str(error)), "warn")
            return False
        if wanted.text != self.filter.text:
            self.filter = wanted
            self.filter_changed()
        self._show_filter()
        return True

    def _show_filter(self) -> None:
        self._filter_line.display = not self.filter.is_empty and not self._filter_bar.display
        if self._filter_line.display:
            text = Span(f" {safe(self.filter.text)}", "strong", 80, least=8)
            count = Span(f"  {self.shown_of()} ", "dim", 85)
            self._filter_line.show([Span(" filter ", "flag", 90), text], [count])

    # Keys

    def action_filter(self) -> None:
        """Ask for a filter."""
        self._typing = self.filter.text
        self._filter_bar.ask(self.filter.text)
        self._show_filter()

    def action_back(self) -> None:
        """Take the filter away; without one, leave the screen for the one before."""
        if not self.filter.is_empty:
            self.set_filter("")
        else:
            super().action_back()

    def action_next_sort(self) -> None:
        """Sort by the next column."""
        self.table.next_sort()

    def action_reverse_sort(self) -> None:
        """Sort the other way round."""
        self.table.reverse_sort()

    def on_filter_input_typed(self, event: FilterInput.Typed) -> None:
        """Filter while it is typed, as far as it makes sense."""
        event.stop()
        try:
            filter_language.parse(event.text)
        except BadFilter as error:
            self.app.say(safe(str(error)), "dim")
        else:
            self.app.say("")
            self.set_filter(event.text)

    def on_filter_input_left(self, event: FilterInput.Left) -> None:
        """Use what was typed, or what there was before."""
        event.stop()
        before = self._typing or ""
        if event.text is None or not self.set_filter(event.text):
            self.set_filter(before)
        self.table.focus()


class MainKeys(ConsoleScreen):
    """The keys that all numbered screens have."""

    def action_freeze(self) -> None:
        """Stop the display, or let it go on."""
        self.app.toggle_freeze()

    def action_pause_all(self) -> None:
        """Pause everything, or resume it."""
        self.app.desk.pause_or_resume_all(is_paused=self.app.stage.is_paused)

    def action_start_workers(self) -> None:
        """Ask which workers to start here."""
        self.app.desk.local.ask(["*"])


class MainScreen(MainKeys, RowsScreen):
    """One of the console's numbered lists."""

    def action_clear_filter(self) -> None:
        """Back to where a lead came from, or show everything again."""
        # Imported here: it knows this module.
        from qtop.screens.links import go_back

        if not go_back(self.app, self):
            self.set_filter("")
