"""Payloads that are damaged, odd, huge or hostile (faults 1 to 15), as far as the engine goes.

README.md in this folder says which other tests show the rest.
"""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartWorker
from tests.support.known import known
from tests.support.operations import (
    FAILED,
    KEYS,
    entry,
    fill,
    marks,
    newest_failures,
    trail,
    waiting,
)

from queuecore import bulk, windows
from queuecore.stores import Store
from resque.codec import Unreadable, decode_payload, encode, members, members_of_beginning
from resque.store import queues, snapshot, undo

ASIDE = "resque:unreadable:q"

NO_JOBS = {
    "not JSON": b"not json",
    "nothing": b"",
    "a list": b"[1]",
    "a number": b"5",
    "null": b"null",
    "a text": b'"str"',
    "not UTF-8": b"\xff\xfe{",
    "100,000 deep": b'{"class":"A","args":' + b"[" * 100_000,
}

#: Items that cannot be a job, as failures: it is unknown what a retry of them would run.
NO_RETRIES = {
    "an entry that is not JSON": b"not json",
    "an entry that is a list": b"[1]",
    "a payload that is a list": entry(1, b"[1]"),
    "a payload that is null": entry(2, b"null"),
    "no class": entry(3, b'{"args":[]}'),
    "an empty class": entry(4, b'{"class":"","args":[]}'),
    "a class that is null": entry(5, b'{"class":null,"args":[]}'),
    "a class that is a number": entry(6, b'{"class":7,"args":[]}'),
    "a queue that no key can name": entry(7, queue="\\ud800"),
}

#: Jobs that fail, and whose bytes a decoder and encoder would change.
DELICATE = {
    "args that are an object": b'{"class":"FailJob","args":{"a": 1.50}}',
    "args that are a text": b'{"class":"FailJob","args":"\\u0074ext"}',
    "args that are a number": b'{"args":5,"class":"FailJob"}',
    "args that are false": b'{"class":"FailJob", "args":false}',
    "args that are null": b'{"class":"FailJob","args":null }',
    "bytes that are not UTF-8": b'{"class":"FailJob","args":["\xff\xc3","\xed\xa0\x80"]}',
    "an integer above 2^53": b'{"class":"FailJob","args":[9007199254740993]}',
    "NaN": b'{"class":"FailJob","args":[NaN]}',
    "duplicate keys": b'{"class":"OkJob","args":[1],"class":"FailJob","args":[2.0]}',
    "90 lists in each other": b'{"class":"FailJob","args":' + b"[" * 90 + b"]" * 90 + b"}",
}

#: Escape sequences of terminals, misleading characters, and markup.
HOSTILE = (
    "\x1b]0;title\x07\x1b[2J",
    "\x9b31mred\x85",
    "paypal",
    "paypa\u200bl",
    "paypаl",  # noqa: RUF001  a Cyrillic letter that looks like another is the point
    "safe\u202elufmrah",
    "[/x] [bold",
    "two\nlines\tand a tab\r",
    "日本 e\u0301 👩‍👩‍👧",
    "nul\0",
)


def test_an_item_that_is_no_job_is_listed_with_the_reason(store: Store, direct: Direct) -> None:
    fill(direct, list(NO_JOBS.values()), ASIDE)
    seen = store.run(windows.window(KEYS.unreadable("q"), 0, -1, max_bytes=200_000)).items
    readings = [decode_payload(item.raw) for item in seen]
    assert [reading.raw for reading in readings] == list(NO_JOBS.values())
    assert all(isinstance(reading, Unreadable) and reading.reason for reading in readings)


@pytest.mark.parametrize("key", ["resque:queue:q", ASIDE])
def test_an_item_that_is_no_job_can_be_deleted_moved_and_restored_byte_for_byte(
    store: Store, direct: Direct, key: str
) -> None:
    items = list(NO_JOBS.values())
    fill(direct, items, key)
    removing = trail("delete", key.encode())
    away = marks(items, range(4))
    done = store.run(bulk.take(KEYS, key.encode(), away, bulk.delete, removing))
    assert done == bulk.Result(done=4)
    assert waiting(direct, key) == items[4:]
    assert store.run(undo.undo(KEYS, removing.id)).done == 4
    assert waiting(direct, key) == items

    moved = store.run(
        bulk.take(
            KEYS, key.encode(), marks(items, range(8)), lambda raw: bulk.Taking(0, raw, "to", raw)
        )
    )
    assert moved == bulk.Result(done=8)
    assert waiting(direct, "resque:queue:to") == items


def test_an_item_that_is_no_job_is_replaced_by_a_job(store: Store, direct: Direct) -> None:
    fill(direct, [b"not json", b"5"], ASIDE)
    mended = b'{"class":"A","args":[]}'
    [mark] = marks([b"not json"], [0])
    take = bulk.take(KEYS, KEYS.unreadable("q"), [mark], bulk.instead("q", mended))
    assert store.run(take) == bulk.Result(done=1)
    assert waiting(direct) == [mended]
    assert waiting(direct, ASIDE) == [b"5"]


def test_a_retry_of_everything_refuses_items_without_class_or_unreadable_with_the_reason(
    store: Store, direct: Direct
) -> None:
    fill(direct, [*NO_RETRIES.values(), entry("good")], FAILED)
    everything = store.run(list_actions.select(KEYS, lambda failure: True))
    result = store.run(list_actions.requeue(KEYS, everything))
    assert (result.done, result.gone) == (1, 0)
    assert sum(count for _, count in result.refused) == len(NO_RETRIES)
    assert all(reason for reason, _ in result.refused)
    assert waiting(direct, FAILED) == list(NO_RETRIES.values())
    assert waiting(direct) == [b'{"class":"A","args":[]}']


def test_a_job_with_odd_args_or_bytes_fails_and_its_retry_is_the_same_to_the_byte(
    store: Store, direct: Direct, start_worker: StartWorker
) -> None:
    payloads = list(DELICATE.values())
    fill(direct, payloads)
    worker = start_worker("q", INTERVAL="0")
    assert worker.wait() == 0
    assert direct("EXISTS", "resque:queue:q", ASIDE) == 0
    everything = store.run(list_actions.select(KEYS, lambda failure: True))
    result = store.run(list_actions.requeue(KEYS, everything))
    assert result == bulk.Result(done=len(payloads))
    assert waiting(direct) == payloads


def test_a_worker_with_a_job_of_fifty_megabytes_is_shown_without_carrying_it(
    store: Store, direct: Direct
) -> None:
    job = b'{"class":"Huge","args":["' + b"x" * 50_000_000 + b'"]}'
    record = b'{"queue":"q","run_at":"2026-11-23T12:00:00Z","payload":' + job + b"}"
    direct("SADD", "resque:workers", "h:1:q", "h:2:q")
    direct("SET", "resque:worker:h:1:q", record)
    direct("SET", "resque:worker:h:2:q", record.replace(b"x" * 50_000_000, b"x"))
    cut, whole = known(store.run(snapshot.take(KEYS, failures_limit=0)).processes)
    (part,), (rest,) = known(cut.jobs), known(whole.jobs)
    assert part.raw == record[: len(part.raw)]
    assert len(part.raw) < 100_000
    assert (part.queue, part.class_name) == ("q", "Huge")
    assert part.since == rest.since
    assert part.payload is None
    assert part.problem == f"too large to list ({len(record):,} bytes)"
    assert (rest.args, rest.problem) == (["x"], None)


def test_a_failure_with_a_backtrace_of_a_megabyte_still_shows_its_class_and_error(
    store: Store, direct: Direct
) -> None:
    long = entry(1).replace(b'"backtrace":[]', b'"backtrace":["%s"]' % (b"y" * 1_000_000))
    direct("RPUSH", FAILED, long)
    [failure] = newest_failures(store)
    assert failure.item.is_cut
    assert failure.problem == f"too large to list ({len(long):,} bytes)"
    assert (failure.class_name, failure.exception, failure.error) == ("A", "E", "error 1")
    assert failure.failed_at is not None
    assert (failure.queue, failure.backtrace) == (None, ()), "they are beyond the cut"
    found = store.run(windows.find(KEYS.failed(), failure.item.sha, failure.place))
    assert found == long
    mark = list_actions.ref_of(failure)
    assert store.run(list_actions.requeue(KEYS, [mark])) == bulk.Result(done=1)


@given(some.dictionaries(some.text(), some.text() | some.integers(), max_size=4), some.data())
def test_the_beginning_of_an_object_shows_its_first_members_at_any_cut(
    value: dict[str, str | int], data: some.DataObject
) -> None:
    raw = encode({key.encode("utf-8", "replace").decode(): item for key, item in value.items()})
    whole = members(raw)
    found = members_of_beginning(raw[: data.draw(some.integers(0, len(raw)))])
    assert list(found) == list(whole)[: len(found)]
    assert all(whole[key] == found[key] for key in list(found)[:-1])
    assert all(whole[key].startswith(found[key]) for key in list(found)[-1:])
    assert members_of_beginning(raw) == whole


def test_hostile_names_and_texts_are_kept_as_they_are_and_never_printed_by_a_worker(
    store: Store, direct: Direct, start_worker: StartWorker
) -> None:
    for text in HOSTILE:
        payload = json.dumps({"class": "FailJob", "args": [text]}, ensure_ascii=False)
        other = json.dumps({"class": text, "args": []})
        direct("SADD", "resque:queues", text)
        direct("RPUSH", f"resque:queue:{text}", payload, other)
    worker = start_worker("*", INTERVAL="0")
    assert worker.wait() == 0
    found = newest_failures(store)
    assert {f.queue for f in found} == set(HOSTILE), "look-alikes stay apart"
    assert {f.class_name for f in found} == {*HOSTILE, "FailJob"}
    assert {f.error for f in found if f.class_name == "FailJob"} == set(HOSTILE)
    log = worker.log()
    assert log.count("failed ") == 2 * len(HOSTILE)
    obeyed = {char for char in log if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")}
    assert obeyed == {"\n"}
    assert log.count("classes wait that are not known here") == 1
    assert log.count("\n") == 2 * len(HOSTILE) + 3, "one line each, that one, a beginning, an end"


def test_a_large_payload_that_waits_is_moved_whole(store: Store, direct: Direct) -> None:
    large = b'{"class":"A","args":["' + b"z" * 5_000_000 + b'"]}'
    fill(direct, [large, b"{}"])
    peeked = store.run(queues.peek(KEYS, "q", 0, 1)).items[0]
    assert peeked.is_cut
    moved = store.run(queues.move(KEYS, "q", [bulk.JobRef(0, peeked.sha)], "to"))
    assert moved == bulk.Result(done=1)
    assert waiting(direct, "resque:queue:to") == [large]
    assert waiting(direct) == [b"{}"]
