"""Small charts of block characters. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_LEVELS: Final = len(_BLOCKS) - 1


def area(values: Sequence[float | None], width: int, height: int = 1) -> list[str]:
    """The course of a figure, the newest value at the right.

    Zero is the lowest bar and anything above zero is higher than that; the highest value shown has
    the highest bar.

    Args:
        values: Oldest first. None, and what is no finite number, leaves a blank.
        width: Cells; older values that do not fit are left out, missing ones are blanks.
        height: Lines.

    Returns:
        The lines from top to bottom, each of exactly `width` cells.
    """
    shown = list(values[-width:]) if width > 0 else []
    known = [each for each in shown if each is not None and math.isfinite(each)]
    peak = max(known, default=0.0)
    tops = [_top(each, peak, height * _LEVELS) for each in shown]
    return [
        "".join(_BLOCKS[max(0, min(_LEVELS, top - below))] for top in tops).rjust(max(0, width))
        for below in range((height - 1) * _LEVELS, -1, -_LEVELS)
    ]


def _top(value: float | None, peak: float, levels: int) -> int:
    if value is None or not math.isfinite(value):
        return 0
    if value <= 0 or peak <= 0:
        return 1
    # A tiny value over a huge peak rounds to zero, and must not look like zero.
    return max(2, math.ceil(value / peak * levels))
