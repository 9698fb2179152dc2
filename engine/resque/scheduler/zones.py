"""Time zones: by name, as an offset, and the one of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?(00|15|30|45)")
_NAME = re.compile(r"[A-Z][A-Za-z0-9+-]+(/[A-Z][A-Za-z0-9+_-]+){0,2}")
_LOCAL = Path("/etc/localtime")


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
    raise ValueError(
        f"unknown time zone {text!r} (names are those of the zone database, such as Europe/Berlin; "
        "a system without one needs the package tzdata)"
    )


def local_zone(environ: Mapping[str, str], local: Path = _LOCAL) -> tzinfo:
    """The zone of this machine with its daylight saving: `TZ`, else the system's. Raises
    ValueError for a `TZ` that is no name in the zone database."""
    if name := environ.get("TZ", "").removeprefix(":"):
        return parse_zone(name)
    try:
        with local.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        # No such file: the present offset is the best guess, and UTC in most containers.
        return datetime.now().astimezone().tzinfo or UTC
