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

from collections.abc import Callable
from typing import Final, Literal

from qtop.model.layout import Layout, Member
from qtop.search.fields import Subject, Term
from qtop.search.filter_language import Filter
from queuecore.codec import value_at
from queuecore.windows import whole

#: Says for all the bytes of an entry whether its job may be wanted.
MayMatch = Callable[[bytes], bool]

#: After so many in a row that may match, so many are not tested: where most do, it gains nothing.
_ROW: Final = 25
_SPARED: Final = 1_000

#: How Python and JSON write what is no text.
_WORDS: Final = "true false none null nan infinity"


def byte_test(wanted: Filter, layout: Layout | None) -> MayMatch | None:
    """A test by a filter for the entries of one list; None where there is nothing to test by."""
    return None if layout is None or wanted.is_empty else ByteTest(wanted, layout).may_match


#: What a reading of the whole JSON does not give either.
_OF_THE_JOB: Final = ("age_s", "due_s", "id")


class ByteTest:
    """Tests entries of one layout by a filter."""

    def __init__(self, wanted: Filter, layout: Layout) -> None:
        self._subject = layout.subject
        self._checks: list[_Check] = []
        #: Terms that only the whole JSON decides.
        self._rest: list[Term] = []
        self._row = self._spared = 0
        for term in wanted.terms:
            if term.of in layout.known:
                if term.ask(layout.known[term.of]) is not True:
                    self._checks.append(lambda raw, text, is_plain: False)
            elif term.of == "id":
                self._checks.append(_id_check(term))
            elif member := layout.members.get(term.of):
                self._checks.append(_member_check(term, member))
            elif term.of not in _OF_THE_JOB:
                self._rest.append(term)
        known = Subject(**layout.known)
        letters = (term.letters for term in self._rest if term.test(known) is not True)
        #: What a text of an entry must have, without the first letter: see `_lacks`.
        self._letters = [each[1:] for each in letters if each and each not in _WORDS]

    def may_match(self, raw: bytes) -> bool:
        """False: no job of these bytes matches. Never raises. O(bytes)."""
        if self._spared:
            self._spared -= 1
            return True
        text = raw.decode("utf-8", "surrogateescape")
        is_plain = "\\" not in text or "\\u" not in text
        undecided = self._rest
        for check in self._checks:
            answer = check(raw, text, is_plain)
            if answer is False:
                self._row = 0
                return False
            if answer is not None:
                undecided = [*undecided, answer]
        if undecided:
            subject = self._subject(raw)
            if subject is not None and (
                (is_plain and self._lacks(text))
                or any(term.test(subject) is not True for term in undecided)
            ):
                self._row = 0
                return False
        self._row += 1
        if self._row == _ROW:
            self._row, self._spared = 0, _SPARED
        return True

    def _lacks(self, text: str) -> bool:
        """Whether letters that are wanted are nowhere in an entry that can be read. The texts that
        are asked have no others than its JSON, but for `_WORDS` and the letter that may end what
        stands for a control character, as in `\\n` and `\\x1b`: the first one here."""
        if not self._letters or not text.isascii():
            return False
        low = text.lower()
        return any(letters not in low for letters in self._letters)


#: Takes an entry, its text, and whether it has no `\u`. False: the term does not match. None: it
#: does, or only the job tells. The term: it is not decided, and a reading of the whole decides it.
_Check = Callable[[bytes, str, bool], "Term | Literal[False] | None"]


def _id_check(term: Term) -> _Check:
    return lambda raw, text, is_plain: None if term.ask(whole(raw).sha) is True else False


def _member_check(term: Term, member: Member) -> _Check:
    key, ask, made, unless = f'"{member.key}":', term.ask, member.made, member.unless
    quoted = key[:-1]
    undecided = None if term.of in _OF_THE_JOB else term
    matches_without = ask(made(None)) is True

    def check(raw: bytes, text: str, is_plain: bool) -> Term | Literal[False] | None:
        if not is_plain or (unless and unless in text):
            return undecided
        at = text.find(quoted)
        if at < 0:
            return None if matches_without else False
        start = at + len(key)
        is_member = text.startswith(key, at) and text[at - 1] != "\\"
        if not is_member or text.find(quoted, start) >= 0:
            return undecided
        try:
            if ask(made(value_at(text, start)[0])) is True:
                return None
        except (ValueError, RecursionError):
            return undecided
        # This member may be another one than it seems, in the arguments, and the real one missing.
        return undecided if matches_without else False

    return check
