"""Classes of values, made without `dataclasses` but as if with them."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from queuecore.values import replace, value


@value
class Place:
    name: str
    number: int = 7
    tags: tuple[str, ...] = ()

    def shout(self) -> str:
        return self.name.upper()


@value
class Doubled:
    number: int
    twice: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "twice", self.number * 2)


def test_a_value_is_made_of_its_fields_by_place_or_by_name() -> None:
    assert Place("here").number == 7
    assert Place("here", 8, ("a",)) == Place(tags=("a",), number=8, name="here")
    assert Place("here").shout() == "HERE"
    assert Doubled(4).twice == 8


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError):
        Place("here", colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Place()  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Place("here").colour = "red"  # type: ignore[attr-defined]


def test_values_are_equal_and_hashed_by_their_fields_within_a_class() -> None:
    assert {Place("a"), Place("a", 7), Place("b")} == {Place("b"), Place("a")}
    assert Place("a") != Place("a", 8)
    other: object = (1, 2)
    assert Doubled(1) != other


def test_a_value_shows_its_fields() -> None:
    assert repr(Place("a")) == "Place(name='a', number=7, tags=())"


def test_a_value_like_another_has_other_fields() -> None:
    assert replace(Place("a"), number=1) == Place("a", 1)
    assert dataclasses.replace(Place("a"), number=1) == Place("a", 1)
    assert [field.name for field in dataclasses.fields(Place("a"))] == ["name", "number", "tags"]
    assert dataclasses.asdict(Place("a")) == {"name": "a", "number": 7, "tags": ()}


def test_values_can_be_copied_pickled_and_matched() -> None:
    there = Place("a", 1, ("x",))
    assert copy.deepcopy(there) == there
    assert pickle.loads(pickle.dumps(there)) == there  # noqa: S301
    match there:
        case Place(name, number):
            assert (name, number) == ("a", 1)
