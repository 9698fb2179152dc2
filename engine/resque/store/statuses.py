"""Jobs of resque-status: their classes answer to `scheduled`, which Ruby's scheduler calls in place
of enqueueing. It makes a status and puts its id before the arguments. This scheduler does not
have that code: it enqueues the arguments as they are, and such a job takes the first for its id.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from queuecore.exchange import Exchange, Steps, single
from queuecore.keys import name_text
from resque.codec import decode, members_of_beginning, text_of
from resque.keys import Keys

#: The queue of resque-status's jobs whose class names none.
QUEUE = "statused"
#: How many of the newest statuses are looked at, and how many bytes of each.
_NEWEST = 100
_BEGINNING_BYTES = 4096
#: A status is named after its class and its options: `Report({"id"=>1})`.
_NAME = re.compile(r"([A-Z]\w*(?:::[A-Z]\w*)*)(?:\(.*)?", re.DOTALL)
_ID = re.compile(r"[0-9a-f]{32}")


def classes(keys: Keys) -> Steps[frozenset[str]]:
    """The classes of the newest statuses; a class may have another name there, and is not found
    then. Two round trips, one where there are none."""
    ids: list[bytes] = yield newest(keys)
    return (yield from named_in(keys, ids))


def newest(keys: Keys) -> Exchange[list[bytes]]:
    """The ids of the newest statuses. One round trip."""
    return single(("ZREVRANGE", keys.statuses(), 0, _NEWEST - 1), lambda reply: reply)


def named_in(keys: Keys, ids: Sequence[bytes]) -> Steps[frozenset[str]]:
    """The classes that these statuses are of. One round trip, none without ids."""
    if not ids:
        return frozenset()
    beginnings: list[bytes] = yield Exchange(
        tuple(("GETRANGE", keys.status(name_text(each)), 0, _BEGINNING_BYTES) for each in ids),
        list,
    )
    return frozenset(name for each in beginnings if (name := _class_of(each)) is not None)


def _class_of(beginning: bytes) -> str | None:
    found = _NAME.fullmatch(text_of(members_of_beginning(beginning).get("name")) or "")
    return None if found is None else found[1]


def lacks_id(queue: str | None, class_name: str, args: Any, known: Collection[str]) -> bool:
    """Whether a job that is to be scheduled is one of resque-status, as far as its queue or the
    `known` classes tell, and has arguments, of which it would take the first for its id. Pure."""
    if queue != QUEUE and class_name not in known:
        return False
    if not isinstance(args, list):
        return args is not None
    return bool(args) and not (isinstance(args[0], str) and _ID.fullmatch(args[0]))


def payload_lacks_id(queue: str, payload: bytes, known: Collection[str]) -> str | None:
    """As `lacks_id`, of a job's payload. Returns its class, or None when nothing is wrong."""
    if queue != QUEUE and not known:
        return None
    job = decode(payload)
    return job["class"] if lacks_id(queue, job["class"], job["args"], known) else None
