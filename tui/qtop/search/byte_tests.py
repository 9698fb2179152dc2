"""Tests a filter on the bytes of an entry, before a job is made of it: a scan reads of most entries
only what the filter asks about. Pure.

It may only say "no" where no job made of these bytes matches. First each term by itself, on the one
member of the JSON that it asks about; then, where that does not decide, on the whole JSON.

A member is found by its key as it is written. Within JSON a quote without a backslash before it
begins or ends a text, and what follows it here is a key and a colon: so it begins the key of a
member. Where this key occurs once, and no character is written as `\\u` and four digits, there is
no other member of this name, at whatever depth. So, if the entry can be read, what is asked about
is this member's value, or there is none: "no" is what holds for both. And if it cannot be read, no
term about one attribute matches, nor does its opposite.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, Literal, Protocol, cast

from qtop.model.job_list import Entry
from qtop.model.layout import Layout, Layouts, Member
from qtop.search.fields import Subject, Term
from qtop.search.filter_language import Filter
from queuecore.codec import REASONS, value_at
from queuecore.windows import sha_of

#: Gives the numbers of those of some entries that may match, by their bytes; None: by the job only.
Sieve = Callable[[Sequence[bytes | None]], Sequence[int]]

#: After so many in a row that may match, so many are not tested: where most do, it gains nothing.
_ROW: Final = 25
_SPARED: Final = 1_000
_BACKSLASH: Final = ord("\\")

#: What is in no letters that are looked for.
_BETWEEN: Final = b"\n"
#: What words find in the reason why an entry cannot be read.
_REASONS: Final = REASONS.lower().encode()
#: How Python and JSON write what is no text.
_WORDS: Final = "true false none null nan infinity"
#: What letters and digits may begin with in `\n`, `\x1b`, `\u001b`: how a control character is
#: shown.
_ESCAPED: Final = re.compile(r"[bfnrt]|(?:x|u?0{0,2})[0-9a-f]{0,2}")
#: A number has no other letters; and it may be written in several ways.
_IN_NUMBERS: Final = "0123456789e"


def byte_test(wanted: Filter, layout: Layout | None) -> ByteTest | None:
    """A test by a filter for the entries of one list; None where there is nothing to test by."""
    return None if layout is None or wanted.is_empty else ByteTest(wanted, layout)


class PlacedEntry(Entry, Protocol):
    """An entry of a list of several places."""

    @property
    def system(self) -> str:
        """The label of its place."""


def entry_test(wanted: Filter, layout: Layout | Layouts | None) -> Callable[[Entry], bool] | None:
    """The same for entries, also of a list of several places, each by its own layout. False: the
    job of an entry does not match."""
    if not isinstance(layout, Mapping):
        test = byte_test(wanted, layout)
        if test is None:
            return None
        return lambda entry: (raw := entry.raw) is None or test.may_match(raw)
    tests = {place: byte_test(wanted, each) for place, each in layout.items()}

    def may_match(entry: Entry) -> bool:
        raw = entry.raw
        if raw is None:
            # Entries that were read before, which say nothing but their job, come here, too.
            return True
        test = tests.get(cast(PlacedEntry, entry).system)
        return test is None or test.may_match(raw)

    return may_match


#: What a reading of the whole JSON does not give either.
_OF_THE_JOB: Final = (
    *("age_s", "due_s", "failed_at_s", "due_at_s", "at_s", "id", "state", "system"),
    *("waiting", "workers", "running"),
)


class ByteTest:
    """Tests entries of one layout by a filter."""

    def __init__(self, wanted: Filter, layout: Layout) -> None:
        self._read, self._subject = layout.read, layout.subject
        self._checks: list[_Check] = []
        #: Terms that only the whole JSON decides.
        self._rest: list[Term] = []
        #: Letters that the bytes of an entry must have, and whether in this case: see `_needle`. Of
        #: the second ones, only those of an entry that can be read.
        self._needles: list[tuple[bytes, bool, _Needle]] = []
        self._letters: list[tuple[bytes, bool, _Needle]] = []
        self._row = self._spared = 0
        for term in wanted.terms:
            if term.of in layout.known:
                if term.ask(layout.known[term.of]) is not True:
                    self._checks.append(lambda raw, is_plain: False)
            elif term.of == "id":
                self._checks.append(_id_check(term))
            elif member := layout.members.get(term.of):
                self._checks.append(_member_check(term, member))
                self._needles += _needles(term)
            elif term.of not in _OF_THE_JOB:
                self._rest.append(term)
        known = Subject(**layout.known)
        for term in self._rest:
            if term.test(known) is not True:
                # Words look into the reason why an entry cannot be read, too.
                is_sure = bool(term.of) or _sought(term).lower() not in _REASONS
                needles = self._needles if is_sure else self._letters
                needles += _needles(term)
        # To look for them in any case takes longer.
        self._needles.sort(key=lambda needle: not needle[1])
        #: None of the entries that are tested has some of these.
        self._all_lack = False

    def sieve(self, raws: Sequence[bytes | None]) -> list[int]:
        """The numbers of the entries that may match, by `may_match`; and of those of which only the
        job tells (None). O(bytes), most of it by one look for some letters."""
        found: Sequence[int] = range(len(raws))
        asks_letters = self._needles or self._letters
        whole = [raw for raw in raws if raw is not None] if asks_letters else []
        together = _BETWEEN.join(whole)
        if len(whole) == len(raws) and _is_plain_ascii(together):
            if self._needles:
                found = _holding(whole, together, [each[:2] for each in self._needles])
            self._all_lack = self._lack_letters(together)
        else:
            for _, _, lacks in self._needles:
                found = [at for at in found if (raw := raws[at]) is None or not lacks(raw)]
        passes = self._passes
        found = [at for at in found if (raw := raws[at]) is None or passes(raw)]
        self._all_lack = False
        return found

    def _lack_letters(self, together: bytes) -> bool:
        """Whether none of some entries has letters that are wanted. O(bytes)."""
        low = b"" if all(keeps_case for _, keeps_case, _ in self._letters) else together.lower()
        return any(
            letters not in (together if keeps_case else low)
            for letters, keeps_case, _ in self._letters
        )

    def may_match(self, raw: bytes) -> bool:
        """False: no job of these bytes matches. Never raises. O(bytes)."""
        for _, _, lacks in self._needles:
            if lacks(raw):
                return False
        return self._passes(raw)

    def _passes(self, raw: bytes) -> bool:
        """As `may_match`, of an entry that has the letters."""
        if self._spared:
            self._spared -= 1
            return True
        is_plain = _BACKSLASH not in raw or b"\\u" not in raw
        undecided = self._rest
        for check in self._checks:
            answer = check(raw, is_plain)
            if answer is False:
                self._row = 0
                return False
            if answer is not None:
                undecided = [*undecided, answer]
        if undecided and self._is_none(raw, undecided, is_plain):
            self._row = 0
            return False
        self._row += 1
        if self._row == _ROW:
            self._row, self._spared = 0, _SPARED
        return True

    def _is_none(self, raw: bytes, undecided: list[Term], is_plain: bool) -> bool:
        """Whether an entry can be read as a whole, and does not match."""
        lacks = self._all_lack or any(needle(raw) for _, _, needle in self._letters)
        value = self._read(raw)
        if value is None or lacks:
            return value is not None
        subject = self._subject(value)
        return any(term.test(subject) is not True for term in undecided)


#: Says for all the bytes of an entry that it lacks letters which are wanted: the texts that are
#: asked have no others than its JSON, but for what `_written` leaves out.
_Needle = Callable[[bytes], bool]


def _holding(
    whole: Sequence[bytes], together: bytes, asked: Sequence[tuple[bytes, bool]]
) -> list[int]:
    """The numbers of those of some entries of plain ASCII that have all of the letters which are
    asked for, each in this case or in any. `together` are the entries with `_BETWEEN` between them.
    O(bytes), without a look at each."""
    (first, keeps_case), *others = asked
    text = together if keeps_case else together.lower()
    at = text.find(first)
    if at < 0:
        return []
    ends = list(accumulate(map(len, whole), lambda end, size: end + len(_BETWEEN) + size))
    found: list[int] = []
    while at >= 0:
        number = bisect_right(ends, at)
        found.append(number)
        at = text.find(first, ends[number])
    for letters, keeps_case in others:
        found = [
            number
            for number in found
            if letters in (whole[number] if keeps_case else whole[number].lower())
        ]
    return found


def _is_plain_ascii(raw: bytes) -> bool:
    """Whether letters and digits of texts are written as they are, and there are no others that are
    the same in any case."""
    return raw.isascii() and (b"\\" not in raw or b"\\u" not in raw)


def _sought(term: Term) -> bytes:
    """The letters and digits that the entry of a text as is wanted has, in lower case unless the
    term keeps the case; empty where there may be none."""
    sure = _written(term.letters)
    return (sure if term.keeps_case else sure.lower()).encode()


def _needles(term: Term) -> list[tuple[bytes, bool, _Needle]]:
    """The letters of a term, if there are any: see `ByteTest`."""
    needle = _needle(term)
    return [] if needle is None else [(_sought(term), term.keeps_case, needle)]


def _needle(term: Term) -> _Needle | None:
    """Says for an entry that no text of it is as a term wants, if it can be read, or if the term
    asks about one attribute; None where that cannot be seen."""
    letters = _sought(term)
    if not letters:
        return None

    def lacks(raw: bytes) -> bool:
        return letters not in raw and _is_plain_ascii(raw)

    # Who has none of these has the letters as they are here, or not at all.
    capitals = [bytes([each]) for each in set(letters.upper()) - set(letters)]

    def lacks_in_any_case(raw: bytes) -> bool:
        if not lacks(raw):
            return False
        for capital in capitals:
            if capital in raw:
                return letters not in raw.lower()
        return True

    return lacks if term.keeps_case else lacks_in_any_case


def _written(letters: str) -> str:
    """Of the letters and digits that some text has, those that are written so in its entry; empty
    where there may be none: in numbers, in words that stand for no text, and where it begins with
    what stands for a control character."""
    low = letters.lower()
    sure = low[_end_of_escape(low) :]
    return letters[-len(sure) :] if sure.strip(_IN_NUMBERS) and sure not in _WORDS else ""


def _end_of_escape(letters: str) -> int:
    found = _ESCAPED.match(letters)
    return 0 if found is None else found.end()


#: Takes an entry, and whether it has no `\u`. False: the term does not match. None: it does, or
#: only the job tells. The term: it is not decided, and a reading of the whole decides it.
_Answer = Term | Literal[False] | None
_Check = Callable[[bytes, bool], _Answer]


def _id_check(term: Term) -> _Check:
    letters = term.letters.encode()

    def check(raw: bytes, is_plain: bool) -> _Answer:
        if term.ask(sha_of(raw)) is True:
            return None
        # What the system called it is in the entry; of the opposite, what is asked was answered.
        may_be_named = bool(letters) and (not is_plain or letters in raw.lower())
        return None if may_be_named else False

    return check


def _member_check(term: Term, member: Member) -> _Check:
    quoted, unless = f'"{member.key}"'.encode(), member.unless.encode()
    key, ask, made = quoted + b":", term.ask, member.made
    undecided = None if term.of in _OF_THE_JOB else term
    matches_without = ask(made(None)) is True
    # This member may be another one than it seems, in the arguments, and the real one missing.
    refused: _Answer = undecided if matches_without else False

    def check(raw: bytes, is_plain: bool) -> _Answer:
        if not is_plain or (unless and raw.find(unless) >= 0):
            return undecided
        at = raw.find(quoted)
        if at < 0:
            return None if matches_without else False
        start = at + len(key)
        is_member = raw.startswith(key, at) and raw[at - 1] != _BACKSLASH
        if not is_member or raw.find(quoted, start) >= 0:
            return undecided
        try:
            return None if ask(made(_value(raw, start))) is True else refused
        except (ValueError, RecursionError):
            return undecided

    return check


def _value(raw: bytes, start: int) -> Any:
    """As `value_at`, of bytes: what it gives of a text without a backslash, in less time."""
    start += raw.startswith(b" ", start)
    if raw.startswith(b'"', start):
        end = raw.find(b'"', start + 1)
        written = raw[start + 1 : end]
        if end > 0 and _BACKSLASH not in written:
            return written.decode("utf-8", "surrogateescape")
    return value_at(raw[start:].decode("utf-8", "surrogateescape"), 0)[0]
