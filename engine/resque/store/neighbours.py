"""Which systems live in one database, and under which prefixes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from queuecore.exchange import Exchange, Reply, Steps
from queuecore.keys import name_text
from resque.errors import Refused, StoreError
from resque.keys import BareKeys, Keys
from resque.store import ownership, server_info
from resque.store.ownership import KeyOwners

#: So many namespaces are judged.
MOST = 50
#: How connections of Sidekiq 8.1.5 and newer name themselves, where Redis keeps it (7.2).
_NAMED = re.compile(r"\blib-name=\S*(sidekiq_v[\w.]+)")
_DATABASE = re.compile(r"\bdb=(\d+)\b")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What was found.

    Attributes:
        own: The namespace that was asked about.
        bare: What lives without a prefix.
        others: Further namespaces, by their names.
        clients: What connections to this database call themselves, if that is Sidekiq.
        is_complete: Whether all keys were searched, and all namespaces judged.
        problem: Why the keys could not be searched; None when they were.
    """

    own: KeyOwners
    bare: KeyOwners
    others: dict[str, KeyOwners]
    clients: tuple[str, ...]
    is_complete: bool
    problem: StoreError | None = None


def find_neighbours(keys: Keys, *, database: int, now: datetime) -> Steps[Neighbours]:
    """Judge this namespace, what has no prefix, and the namespaces that a search finds (at most
    200,000 keys and `MOST` namespaces). A round trip for each 1,000 keys of the database, two for
    each namespace, and four more. Changes nothing."""
    names: list[str] = []
    is_complete, problem = False, None
    try:
        names, is_complete = yield from server_info.namespaces()
    except Refused as error:
        problem = error
    others = [name for name in names if name != keys.namespace]
    judged: dict[str, KeyOwners] = {}
    for name in others[:MOST]:
        judged[name] = yield from _judged(Keys(name), now)
    return Neighbours(
        own=(yield from ownership.find_owners(keys, now=now)),
        bare=(yield from _judged(BareKeys(""), now)),
        others=judged,
        clients=(yield _clients(database)),
        is_complete=is_complete and len(others) <= MOST,
        problem=problem,
    )


def _judged(keys: Keys, now: datetime) -> Steps[KeyOwners]:
    try:
        return (yield from ownership.find_owners(keys, now=now))
    except Refused as error:
        # In a cluster, keys without a hash tag are on several nodes.
        return KeyOwners(ownership.place_of(keys), problem=str(error))


def _clients(database: int) -> Exchange[tuple[str, ...]]:
    """What connections call themselves; none where that may not be asked."""

    def parse(replies: Sequence[Reply]) -> tuple[str, ...]:
        (reply,) = replies
        lines = name_text(reply).splitlines() if isinstance(reply, bytes) else []
        found = {
            named[1]
            for line in lines
            if (named := _NAMED.search(line))
            and (of := _DATABASE.search(line))
            and int(of[1]) == database
        }
        return tuple(sorted(found))

    return Exchange((("CLIENT", "LIST"),), parse, tolerant=True)
