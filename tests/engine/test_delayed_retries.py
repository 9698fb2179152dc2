"""Retries as resque-retry counts them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.direct import Direct

from queuecore.stores import Store
from resque.jobs import Retry
from resque.keys import Keys
from resque.store import delayed, retries

NOW = 1_795_436_918.7


def test_counters_are_called_as_recorded(store: Store, keys: Keys, direct: Direct) -> None:
    for class_name, args in (("RetryJob", [1, "a b"]), ("RetryLater", ["x"]), ("RetryLater", [])):
        assert store.run(retries.begin(keys, class_name, args)) == 0
    assert {key: direct("GET", key) for key in direct("KEYS", "*")} == {
        b"resque:resque-retry:RetryJob:1ff1d60fdd6aa4918462d88fb896c86c0e98e2a0": b"0",
        b"resque:resque-retry:RetryLater:11f6ad8ec52a2984abaafd7c3b516503785c2072": b"0",
        b"resque:resque-retry:RetryLater": b"0",
    }


def test_a_retry_without_delay_is_pushed_and_one_with_is_delayed(
    store: Store, keys: Keys, direct: Direct
) -> None:
    def try_again(class_name: str, args: list[Any], delay_s: float) -> bool:
        again = retries.try_again(keys, "default", class_name, args, delay_s=delay_s, now=NOW)
        return store.run(again)

    assert try_again("RetryJob", [1, "a b"], 0) is False
    assert try_again("RetryLater", ["x"], 3600) is True
    assert direct("LRANGE", "resque:queue:default", 0, -1) == [
        b'{"class":"RetryJob","args":[1,"a b"]}'
    ]
    assert store.run(delayed.scheduled_at(keys, delayed.entry("default", "RetryLater", ["x"]))) == [
        1_795_440_518
    ]


def test_a_counter_grows_with_each_run_and_ends_with_the_job(store: Store, keys: Keys) -> None:
    job = (keys, "A", [1])
    assert [store.run(retries.begin(*job)) for _ in range(3)] == [0, 1, 2]
    assert store.run(retries.attempt(*job)) == 2
    assert store.run(retries.end(*job)) is True
    assert store.run(retries.end(*job)) is False
    assert store.run(retries.attempt(*job)) == 0


def test_a_job_that_died_before_it_was_counted_is_on_its_first_run_again(
    store: Store, keys: Keys
) -> None:
    store.run(retries.try_again(keys, "q", "A", [], delay_s=0, now=NOW))
    assert store.run(retries.begin(keys, "A", [])) == 0


@pytest.mark.parametrize(
    ("args", "joined"),
    [
        ([], ""),
        ([None], ""),
        (["", ""], "-"),
        ([1, [2, [3, "x"]], True, None], "1-2-3-x-true-"),
        ([1e20, 1.5], "1.0e+20-1.5"),
        ([{"k": "v", "n": None}], '{"k"=>"v", "n"=>nil}'),
        ([{"k": [1, 'a"b\n', "é", "#{x}", "#"]}], '{"k"=>[1, "a\\"b\\n", "é", "\\#{x}", "#"]}'),
    ],
)
def test_arguments_are_joined_as_ruby_does(args: list[Any], joined: str) -> None:
    assert retries.identity("A", args) == retries.identity("A", [joined])


def test_blanks_in_a_class_name_are_left_out() -> None:
    assert retries.identity("A B\n", []) == "AB"


def test_the_back_off_goes_on_with_its_last_step() -> None:
    usual = Retry().delays_s
    delays = [retries.delay_s(n, usual) for n in range(7)]
    assert delays == [0, 60, 600, 3600, 10_800, 21_600, 21_600]
    assert retries.delay_s(3, []) == 0


def test_the_limit_counts_retries_and_a_negative_one_never_ends() -> None:
    assert [retries.may_retry(n, 2) for n in range(3)] == [True, True, False]
    assert not retries.may_retry(0, 0)
    assert retries.may_retry(10**9, -1)
