"""Requeueing odd and foreign failures leaves what Ruby's Resque left, but for differences named
here (the ordinary ones: test_golden_failures):

- a payload goes back as its own bytes, where Ruby encodes it anew;
- what cannot be a job is refused, where Ruby pushes it or stamps it and raises.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from tests.support import golden, list_actions
from tests.support.direct import Direct
from tests.support.operations import FAILED, KEYS, fill, newest_failures, waiting

from queuecore.stores import Store
from resque.store import failures, queues
from resque.store.failures import Failure

NOW = datetime(2026, 11, 23, 12, 19, 21, tzinfo=UTC)


def at(store: Store, place: int, list_name: str = "failed") -> Failure:
    return newest_failures(store, list_name)[::-1][place]


def requeue_and_keep(store: Store, failure: Failure, list_name: str = "failed") -> bool:
    keeping = failures.requeue_and_keep(KEYS, failure, NOW, list_name=list_name)
    assert not isinstance(keeping, str), keeping
    return store.run(keeping)


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


def test_entries_of_other_programs_come_to_the_same_but_keep_their_bytes(
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


def test_odd_entries_are_refused_and_stay_unstamped(store: Store, direct: Direct) -> None:
    recording = golden.load("requeue_odd_entries")["keys"]["resque:failed"]["value"]
    entries = [re.sub(r',"retried_at":"[^"]*"', "", text).encode() for text in recording]
    fill(direct, entries, FAILED)
    odd = [each for each in newest_failures(store) if not (each.queue and each.class_name)]
    assert len(odd) == 2
    for failure in odd:
        assert isinstance(failures.requeue_and_keep(KEYS, failure, NOW), str)
    marks = store.run(list_actions.select(KEYS, lambda _: True))
    result = store.run(list_actions.requeue(KEYS, marks))
    assert result.done + sum(count for _, count in result.refused) == len(entries)
    assert set(waiting(direct, FAILED)) >= {failure.item.raw for failure in odd}
    for queue in store.run(queues.names(KEYS)):
        for payload in waiting(direct, KEYS.queue(queue)):
            assert any(payload in text for text in entries)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_what_was_taken_meanwhile_is_not_stamped(store: Store, direct: Direct, place: int) -> None:
    golden.restore(direct, "failed_before_ops")
    failure = at(store, place)
    direct("LREM", FAILED, 1, failure.item.raw)
    rest = waiting(direct, FAILED)
    assert not requeue_and_keep(store, failure)
    assert waiting(direct, FAILED) == rest
    assert direct("KEYS", "resque:queue:*") == []
