"""A walk through a whole set: each entry that is there all the time is met once, while pollers take
at its front and others insert, remove and reschedule anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from tests.support.direct import Direct
from tests.support.golden import restore
from tests.support.sidekiq_sets import KEYS, STATES, add, keys_of, payload
from tests.support.soak import SEEDS, either

from queuecore.address import parse_url
from queuecore.stores import Store
from queuecore.windows import whole
from sidekiq.store import entries
from sidekiq.store.entries import SetEntry
from sidekiq.store.entry_walk import EntryWalk

RETRY = KEYS.jobs("retry")
MANY = either(12_000, 100_000)
#: So many share one score.
EQUAL = 5_000


def met(store: Store, way: EntryWalk, meanwhile: Callable[[], object] = int) -> list[SetEntry]:
    """All that a walk meets; `meanwhile` is called before each of its windows."""
    found: list[SetEntry] = []
    while (window := way.window()) is not None:
        fresh: list[SetEntry] = store.run(window)
        found += fresh
        meanwhile()
    return found


def test_every_recorded_set_is_walked_from_its_high_end(store: Store, direct: Direct) -> None:
    for state in STATES[::3]:
        direct("FLUSHALL")
        restore(direct, state)
        keys = keys_of(state)
        for name in ("retry", "schedule", "dead"):
            way = EntryWalk(keys, name)
            expected = direct("ZREVRANGE", keys.jobs(name), 0, -1)
            assert [each.item.raw for each in met(store, way)] == expected
            assert (way.length, way.done, way.is_broken) == (len(expected), len(expected), False)


def test_what_is_there_all_the_time_is_met_once_while_others_come_and_go(
    store: Store, direct: Direct
) -> None:
    random = Random(20261201)
    staying = {payload(number): str(number // 7) for number in range(MANY - EQUAL)}
    staying |= {payload(number): str(MANY // 20) for number in range(MANY - EQUAL, MANY)}
    leaving = [payload(number) for number in range(MANY, MANY + MANY // 4)]
    add(direct, RETRY, ((score, member) for member, score in staying.items()))
    add(direct, RETRY, ((random.choice([0, MANY // 20, MANY]), member) for member in leaving))
    random.shuffle(leaving)
    numbers = iter(range(2 * MANY, 1 << 40))

    def meanwhile() -> None:
        taken = [leaving.pop() for _ in range(min(200, len(leaving)))]
        if taken:
            direct("ZREM", RETRY, *taken)
        scores = [MANY // 20] * 60 + [random.uniform(-9, MANY / 6) for _ in range(60)]
        add(direct, RETRY, ((score, payload(next(numbers))) for score in scores))

    way = EntryWalk(KEYS, "retry")
    seen = Counter(each.item.raw for each in met(store, way, meanwhile))
    assert Counter(dict.fromkeys(staying, 1)) - seen == Counter()
    assert max(seen.values()) == 1
    assert not way.is_broken


def test_it_goes_on_where_it_was_when_all_around_its_place_is_gone(
    store: Store, direct: Direct
) -> None:
    """Within thousands of equal scores the entry before is gone, with its neighbours."""
    members = sorted(payload(number) for number in range(EQUAL))
    add(direct, RETRY, ((5, member) for member in members))
    way = EntryWalk(KEYS, "retry")
    found: list[bytes] = []
    removed: set[bytes] = set()
    while (window := way.window()) is not None:
        found += [each.item.raw for each in store.run(window)]
        gone = members[members.index(found[-1]) - 3 :][:6]
        direct("ZREM", RETRY, *gone)
        removed |= {*gone} - {*found}
    assert found == [each for each in members[::-1] if each not in removed]


def test_a_member_with_another_score_is_not_taken_for_its_old_place(
    store: Store, direct: Direct
) -> None:
    add(direct, RETRY, ((number, payload(number)) for number in range(600)))
    way = EntryWalk(KEYS, "retry")
    first = way.window()
    assert first is not None
    last = store.run(first)[-1]
    direct("ZADD", RETRY, 10_000, last.item.raw)
    rest = met(store, way)
    assert [each.at for each in rest] == list(range(int(last.at) - 1, -1, -1))


@pytest.mark.parametrize("is_lost", [False, True])
def test_huge_entries_of_one_score_that_begin_alike_are_met_once(
    store: Store, direct: Direct, is_lost: bool
) -> None:
    members = [b"%s%04d" % (b"x" * 400, number) for number in range(700)]
    add(direct, RETRY, ((5, member) for member in members))
    way = EntryWalk(KEYS, "retry", max_bytes=300, most=100)
    found: list[str] = []
    by_sha = {whole(member).sha: member for member in members}
    left = 3 if is_lost else 0
    while (window := way.window()) is not None:
        found += [each.item.sha for each in store.run(window)]
        if left and found:
            left -= 1
            direct("ZREM", RETRY, by_sha[found[-1]])
        else:
            # One comes before them all.
            direct("ZADD", RETRY, 6 + len(found), b"new %d" % len(found))
    assert Counter(found) == Counter(list(by_sha))
    assert not way.is_broken


def test_it_says_so_when_it_loses_its_place_among_those_alike_again_and_again(
    store: Store, direct: Direct
) -> None:
    members = [b"%s%04d" % (b"x" * 400, number) for number in range(300)]
    by_sha = {whole(member).sha: member for member in members}
    add(direct, RETRY, ((5, member) for member in members))
    add(direct, RETRY, [(4, b"lower")])
    way = EntryWalk(KEYS, "retry", max_bytes=300, most=5)
    windows, found = 0, list[SetEntry]()
    while (window := way.window()) is not None:
        fresh: list[SetEntry] = store.run(window)
        found += fresh
        windows += 1
        assert windows < 1_000
        last = [each.item.sha for each in found if each.item.is_cut][-1]
        direct("ZREM", RETRY, by_sha[last])
    assert way.is_broken
    assert found[-1].item.raw == b"lower"
    assert max(Counter(each.item.sha for each in found).values()) == 1


def test_it_may_be_of_some_scores_only(store: Store, direct: Direct) -> None:
    add(direct, RETRY, ((number / 2, payload(number)) for number in range(3_000)))
    way = EntryWalk(KEYS, "retry", below="1000.5", lowest=200.5)
    assert [each.at for each in met(store, way)] == [n / 2 for n in range(2000, 400, -1)]


def test_it_ends_with_a_set_that_is_emptied_meanwhile(store: Store, direct: Direct) -> None:
    add(direct, RETRY, ((number, payload(number)) for number in range(600)))
    way = EntryWalk(KEYS, "retry")
    assert len(met(store, way, lambda: direct("DEL", RETRY))) == 250
    assert (way.length, way.is_broken) == (0, False)


def test_infinite_and_negative_scores_are_met(store: Store, direct: Direct) -> None:
    scores = ["inf", "1e+300", "0", "-5", "-1e+300", "-inf"]
    add(direct, RETRY, ((s, b"%s%d" % (s.encode(), n)) for s in scores for n in range(300)))
    way = EntryWalk(KEYS, "retry", most=70)
    assert [each.item.raw for each in met(store, way)] == direct("ZREVRANGE", RETRY, 0, -1)


def test_no_window_looks_at_more_than_its_part_however_long_the_set_is(
    redis_url: str, store: Store, direct: Direct
) -> None:
    add(direct, RETRY, ((5, payload(number)) for number in range(30_000)))
    page = store.run(entries.page(KEYS, "retry", "high", None, 100))
    for _ in range(100):
        page = store.run(entries.page(KEYS, "retry", "high", page.after, 100))
    assert page.after is not None
    direct("ZREM", RETRY, page.after.item.raw)
    path = parse_url(redis_url).path
    assert path is not None
    with Direct(path) as monitor:
        monitor("MONITOR")
        store.run(entries.window(KEYS, "retry", "high", page.after, 100))
        direct("PING", "over")
        lines = []
        while b"over" not in (line := monitor.read()):
            lines.append(line)
    ranges = [line.split(b'"')[5::2] for line in lines if b'lua] "ZRANGE"' in line]
    looked_at = sum(int(last) - int(first) + 1 for first, last, *_ in ranges)
    # The window, and the search for its place: a few for each doubling of the set.
    assert 100 <= looked_at <= 100 + 2 * 15
    assert len(lines) < 60


@pytest.mark.parametrize("seed", SEEDS)
def test_walks_of_random_sets_meet_what_stays_once(store: Store, direct: Direct, seed: int) -> None:
    """Few scores and few letters, members cut to nothing or little: most begin alike."""
    random, numbers = Random(seed), iter(range(1 << 40))
    for _ in range(either(60, 1_000)):
        direct("DEL", RETRY)
        some = {bytes(random.choices(b"ab\xff", k=random.randrange(1, 7))) for _ in range(60)}
        scores = {member: random.choice(["1", "2.5", "inf"]) for member in sorted(some)}
        add(direct, RETRY, ((score, member) for member, score in scores.items()))
        staying = {member for member in scores if random.random() < 0.7}
        leaving = sorted(scores.keys() - staying)

        def meanwhile(leaving: list[bytes] = leaving) -> None:
            for _ in range(random.randrange(3)):
                if leaving:
                    direct("ZREM", RETRY, leaving.pop(random.randrange(len(leaving))))
                new = b"a%d" % next(numbers)
                direct("ZADD", RETRY, random.choice(["1", "2.5", "inf"]), new)

        max_bytes, most = random.choice([0, 1, 2, 3, 9]), random.randrange(2, 9)
        way = EntryWalk(KEYS, "retry", max_bytes=max_bytes, most=most)
        seen = Counter(each.item.sha for each in met(store, way, meanwhile))
        assert max(seen.values()) == 1
        missed = [member for member in staying if whole(member).sha not in seen]
        assert not missed or way.is_broken
