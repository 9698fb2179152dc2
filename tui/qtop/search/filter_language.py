"""The filter language: parse once, match many. Pure.

    class:Mailers::Welcome   the whole name; `*` matches anything (also exception:, queue:)
    error:timeout            contained, in any case (also worker:)
    args.0:42                an argument by its place, args.0.user.id:7 further in; whole
    args:ada                 contained in the arguments' JSON, in any case
    age>1h  age<30m          how long ago it failed (s, m, h, d, w; 1h30m)
    due<10m  due>1h          how soon a delayed job is due; the overdue are below anything
    failed:yesterday         on which day it failed: today, yesterday, 2026-12-01; due:tomorrow
    after:08:00              from this time on: when it failed, is due, or was done; 08:00 is of
                             today; also yesterday, "yesterday 8:00", 2026-12-01, 2026-12-01T08:00Z
    before:2026-12-01T08:00  before this time; without a zone it is that of this machine
    waiting>100              a queue by its waiting jobs; also workers:0, running>=5, waiting<1k
    retried:no               whether a failure was requeued by Ruby, which keeps it
    readable:no              what cannot be read
    serves:mail              workers that take from a queue, whatever they list; `*` as in queue:
    lists:mail               the same, dead workers too
    system:sidekiq           what is of this queue system, where there are several; or of the place
                             with this label
    id:3f2a                  the beginning of an entry's id, or of that which Sidekiq gave the job
    jid:393119af5a0ea98f*    Sidekiq's id of a job; `*` as in class:
    state:dead               how far it is: `dead`, `retry 2 of 25`, `last try`; also the state of a
                             queue (`paused`) or worker (`idle`); contained
    tag:nightly              one of Sidekiq's tags; `*` as in class:
    /time ?out/              a regular expression, in any case; also error:/x/, class:/x/ and so on
    connection reset         words: each contained somewhere in the job or its error
    "two words"              quoted: as it is, whatever it holds; also error:"two words";
                             a character that cannot be shown is \\u{1b}, by its number in hex
    !class:Mail              what does not match

All terms must match. What is unknown (the class of an entry that cannot be read, the age of a
waiting job) matches neither a term nor its opposite: so nothing is deleted that could not be read.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from qtop.search import fields as terms
from qtop.search.days import ClockS, day_bounds, moment_of
from qtop.search.fields import FIELDS, Subject, Term
from qtop.text.safe import visible
from queuecore.errors import QueueError
from queuecore.values import value

# Regular expressions with bounded cost: the worst case is computed before they run.

_PATTERNS_LONGEST: Final = 200
#: How much of a text is looked at, the most that a pattern can afford first ...
_LIMITS: Final = (4000, 2000, 1000, 500, 250)
#: ... within about so many steps, most of which no real text ever causes.
_STEPS: Final = 4 * 10**9
_REPEAT: Final = re.compile(r"([*+?]|\{[0-9]*(?:,[0-9]*)?\})[?+]?")


class BadPattern(ValueError):
    """A pattern that is no regular expression, or one that may cost too much. Says why."""


@value
class Pattern:
    """A regular expression and how many characters of a text it looks at. Whatever it matches in a
    text of ASCII holds `literal`, in any case."""

    compiled: re.Pattern[str]
    limit: int
    literal: str = ""

    def __call__(self, text: str) -> bool:
        return self.is_in(text)

    def is_in(self, text: str) -> bool:
        """Whether it is found in the first `limit` characters. Bounded, whatever the text."""
        part = text[: self.limit]
        if self.literal and part.isascii() and self.literal not in part.lower():
            return False
        return self.compiled.search(part) is not None


def pattern(text: str) -> Pattern:
    """Read a regular expression that ignores case.

    Allowed are characters, `.`, sets, escapes such as `\\d`, `^`, `$`, groups, `|` and repeats;
    not lookarounds, references, flags, and what varies within a repeat without an end.
    Raises BadPattern. Cost: O(text).
    """
    if len(text) > _PATTERNS_LONGEST:
        raise BadPattern(f"longer than {_PATTERNS_LONGEST} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(text, re.IGNORECASE)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise BadPattern(f"no regular expression: {error}") from None
    cost = _Reader(text).alternatives()
    for limit in _LIMITS:
        if cost.choices * limit ** (cost.open_ended + 1) <= _STEPS:
            return Pattern(compiled, limit, _literal(text))
    raise BadPattern("it may cost too much: use fewer repeats and alternatives")


#: An expression with these is not looked into; in others all characters stand for themselves ...
_BEYOND: Final = re.compile(r"[|(\\{]")
#: ... but these. A repeat may leave out the character or the set before it.
_BETWEEN: Final = re.compile(r"\[\^?\]?[^\]]*\][*?]?|.?[*?]|[.+^$]", re.DOTALL)


def _literal(text: str) -> str:
    """The longest text that a simple expression cannot do without, in lower case. To look for it
    takes a tenth of the time of an expression that ignores case."""
    pieces = [] if _BEYOND.search(text) else _BETWEEN.split(text)
    longest = max(pieces, key=len, default="")
    return longest.lower() if longest.isascii() else ""


@value
class _Cost:
    """How many ways there are to match: `choices` times the length of the text to the power of
    `open_ended`. `varies` says that there is more than one."""

    choices: int = 1
    open_ended: int = 0

    @property
    def varies(self) -> bool:
        return self.choices > 1 or self.open_ended > 0


class _Reader:
    """Counts the choices of a pattern that is known to be well formed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def alternatives(self) -> _Cost:
        branches = [self._sequence()]
        while self._text[self._at : self._at + 1] == "|":
            self._at += 1
            branches.append(self._sequence())
        return _Cost(
            sum(branch.choices for branch in branches),
            max(branch.open_ended for branch in branches),
        )

    def _sequence(self) -> _Cost:
        choices, open_ended = 1, 0
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            cost = self._repeated(self._atom())
            # Beyond this it is refused anyway, and the figures stay small.
            choices = min(choices * cost.choices, _STEPS + 1)
            open_ended += cost.open_ended
        return _Cost(choices, open_ended)

    def _atom(self) -> _Cost:
        char = self._text[self._at]
        self._at += 1
        if char == "(":
            return self._group()
        if char == "[":
            self._set()
        elif char == "\\":
            if self._text[self._at].isdigit():
                raise BadPattern(f"a reference (\\{self._text[self._at]}) is not allowed")
            self._at += 1
        return _Cost()

    def _group(self) -> _Cost:
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._text.startswith("?", self._at):
            raise BadPattern("of groups with (? only (?: ) is allowed")
        inside = self.alternatives()
        self._at += 1
        return inside

    def _set(self) -> None:
        if self._text[self._at] == "^":
            self._at += 1
        first = self._at
        while self._text[self._at] != "]" or self._at == first:
            self._at += 2 if self._text[self._at] == "\\" else 1
        self._at += 1

    def _repeated(self, atom: _Cost) -> _Cost:
        found = _REPEAT.match(self._text, self._at)
        if found is None or found[1] in ("{}", "{,}"):
            return atom
        self._at = found.end()
        least, most = _bounds(found[1])
        if most is None:
            if atom.varies:
                raise BadPattern("a repeat without an end holds another repeat or alternatives")
            return _Cost(open_ended=1)
        if atom.varies and most > 50:
            raise BadPattern("a repeat holds too many others")
        choices = atom.choices**most * (most - least + 1)
        return _Cost(min(choices, _STEPS + 1), atom.open_ended * most)


def _bounds(repeat: str) -> tuple[int, int | None]:
    """The least and the most times; None when there is no end."""
    fixed: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
    if repeat in fixed:
        return fixed[repeat]
    low, comma, high = repeat[1:-1].partition(",")
    if not comma:
        return int(low), int(low)
    return int(low or 0), int(high) if high else None


_LONGEST: Final = 2000
_MOST_TERMS: Final = 50
#: Fields of days and moments, and the attributes of a subject that are times.
_OF_TIME: Final = ("failed", "due", "after", "before")
_TIMES: Final = ("age_s", "due_s", "failed_at_s", "due_at_s", "at_s")
_FIELD: Final = re.compile(r"([A-Za-z_]\w*(?:\.[^\s:\"]+)*):(?!:)")
_SPAN: Final = re.compile(r"(age|due)(<=|>=|<|>)")
_FIGURE: Final = re.compile(r"(waiting|workers|running)(<=|>=|<|>|:)")
_NUMBER: Final = re.compile(r"(\d{1,15})([km]?)", re.IGNORECASE)
_THOUSANDS: Final = {"": 1, "k": 1_000, "m": 1_000_000}
#: What looks like a comparison: taken as a text it would match nothing, and with a `!` everything.
_COMPARISON: Final = re.compile(r"([A-Za-z_][\w.]*)[<>]=?-?\d")
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")
#: A character by its number, in a quoted text.
_CODED: Final = re.compile(r"\\u\{(0?[0-9a-fA-F]{1,5}|10[0-9a-fA-F]{4})\}")
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ALLOWED: Final = (
    "class: error: exception: queue: worker: args: args.0: id: jid: state: tag: retried:yes|no "
    "age>1h due<10m failed:today after:08:00 before:2026-12-01 waiting>100 workers:0 readable:no "
    'serves: lists: system: /regex/ !term "words"'
)


class BadFilter(QueueError):
    """A filter that cannot be understood. The message says where, why, and what is allowed."""


@value
class Filter:
    """A filter that was understood. `text` is how it was written."""

    text: str
    terms: tuple[Term, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it lets everything through."""
        return not self.terms

    def matches(self, subject: Subject) -> bool:
        """Whether all terms match. Never raises. O(text of the subject)."""
        # Not by `all`: its generator takes as long as a test.
        for term in self.terms:  # noqa: SIM110
            if term.test(subject) is not True:
                return False
        return True

    @property
    def asks_times(self) -> bool:
        """Whether a term asks about the age of something, or when it is due."""
        return any(term.of in _TIMES for term in self.terms)


def parse(text: str, clock_s: ClockS = time.time) -> Filter:
    """Understand a filter.

    Args:
        text: In the language above; empty for everything.
        clock_s: Tells what day it is, also later: seconds since the epoch.

    Raises BadFilter. Cost: O(text).
    """
    if len(text) > _LONGEST:
        raise BadFilter(f"the filter is longer than {_LONGEST:,} characters")
    return Filter(text.strip(), tuple(_Parser(text, clock_s).all_terms()))


def term(field: str, text: str) -> str:
    """The term that asks for this very text in a field. It can be shown, and typed."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    shown = visible(escaped)
    if shown != escaped:
        pairs = zip(escaped, shown, strict=True)
        escaped = "".join(c if c == seen else f"\\u{{{ord(c):x}}}" for c, seen in pairs)
    return f'{field}:"{escaped}"'


def duration_s(text: str) -> float:
    """A length of time in seconds: `90s`, `30m`, `1h30m`, `2d`, `1w`. Raises ValueError with what
    is allowed."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no length of time: use 30s, 5m, 2h, 1h30m, 7d or 1w")
    return float(sum(float(number) * _UNITS_S[unit] for number, unit in parts))


class _Parser:
    def __init__(self, text: str, clock_s: ClockS) -> None:
        self._text = text
        self._clock_s = clock_s
        self._at = 0

    def all_terms(self) -> list[Term]:
        found: list[Term] = []
        while self._skip_blanks():
            if len(found) == _MOST_TERMS:
                raise self._bad(f"there are more than {_MOST_TERMS} terms")
            found.append(self._term())
        return found

    def _skip_blanks(self) -> bool:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        return self._at < len(self._text)

    def _bad(self, why: str, at: int | None = None) -> BadFilter:
        place = (self._at if at is None else at) + 1
        return BadFilter(f"in the filter at character {place}: {why}. Allowed: {_ALLOWED}")

    def _term(self) -> Term:
        if self._text[self._at] == "!":
            self._at += 1
            if not self._text[self._at : self._at + 1].strip():
                raise self._bad("after ! a term is missing")
            return terms.negated(self._positive())
        return self._positive()

    def _positive(self) -> Term:
        start = self._at
        if found := _SPAN.match(self._text, start):
            self._at = found.end()
            return terms.span(found[1], found[2], self._duration_s())
        if found := _FIGURE.match(self._text, start):
            self._at = found.end()
            return terms.compared(found[1], found[2].replace(":", "="), self._number(found[1]))
        if found := _FIELD.match(self._text, start):
            self._at = found.end()
            return self._field(found[1], start)
        if found := _COMPARISON.match(self._text, start):
            literal = self._text[start:].split(None, 1)[0][:40]
            compared = "only age, due, waiting, workers and running"
            why = f'{found[1]!r} cannot be compared, {compared} (for the text: "{literal}")'
            raise self._bad(why, start)
        return terms.anywhere(self._wanted(terms.contains))

    def _field(self, name: str, start: int) -> Term:
        root, _, path = name.partition(".")
        if root == "args" and path:
            return terms.argument(path.split("."), self._wanted(terms.matches_argument))
        if name in ("retried", "readable"):
            made = terms.retried if name == "retried" else terms.readable
            return made(self._yes_or_no(name))
        if name == "id":
            return terms.identity(self._value()[0])
        if name == "tag":
            return terms.tagged(self._wanted(terms.matches_name))
        if name in _OF_TIME:
            return self._time(name)
        if name in ("serves", "lists"):
            return terms.queues(name, self._wanted(terms.matches_name))
        if name in FIELDS:
            return terms.field(FIELDS[name], self._wanted(FIELDS[name].plain))
        literal = self._text[start:].split(None, 1)[0][:40]
        raise self._bad(
            f'there is no field {name!r} (to find the text, quote it: "{literal}")', start
        )

    def _wanted(self, plain: Callable[[str], terms.Wanted]) -> terms.Wanted:
        """What a value asks for: a regular expression, a quoted text as it is, or `plain`."""
        if self._text[self._at : self._at + 1] == "/":
            return self._regex()
        value, is_quoted = self._value()
        if is_quoted and plain is not terms.contains:
            return terms.is_exactly(value)
        return plain(value)

    def _value(self) -> tuple[str, bool]:
        """A quoted text or one up to the next blank, and whether it was quoted."""
        if self._text[self._at : self._at + 1] == '"':
            return self._until('"'), True
        found = self._text[self._at :].split(None, 1) if self._at < len(self._text) else []
        if not found or self._text[self._at].isspace():
            raise self._bad('a value is missing after the colon (for an empty one write "")')
        self._at += len(found[0])
        return found[0], False

    def _regex(self) -> terms.Wanted:
        start = self._at
        body = self._until("/", keep_escapes=True)
        try:
            return pattern(body)
        except BadPattern as error:
            raise self._bad(f"the pattern between / and /: {error}", start) from None

    def _until(self, end: str, *, keep_escapes: bool = False) -> str:
        """The text between two of `end`; a backslash before one makes it a part of the text."""
        start = self._at
        out: list[str] = []
        at = start + 1
        while at < len(self._text) and self._text[at] != end:
            coded = None if keep_escapes else _CODED.match(self._text, at)
            if coded is not None:
                out.append(chr(int(coded[1], 16)))
                at = coded.end()
            elif self._text[at] == "\\" and at + 1 < len(self._text):
                is_escape = self._text[at + 1] in (end, "\\") and not keep_escapes
                out.append(self._text[at + 1] if is_escape else self._text[at : at + 2])
                at += 2
            else:
                out.append(self._text[at])
                at += 1
        hint = ' (to find text with a /, quote it: "/text")' if end == "/" else ""
        if at >= len(self._text):
            raise self._bad(f"the closing {end} is missing{hint}", start)
        self._at = at + 1
        if self._text[self._at : self._at + 1].strip():
            raise self._bad(f"after the closing {end} a blank is missing{hint}")
        return "".join(out)

    def _duration_s(self) -> float:
        start = self._at
        try:
            return duration_s(self._value()[0])
        except ValueError as error:
            raise self._bad(str(error), start) from None

    def _number(self, name: str) -> float:
        start = self._at
        value = self._value()[0]
        found = _NUMBER.fullmatch(value)
        if found is None:
            raise self._bad(f"{name} is a number like 100 or 5k, not {value!r}", start)
        return int(found[1]) * _THOUSANDS[found[2].lower()]

    def _time(self, name: str) -> Term:
        """A day, or a moment."""
        start = self._at
        value = self._value()[0]
        try:
            if name in ("failed", "due"):
                return terms.on_day(name, day_bounds(value, self._clock_s))
            after = terms.since(moment_of(value, self._clock_s))
        except ValueError as error:
            raise self._bad(f"{name}: {error}", start) from None
        return after if name == "after" else terms.negated(after)

    def _yes_or_no(self, name: str) -> bool:
        start = self._at
        word = self._value()[0]
        if word not in ("yes", "no"):
            raise self._bad(f"{name}: is yes or no, not {word!r}", start)
        return word == "yes"


# Moments as people type them: relative to now, or as time and date.

ALLOWED: Final = "in 10m, +1h30m, 18:00, tomorrow 8:00, 2026-12-01 08:00 (or …Z for UTC)"
#: A moment further ahead than this is a mistake.
_WHEN_LONGEST: Final = timedelta(days=100 * 365)
_AHEAD: Final = re.compile(r"(?:in\s+|\+\s*)(.+)", re.IGNORECASE)
_CLOCK: Final = re.compile(r"(today\s+|tomorrow\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?", re.IGNORECASE)
_DATE: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T\s]+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


class BadMoment(ValueError):
    """A text that names no moment to come. The message says why, and what is allowed."""


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment that is meant, in whole seconds.

    Args:
        text: Such as `in 10m` or `2026-12-01 08:00`.
        now: An aware datetime, by the server's clock, in the zone of the person who types.

    Raises BadMoment, also for a moment that is past.
    """
    word = " ".join(text.split())
    if not word:
        raise BadMoment(f"when? Write {ALLOWED}")
    try:
        moment = _moment(word, now)
    except BadMoment:
        raise
    except (ValueError, OverflowError) as error:
        raise BadMoment(f"{word!r}: {error}. Write {ALLOWED}") from None
    if moment <= now:
        raise BadMoment(f"{word!r} is past: a job can be run now instead. Write {ALLOWED}")
    if moment - now > _WHEN_LONGEST:
        raise BadMoment(f"{word!r} is more than 100 years ahead")
    return moment.replace(microsecond=0)


def _moment(word: str, now: datetime) -> datetime:
    if found := _AHEAD.fullmatch(word):
        seconds = duration_s(found[1].replace(" ", "").lower())
        # By the clock of the world, not by the one on the wall: an hour is an hour.
        return (now.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(now.tzinfo)
    if found := _CLOCK.fullmatch(word):
        day = (found[1] or "").strip().lower()
        hour, minute, second = int(found[2]), int(found[3]), int(found[4] or 0)
        wall = now.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
        if day == "tomorrow" or (not day and wall <= now.replace(tzinfo=None)):
            wall += timedelta(days=1)
        return _local(wall, now)
    if found := _DATE.fullmatch(word):
        year, month, day_, hour, minute = (int(found[at]) for at in range(1, 6))
        wall = datetime(year, month, day_, hour, minute, int(found[6] or 0))
        zone = (found[7] or "").upper()
        if not zone:
            return _local(wall, now)
        offset = "+00:00" if zone in ("Z", "UTC") else zone
        return datetime.fromisoformat(f"{wall.isoformat()}{offset}")
    raise BadMoment(f"{word!r} is no time: write {ALLOWED}")


def _local(wall: datetime, now: datetime) -> datetime:
    """A time on the wall of the person who types. Its daylight saving may differ from that of now,
    so a fixed offset, which is what a local moment has, asks the system again."""
    if now.tzinfo is UTC or now.tzinfo is None or hasattr(now.tzinfo, "key"):
        return wall.replace(tzinfo=now.tzinfo)
    return wall.astimezone()
