"""Marks by the million, in the order of their places."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.bulk import JobRef, JobRefs


def mark(place: int) -> JobRef:
    return JobRef(place, hashlib.sha1(b"%d" % place, usedforsecurity=False).hexdigest())


@given(st.lists(st.integers(-1_000, 10**12), unique=True, max_size=30))
def test_they_come_in_the_order_of_their_places(places: list[int]) -> None:
    marks = JobRefs()
    for place in places:
        marks.add(mark(place))
    expected = [mark(place) for place in sorted(places)]
    assert list(marks) == expected
    assert len(marks) == len(places)
    assert [marks[at] for at in range(len(marks))] == expected
    assert marks[2:5] == expected[2:5]
    assert list(marks) == expected


def test_an_end_is_an_end_and_a_name_must_be_one() -> None:
    marks = JobRefs()
    assert list(marks) == []
    with pytest.raises(IndexError):
        marks[0]
    for sha in ("", "zz" * 20, "ab" * 19):
        with pytest.raises(ValueError, match=r"SHA-1|hexadecimal"):
            marks.add(JobRef(1, sha))
