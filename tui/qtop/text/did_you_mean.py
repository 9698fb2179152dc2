"""What a name that nobody knows may have meant."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

#: More names than these are no help to somebody who has mistyped one of them.
_MOST_LISTED: Final = 20


def unknown(name: str, known: Collection[str]) -> str:
    """The end of a sentence about an unknown name: `: did you mean queue? known: queue, job`."""
    from difflib import get_close_matches

    near = "".join(get_close_matches(name, known, n=1))
    if near and len(known) > _MOST_LISTED:
        return f": did you mean {near}?"
    listed = f"known: {', '.join(known) or 'none'}"
    return f": did you mean {near}? {listed}" if near else f"; {listed}"
