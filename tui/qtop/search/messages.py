"""The shape of an error's message: without what differs from case to case. Pure."""

from __future__ import annotations

import re
from typing import Final

#: Looked into of a message.
MOST_CHARACTERS: Final = 300

#: The result of a request or of a program. Which digits they are makes no difference to what is
#: found here, so that messages which differ in others can be known together.
_STATUS: Final = r"""
    \b(?i: (?: http(?:/\d(?:\.\d)?)? | status | response[ _\-]?code ) (?:[ _\-]?(?:status|code))*
        [\W_]{1,3} \d{3}
      | exit(?:ed)? (?:[ ]with)? [ _\-](?:status|code) [\W_]{1,3} \d{1,3} ) (?! \w | [.,:]\d )
  | (?<![\w.,:]) \d{3} (?= [\W_]{1,4}
      (?: Bad[ ](?:Request|Gateway) | Unauthorized | Forbidden | Not[ ](?:Found|Implemented)
        | Method[ ]Not | Request[ ]Time | Conflict | Gone | Unprocessable | Too[ ]Many
        | Internal[ ]Server | Service[ ]Unavailable | Gateway[ ]Time | (?:Client|Server)[ ]Error ) )
"""
_DAY: Final = "(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?"
_MONTH: Final = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    "|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DATE: Final = rf"""
    \d{{4}}[\-/]\d\d[\-/]\d\d
  | (?: {_DAY},?[ ] )?
    (?: \d{{1,2}}[ \-/]{_MONTH} (?: [ \-/]\d{{4}} )?
      | {_MONTH}[ ]{{1,2}}\d{{1,2}} (?: ,[ ]\d{{4}} )? )
"""
_CLOCK: Final = r"""
    [ T:_\-] \d\d:\d\d (?: :\d\d (?:[.,]\d+)? )?
    (?: [ ]? (?: Z | UTC | GMT | [+\-]\d\d:?\d\d ) )? (?: [ ]\d{4}(?!\d) )?
"""
_TIME: Final = rf"""
    (?<![^\W_]) (?: (?: {_DATE} ) (?: {_CLOCK} )?
                  | {_DAY} | (?: mon|tues|wednes|thurs|fri|satur|sun )day
                  | (?<=[\-_.]) (?: mon|tue|wed|thu|fri|sat|sun ) (?=[\-_.]) ) (?![^\W_])
"""
_VARIABLE: Final = re.compile(
    rf"""
      (?P<status> {_STATUS} )
    | (?P<url> \b[a-zA-Z][a-zA-Z0-9+.\-]{{1,20}}://[^\s'"<>]+ )
    | (?P<mail> (?<![\w.+\-])[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+ )
    | (?P<uuid> \b[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}\b )
    | (?P<text> "[^"\n]*" | (?<!\w)'[^'\n]*'(?!\w) )
    | (?P<path> (?<![\w<])(?:[A-Za-z]:)?(?:[/\\][\w.@+~\-]+){{2,}}[/\\]?
              | (?<![\w.@+~\-/<])(?:[\w.@+~\-]+/)+[\w.@+~\-]+\.[a-zA-Z]\w{{1,4}}(?![\w/]) )
    | (?P<time> {_TIME} )
    | (?P<ip> \b\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d+)?\b
            | (?<![\w:])(?:[0-9a-fA-F]{{1,4}}:){{3,7}}:?[0-9a-fA-F]{{1,4}}\b
            | (?<![\w:.])(?:[0-9a-f]{{1,4}}(?::[0-9a-f]{{1,4}})*)?::(?=[a-f:]*\d)[0-9a-f:]+(?!\w) )
    | (?P<jwt> (?<![^\W_])eyJ[\w\-]{{8,}}(?:\.[\w\-]*){{0,2}} )
    | (?P<hex> 0x[0-9a-fA-F]+
             | (?<![^\W_]) (?: (?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{{6,}} | [a-fA-F]{{8,}} )
               (?![^\W_]) )
    | (?P<id> (?<![^\W_])(?=[a-zA-Z]*\d+[a-zA-Z]+\d)[a-zA-Z0-9]{{10,}}(?![^\W_])={{0,2}} )
    | (?P<n> (?:(?<![\w.)\]\-])-)?\d+(?:[.,:]\d+)* )
    """,
    re.VERBOSE | re.ASCII,
)
_INSTEAD: Final = {
    "url": "<url>",
    "mail": "<address>",
    "uuid": "<id>",
    "text": '"…"',
    "path": "<path>",
    "time": "<time>",
    "ip": "<ip>",
    "jwt": "<id>",
    "hex": "<hex>",
    "id": "<id>",
    "n": "#",
}
_STATUSES: Final = re.compile(_STATUS, re.VERBOSE | re.ASCII)
_BLANKS: Final = re.compile(r"\s+")


def normalised(message: str) -> str:
    """A message without what differs from case to case: numbers, ids, hashes, dates, addresses,
    paths, quoted texts. What a request or a program ended with stays: 404 is not 503. Bounded,
    whatever the length of the message."""
    text = _VARIABLE.sub(_instead, message[:MOST_CHARACTERS])
    return _BLANKS.sub(" ", text).strip()[:MOST_CHARACTERS]


def statuses(message: str) -> tuple[str, ...]:
    """The figures that stay. Whether there are any does not depend on which they are."""
    return tuple(_STATUSES.findall(message[:MOST_CHARACTERS]))


def _instead(found: re.Match[str]) -> str:
    return found[0] if found.lastgroup == "status" else _INSTEAD[found.lastgroup or "n"]
