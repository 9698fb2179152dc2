"""The search of commands for jobs that no index leads to."""

from __future__ import annotations

from qtop.commands.connection import Session
from qtop.commands.output import message
from qtop.commands.unread import Unread
from qtop.model.health import Strays
from queuecore.errors import Refused, StoreError

_WHAT = "jobs that no index leads to"


def search(session: Session, unread: Unread) -> Strays:
    """What no index leads to. A search that is refused (a server may lack SCAN) or does not come
    to its end is said on stderr; one that Redis does not answer is noted as unread. Costs what
    `System.strays` costs."""
    try:
        found = session.run(session.system.strays())
    except Refused as error:
        message(f"{_WHAT} were not looked for: {error}")
        return Strays(is_complete=False)
    except StoreError as error:
        unread.note(_WHAT, str(error))
        return Strays(is_complete=False)
    if not found.is_complete:
        message(f"only the first 200,000 keys were looked at for {_WHAT}")
    return found
