"""Entries of the audit, as History lists them."""

from datetime import timedelta

from tests.support.sample_data import NOW

from queuecore.action_record import Actor
from queuecore.audit import AuditEntry

HOSTILE = "\x1b]52;c;aGk=\x07[/x]\u202e"


def audit_entry(number: int, **fields: object) -> AuditEntry:
    """The action `number` minutes ago."""
    values: dict[str, object] = {
        "id": f"{number:016x}",
        "at": NOW - timedelta(minutes=number),
        "actor": Actor("ann@ops1", "qtop 0.1.0"),
        "action": "requeue",
        "subject": "37 failed jobs",
        "queue": "",
        "source": b"resque:failed",
        "planned": 37,
        "done": 35,
        "undone": 0,
        "undo_left_s": 80_000,
    }
    return AuditEntry(**(values | fields))  # type: ignore[arg-type]


AUDIT_ENTRIES = [
    audit_entry(1),
    audit_entry(2, action="clear", subject="queue mail", queue="mail", done=1_234, undone=1_234,
         undo_left_s=None),
    audit_entry(3, action="pause", subject="everything", done=1),
    audit_entry(4, actor=Actor(HOSTILE, HOSTILE), action=HOSTILE, subject=HOSTILE, done=None,
         undo_left_s=None),
    audit_entry(5, action="delete", undone=5),
]  # fmt: skip
