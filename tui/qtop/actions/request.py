"""What an operator may ask a queue system to do.

A request is data only. The system's `prepare` makes a plan of it and changes nothing; `carry_out`
does what the plan says. The console and the commands make the same requests.
"""

from __future__ import annotations

from dataclasses import dataclass

from qtop.search.selection import JobSource
from queuecore.action_record import ActionRecord
from queuecore.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class Clear:
    """Delete everything that is in a list now; with `removes` the queue's name, too. `subject`
    goes on record instead of the usual words."""

    source: JobSource
    removes: bool = False
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause queues, or resume them when `pauses` is false."""

    queues: tuple[str, ...]
    pauses: bool = True


@dataclass(frozen=True, slots=True)
class PauseAll:
    """Let no worker take another job, or take that back when `pauses` is false."""

    pauses: bool = True


@dataclass(frozen=True, slots=True)
class Undo:
    """Take an action back. What it was in words, its source and the number of its jobs are as far
    as they are known; `question` is what to say before it is done, nothing: it is not asked."""

    id: str
    what: str = ""
    source: bytes = b""
    many: int = 1
    question: tuple[str, ...] = ()

    @classmethod
    def of(cls, action: ActionRecord | AuditEntry, *question: str) -> Undo:
        """Take this one back."""
        done = action.done if isinstance(action, AuditEntry) else action.planned
        what = f"{action.action} {action.subject}"
        return cls(action.id, what, action.source, done or action.planned, question)


Request = Clear | Pause | PauseAll | Undo
