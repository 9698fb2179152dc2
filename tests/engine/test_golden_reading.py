"""Recordings that our readers read: what other encoders, plugins and pages of Ruby made or met."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.operations import KEYS

from queuecore.stores import Store
from queuecore.windows import whole
from resque.codec import Payload, Unreadable, decode_payload
from resque.store import delayed, delayed_windows, failures, queues, snapshot, workers
from resque.store.queues import QueueList


def payloads(scenario: str) -> list[Payload | Unreadable]:
    return [decode_payload(raw) for raw in golden.raw_items(scenario, "resque:queue:default")]


@pytest.mark.parametrize("scenario", ["enqueue_args_oj", "enqueue_args_yajl"])
def test_other_encoders_of_ruby_spell_the_same_jobs(scenario: str) -> None:
    *found, last = payloads(scenario)
    expected = payloads("enqueue_args")
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert isinstance(ours, Payload)
        assert isinstance(theirs, Payload)
        assert (ours.class_name, ours.args) == (theirs.class_name, theirs.args)
    # They let bytes through that are no UTF-8; such a job can be seen and kept, byte for byte.
    assert b"\xff\xfe" in last.raw


def look_at_everything(store: Store, direct: Direct, scenario: str) -> snapshot.EngineSnapshot:
    """Put a recording into a server and look at it with what the console looks with; nothing
    changes by that."""
    golden.restore(direct, scenario)
    before = golden.dump(direct)
    assert {key: entry["value"] for key, entry in before.items()} == {
        key: entry["value"] for key, entry in golden.load(scenario)["keys"].items()
    }
    seen = store.run(snapshot.take(KEYS, failures_limit=100))
    assert seen.problems == {}
    assert {k: e["value"] for k, e in golden.dump(direct).items()} == {
        key: entry["value"] for key, entry in before.items()
    }
    return seen


def test_jobs_of_resque_status_are_jobs_and_its_own_keys_are_left_alone(
    store: Store, direct: Direct
) -> None:
    seen = look_at_everything(store, direct, "plugin_status")
    assert [(queue.name, queue.size) for queue in known(seen.queues)] == [("statused", 1)]
    [item] = store.run(queues.peek(KEYS, "statused", 0, 10)).items
    job = decode_payload(item.raw)
    assert isinstance(job, Payload)
    assert job.class_name == "StatusJob"
    assert [len(job.args[0]), job.args[1]] == [32, {"k": 2}]


def test_a_failure_that_resque_retry_suppressed_waits_as_a_delayed_job(
    store: Store, direct: Direct
) -> None:
    seen = look_at_everything(store, direct, "plugin_retry_suppression")
    assert seen.failed == 0
    _, [moment] = store.run(delayed_windows.moments(KEYS, 0, 10))
    _, [job] = store.run(delayed.jobs(KEYS, moment.stamp, 0, 10))
    [kept] = [key for key in golden.load("plugin_retry_suppression")["keys"] if "failure-" in key]
    failure = failures.read(whole(direct("GET", kept)), 0)
    assert failure.problem is None
    assert (failure.class_name, failure.args, failure.error) == ("RetryLater", ["x"], "later")
    assert (job.class_name, job.args, job.queue) == ("RetryLater", ["x"], failure.queue)
    # It was written without a zone: which moment that is, nobody can know.
    assert failure.failed_at is None


@pytest.mark.parametrize("scenario", ["failed_bad_json", "failed_empty_string"])
def test_a_list_of_failures_that_rubys_page_cannot_show_is_shown(
    store: Store, direct: Direct, scenario: str
) -> None:
    seen = look_at_everything(store, direct, scenario)
    entries = golden.raw_items(scenario, "resque:failed")
    assert seen.failed == len(entries)
    assert [failure.item.raw for failure in known(seen.failures)] == entries[::-1]
    assert [failure.problem is None for failure in known(seen.failures)] == [
        raw.startswith(b"{") for raw in entries[::-1]
    ]


def test_queue_lists_over_names_in_a_server(store: Store, direct: Direct) -> None:
    recording = golden.load("queue_globs")
    for name in reversed(recording["keys"]["resque:queues"]["value"]):
        assert direct("SADD", "resque:queues", name) == 1
    assert golden.ours(direct) == golden.recorded("queue_globs")
    names = store.run(queues.names(KEYS))
    lists = {spec: ruby for spec, ruby in recording["results"].items() if isinstance(ruby, dict)}
    found = {spec: QueueList.parse(spec).resolve(names) for spec in lists}
    assert found == {spec: ruby["queues"] for spec, ruby in lists.items()}


ENTRY: dict[str, Any] = {
    "failed_at": "2026/11/23 12:00:00 UTC",
    "payload": {"class": "A", "args": [1]},
    "exception": "E",
    "error": "e",
    "backtrace": ["a"],
    "worker": "h:1:q",
    "queue": "q",
}
#: The entries that the recording names, by what is odd about them.
ODD_ENTRIES: dict[str, Any] = {
    "failed complete": {},
    "failed no worker": {"worker": ...},
    "failed no failed_at": {"failed_at": ...},
    "failed failed_at epoch": {"failed_at": 1795436058},
    "failed no queue": {"queue": ...},
    "failed no payload": {"payload": ...},
    "failed no backtrace": {"backtrace": ...},
    "failed backtrace string": {"backtrace": "a\nb"},
    "failed backtrace null": {"backtrace": None},
    "failed error null": {"error": None},
    "failed args hash": {"payload": {"class": "A", "args": {"a": 1}}},
    "failed worker host:pid": {"worker": "h:1"},
    "failed failed_at iso": {"failed_at": "2026-11-23T12:00:00Z"},
}
ODD_TEXTS = {"failed not json": b"not json", "failed empty": b""}


def test_what_makes_rubys_pages_fail_is_read_here() -> None:
    said = golden.load("web_tolerance")["results"]
    assert {name for name in said if name.startswith("failed ")} == {*ODD_ENTRIES, *ODD_TEXTS}
    assert sum(said[name] == "500" for name in ODD_ENTRIES) == 4
    for change in ODD_ENTRIES.values():
        entry = {k: v for k, v in (ENTRY | change).items() if v is not ...}
        seen = failures.read(whole(json.dumps(entry).encode()), 0)
        assert seen.problem is None
        assert (seen.class_name is None) == ("payload" not in entry)
        assert (seen.worker, seen.queue) == (entry.get("worker"), entry.get("queue"))
        assert len(seen.backtrace) == len(str(entry.get("backtrace") or "").split("\n")) - (
            not entry.get("backtrace")
        )
        assert (seen.failed_at is None) == ("failed_at" not in entry)
    for raw in ODD_TEXTS.values():
        assert failures.read(whole(raw), 0).problem is not None


#: Workers, records and jobs that the recording names, and what is known of them here.
JOBS = {"ok": True, "no args": True, "no class": True, "not json": False, "array": False}
JOB_TEXTS = {
    "ok": b'{"class":"A","args":[]}',
    "no args": b'{"class":"A"}',
    "no class": b'{"args":[]}',
    "not json": b"not json",
    "array": b"[1]",
}
RECORDS = {
    "payload ok": b'{"queue":"q","run_at":"2026-11-23T12:00:00Z","payload":%s}' % JOB_TEXTS["ok"],
    "run_at number": b'{"queue":"q","run_at":1795436058,"payload":{"class":"A","args":[]}}',
    "no payload": b'{"queue":"q","run_at":"2026-11-23T12:00:00Z"}',
    "no run_at": b'{"queue":"q","payload":{"class":"A","args":[]}}',
    "not json": b"not json",
    "empty object": b"{}",
}


def test_what_makes_rubys_other_pages_fail_is_read_here() -> None:
    said = golden.load("web_tolerance")["results"]
    for name, is_a_job in JOBS.items():
        assert f"queue page job {name}" in said
        assert isinstance(decode_payload(JOB_TEXTS[name]), Payload) is is_a_job
    for name, raw in RECORDS.items():
        assert f"working {name}" in said
        record = workers.read_record(raw)
        assert (record.problem is None) == raw.startswith(b"{")
        assert (record.class_name == "A") == (b'"class"' in raw)
    for name, text in {"two parts": "host:1", "ok": "h:1:q", "empty queues": "host:1:"}.items():
        assert f"workers id {name}" in said
        assert workers.identity(text).text == text


def test_a_look_at_workers_that_rubys_pages_cannot_show(store: Store, direct: Direct) -> None:
    assert golden.load("web_tolerance")["results"]["worker page heartbeat bad"] == "500"
    direct("SADD", "resque:workers", "h:1:q", "host:1", "host:1:")
    direct("SET", "resque:worker:h:1:q:started", "yesterday")
    direct("HSET", "resque:workers:heartbeat", "h:1:q", "garbage")
    seen = store.run(snapshot.take(KEYS, failures_limit=1))
    by_id = {worker.id: worker for worker in known(seen.processes)}
    assert set(by_id) == {"h:1:q", "host:1", "host:1:"}
    # Unknown, not 0.
    assert by_id["h:1:q"].has_beat
    assert by_id["h:1:q"].beat_at is None
    assert by_id["h:1:q"].started is None
    assert seen.server_time > datetime(2020, 1, 1, tzinfo=UTC)
