"""Jobs of resque-status are recognised, because Ruby's scheduler enqueues them in another way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.direct import Direct

from queuecore.stores import Store
from resque.keys import Keys
from resque.scheduler.definition import read
from resque.scheduler.enqueue_checks import StatusCheck
from resque.scheduler.moving import move_due
from resque.store import delayed, schedules, statuses

ID = "58f746aa1975cabaf62dea5a619d51d6"


@pytest.fixture
def with_status(direct: Direct) -> None:
    """A status as resque-status writes it, and some that name no class."""
    names: dict[str, Any] = {ID: 'Reports::Daily({"k"=>1})', "a": "a report", "b": None, "c": 5}
    for score, (uuid, name) in enumerate(names.items()):
        direct("ZADD", "resque:_statuses", score, uuid)
        direct("SET", f"resque:status:{uuid}", json.dumps({"status": "queued", "name": name}))
    direct("ZADD", "resque:_statuses", 9, "expired")


@pytest.mark.usefixtures("with_status")
def test_the_classes_are_those_of_the_newest_statuses(store: Store, keys: Keys) -> None:
    assert store.run(statuses.classes(keys)) == {"Reports::Daily"}


def test_where_there_are_no_statuses_there_are_no_classes(store: Store, keys: Keys) -> None:
    assert store.run(statuses.classes(keys)) == frozenset()


@pytest.mark.parametrize(
    ("queue", "class_name", "args", "expected"),
    [
        ("statused", "Any", [{"k": 1}], True),
        ("statused", "Any", [], False),
        ("statused", "Any", None, False),
        ("statused", "Any", {"k": 1}, True),
        ("statused", "Any", [ID, {"k": 1}], False),
        ("statused", "Any", ["no id"], True),
        ("mail", "Known", [{"k": 1}], True),
        ("mail", "Any", [{"k": 1}], False),
        (None, "Known", [1], True),
    ],
)
def test_a_job_that_would_take_its_first_argument_for_an_id(
    queue: str | None, class_name: str, args: Any, expected: bool
) -> None:
    assert statuses.lacks_id(queue, class_name, args, {"Known"}) is expected


@pytest.mark.usefixtures("with_status")
def test_a_scheduler_tells_of_such_classes_once_and_moves_their_jobs(
    store: Store, keys: Keys, direct: Direct
) -> None:
    for name, queue, args in (
        ("Reports::Daily", "mail", [{"k": 1}]),
        ("Reports::Daily", "mail", [{"k": 2}]),
        ("Other", "statused", [1]),
        ("Plain", "mail", [1]),
    ):
        store.run(delayed.schedule(keys, 5, queue, name, args))
    said: list[str] = []
    watch = StatusCheck(store, keys, said.append)
    watch.refresh()
    assert store.run(move_due(keys, 10, admit=watch.see)).moved.queued == 4
    custom = {"every": "1h", "class": "A", "queue": "q", "custom_job_class": "Custom"}
    watch.see_schedules([read("a", custom), read("b", {"every": "1h", "queue": "q"})])
    assert [line.split()[0] for line in said] == ["'Reports::Daily'", "'Other'", "'Custom'"]
    assert direct("LLEN", "resque:queue:mail") == 3


def test_a_key_of_another_kind_is_not_resque_statuss(
    store: Store, keys: Keys, direct: Direct
) -> None:
    direct("SET", "resque:_statuses", "x")
    said: list[str] = []
    watch = StatusCheck(store, keys, said.append)
    watch.refresh()
    store.run(schedules.put(keys, "a", {"every": "1h"}))
    assert said == []
