"""Setting the totals to 0, and back."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.golden import load, restore
from tests.support.sidekiq_processes import KEYS, taken_back, trail

from queuecore import audit
from queuecore.errors import WrongType
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store import totals


@pytest.mark.parametrize(
    "version", ["v5.2.10", "v6.4.1", "v6.4.1-namespaced", "v6.5.12", "v7.3.2", "v8.1.7"]
)
def test_totals_are_reset_as_the_recorded_api_does(
    direct: Direct, store: Store, version: str
) -> None:
    keys = SidekiqKeys("app" if "namespaced" in version else "")
    restore(direct, f"sidekiq/{version}-2-running")
    before = load(f"sidekiq/{version}-2-running")["keys"]
    after = load(f"sidekiq/{version}-api-stats_reset")["keys"]
    totals_ = [keys.stat("processed"), keys.stat("failed")]
    were = tuple(int(before[each.decode()]["value"]) for each in totals_)
    mine = trail("reset")
    assert store.run(totals.reset(keys, mine)) == were
    assert [direct("GET", each).decode() for each in totals_] == [
        after[each.decode()]["value"] for each in totals_
    ]
    direct("INCRBY", totals_[0], 5)
    assert taken_back(store, mine, keys).done == 2
    assert [int(direct("GET", each)) for each in totals_] == [were[0] + 5, were[1]]


def test_what_was_never_counted_is_set_to_0_and_leaves_no_trail(
    direct: Direct, store: Store
) -> None:
    mine = trail("reset")
    assert store.run(totals.reset(KEYS, mine)) == (0, 0)
    assert direct("MGET", "stat:processed", "stat:failed") == [b"0", b"0"]
    assert store.run(audit.newest(KEYS, 9)) == []
    assert not taken_back(store, mine).is_known


@pytest.mark.parametrize("odd", ["many", "1.5", "9" * 30, "-"])
def test_what_is_no_whole_number_stays(direct: Direct, store: Store, odd: str) -> None:
    direct("MSET", "stat:processed", "7", "stat:failed", odd)
    assert isinstance(store.run(totals.reset(KEYS, trail("reset"))), str)
    assert direct("MGET", "stat:processed", "stat:failed") == [b"7", odd.encode()]


def test_a_total_of_another_kind_is_an_error_before_anything_is_done(
    direct: Direct, store: Store
) -> None:
    direct("SET", "stat:processed", "7")
    direct("SADD", "stat:failed", "x")
    with pytest.raises(WrongType):
        store.run(totals.reset(KEYS))
    assert direct("GET", "stat:processed") == b"7"


def test_a_total_that_cannot_be_added_to_any_more_stays_as_it_is(
    direct: Direct, store: Store
) -> None:
    direct("MSET", "stat:processed", "7", "stat:failed", "8")
    mine = trail("reset")
    store.run(totals.reset(KEYS, mine))
    direct("SET", "stat:failed", "x")
    undone = taken_back(store, mine)
    assert (undone.done, undone.lost) == (1, 1)
    assert direct("MGET", "stat:processed", "stat:failed") == [b"7", b"x"]
