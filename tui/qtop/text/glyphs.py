"""What is drawn where a terminal, its font or its locale has nothing but ASCII. Pure."""

from __future__ import annotations

import re
from typing import Final

from rich.cells import cell_len

_OURS: Final = str.maketrans(
    {
        **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
        **dict.fromkeys("─━═╌┄", "-"),
        **dict.fromkeys("│┃║╎┆▏▕▊▎", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝┏┓┗┛", "+"),
        "–": "-",  # noqa: RUF001
        "—": "-",
        "…": "~",
        "“": '"',
        "”": '"',
        "‘": "'",  # noqa: RUF001
        "’": "'",  # noqa: RUF001
        "●": "*",
        "◆": "#",
        "▌": ">",
        "▲": "^",
        "▼": "v",
        "↑": "^",
        "↓": "v",
        "→": ">",
        "←": "<",
        "⚠": "!",
        "⏎": "$",
        "⇥": ">",
        "·": ".",
        "×": "x",  # noqa: RUF001
        "\u00a0": " ",
    }
)
_OTHER: Final = re.compile(r"[^\x00-\x7f]")


def to_ascii(text: str) -> str:
    """The same text in ASCII, cell for cell: our own signs as others, of data `?` for each cell.
    O(n); a text in ASCII comes back as it is."""
    if text.isascii():
        return text
    # What has no width of its own, such as an accent, leaves nothing.
    return _OTHER.sub(lambda found: "?" * cell_len(found[0]), text.translate(_OURS))
