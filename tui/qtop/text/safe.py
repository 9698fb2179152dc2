"""From data to text that is safe to show: the only way from Redis to the screen.

Data from Redis may hold escape sequences, invisible characters or broken bytes. `safe()` turns them
into one line of characters that a terminal draws and never obeys. The other functions take text
that is already safe, to cut and pad it by terminal cells, or write ages, counts and short charts.
Two more shorten values of JSON, and suggest a known name for an unknown one.
"""

import math
import re
from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

from rich.cells import cell_len, set_cell_size

Align = Literal["left", "right", "center"]

REPLACEMENT: Final = "\ufffd"
ELLIPSIS: Final = "…"
UNKNOWN: Final = "unknown"

_NEWLINE_MARK: Final = "⏎"
_TAB_MARK: Final = "⇥"
_TAB_CELLS: Final = 4
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_LEVELS: Final = len(_BLOCKS) - 1

# Every character that a terminal may obey, hide, reorder or measure differently from us. Listed
# here and not taken from `unicodedata`, so that it does not change with the version of Python.
_REFUSED_RANGES: Final = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: commands
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"  # invisible or enclosing formats
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # fillers: letters that show nothing
    "\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors: change the width
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # zero width, bidi, separators, joiners
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U0001f3fb-\U0001f3ff"  # skin tones: two cells or none, terminals disagree
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff"  # surrogates, private, not characters
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff\U000f0000-\U0010ffff"  # tags, private
)
_REFUSED: Final = re.compile(f"[{_REFUSED_RANGES}]")

_COMBINING: Final = (
    "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
# More accents than any writing system stacks: a terminal draws them over the lines above.
_STACKED: Final = re.compile(f"([{_COMBINING}]{{3}})[{_COMBINING}]+")


def safe(value: str | bytes) -> str:
    """Turn data into one line of text that a terminal shows and never obeys. O(n).

    `value` is bytes as they came, or a string decoded with `surrogateescape`. Control characters
    become visible signs (a newline `⏎`, a tab `⇥`), bytes that are not UTF-8 become `\\xNN`. What
    is invisible, reorders text or has no certain width becomes U+FFFD. The result given to `safe`
    again is the same; a plain ASCII string is returned as it is.
    """
    text = _decoded(value)
    if text.isascii() and text.isprintable():
        return text
    return _STACKED.sub(rf"\1{REPLACEMENT}", _REFUSED.sub(_shown, text))


def visible(text: str) -> str:
    """Like `safe`, but one character becomes exactly one, for text that is being edited: positions
    of the cursor stay valid. O(n)."""
    if text.isascii() and text.isprintable():
        return text
    shown = _REFUSED.sub(_picture, text)
    return _STACKED.sub(lambda found: found[1] + REPLACEMENT * (len(found[0]) - 3), shown)


def safe_lines(value: str | bytes, *, max_lines: int, max_width: int) -> list[str]:
    """Turn data of several lines into safe lines for a detail view; tabs become spaces.

    Args:
        value: As for `safe`. Lines end at a newline.
        max_lines: How many lines to return at most, from 1. When there are more, the first and the
            last ones are kept, and a line between them says how many are hidden.
        max_width: How many cells a line may fill, from 1. A longer one is cut, and its end says how
            many characters are hidden.

    Returns at least one line. The hidden part costs one search for newlines, nothing else.
    """
    text = _decoded(value).replace("\r\n", "\n")
    total = text.count("\n") + 1
    if total <= max_lines:
        return [_safe_line(line, max_width) for line in text.split("\n")]
    tail_lines = (max_lines - 1) // 2
    head_lines = max_lines - 1 - tail_lines
    head = text.split("\n", head_lines)[:head_lines]
    tail = text.rsplit("\n", tail_lines)[1:] if tail_lines else []
    hidden = f"{ELLIPSIS} {counted(total - head_lines - tail_lines, 'line')} hidden {ELLIPSIS}"
    return [
        *(_safe_line(line, max_width) for line in head),
        crop(hidden, max_width),
        *(_safe_line(line, max_width) for line in tail),
    ]


def crop(text: str, width: int, *, ellipsis: str = ELLIPSIS, tail: str = "") -> str:
    """Cut safe text so that it fills at most `width` cells, from 0. O(width).

    `ellipsis`, one cell, replaces what was cut. `tail` is a separator: the text from its last
    occurrence on is kept when the text is cut, as the process id after a long host name, unless it
    fills more than half of the cells. Text that fits is returned as it is.
    """
    if width <= 0:
        return ""
    # Safe text has at most four characters a cell, so what lies further cannot be seen.
    longest = width * 4 + 4
    if len(text) <= longest and cell_len(text) <= width:
        return text
    at = text.rfind(tail, max(0, len(text) - longest)) if tail else -1
    kept = text[at:] if at > 0 and cell_len(text[at:]) <= width // 2 else ""
    return set_cell_size(text[:longest], width - 1 - cell_len(kept)) + ellipsis + kept


def pad(text: str, width: int, align: Align = "left", *, tail: str = "") -> str:
    """Make safe text fill exactly `width` cells, with spaces or cut by `crop`. `align` is the side
    on which the text is. O(width)."""
    cut = crop(text, width, tail=tail)
    spare = max(0, width - cell_len(cut))
    before = {"left": 0, "right": spare, "center": spare // 2}[align]
    return " " * before + cut + " " * (spare - before)


def wrapped(text: str, width: int) -> list[str]:
    """Break safe text between words into lines of at most `width` cells, of nearly the same
    length; a longer word stays whole. At least one line. O(n)."""
    total = cell_len(text)
    even = total / max(1, math.ceil(total / max(1, width)))
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        fits = cell_len(longer) <= width
        is_full = cell_len(lines[-1]) >= even
        if lines[-1] and (is_full or not fits):
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def ago(age_s: float | None) -> str:
    """Write an age, rounded down, in its largest unit, in at most six characters: `3 s`, `2 min`,
    `4 h`, `3 d`, from 1,000 days on `2 y`. Less than zero, from clocks that differ, counts as zero;
    `unknown` for None and what is not a number of seconds."""
    if age_s is None or not math.isfinite(age_s):
        return UNKNOWN
    whole_s = int(max(0.0, age_s))
    if whole_s < 60:
        return f"{whole_s} s"
    if whole_s < 3_600:
        return f"{whole_s // 60} min"
    if whole_s < 86_400:
        return f"{whole_s // 3_600} h"
    days = whole_s // 86_400
    if days < 1_000:
        return f"{days} d"
    years = days // 365
    return f"{years} y" if years < 1_000 else ">999 y"


def count(n: int | None) -> str:
    """Write a count with thousands apart: `1,234,567`, or `unknown` for None."""
    return UNKNOWN if n is None else f"{n:,}"


def counted(number: int, noun: str) -> str:
    """`1 job`, `1,204 jobs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def how_many(number: int | None, noun: str, *, is_least: bool = False) -> str:
    """As `counted`; `unknown jobs` for None, `at least 7 jobs` for a sum of what is known only."""
    if number is None or (is_least and not number):
        return f"{UNKNOWN} {noun}s"
    return f"{'at least ' if is_least else ''}{counted(number, noun)}"


# Small charts of block characters.


def area(values: Sequence[float | None], width: int, height: int = 1) -> list[str]:
    """Draw a figure over time, oldest first, as `height` lines of exactly `width` cells, from top
    to bottom: the newest value is at the right, older ones that do not fit are left out.

    Zero is the lowest bar and anything above zero is higher than that; the highest value shown has
    the highest bar. None, what is not a finite number and what is missing are blanks.
    """
    return _drawn(values, width, height, 0)


def spark(values: Sequence[float | None], width: int) -> str:
    """As `area` in one line, in which the lowest level is for zero only."""
    return _drawn(values, width, 1, 1)[0]


def _drawn(
    values: Sequence[float | None], width: int, height: int, levels_of_zero: int
) -> list[str]:
    shown = list(values[-width:]) if width > 0 else []
    peak = max((each for each in shown if each is not None and math.isfinite(each)), default=0.0)
    levels = height * _LEVELS - levels_of_zero

    def top(value: float | None) -> int:
        if value is None or not math.isfinite(value):
            return 0
        # A tiny value over a huge peak rounds to zero, and must not look like zero.
        return 1 if value <= 0 else max(2, levels_of_zero + math.ceil(value / peak * levels))

    tops = list(map(top, shown))
    return [
        "".join(_BLOCKS[max(0, min(_LEVELS, top - below))] for top in tops).rjust(max(0, width))
        for below in range((height - 1) * _LEVELS, -1, -_LEVELS)
    ]


def _decoded(value: str | bytes) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else _picture(match)


def _picture(match: re.Match[str]) -> str:
    """One character that can be shown instead of one that cannot."""
    code = ord(match[0])
    if match[0] == "\n":
        return _NEWLINE_MARK
    if match[0] == "\t":
        return _TAB_MARK
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else REPLACEMENT


def _safe_line(line: str, max_width: int) -> str:
    # Cutting before cleaning keeps a line of ten megabytes as cheap as a short one.
    if len(line) <= max_width * 4:
        whole = safe(line.expandtabs(_TAB_CELLS))
        if cell_len(whole) <= max_width:
            return whole
    room = max_width - cell_len(_more(len(line)))
    kept = used = 0
    for character in line[: max(0, room)]:
        used += _TAB_CELLS if character == "\t" else cell_len(safe(character))
        if used > room:
            break
        kept += 1
    start = safe(line[:kept].expandtabs(_TAB_CELLS))
    more = _more(len(line) - kept)
    return crop(crop(start, max(0, max_width - cell_len(more))) + more, max_width)


def _more(hidden: int) -> str:
    return f"{ELLIPSIS} {count(hidden)} more"


# Shortening values of JSON, however large they are.

MOST_CHARACTERS: Final = 300
_MOST_ITEMS: Final = 20
_MOST_LEVELS: Final = 6


def beginning(
    value: Any,
    characters: int = MOST_CHARACTERS,
    items: int = _MOST_ITEMS,
    levels: int = _MOST_LEVELS,
) -> Any:
    """The beginning of a value: the first `items` of each list, the first `characters` of each
    text, and `levels` levels of lists within lists. A huge value costs no more than a small one.
    """
    if isinstance(value, str):
        return value if len(value) <= characters else value[:characters] + "…"
    if isinstance(value, int) and value.bit_length() > 4 * characters:
        return "a huge number"
    if not isinstance(value, list | dict):
        return value
    if levels < 0:
        return "…"
    if isinstance(value, list):
        return [beginning(item, characters, items, levels - 1) for item in value[:items]]
    return {
        key[:characters]: beginning(item, characters, items, levels - 1)
        for key, item in list(value.items())[:items]
    }


# Suggestions for a name that is not known.

#: A longer list of names does not help a person who has mistyped one of them.
_MOST_LISTED: Final = 20


def unknown(name: str, known: Collection[str]) -> str:
    """The end of a sentence about an unknown name: `: did you mean queue? known: queue, job`."""
    from difflib import get_close_matches

    near = "".join(get_close_matches(name, known, n=1))
    if near and len(known) > _MOST_LISTED:
        return f": did you mean {near}?"
    listed = f"known: {', '.join(known) or 'none'}"
    return f": did you mean {near}? {listed}" if near else f"; {listed}"
