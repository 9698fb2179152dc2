"""Regular expressions in filters: which are allowed, and that no text makes one run for ever."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtop.search.filter_language import BadPattern, pattern


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("time ?out", "a Time Out"),
        (r"^\d{3} [a-z_]+$", "404 not_found"),
        ("(foo|bar)baz", "barbaz"),
        ("a.*b.*c", "xaybzc"),
        (r"[]x^-]+\]", "]x^-]"),
        (r"\(\[", "(["),
        ("(?:ab){2,3}", "abab"),
        (r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", "from 127.0.0.1"),
        ("a{,}b", "a{,}b"),
        ("", ""),
    ],
)
def test_an_ordinary_pattern_is_found(text: str, found: str) -> None:
    assert pattern(text).is_in(found)


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+b",
        "(a*)*",
        "(a|aa)+$",
        "(a|b|ab)*c",
        "(.*a){12}",
        "(a?){40}a{40}",
        "a?" * 60,
        "(x+x+)+y",
        ".*" * 6 + "x",
        "(a{1,9}){1,9}",
        "(?:(?:a|b)+,)+",
    ],
)
def test_a_pattern_that_could_run_for_ever_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        pattern(text)


@pytest.mark.parametrize(
    "text", ["(", "[a", "*a", r"(a)\1", "(?=a)", "(?i)a", "(?P<n>a)", "a{9999999999}", "x" * 300]
)
def test_a_text_that_is_no_plain_regular_expression_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        pattern(text)


def test_a_pattern_with_more_repeats_searches_less_of_a_text() -> None:
    limits = [pattern(text).limit for text in ("abc", "a.*b", "a.*b.*c", "a.*b.*c.*d")]
    assert limits == sorted(limits, reverse=True)
    assert not pattern("needle").is_in("x" * 5000 + "needle")


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="ab()[]|*+?{}2,.\\^$-d:") | st.text())
def test_any_typed_text_is_refused_or_becomes_a_pattern_that_ends(text: str) -> None:
    try:
        found = pattern(text)
    except BadPattern:
        return
    found.is_in("a" * 300 + "b" * 300)
