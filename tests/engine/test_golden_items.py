"""Items that are not jobs, and pauses: the recordings, and where we differ on purpose."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually

GOOD = '{"class":"Note","args":["performed"]}'

UNREADABLE: dict[str, bytes] = {
    "bad_json": b"not json",
    "bad_json_empty": b"",
    "bad_json_null": b"null",
    "bad_json_array": b"[1,2]",
    "bad_json_string": b'"str"',
}


@pytest.mark.parametrize(("scenario", "item"), UNREADABLE.items())
def test_an_item_that_is_no_job_is_kept_and_the_next_one_performed(
    direct: Direct, start_worker: StartWorker, scenario: str, item: bytes
) -> None:
    # Ruby loses the item, or its worker dies of it, or its failure cannot be retried.
    assert json.dumps(item.decode()) in golden.load(scenario)["steps"]
    direct("SADD", "resque:queues", "default")
    direct("RPUSH", "resque:queue:default", item, GOOD)
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    found: dict[str, Any] = {key: entry["value"] for key, entry in golden.dump(direct).items()}
    found.pop("resque:pruning_dead_workers_in_progress")
    assert found == {
        "resque:queues": ["default"],
        "resque:unreadable:default": [item.decode()],
        "resque:stat:processed": "1",
        "trace": ["performed"],
    }


def test_all_kinds_of_unreadable_items_are_set_aside_byte_for_byte_and_in_order(
    direct: Direct, start_worker: StartWorker
) -> None:
    items = [
        *UNREADABLE.values(),
        b"\xff\xfe\x00",
        b'{"class":"A"',
        b"{" * 2_000,
        b'{"a":' * 100_000,
        b"  ",
        b'{"class":"OkJob","args":[]} and more',
        b'{"class":"Half of a pair: \\ud800","args":[]}',
        # What Redis's own parser takes for JSON, and Python's does not.
        b'{"class":"OkJob","args":[0x10]}',
        # Too large for the script to look into.
        b'{"class":"OkJob","args":["' + b"x" * 1_200_000,
    ]
    direct("SADD", "resque:queues", "a b")
    direct("RPUSH", "resque:queue:a b", *items, GOOD)
    worker = start_worker("a b", INTERVAL="0")
    assert worker.wait() == 0
    assert sorted(direct("LRANGE", "resque:unreadable:a b", 0, -1)) == sorted(items)
    assert direct("LRANGE", "trace", 0, -1) == [b"performed"]
    assert direct("KEYS", "resque:unreadable:*") == [b"resque:unreadable:a b"]
    assert direct("EXISTS", "resque:failed") == 0
    assert direct("GET", "resque:stat:processed") == b"1"


def test_a_paused_worker(direct: Direct, push: Push, start_worker: StartWorker) -> None:
    direct("SET", "resque:pause-all-workers", "true")
    push("OkJob")
    worker = start_worker()
    eventually(lambda: worker.title().endswith(": Paused"), "the worker says that it is paused")
    assert golden.ours(direct, worker.host_pid) == golden.recorded("pause_all_workers")


def test_which_values_of_the_switch_pause(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    recording = golden.load("pause_all_workers_values")
    obeyed = {}
    worker = start_worker(INTERVAL="0.05")
    worker.await_ready()
    performed = 0
    for value, effect in recording["results"].items():
        direct("SET", "resque:pause-all-workers", value)
        if effect == "paused":
            eventually(lambda: worker.title().endswith(": Paused"), "the worker pauses")
            push("OkJob")
            obeyed[value] = "paused" if direct("LLEN", "resque:queue:default") else "runs"
            continue
        push("OkJob")
        performed += 1
        eventually(lambda: not direct("EXISTS", "resque:queue:default"), f"{value!r} lets it run")
        eventually(lambda: "Waiting for" in worker.title(), "all jobs are done")
        obeyed[value] = "runs"
    assert obeyed == recording["results"]
    assert performed == sum(effect == "runs" for effect in obeyed.values())
    # The recording has another job before the first value; here those that had to wait count.
    push("OkJob")
    eventually(lambda: direct("GET", "resque:stat:processed") == b"7", "all are counted")
    assert worker.leave() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded("pause_all_workers_values")
