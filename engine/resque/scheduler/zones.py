"""Time zones: by name, as an offset, and the one of this machine in every form of `TZ` that the C
library takes."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?(00|15|30|45)")
_NAME = re.compile(r"[A-Z][A-Za-z0-9+-]+(/[A-Z][A-Za-z0-9+_-]+){0,2}")
_LOCAL = Path("/etc/localtime")
#: A zone by its rules (POSIX): a name, an offset, and with daylight saving more.
_RULES = re.compile(
    r"(?P<std>[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?\d{1,3}(:\d{1,2}){0,2}"
    r"(?P<dst>([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)([+-]?\d{1,3}(:\d{1,2}){0,2})?)?"
    r"(?P<dates>,.+,.+)?"
)
#: The dates of rules that give none, as the C library has them.
_USUAL_DATES = ",M3.2.0,M11.1.0"


def parse_zone(text: str) -> tzinfo:
    """A zone by its name in the zone database, or as an offset. Raises ValueError."""
    if found := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset)
    try:
        if _NAME.fullmatch(text):
            return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        pass
    raise _unknown(text)


def local_zone(environ: Mapping[str, str], local: Path = _LOCAL) -> tzinfo:
    """The zone of this machine with its daylight saving: `TZ`, else the system's. An empty `TZ` is
    UTC. Raises ValueError for a `TZ` that the C library would not understand, for which it takes
    UTC."""
    if (text := environ.get("TZ")) is not None:
        return _of_variable(text.removeprefix(":"), environ.get("TZDIR"))
    try:
        return _of_file(local)
    except (OSError, ValueError):
        # No such file: the present offset is the best guess, and UTC in most containers.
        return datetime.now().astimezone().tzinfo or UTC


def _of_variable(text: str, folder: str | None) -> tzinfo:
    """A zone as `TZ` names it: a file's path, a name in the database, or rules."""
    if not text:
        return UTC
    try:
        if text.startswith("/"):
            return _of_file(Path(text))
        if folder and ".." not in text and (Path(folder) / text).is_file():
            return _of_file(Path(folder) / text)
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        pass
    found = _RULES.fullmatch(text)
    if found is None or (found["dates"] and not found["dst"]):
        raise _unknown(text)
    dates = _USUAL_DATES if found["dst"] and not found["dates"] else ""
    try:
        return _by_rules(text + dates)
    except ValueError:
        raise _unknown(text) from None


def _of_file(path: Path) -> tzinfo:
    with path.open("rb") as file:
        return ZoneInfo.from_file(file)


def _by_rules(rules: str) -> tzinfo:
    """A zone by its rules. The library reads them at the end of a zone's file (RFC 8536), hence a
    file that holds nothing else: one type of time, UTC, and no change of it."""
    header = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 4)
    block = struct.pack(">lbb4s", 0, 0, 0, b"UTC\0")
    file = header + block + header + block + b"\n" + rules.encode("ascii") + b"\n"
    return ZoneInfo.from_file(io.BytesIO(file), key=rules)


def _unknown(text: str) -> ValueError:
    return ValueError(
        f"unknown time zone {text!r} (names are those of the zone database, such as Europe/Berlin; "
        "a system without one needs the package tzdata)"
    )
