"""Incidents that somebody has acknowledged or muted: one hash of ours, which all consoles share.

A field is an incident's identity, a value says who, when, until when and why. Hashes forget no
single field by themselves before Redis 7.4: a value holds its own end, what has expired is not
read any more, and the next acknowledgement deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from queuecore.codec import decode, encode
from queuecore.errors import EncodeError
from queuecore.exchange import Arg, Exchange, Reply, load_script, single
from queuecore.health import Acknowledgement, IncidentKey
from queuecore.keys import QueueKeys

_ACKNOWLEDGE = load_script("acknowledge")

#: More are not taken in: each console reads them all, now and then.
MOST = 500
#: Nothing is acknowledged for longer, whatever it says: an incident must not be hidden for ever.
MOST_S = 7 * 86_400
#: What is further away is no moment: milliseconds, or anything at all.
_MOST_EPOCH = 60_000_000_000
_TEXTS = ("severity", "who", "reason")
#: So much of a reason is kept, and of any text that is read.
MOST_REASON = 200


def read(keys: QueueKeys) -> Exchange[Sequence[Acknowledgement]]:
    """All that there are, also those that have expired; what makes no sense is left out. One round
    trip, O(acknowledgements), of which there are at most 500."""
    return single(("HGETALL", keys.acknowledged()), _read)


def acknowledge(
    keys: QueueKeys, wanted: Acknowledgement, known: Iterable[Acknowledgement] = ()
) -> Exchange[bool]:
    """Acknowledge an incident, in place of an earlier acknowledgement, and forget those of the
    `known` that had expired at that moment. Returns False when there are too many. One round
    trip."""
    expired = [each.stored for each in known if each.stored and each.until <= wanted.at]
    return _written(keys, wanted.key, _value(wanted), expired)


def forget(keys: QueueKeys, key: IncidentKey) -> Exchange[bool]:
    """Acknowledge an incident no more. One round trip."""
    return _written(keys, key, b"", ())


def _written(
    keys: QueueKeys, key: IncidentKey, text: bytes, expired: Sequence[tuple[bytes, bytes]]
) -> Exchange[bool]:
    args: list[Arg] = [encode(list(key)), text, MOST, *chain.from_iterable(expired)]
    return _ACKNOWLEDGE.write([keys.acknowledged()], args, bool)


def _value(of: Acknowledgement) -> bytes:
    reason = of.reason[:MOST_REASON]
    fields = {
        "severity": of.severity,
        "who": of.who,
        "reason": reason,
        "at": of.at,
        "until": min(of.until, of.at + MOST_S),
        "ends_with_it": of.ends_with_it,
    }
    try:
        return encode(fields)
    except EncodeError:
        # Half of a surrogate pair, from a paste.
        return encode({**fields, "reason": reason.encode("utf-8", "replace").decode()})


def _read(reply: Reply) -> tuple[Acknowledgement, ...]:
    pairs = zip(reply[::2], reply[1::2], strict=True)
    return tuple(found for pair in pairs if (found := _one(*pair)) is not None)


def _one(field: bytes, text: bytes) -> Acknowledgement | None:
    try:
        key, said = decode(field), decode(text)
    except ValueError:
        return None
    if not isinstance(said, dict) or not _is_key(key):
        return None
    at, until = _moment(said.get("at")), _moment(said.get("until"))
    found = [each for name in _TEXTS if isinstance(each := said.get(name), str)]
    texts = [each[:MOST_REASON] for each in found]
    if at is None or until is None or len(texts) < len(_TEXTS):
        return None
    check, kind, subject = key
    severity, who, reason = texts
    return Acknowledgement(
        *((check, kind, subject), severity, who, reason, at, min(until, at + MOST_S)),
        said.get("ends_with_it") is True,
        stored=(field, text),
    )


def _is_key(found: Any) -> bool:
    return (
        isinstance(found, list) and len(found) == 3 and all(isinstance(part, str) for part in found)
    )


def _moment(found: Any) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    # An integer may be beyond what a float holds.
    return float(found) if -_MOST_EPOCH < found < _MOST_EPOCH else None
