"""What a table tells the screen it is on, as `Table.Opened`, `Table.Moved`, `Table.Marked`."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from textual.message import Message
from textual.widget import Widget

EventRowT = TypeVar("EventRowT")


class TableEvent(Message):
    """Something happened in a table.

    Attributes:
        table: The table it happened in.
    """

    def __init__(self, table: Widget) -> None:
        self.table = table
        super().__init__()

    @property
    def control(self) -> Widget:
        """The table, for `@on(Table.Opened, "#failures")`."""
        return self.table

    def can_replace(self, message: Message) -> bool:
        """Whether an older message that still waits is out of date by this one."""
        return False


class Opened(TableEvent, Generic[EventRowT]):
    """A row was opened, by enter or a double click."""

    def __init__(self, table: Widget, row: EventRowT) -> None:
        self.row = row
        super().__init__(table)


class Moved(TableEvent, Generic[EventRowT]):
    """Another row is under the cursor, or none is."""

    def __init__(self, table: Widget, row: EventRowT | None) -> None:
        self.row = row
        super().__init__(table)

    def can_replace(self, message: Message) -> bool:
        """Only where the cursor is now matters."""
        return isinstance(message, Moved) and message.table is self.table


class Marked(TableEvent):
    """Other rows are marked than before."""

    def __init__(self, table: Widget, marked: frozenset[Hashable]) -> None:
        self.marked = marked
        super().__init__(table)

    def can_replace(self, message: Message) -> bool:
        """Only what is marked now matters."""
        return isinstance(message, Marked) and message.table is self.table
