"""Refs of jobs by the million, in the order of their places."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.bulk import JobRef, JobRefs


def ref(place: int) -> JobRef:
    return JobRef(place, hashlib.sha1(b"%d" % place, usedforsecurity=False).hexdigest())


@given(st.lists(st.integers(-1_000, 10**12), unique=True, max_size=30))
def test_they_come_in_the_order_of_their_places(places: list[int]) -> None:
    refs = JobRefs()
    for place in places:
        refs.add(ref(place))
    expected = [ref(place) for place in sorted(places)]
    assert list(refs) == expected
    assert len(refs) == len(places)
    assert [refs[at] for at in range(len(refs))] == expected
    assert refs[2:5] == expected[2:5]
    assert list(refs) == expected


def test_an_end_is_an_end_and_a_name_must_be_one() -> None:
    refs = JobRefs()
    assert list(refs) == []
    with pytest.raises(IndexError):
        refs[0]
    for sha in ("", "zz" * 20, "ab" * 19):
        with pytest.raises(ValueError, match=r"SHA-1|hexadecimal"):
            refs.add(JobRef(1, sha))
