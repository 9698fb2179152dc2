"""Requeueing and deleting failures leaves what Ruby's Resque left, but for differences named here:

- a payload goes back as its own bytes, where Ruby encodes it anew;
- `requeue` takes the entry off the list, so that nobody requeues it twice; `requeue_and_keep` is
  Ruby's way;
- what cannot be a job is refused, where Ruby pushes it or stamps it and raises.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from tests.engine import golden
from tests.engine.by_hand import FAILED, KEYS, fill, newest_failures, waiting
from tests.engine.direct import Direct

from resque.state import failure_actions, queues
from resque.state.bulk import Result
from resque.state.failures import Failure
from resque.wire.stores import Store

NOW = datetime(2026, 11, 23, 12, 19, 21, tzinfo=UTC)


def restore(direct: Direct, scenario: str) -> None:
    """Put the database of a recording into the server."""
    for key, entry in golden.load(scenario)["keys"].items():
        value = entry["value"]
        if entry["type"] == "string":
            direct("SET", key, value, *(("EX", entry["ttl"]) if "ttl" in entry else ()))
        else:
            direct({"list": "RPUSH", "set": "SADD"}[entry["type"]], key, *value)


def at(store: Store, place: int, list_name: str = "failed") -> Failure:
    return newest_failures(store, list_name)[::-1][place]


def requeue_and_keep(store: Store, failure: Failure, list_name: str = "failed") -> bool:
    keeping = failure_actions.requeue_and_keep(KEYS, failure, NOW, list_name=list_name)
    assert not isinstance(keeping, str), keeping
    return store.run(keeping)


def test_one_after_the_other_as_ruby_did_them(store: Store, direct: Direct) -> None:
    def is_as_in(scenario: str) -> bool:
        return golden.ours(direct, "vm:17405") == golden.recorded(scenario)

    restore(direct, "failed_before_ops")
    assert is_as_in("failed_before_ops")
    assert requeue_and_keep(store, at(store, 1))
    assert is_as_in("failed_requeue_1")
    assert requeue_and_keep(store, at(store, 1))
    assert is_as_in("failed_requeue_1_again")
    for failure in newest_failures(store)[::-1]:
        if failure.queue == "default":
            assert requeue_and_keep(store, failure)
    assert is_as_in("failed_requeue_queue")
    oldest = [failure_actions.mark(at(store, 0))]
    assert store.run(failure_actions.delete(KEYS, oldest)) == Result(done=1)
    assert is_as_in("failed_remove_0")
    assert store.run(failure_actions.clear_retried(KEYS)) == Result(done=2)
    assert is_as_in("failed_clear_retried")


def test_deleting_those_of_one_queue(store: Store, direct: Direct) -> None:
    restore(direct, "failed_before_ops")
    marks = store.run(failure_actions.select(KEYS, lambda failure: failure.queue == "default"))
    assert store.run(failure_actions.delete(KEYS, marks)) == Result(done=3)
    assert golden.ours(direct, "vm:17405") == golden.recorded("failed_remove_queue")


def test_requeueing_all_and_keeping_them(store: Store, direct: Direct) -> None:
    restore(direct, "failed_before_ops")
    for failure in newest_failures(store)[::-1]:
        assert requeue_and_keep(store, failure)
    assert golden.ours(direct, "vm:17405") == golden.recorded("failed_requeue_all")


def test_requeueing_all_pushes_what_ruby_pushes_in_its_order(store: Store, direct: Direct) -> None:
    restore(direct, "failed_before_ops")
    marks = store.run(failure_actions.select(KEYS, lambda _: True))
    assert store.run(failure_actions.requeue(KEYS, marks)) == Result(done=4)
    expected = golden.recorded("failed_requeue_all")
    # The difference: the entries are gone.
    del expected["resque:failed"]
    assert golden.ours(direct, "vm:17405") == expected


FOREIGN = [
    r'{"worker":"h:1:q","queue":"q","payload":{"args":[1.0,1e3,"\u00e9\/x"],"class":"Foreign"},'
    r'"error":"E","exception":"X","backtrace":["a"],"failed_at":"2026/01/01 00:00:00 UTC",'
    r'"extra":{"z":1}}',
    r'{"queue":"q2","payload":{"class":"A","args":[]},"failed_at":"x","backtrace":null}',
]
FOREIGN_PAYLOAD = rb'{"args":[1.0,1e3,"\u00e9\/x"],"class":"Foreign"}'


def decoded(database: golden.Database) -> golden.Database:
    """A database whose lists are read as JSON: the same for any spelling."""
    return {
        key: [json.loads(item) for item in entry["value"]]
        if entry["type"] == "list"
        else entry["value"]
        for key, entry in database.items()
    }


def test_somebody_elses_entries_come_to_the_same_but_keep_their_bytes(
    store: Store, direct: Direct
) -> None:
    fill(direct, [text.encode() for text in FOREIGN], FAILED)
    for failure in newest_failures(store)[::-1]:
        assert requeue_and_keep(store, failure)
    expected = decoded(golden.recorded("failed_requeue_foreign"))
    assert decoded(golden.ours(direct)) == expected
    # The difference: nothing was spelled anew.
    assert waiting(direct, "resque:queue:q") == [FOREIGN_PAYLOAD]
    stamp = ',"retried_at":"2026/11/23 12:19:21 UTC"}'
    assert waiting(direct, FAILED) == [(text[:-1] + stamp).encode() for text in FOREIGN]


def test_a_list_of_failures_for_each_queue(store: Store, direct: Direct) -> None:
    restore(direct, "multi_queue")
    assert requeue_and_keep(store, at(store, 0, "default_failed"), "default_failed")
    expected = golden.recorded("multi_queue_requeue")
    # The difference: this back end of Ruby's forgets the zone, and we do not.
    stamped = expected["resque:default_failed"]["value"]
    stamped[0] = re.sub(r'(?<="retried_at":")[^"]*', "<failed at, UTC>", stamped[0])
    assert golden.ours(direct, "vm:21570") == expected


def test_odd_entries_are_refused_and_stay_unstamped(store: Store, direct: Direct) -> None:
    recording = golden.load("requeue_odd_entries")["keys"]["resque:failed"]["value"]
    entries = [re.sub(r',"retried_at":"[^"]*"', "", text).encode() for text in recording]
    fill(direct, entries, FAILED)
    odd = [each for each in newest_failures(store) if not (each.queue and each.class_name)]
    assert len(odd) == 2
    for failure in odd:
        assert isinstance(failure_actions.requeue_and_keep(KEYS, failure, NOW), str)
    marks = store.run(failure_actions.select(KEYS, lambda _: True))
    result = store.run(failure_actions.requeue(KEYS, marks))
    assert result.done + sum(count for _, count in result.refused) == len(entries)
    assert set(waiting(direct, FAILED)) >= {failure.item.raw for failure in odd}
    for queue in store.run(queues.names(KEYS)):
        for payload in waiting(direct, KEYS.queue(queue)):
            assert any(payload in text for text in entries)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_what_was_taken_meanwhile_is_not_stamped(store: Store, direct: Direct, place: int) -> None:
    restore(direct, "failed_before_ops")
    failure = at(store, place)
    direct("LREM", FAILED, 1, failure.item.raw)
    rest = waiting(direct, FAILED)
    assert not requeue_and_keep(store, failure)
    assert waiting(direct, FAILED) == rest
    assert direct("KEYS", "resque:queue:*") == []
