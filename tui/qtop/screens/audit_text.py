"""What the console says of actions on record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qtop.text.format import both_times, number
from qtop.text.safe import ago, safe
from qtop.widgets.text_lines import TextLine
from queuecore.audit import AuditEntry

_MOVES_ON: Final = frozenset({"requeue", "move", "edit", "enqueue", "run now", "reschedule"})


def moment(deed: AuditEntry) -> str:
    """The local time of an action, in 14 characters."""
    return f"{deed.at.astimezone():%m-%d %H:%M:%S}"


def done(deed: AuditEntry) -> str:
    """How many items it concerned, and how many of them were taken back since."""
    if deed.done is None:
        return "unknown"
    return f"{number(deed.done)} (-{number(deed.undone)})" if deed.undone else number(deed.done)


def done_cell(deed: AuditEntry) -> str:
    """The same in few characters: that all of it was taken back stands beside it."""
    return number(deed.done) if is_undone(deed) else done(deed)


def is_undone(deed: AuditEntry) -> bool:
    """Whether all of it was taken back."""
    return bool(deed.done) and deed.undone == deed.done


def undo_left(deed: AuditEntry) -> str:
    """How long it can still be taken back, or why it cannot."""
    if deed.undo_left_s is not None:
        return ago(deed.undo_left_s)
    return "undone" if is_undone(deed) else "no"


def lines(deed: AuditEntry) -> Iterator[TextLine]:
    """Everything that is on record of an action."""
    yield TextLine(f"{safe(deed.action)} {safe(deed.subject)}", "title")
    yield TextLine(both_times(deed.at), "", "when")
    yield TextLine(safe(deed.actor.who), "", "who")
    yield TextLine(safe(deed.actor.client), "", "client")
    yield TextLine(f"{number(deed.planned)} named by the preview", "", "planned")
    unknown = "unknown: what is kept for the undo tells it, and is gone"
    yield TextLine(unknown if deed.done is None else number(deed.done), "", "done")
    if deed.undone:
        yield TextLine(number(deed.undone), "", "taken back")
    if deed.queue:
        yield TextLine(safe(deed.queue), "", "queue")
    yield TextLine(safe(deed.source), "dim", "key")
    yield TextLine(safe(deed.id), "dim", "id")
    yield TextLine("")
    yield TextLine("Undo", "title")
    for text in consequence(deed):
        yield TextLine(text, "" if deed.undo_left_s else "dim", " ")


def consequence(deed: AuditEntry) -> tuple[str, ...]:
    """What an undo would do, in sentences."""
    if deed.undo_left_s is None:
        why = "all of it was taken back" if is_undone(deed) else "too long ago, or never possible"
        return (f"Nothing can be taken back: {why}.",)
    left = f"It can be taken back for another {ago(deed.undo_left_s)}."
    if deed.action in ("pause", "resume"):
        return (left, "Switches go back to where they were, unless somebody moved them since.")
    if deed.action in _MOVES_ON:
        return (left, "Jobs that a worker has taken since stay where they are.")
    return (left, "What was removed comes back: same bytes, same order, nothing twice.")


def question(deed: AuditEntry) -> tuple[str, ...]:
    """What to know before an action is taken back."""
    by = f"By {safe(deed.actor.who)} with {safe(deed.actor.client)}, {both_times(deed.at)}."
    return (by, f"Done: {done(deed)}.", *consequence(deed))
