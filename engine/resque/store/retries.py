"""Trying failed jobs again, with resque-retry's counter and resque-scheduler's delays.

The counter belongs to a class and its arguments; it is absent before the first run and after the
last, 0 during the first run, 1 during the first retry. A retry is an ordinary (delayed) job.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from queuecore.exchange import Command, Exchange, single
from resque.codec import decode, encode, encode_float, members
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import delayed

_BEGIN = load_script("retry_begin")

_SPACE = re.compile(r"[ \t\r\n\f\v]")


def identity(class_name: str, args: Sequence[Any]) -> str:
    """What the counter of a job is called: its class, and the SHA-1 of its joined arguments unless
    they join to nothing. Blanks are left out. (resque-retry: redis_retry_key.)"""
    joined = _join(args)
    # Surrogates stand for bytes that are not UTF-8. SHA-1 is the plugin's name, no protection.
    raw = joined.encode("utf-8", "surrogateescape")
    digest = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    return _SPACE.sub("", f"{class_name}:{digest}" if joined else class_name)


def begin(keys: Keys, class_name: str, args: Sequence[Any]) -> Exchange[int]:
    """Count a run that begins. Returns how often the job was tried again before: 0 on the first
    run. One round trip, atomic."""
    # Without a lifetime, which the script could set.
    return _BEGIN.write([keys.retry(identity(class_name, args))], [""], int)


def attempt(keys: Keys, class_name: str, args: Sequence[Any]) -> Exchange[int]:
    """How often a job was tried again so far, for one whose process died. One round trip."""
    key = keys.retry(identity(class_name, args))
    return single(("GET", key), lambda reply: int(reply or 0))


def end(keys: Keys, class_name: str, args: Sequence[Any]) -> Exchange[bool]:
    """Forget a job's counter, and a failure kept beside the list: it succeeded, or is given up.
    Returns whether there was a counter. One round trip."""
    name = identity(class_name, args)
    commands = (("DEL", keys.retry(name)), ("DEL", keys.retry_failure(name)))
    return Exchange(commands, lambda replies: bool(replies[0] == 1), writes=True)


def try_again(
    keys: Keys,
    queue: str,
    class_name: str,
    args: Sequence[Any],
    *,
    delay_s: float,
    now: float,
    failure: bytes = b"",
) -> Exchange[bool]:
    """Put a failed job back onto its queue, after `delay_s` if that is positive. Returns whether it
    was delayed. `now` is the epoch; `failure` is the entry of an attempt that goes on no list: it
    is kept for twice the delay. One round trip. The counter is written first: if only that happens
    nothing is lost, for the caller still has the job."""
    name = identity(class_name, args)
    again = delayed.enqueue_at(keys, now + max(0, delay_s), queue, class_name, args, now=now)
    first: list[Command] = [("SETNX", keys.retry(name), -1)]
    if failure and int(delay_s) > 0:
        kept = (keys.retry_failure(name), _without_zone(failure), "EX", 2 * int(delay_s))
        first.append(("SET", *kept))
    parse, place = again.parse, len(first)
    commands = (*first, *again.commands)
    return Exchange(commands, lambda replies: parse(replies[place:]), writes=True)


def _without_zone(failure: bytes) -> bytes:
    """An entry as the plugin writes it there: the moment's zone is left out."""
    parts = members(failure)
    parts["failed_at"] = encode(decode(parts["failed_at"]).rpartition(" ")[0])
    return b"{%s}" % b",".join(b"%s:%s" % (encode(key), value) for key, value in parts.items())


def may_retry(attempt: int, limit: int) -> bool:
    """Whether a job that was tried again `attempt` times may be once more. A limit of 0 is never,
    a negative one for ever."""
    return limit < 0 or attempt < limit


def delay_s(attempt: int, delays_s: Sequence[float]) -> int:
    """Seconds to wait before retry number `attempt` (0 is the first): the last one of `delays_s`
    goes on for ever. Pure."""
    return int(delays_s[min(attempt, len(delays_s) - 1)]) if delays_s else 0


# ---- arguments as Ruby joins them


def _join(args: Sequence[Any]) -> str:
    """As Ruby's `args.join("-")`: inner arrays are joined the same way."""
    return "-".join(_to_s(arg) for arg in args)


def _to_s(value: Any) -> str:
    if isinstance(value, list | tuple):
        return _join(value)
    return "" if value is None else value if isinstance(value, str) else _inspect(value)


def _inspect(value: Any) -> str:
    """As Ruby's `inspect` before 3.4, which prints hashes as `{"k"=>1}`."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return encode_float(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        pairs = (f"{_inspect(k)}=>{_inspect(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inspect, value)) + "]"
    return str(value)


_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\f": "\\f",
    "\v": "\\v",
    "\b": "\\b",
    "\a": "\\a",
    "\x1b": "\\e",
}
#: `#` begins an interpolation only before one of these.
_INTERPOLATION = re.compile(r"#(?=[{$@])")


def _quoted(text: str) -> str:
    def written(char: str) -> str:
        if char in _ESCAPES:
            return _ESCAPES[char]
        if 0xDC80 <= ord(char) <= 0xDCFF:  # a byte that is not UTF-8
            return f"\\x{ord(char) - 0xDC00:02X}"
        if char.isprintable():
            return char
        if char == "\x7f":
            return "\\x7F"
        return f"\\u{ord(char):04X}" if ord(char) < 0x10000 else f"\\u{{{ord(char):X}}}"

    return '"' + _INTERPOLATION.sub("\\\\#", "".join(map(written, text))) + '"'
