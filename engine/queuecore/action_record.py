"""The record of an operator's action: an entry in the audit stream, and what its undo needs.

Both are written by the same script as the action itself. Actions without a record (an
application's own, through `Resque`) leave nothing, as in Ruby.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from queuecore.exchange import Arg, Exchange, Reply, Script, T
from queuecore.keys import QueueKeys, name_bytes
from queuecore.values import value

#: How long an action can be undone.
DEFAULT_UNDO_S = 24 * 3600
#: How much an undo may keep in Redis before the action says that it will not be undoable.
DEFAULT_UNDO_BYTES = 256 * 1024 * 1024
#: About how many entries the audit stream keeps.
AUDIT_ENTRIES = 10_000


def new_id() -> str:
    """An id for an operation."""
    return os.urandom(8).hex()


@value
class Actor:
    """Who acts: `user@host`, and with which client."""

    who: str
    client: str


@value
class ActionRecord:
    """One operation, for the record.

    `action` is its verb (clear, delete, requeue, move, edit, pause, resume, remove, register,
    prune, run now, reschedule, reorder, quarantine, undo; of Sidekiq also quiet, dump threads,
    rescue, cancel, reset, empty, forget; of workers on a machine: start, stop, stop now, kill,
    end job, pause, resume), `subject` what it acts on in words, `source` the key it takes from,
    `queue` the queue's name where there is one; `planned` how many the preview named.
    `undo_s` is how long it can be undone; 0 when it cannot, for example because what it removes is
    too large to keep. `processes` are the names of those whose jobs it is about, where it is about
    the jobs of certain processes.
    """

    actor: Actor
    action: str
    subject: str
    source: bytes
    planned: int
    queue: str = ""
    undo_s: int = DEFAULT_UNDO_S
    id: str = ""
    processes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", new_id())

    def fields(self) -> list[Arg]:
        """The audit entry, field and value in turn."""
        return [
            *("id", self.id, "who", _bytes(self.actor.who)),
            *("client", _bytes(self.actor.client), "action", self.action),
            *("subject", _bytes(self.subject), "source", self.source),
            *("queue", _bytes(self.queue)),
            *("planned", self.planned, "undo_s", self.undo_s),
            *(("processes", _listed(self.processes)) if self.processes else ()),
        ]


def _listed(names: Sequence[str]) -> str:
    # Imported here: few actions need it, and processes that run jobs import this file.
    import json

    return json.dumps(names)


def _bytes(text: str) -> bytes:
    try:
        return name_bytes(text)
    except UnicodeEncodeError:
        # Half of a surrogate pair, from some JSON: an action must not fail for that.
        return text.encode("utf-8", "backslashreplace")


def recorded(
    script: Script,
    keys: QueueKeys,
    record: ActionRecord | None,
    touched: Sequence[bytes],
    args: Sequence[Arg],
    parse: Callable[[Reply], T],
) -> Exchange[T]:
    """The round trip of a script that includes `trail.inc.lua`: an action on the keys `touched`,
    and its record, in one step. `parse` gets the reply."""
    operation = record.id if record is not None else ""
    record_keys = keys.audit(), keys.undo(operation), keys.undo_items(operation)
    record_args: list[Arg] = [0, 0, 0]
    if record is not None:
        fields = record.fields()
        record_args = [record.undo_s, AUDIT_ENTRIES, len(fields), *fields]
    return script.write([*record_keys, *touched], [*record_args, *args], parse)
