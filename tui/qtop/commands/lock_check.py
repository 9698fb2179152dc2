"""What `qtop doctor` says of the locks of Ruby's plug-ins."""

from __future__ import annotations

import shlex

from qtop.commands.session import Session
from qtop.monitor.incidents.server_checks import Finding, named
from qtop.text.safe import counted
from resque.store import lock_freeing, queues
from resque.store.lock_freeing import Stale


def lock_findings(session: Session) -> Finding:
    """Whether locks keep Ruby from enqueueing jobs that do not wait. See `lock_freeing.stale` for
    the round trips. Raises StoreError."""
    names = session.run(queues.names(session.keys))
    return judged(session.run(lock_freeing.stale(session.keys, names)))


def judged(found: Stale) -> Finding:
    """The same of what was found. Pure."""
    if found.locks:
        text = (
            f"{counted(len(found.locks), 'lock')} of resque-loner or its like without a job that "
            f"waits: Ruby drops such jobs when they are enqueued: {named(found.locks)}"
        )
        remedy = f"if no class computes its lock in its own way: DEL {shlex.quote(found.locks[0])}"
        return Finding("locks", "WARN", text, remedy)
    if not found.there:
        rest = "" if found.is_complete else " among the first 200,000 keys; the others are unknown"
        return Finding("locks", "OK", f"no lock of a plug-in of Ruby's{rest}")
    if not found.is_complete:
        text = f"unknown: {found.there:,} found, but not all keys and jobs could be looked at"
        return Finding("locks", "WARN", text, "delete by hand those whose jobs do not wait")
    return Finding("locks", "OK", f"{found.there:,} of plug-ins, none seen without its job")
