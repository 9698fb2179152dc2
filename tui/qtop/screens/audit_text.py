"""What the console says of actions on record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qtop.text.format import both_times, number
from qtop.text.safe import ago, safe
from qtop.widgets.text_lines import TextLine
from queuecore.audit import AuditEntry

_MOVES_ON: Final = frozenset({"requeue", "move", "edit", "enqueue", "run now", "reschedule"})


def moment(entry: AuditEntry) -> str:
    """The local time of an action, in 14 characters."""
    return f"{entry.at.astimezone():%m-%d %H:%M:%S}"


def done(entry: AuditEntry) -> str:
    """How many items it concerned, and how many of them were taken back since."""
    if entry.done is None:
        return "unknown"
    return f"{number(entry.done)} (-{number(entry.undone)})" if entry.undone else number(entry.done)


def done_cell(entry: AuditEntry) -> str:
    """The same in few characters: the cell beside it says when all of it was taken back."""
    return number(entry.done) if is_undone(entry) else done(entry)


def is_undone(entry: AuditEntry) -> bool:
    """Whether all of it was taken back."""
    return bool(entry.done) and entry.undone == entry.done


def undo_left(entry: AuditEntry) -> str:
    """How long it can still be taken back, or why it cannot."""
    if entry.undo_left_s is not None:
        return ago(entry.undo_left_s)
    return "undone" if is_undone(entry) else "no"


def lines(entry: AuditEntry) -> Iterator[TextLine]:
    """Everything that is on record of an action."""
    yield TextLine(f"{safe(entry.action)} {safe(entry.subject)}", "title")
    yield TextLine(both_times(entry.at), "", "when")
    yield TextLine(safe(entry.actor.who), "", "who")
    yield TextLine(safe(entry.actor.client), "", "client")
    yield TextLine(f"{number(entry.planned)} named by the preview", "", "planned")
    unknown = "unknown: what is kept for the undo tells it, and is gone"
    yield TextLine(unknown if entry.done is None else number(entry.done), "", "done")
    if entry.undone:
        yield TextLine(number(entry.undone), "", "taken back")
    if entry.queue:
        yield TextLine(safe(entry.queue), "", "queue")
    yield TextLine(safe(entry.source), "dim", "key")
    yield TextLine(safe(entry.id), "dim", "id")
    yield TextLine("")
    yield TextLine("Undo", "title")
    for text in consequence(entry):
        yield TextLine(text, "" if entry.undo_left_s else "dim", " ")


def consequence(entry: AuditEntry) -> tuple[str, ...]:
    """What an undo would do, in sentences."""
    if entry.undo_left_s is None:
        why = "all of it was taken back" if is_undone(entry) else "too long ago, or never possible"
        return (f"Nothing can be taken back: {why}.",)
    left = f"It can be taken back for another {ago(entry.undo_left_s)}."
    if entry.action in ("pause", "resume"):
        return (left, "Switches go back to where they were, unless somebody moved them since.")
    if entry.action in _MOVES_ON:
        return (left, "Jobs that a worker has taken since stay where they are.")
    return (left, "What was removed comes back: same bytes, same order, nothing twice.")


def question(entry: AuditEntry) -> tuple[str, ...]:
    """What to know before an action is taken back."""
    by = f"By {safe(entry.actor.who)} with {safe(entry.actor.client)}, {both_times(entry.at)}."
    return (by, f"Done: {done(entry)}.", *consequence(entry))
