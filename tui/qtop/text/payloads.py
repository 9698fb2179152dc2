"""A payload as text to read and change, and back: what is unchanged stays byte for byte. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from qtop.text.safe import counted, safe
from queuecore.codec import decode, decode_object, encode, members
from queuecore.errors import EncodeError, QueueError

#: Longer payloads are for another tool than a text editor.
MOST_BYTES: Final = 4 << 20
_MOST_DIFFERENT: Final = 2_000
_NOT_PLAIN: Final = re.compile(r"[^\x20-\x7e\n]")
#: What Python reads and Ruby does not.
_NO_JSON: Final = re.compile(rb"NaN|Infinity")


class BadPayload(QueueError):
    """A payload that no worker could perform. The message says what is wrong."""


def checked(payload: bytes) -> bytes:
    """A payload that a worker can perform. Raises BadPayload."""
    try:
        job = decode_object(payload)
    except ValueError as error:
        raise BadPayload(f"the payload: {error}") from None
    if not job.get("class") or not isinstance(job["class"], str):
        raise BadPayload('the payload has no "class", or it is not a text')
    if not isinstance(job.get("args"), list):
        raise BadPayload('the payload has no "args", or they are not a list')
    if word := _no_json(payload):
        raise BadPayload(f"the payload: {word} is no JSON: Ruby could not read the job")
    return payload


def _no_json(payload: bytes) -> str:
    """The first number of a payload that JSON has no word for; empty without one."""
    if not _NO_JSON.search(payload):
        return ""
    words: list[str] = []
    text = payload.decode("utf-8", "surrogateescape")
    json.loads(text, strict=False, parse_constant=words.append)
    return words[0] if words else ""


def pretty(payload: bytes) -> str:
    """A payload as text for an editor. Raises BadPayload when it cannot be edited as text."""
    if len(payload) > MOST_BYTES:
        raise BadPayload(f"the payload: {len(payload):,} bytes are too many for an editor")
    try:
        text = json.dumps(decode(payload), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"the payload: {error}") from None
    return plain(text) + "\n"


def draft(payload: bytes) -> str:
    """As `pretty`; of one that cannot be read, its bytes as far as they are text."""
    if len(payload) <= MOST_BYTES:
        try:
            decode(payload)
        except (ValueError, RecursionError):
            return plain(payload.decode("utf-8", "replace")) + "\n"
    return pretty(payload)


def plain(text: str) -> str:
    """JSON whose characters a terminal draws and never obeys; the others are escaped, which means
    the same."""
    return _NOT_PLAIN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if safe(found[0]) == found[0] else json.dumps(found[0])[1:-1]


def changed(before: bytes, text: str) -> bytes | None:
    """The payload that an edited text makes; None when it says the same as before.

    Members that say the same keep their bytes. Raises BadPayload: what is wrong with the text.
    """
    try:
        was, now = _decoded(before), decode(text.encode("utf-8", "surrogateescape"))
        checked(text.encode("utf-8", "surrogateescape"))
        if _said(was) == _said(now):
            return None
        kept = members(before) if isinstance(was, dict) else {}
        parts = [
            b"%s:%s"
            % (encode(key), kept[key] if key in kept and _same(was, now, key) else encode(value))
            for key, value in now.items()
        ]
    except (EncodeError, ValueError, RecursionError) as error:
        raise BadPayload(f"the payload: {error}") from None
    return b"{%s}" % b",".join(parts)


def _decoded(payload: bytes) -> Any:
    """What a payload says; None of one that cannot be read."""
    try:
        return decode(payload)
    except (ValueError, RecursionError):
        return None


def _said(value: Any) -> str:
    # As text: to Python 1, 1.0 and true are equal.
    return json.dumps(value)


def _same(was: Mapping[str, Any], now: Mapping[str, Any], key: str) -> bool:
    return _said(was[key]) == _said(now[key])


def difference(before: bytes, after: bytes) -> list[str]:
    """What changes, as unified lines of safe text. Bounded."""
    was, now = (draft(payload).split("\n") for payload in (before, after))
    lines = list(difflib.unified_diff(was, now, "before", "after", lineterm=""))
    shown = [safe(line) for line in lines[:_MOST_DIFFERENT]]
    if len(lines) > len(shown):
        more = counted(len(lines) - len(shown), "line")
        shown.append(f"… {more} more")
    return shown
