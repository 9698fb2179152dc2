"""The list of queues a worker serves (the globs of the recording: test_golden_format)."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as some

from resque.errors import NoQueueError
from resque.store.queues import QueueList, fnmatch

NAMES = some.text(max_size=8)
GLOBS = some.text(alphabet="ab*?[]!^-\\.{},&|~/é", max_size=10)


@pytest.mark.parametrize("text", ["", " ", ",", " , ,", "!a", "!a,!b", ",!a"])
def test_a_list_that_names_no_queue_is_refused(text: str) -> None:
    with pytest.raises(NoQueueError):
        QueueList.parse(text)


def test_a_plain_list_is_used_as_it_is_also_for_unregistered_names() -> None:
    queue_list = QueueList.parse(" high, low ,high,with space ")
    assert not queue_list.is_dynamic
    assert queue_list.resolve([]) == ["high", "low", "high", "with space"]
    assert str(queue_list) == "high,low,high,with space"


def test_names_that_are_no_unicode_keep_their_place_in_byte_order() -> None:
    names = ["é", "\udcff", "z", "日"]
    assert QueueList.parse("*").resolve(names) == ["z", "é", "日", "\udcff"]


@given(GLOBS, NAMES)
def test_matching_raises_nothing_and_warns_of_nothing(glob: str, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fnmatch(glob, name) in (True, False)


@given(some.lists(NAMES.filter(lambda name: not name.startswith(".")), unique=True))
def test_a_star_takes_every_name_once_in_byte_order(names: list[str]) -> None:
    found = QueueList.parse("*").resolve(names)
    assert found == sorted(names, key=lambda name: name.encode("utf-8", "surrogatepass"))


@given(NAMES.filter(lambda name: not set(name) & set("*?[]{}\\!")))
def test_a_name_without_special_characters_matches_itself_alone(name: str) -> None:
    assert fnmatch(name, name)
    assert not fnmatch(name, name + "x")


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        ("*", ".hidden", False),
        ("?hidden", ".hidden", False),
        ("[.]hidden", ".hidden", False),
        ("a*", "a.b", True),
        ("a*b", "a/b\nb", True),
        ("\\*", "*", True),
        ("\\*", "a", False),
        ("[a", "[a", True),
        ("[]", "[]", True),
        ("[z-a]", "m", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("{a,b}", "{a,b}", True),
        ("A", "a", False),
        ("", "", True),
    ],
)
def test_single_globs(glob: str, name: str, matches: bool) -> None:
    assert fnmatch(glob, name) is matches
