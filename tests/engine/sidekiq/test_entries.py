"""Entries of retry, schedule and dead: a page at a time from either end, whatever their scores and
their bytes, and whoever takes and inserts meanwhile."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.golden import load, restore
from tests.support.sidekiq_sets import KEYS, STATES, add, keys_of, payload

from queuecore.exchange import Steps
from queuecore.reading import reading_only
from queuecore.stores import Store
from queuecore.windows import Item, whole
from sidekiq.codec import read_job
from sidekiq.errors import WrongType
from sidekiq.keys import SidekiqKeys
from sidekiq.store import entries
from sidekiq.store.entries import ListedSet, SetEnd, SetEntry, SetPage, state_of

RETRY = KEYS.jobs("retry")
SETS: tuple[ListedSet, ...] = ("retry", "schedule", "dead")


def all_pages(
    keys: SidekiqKeys, name: ListedSet, end: SetEnd, size: int, max_bytes: int = 65_536
) -> Steps[list[SetPage]]:
    """Page through a whole set."""
    pages: list[SetPage] = []
    after: SetEntry | None = None
    while not pages or after is not None:
        seen = yield from entries.page(keys, name, end, after, size, max_bytes=max_bytes)
        pages.append(seen)
        after = seen.after
    return pages


def listed(store: Store, end: SetEnd = "high", size: int = 7, **more: int) -> list[bytes]:
    """The SHA-1s of the retries, by pages."""
    pages = store.run(all_pages(KEYS, "retry", end, size, **more))
    return [each.item.sha.encode() for page in pages for each in page.entries]


def in_order(direct: Direct, key: bytes = RETRY) -> list[bytes]:
    """The SHA-1s of a set's members, the lowest first, as Redis orders them."""
    return [whole(member).sha.encode() for member in direct("ZRANGE", key, 0, -1)]


# Recordings.


def test_every_recorded_entry_is_listed_from_both_ends(store: Store, direct: Direct) -> None:
    seen = 0
    for state in STATES:
        direct("FLUSHALL")
        restore(direct, state)
        keys, recorded = keys_of(state), load(state)["keys"]
        for name in SETS:
            key = entries.set_key(keys, name)
            value = recorded.get(key.decode(), {"value": []})["value"]
            pages = store.run(all_pages(keys, name, "low", 2))
            found = [each for page in pages for each in page.entries]
            assert [(each.item.raw.decode(), each.at) for each in found] == [
                (member, score) for member, score in value
            ], state
            downwards = store.run(all_pages(keys, name, "high", 3))
            assert [each for page in downwards for each in page.entries] == found[::-1]
            for each in found:
                job, written = each.record, json.loads(each.item.raw)
                assert (job.class_name, job.jid) == (written["class"], written["jid"])
                assert each.moment is not None
                assert state_of(name, job) == expected_state(name, written)
                seen += 1
    assert seen > 500


def expected_state(name: str, job: dict[str, Any]) -> str:
    if name != "retry":
        return "dead" if name == "dead" else "scheduled"
    most = 25 if job["retry"] is True else job["retry"]
    number = job["retry_count"] + 1
    return "last try" if number >= most else f"retry {number} of {most}"


@pytest.mark.parametrize(
    "version", ["v5.2.10", "v6.4.1", "v6.4.1-namespaced", "v6.5.12", "v7.3.2", "v8.1.7"]
)
def test_the_running_state_of_each_version(store: Store, direct: Direct, version: str) -> None:
    state = f"sidekiq/{version}-2-running"
    restore(direct, state)

    def cells(name: ListedSet) -> list[tuple[str | None, Any, str]]:
        page = store.run(entries.page(keys_of(state), name, "low", None, 50))
        jobs = [each.record for each in page.entries]
        return [(job.class_name, job.args, state_of(name, job)) for job in jobs]

    assert sorted(cells("retry")) == [
        ("NoBtJob", [2], "retry 1 of 5"),
        ("Retry3Job", [1], "retry 1 of 5"),
        ("RetryJob", [7], "retry 1 of 5"),
    ]
    assert cells("dead") == [("DeadJob", [3], "dead"), ("DeadJob", [4], "dead")]
    texts = ["later", "even later", "same score 1", "same score 2"]
    assert cells("schedule") == [("LaterJob", [text], "scheduled") for text in texts]


# States.


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ({"retry": True, "retry_count": 0}, "retry 1 of 25"),
        ({"retry": "true", "retry_count": 23}, "retry 24 of 25"),
        ({"retry": True, "retry_count": 24}, "last try"),
        ({"retry": 5, "retry_count": 10**9}, "last try"),
        ({"retry": 0, "retry_count": 0}, "last try"),
        ({"retry": 5, "retry_count": -7}, "retry -6 of 5"),
        ({"retry": 5, "retry_count": "2"}, "retry ? of 5"),
        ({"retry": 5, "retry_count": 1.5}, "retry ? of 5"),
        ({"retry": 5}, "retry ? of 5"),
        ({"retry_count": 2}, "retry 3 of ?"),
        ({"retry": None, "retry_count": 2}, "retry 3 of ?"),
        ({"retry": [], "retry_count": 2}, "retry 3 of ?"),
        ({"retry": 2, "retry_for": 3600, "retry_count": 8}, "retry 9"),
    ],
)
def test_a_retry_says_which_of_how_many_it_is(members: dict[str, Any], state: str) -> None:
    job = read_job(json.dumps({"class": "A", "args": [], **members}).encode())
    assert state_of("retry", job) == state
    assert state_of("failed", job) == "failed"


# Places.


def test_equal_scores_are_listed_by_their_bytes_from_both_ends(
    store: Store, direct: Direct
) -> None:
    members = [b"", b"\x00", b"\x00\x00", b"\xff", b"a", b"a ", b"ab", b"a\xc3\xa4", b"B", b"[1]"]
    add(
        direct, RETRY, ((score, b"%s%d" % (m, at)) for at, m in enumerate(members) for score in [7])
    )
    add(direct, RETRY, [("-inf", b"lowest"), ("inf", b"highest"), (-5.5, b"x"), (0, b"y")])
    for size in range(1, 9):
        assert listed(store, "low", size) == in_order(direct)
        assert listed(store, "high", size) == in_order(direct)[::-1]


def test_scores_stay_as_redis_spells_them(store: Store, direct: Direct) -> None:
    scores = ["-inf", "-1e+300", "-0.1", "0", "1795436196.4701352", "1e+17", "inf"]
    add(direct, RETRY, ((score, score.encode()) for score in scores))
    page = store.run(entries.page(KEYS, "retry", "low", None, 50))
    spelled = [direct("ZSCORE", RETRY, each.item.raw).decode() for each in page.entries]
    assert [each.score for each in page.entries] == spelled
    assert [each.at for each in page.entries] == [float(score) for score in scores]
    assert [each.moment is None for each in page.entries] == [
        *(True, True, False, False, False, True, True)
    ]


@pytest.mark.parametrize("end", ["high", "low"])
@pytest.mark.parametrize("max_bytes", [1_000, 20])
def test_the_next_page_goes_on_after_entries_that_are_gone(
    store: Store, direct: Direct, end: SetEnd, max_bytes: int
) -> None:
    members = [payload(number) for number in range(40)]
    for gone in range(10):
        direct("DEL", RETRY)
        add(direct, RETRY, ((9, member) for member in members))
        page = store.run(entries.page(KEYS, "retry", end, None, 10, max_bytes=max_bytes))
        order = [whole(m).sha for m in sorted(members, reverse=end == "high")]
        # Gone are the last entries of the page, one above it has come, pollers take others.
        raws = {whole(member).sha: member for member in members}
        for sha in order[9 - gone : 10]:
            direct("ZREM", RETRY, raws[sha])
        add(direct, RETRY, [(12, b"above"), (3, b"below")])
        after = store.run(entries.page(KEYS, "retry", end, page.after, 10, max_bytes=max_bytes))
        found = [each.item.sha for each in after.entries]
        if max_bytes == 1_000:
            assert found == order[10:20]
        else:
            # All begin alike, and the one to go on after is gone: nothing is left out.
            assert found == [*order[: 9 - gone], *order[10:]][:10]


@pytest.mark.parametrize("end", ["high", "low"])
def test_an_entry_with_another_score_by_now_is_no_place(
    store: Store, direct: Direct, end: SetEnd
) -> None:
    add(direct, RETRY, ((number, payload(number)) for number in range(30)))
    page = store.run(entries.page(KEYS, "retry", end, None, 10))
    assert page.after is not None
    direct("ZADD", RETRY, 1_000 if end == "high" else -1_000, page.after.item.raw)
    after = store.run(entries.page(KEYS, "retry", end, page.after, 10))
    expected = range(19, 9, -1) if end == "high" else range(10, 20)
    assert [each.at for each in after.entries] == list(expected)


def test_a_page_says_where_it_is_and_whether_it_is_the_last(store: Store, direct: Direct) -> None:
    add(direct, RETRY, ((5, payload(number)) for number in range(25)))
    for end in ("high", "low"):
        pages = store.run(all_pages(KEYS, "retry", end, 10))
        assert [(page.first, len(page.entries), page.length) for page in pages] == [
            *((1, 10, 25), (11, 10, 25), (21, 5, 25))
        ]
    assert store.run(entries.page(KEYS, "dead", "high", None, 10)) == SetPage((), None, 1, 0)


def test_the_page_before_and_the_last_page_are_found(store: Store, direct: Direct) -> None:
    add(direct, RETRY, ((number // 4, payload(number)) for number in range(45)))
    for end in ("high", "low"):
        pages = store.run(all_pages(KEYS, "retry", end, 10))
        for earlier, page in pairwise(pages):
            start = store.run(entries.before(KEYS, "retry", end, page.entries[0], 10))
            assert store.run(entries.page(KEYS, "retry", end, start, 10)).entries == earlier.entries
        assert store.run(entries.before(KEYS, "retry", end, pages[0].entries[0], 10)) is None
        last = store.run(entries.before(KEYS, "retry", end, None, 10))
        shown = store.run(entries.page(KEYS, "retry", end, last, 10))
        assert [*shown.entries] == [each for page in pages for each in page.entries][-10:]


def test_pages_hold_all_of_random_sets_of_few_scores_and_bytes(
    store: Store, direct: Direct
) -> None:
    random = Random(20261201)
    for _ in range(12):
        direct("DEL", RETRY)
        alphabet = random.choice([b"ab", b"\x00\xff", b"a \n"])
        for _ in range(60):
            member = bytes(random.choices(alphabet, k=random.randrange(9)))
            direct("ZADD", RETRY, random.choice(["1", "1.5", "-inf", "inf"]), member)
        for end in ("high", "low"):
            found = listed(store, end, random.randrange(1, 9))
            assert found == in_order(direct)[:: -1 if end == "high" else 1]
            # Cut to nothing or little, so that many begin alike.
            assert found == listed(store, end, 5, max_bytes=random.randrange(4))


# Huge and hostile members.


def test_a_huge_member_comes_cut_with_its_size_and_what_its_beginning_tells(
    store: Store, direct: Direct
) -> None:
    huge = payload(1, error_message="e" * 3_000_000)
    add(direct, RETRY, [(9, huge), (8, payload(2))])
    page = store.run(entries.page(KEYS, "retry", "high", None, 10))
    cut, small = page.entries
    assert isinstance(cut.content, Item)
    assert (cut.item.size, cut.item.sha) == (len(huge), whole(huge).sha)
    assert len(cut.item.raw) == entries.LISTED_BYTES
    job = cut.record
    assert (job.class_name, job.jid, job.queue) == ("Job1", f"{1:024x}", "default")
    assert "error_message" not in job.members
    assert job.problem
    assert store.run(entries.read_whole(KEYS, small)) == small
    read = store.run(entries.read_whole(KEYS, cut))
    assert read is not None
    assert (read.content, read.score) == (huge, cut.score)
    direct("ZREM", RETRY, huge)
    assert store.run(entries.read_whole(KEYS, cut)) is None


def test_a_number_that_was_cut_is_no_member(store: Store, direct: Direct) -> None:
    raw = payload(1, retry_count=123)
    add(direct, RETRY, [(9, raw)])
    for many in range(len(raw)):
        page = store.run(entries.page(KEYS, "retry", "high", None, 1, max_bytes=many))
        assert page.entries[0].record.whole("retry_count") in (None, 123)


def test_many_huge_members_fill_a_page_by_several_looks(store: Store, direct: Direct) -> None:
    for number in range(12):
        add(direct, RETRY, [(4, b"%s%d" % (b"x" * 1_000_000, number))])
    for end in ("high", "low"):
        assert listed(store, end, 10) == in_order(direct)[:: -1 if end == "high" else 1]
    seen = store.run(entries.window(KEYS, "retry", "high", None, 12))
    assert 0 < len(seen.entries) < 12


def test_members_that_are_no_jobs_are_listed_as_what_they_are(store: Store, direct: Direct) -> None:
    members = [b"", b"[1,2]", b"null", b'"x"', b"\xff\xfe", b"{", b"{}", b"[" * 5_000, b'{"a":1} ']
    add(direct, RETRY, ((1, member) for member in members))
    page = store.run(entries.page(KEYS, "retry", "low", None, 50))
    assert sorted(each.item.raw for each in page.entries) == sorted(members)
    for each in page.entries:
        assert each.record.class_name is None
        assert state_of("retry", each.record).startswith("retry ?")


def test_copies_of_failures_are_a_set_of_their_own(store: Store, direct: Direct) -> None:
    add(direct, KEYS.copies_of_failures(), [(3, payload(1))])
    assert store.run(entries.page(KEYS, "failed", "high", None, 9)).entries[0].listed_in == "failed"
    assert store.run(entries.page(KEYS, "dead", "high", None, 9)).length == 0


def test_all_of_it_only_reads(store: Store, direct: Direct) -> None:
    add(direct, RETRY, [(1, b"x" * 50)])
    page = store.run(reading_only(entries.page(KEYS, "retry", "high", None, 9, max_bytes=9)))
    store.run(reading_only(entries.before(KEYS, "retry", "high", None, 9)))
    assert store.run(reading_only(entries.read_whole(KEYS, page.entries[0])))


def test_a_key_of_another_kind_is_said(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEYS.copies_of_failures(), b"{}")
    with pytest.raises(WrongType):
        store.run(entries.page(KEYS, "failed", "high", None, 9))
