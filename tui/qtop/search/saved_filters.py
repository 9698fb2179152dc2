"""Filters that the settings name: `@slow` in a filter is what they say it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from qtop.search.filter_language import BadFilter

#: Blanks; a name; a pattern, which may hold blanks, or another term.
_TOKEN: Final = re.compile(
    r"""\s+|@(?P<name>[A-Za-z][\w-]*)(?=\s|$)|!?/(?:\\.|[^/\\])*/(?=\s|$)"""
    r"""|(?:"(?:\\.|[^"\\])*"|:/(?:\\.|[^/\\])*/|\S)+"""
)


def expanded(text: str, saved: Mapping[str, str]) -> str:
    """A filter with the saved filters that it names put in their places. Raises BadFilter for a
    name that no filter has. O(text)."""

    def put(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in saved:
            known = f"there are {', '.join(sorted(saved))}" if saved else "the settings have none"
            raise BadFilter(
                f'there is no saved filter {name!r}: {known} (for the text, quote it: "@{name}")'
            )
        return saved[name].strip()

    return _TOKEN.sub(put, text)
