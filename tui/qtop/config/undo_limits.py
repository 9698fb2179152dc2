"""How long actions can be undone, and how much that may keep in Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from queuecore.action_record import DEFAULT_UNDO_BYTES, DEFAULT_UNDO_S
from resque.errors import BadOption

DEFAULT_UNDO_HOURS = DEFAULT_UNDO_S / 3600
DEFAULT_UNDO_MIB = DEFAULT_UNDO_BYTES / 2**20
UNDO_HOURS, UNDO_MIB = "QTOP_UNDO_HOURS", "QTOP_UNDO_MIB"
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class UndoLimits:
    """An undo is possible for `lifetime_s`, unless it would keep more than `most_bytes`."""

    lifetime_s: int = DEFAULT_UNDO_S
    most_bytes: int = DEFAULT_UNDO_BYTES

    @classmethod
    def of(cls, hours: float, mebibytes: float) -> Self:
        """The same in hours and MiB."""
        return cls(int(hours * 3600), int(mebibytes * 2**20))

    def seconds_for(self, size_bytes: int | None) -> int:
        """How long an action that removes so many bytes (None: unknown) can be undone; 0 when
        that is too much to keep."""
        return 0 if size_bytes is not None and size_bytes > self.most_bytes else self.lifetime_s


def undo_settings(environ: Mapping[str, str]) -> dict[str, float]:
    """What the environment says in `QTOP_UNDO_HOURS` (24; 0: never) and `QTOP_UNDO_MIB` (64), by
    the variable's name. Raises BadOption."""
    return {
        name: _number(name, environ[name]) for name in (UNDO_HOURS, UNDO_MIB) if environ.get(name)
    }


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _MOST:
        raise BadOption(f"{name} must be a number from 0 to {_MOST:,}, not {text!r}")
    return value
