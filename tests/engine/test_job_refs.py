"""Refs of jobs by the million, in the order of their places."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.bulk import JobRef, JobRefs, Taking, kept


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


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 4)), unique_by=lambda p: p[0]))
def test_decisions_come_with_their_refs(some: list[tuple[int, int]]) -> None:
    refs, expected = JobRefs(), dict[str, Taking | None]()
    for place, kind in some:
        raw = b"%d of %d" % (place, kind)
        queue = None if kind == 1 else f"q{kind}"
        taking = kept(Taking(0, raw, queue, b"" if kind == 1 else raw[kind:])) if kind else None
        one = ref(place)
        refs.add(one, 0, taking)
        expected[one.sha] = taking
    seen = list(refs.decided())
    assert [each.place for each in seen] == sorted(place for place, _ in some)
    for each in seen:
        taking, wanted = each.taking, expected[each.sha]
        assert (taking is None) == (wanted is None)
        if taking is not None and wanted is not None:
            assert (taking.queue, taking.cut) == (wanted.queue, wanted.cut)
            assert (taking.place, taking.sha) == (each.place, each.sha)


def test_a_decision_is_kept_only_where_the_item_holds_what_it_pushes() -> None:
    assert kept(Taking(0, b"item", "q", b"te")) == Taking(0, b"", "q", cut=(2, 3))
    assert kept(Taking(0, b"item")) == Taking(0, b"", None)
    assert kept(Taking(0, b"item", "q", b"other")) is None
    assert kept(Taking(0, b"item", "q")) is None
