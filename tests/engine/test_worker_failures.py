"""However a job ends, its end is recorded, and the worker goes on."""

from __future__ import annotations

import json
from typing import Any

from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker


def failures_of(direct: Direct) -> list[dict[str, Any]]:
    return [json.loads(entry) for entry in direct("LRANGE", "resque:failed", 0, -1)]


def run(start_worker: StartWorker, queues: str = "default") -> str:
    """Let a worker do all that waits. Returns its id."""
    worker = start_worker(queues, INTERVAL="0")
    assert worker.wait() == 0, worker.log()
    return worker.id


#: How a job ends: the exception recorded, and how its text begins and ends.
WAYS: dict[str, tuple[str, str, str]] = {
    "exit": ("SystemExit", "leaving", "leaving"),
    "exit 3": ("SystemExit", "3", "3"),
    "_exit": ("Resque::DirtyExit", "Child process pid ", "status 0 before its job was done"),
    "_exit 7": ("Resque::DirtyExit", "Child process pid ", "status 7 before its job was done"),
    "interrupt": ("KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
    "memory": ("MemoryError", "MemoryError", "MemoryError"),
    "recursion": ("RecursionError", "maximum recursion depth", ""),
    "empty": ("RuntimeError", "RuntimeError", "RuntimeError"),
    "bytes": ("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xff", ""),
    "surrogate": ("RuntimeError", "half ? of a pair, byte ?", "?"),
    "controls": ("RuntimeError", 'nul \0 esc \x1b[2J quote " back \\ line\nend', "end"),
    "stop": ("StopIteration", "ended", "ended"),
    "unspeakable": ("tests.support.jobs.sample_jobs.Unspeakable", "(no message: ", "ValueError)"),
}


def test_every_way_to_end_badly_is_recorded(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    for way in WAYS:
        push("EndBadly", way)
    push("Note", "still here")
    worker_id = run(start_worker)

    entries = failures_of(direct)
    assert [entry["payload"]["args"] for entry in entries] == [[way] for way in WAYS]
    for entry, (way, (exception, beginning, end)) in zip(entries, WAYS.items(), strict=True):
        assert entry["exception"] == exception, way
        assert entry["error"].startswith(beginning), way
        assert entry["error"].endswith(end), way
        assert entry["worker"] == worker_id
        assert entry["queue"] == "default"
    assert direct("LRANGE", "trace", 0, -1) == [b"still here"]
    assert direct("GET", "resque:stat:processed") == b"%d" % (len(WAYS) + 1)
    # As in Ruby, what the worker reports for a dead child does not count as failed.
    assert direct("GET", "resque:stat:failed") == b"%d" % (len(WAYS) - 2)


def test_a_message_of_five_megabytes_arrives_whole(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("EndBadly", "huge")
    run(start_worker)
    [entry] = failures_of(direct)
    assert entry["error"] == "x" * 5_000_000


def test_a_recursion_keeps_both_ends_of_its_backtrace(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("EndBadly", "recursion")
    run(start_worker)
    [entry] = failures_of(direct)
    lines = entry["backtrace"]
    assert len(lines) == 201
    assert lines[0].endswith(":in `_overflow'")
    assert lines[-1].endswith(":in `perform'")
    assert "more frames" in lines[100]


def test_an_unknown_class_is_an_ordinary_failure_that_names_the_loaded_modules(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("NoSuchClass", 1)
    push("::OkJob")
    run(start_worker)
    [entry] = failures_of(direct)
    assert entry["exception"] == "resque.errors.UnknownJob"
    assert "'NoSuchClass'" in entry["error"]
    assert "tests.support.jobs.sample_jobs" in entry["error"]
    assert entry["backtrace"] == []
    assert direct("GET", "resque:stat:failed") == b"1"
    assert direct("GET", "resque:stat:processed") == b"2"


def test_a_class_name_that_is_a_module_is_never_imported(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    # Importing `this` prints a poem; a lookup by dotted name would import the module.
    push("this")
    push("this.s")
    push("antigravity")
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    assert "Beautiful is better" not in worker.log()
    assert [entry["exception"] for entry in failures_of(direct)] == ["resque.errors.UnknownJob"] * 3


def test_odd_payloads_get_ruby_arguments_or_ordinary_failures(
    direct: Direct, start_worker: StartWorker
) -> None:
    for payload in (
        '{"class":"OkJob"}',
        '{"class":"OkJob","args":null}',
        '{"class":"Note","args":"a text"}',
        '{"class":"Note","args":["kept"],"extra":{"b":1}}',
        '{"class":"EndBadly","args":{"way":1}}',
        '{"args":[1]}',
        '{"class":null,"args":[1]}',
        '{"class":"","args":[]}',
        '{"class":7,"args":[]}',
        '{"class":"Note","args":[]}',
    ):
        direct("RPUSH", "resque:queue:default", payload)
    run(start_worker)
    assert direct("LRANGE", "trace", 0, -1) == [b"a text", b"kept"]
    assert [entry["exception"] for entry in failures_of(direct)] == [
        "TypeError",
        *["resque.errors.UnknownJob"] * 4,
        "TypeError",
    ]
    assert direct("EXISTS", "resque:unreadable:default") == 0


def test_a_class_name_no_title_can_hold_is_an_ordinary_failure(
    direct: Direct, start_worker: StartWorker
) -> None:
    payload = '{"class":"No\\u0000Such","args":[1]}'
    direct("RPUSH", "resque:queue:default", payload)
    run(start_worker)
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b'"exception":"resque.errors.UnknownJob"' in entry
    assert b'"payload":' + payload.encode() in entry


def test_payload_bytes_reach_the_failure_untouched(
    direct: Direct, start_worker: StartWorker
) -> None:
    payloads = [
        b'{ "args": [1.50, 1e3, 1180591620717411303424, NaN, -0] , "class": "FailJob" }',
        b'{"class":"X","class":"FailJob","args":["\xff\xfe","\\u00e9\\/"],"id":7}',
    ]
    direct("RPUSH", "resque:queue:default", *payloads)
    run(start_worker)
    entries = direct("LRANGE", "resque:failed", 0, -1)
    for entry, payload in zip(entries, payloads, strict=True):
        assert b',"payload":' + payload + b',"exception":' in entry


def test_a_queue_name_of_any_bytes_is_served(direct: Direct, start_worker: StartWorker) -> None:
    names = [b"", b"a b:c", "café".encode(), b"\xff\xfe", b"nul\0", b'q"\\']
    for name in names:
        direct("SADD", "resque:queues", name)
        direct("RPUSH", b"resque:queue:" + name, '{"class":"FailJob","args":["x"]}')
    run(start_worker, "*")
    entries = direct("LRANGE", "resque:failed", 0, -1)
    assert len(entries) == len(names)
    assert all(b'"exception":"RuntimeError"' in entry for entry in entries)
    assert [b'"queue":"\xff\xfe"' in entry for entry in entries].count(True) == 1
