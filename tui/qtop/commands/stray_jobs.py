"""The search of commands for jobs that no index leads to."""

from __future__ import annotations

from qtop.commands.output import message
from qtop.commands.session import Session
from qtop.commands.unread import Unread
from resque.state import strays
from resque.state.strays import Strays


def search(session: Session, unread: Unread) -> Strays:
    """What no index leads to. A search that is refused is noted as unread, one that does not come
    to its end is said on stderr. Costs what `strays.find` costs."""
    found = unread.try_to(session, "jobs that no index leads to", strays.find(session.keys))
    if found is None:
        return Strays(is_complete=False)
    if not found.is_complete:
        message("only the first 200,000 keys were looked at for jobs that no index leads to")
    return found
