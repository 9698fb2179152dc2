"""The search of commands for jobs that no index leads to."""

from __future__ import annotations

from qtop.commands.output import message
from qtop.commands.session import Session
from resque.errors import Refused
from resque.state import strays
from resque.state.strays import Strays


def search(session: Session) -> Strays:
    """What no index leads to. A search that is refused, or does not come to its end, is said on
    stderr. Costs what `strays.find` costs. Raises StoreError when Redis is away."""
    try:
        found = session.run(strays.find(session.keys))
    except Refused as error:
        message(f"jobs that no index leads to were not looked for: {error}")
        return Strays(is_complete=False)
    if not found.is_complete:
        message("only the first 200,000 keys were looked at for jobs that no index leads to")
    return found
