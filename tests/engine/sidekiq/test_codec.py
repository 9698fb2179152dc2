"""Jobs and times in every spelling that versions of Sidekiq and other languages' workers have."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.golden import FOLDER

from queuecore.codec import decode, spliced
from sidekiq.codec import JobRecord, moment_of, read_ends, read_job

NOON = datetime(2026, 11, 23, 12, 16, 36, 500_000, UTC)
NOON_S = NOON.timestamp()


def record(**members: Any) -> JobRecord:
    return read_job(json.dumps(members).encode())


@pytest.mark.parametrize(
    "written",
    [
        NOON_S,
        int(NOON_S * 1000),
        repr(NOON_S),
        str(int(NOON_S * 1000)),
        "2026-11-23T12:16:36.5Z",
        "2026-11-23 12:16:36.5 UTC",
    ],
)
def test_a_moment_is_the_same_in_every_spelling(written: Any) -> None:
    assert moment_of(written) == NOON


def test_a_whole_number_of_seconds_is_read_as_seconds() -> None:
    assert moment_of(int(NOON_S)) == NOON.replace(microsecond=0)


@pytest.mark.parametrize(
    "written",
    [
        *(None, True, [], {}, "", "soon", "nan", "1e999.", "9" * 5000),
        *(float("inf"), float("nan"), 10**400, 10**15),
    ],
)
def test_what_is_no_moment_is_none(written: Any) -> None:
    assert moment_of(written) is None


@pytest.mark.parametrize(
    ("retry", "most"),
    [
        (True, 25),
        ("true", 25),
        (False, 0),
        ("false", 0),
        (None, 0),
        (3, 3),
        (1.5, None),
        ([], None),
    ],
)
def test_how_often_a_job_is_tried_again(retry: Any, most: int | None) -> None:
    assert record(retry=retry).retries == most


def test_the_first_retry_has_the_number_one() -> None:
    assert record(retry_count=0).tried == 1
    assert record().tried is None
    assert record(retry_count="2").tried is None
    assert record(retry_count=True).tried is None


def test_what_is_no_object_has_a_problem_and_its_bytes() -> None:
    for raw in (b"", b"[1]", b"null", b"{", b"\xff\xfe", b"[" * 5000):
        found = read_job(raw)
        assert found.problem
        assert found.raw == raw
        assert found.class_name is None
        assert found.tags == found.backtrace == ()


def test_a_job_of_active_job_has_its_own_class() -> None:
    inner = {"job_class": "WelcomeJob", "arguments": [{"_aj_globalid": "gid://app/User/1"}]}
    for wrapper in (
        "Sidekiq::ActiveJob::Wrapper",
        "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper",
    ):
        found = record(**{"class": wrapper, "wrapped": "WelcomeJob", "args": [inner]})
        assert found.unwrapped == ("WelcomeJob", inner["arguments"])
    found = record(**{"class": "Sidekiq::ActiveJob::Wrapper", "wrapped": "X", "args": "odd"})
    assert found.unwrapped == ("X", "odd")


def backtrace(lines: list[str], *, lines_of: int = 0) -> str:
    packed = b64encode(zlib.compress(json.dumps(lines, separators=(",", ":")).encode())).decode()
    if not lines_of:
        return packed
    return "".join(packed[i : i + lines_of] + "\n" for i in range(0, len(packed), lines_of))


def test_a_backtrace_is_read_in_its_three_forms() -> None:
    lines = [f"app/jobs/mail.rb:{i}:in `perform'" for i in range(40)]
    for written in (lines, backtrace(lines), backtrace(lines, lines_of=60)):
        assert record(error_backtrace=written).backtrace == tuple(lines)


def test_a_backtrace_that_inflates_without_end_is_cut() -> None:
    found = record(error_backtrace=backtrace(["x" * 100] * 100_000))
    assert 0 < len(found.backtrace) < 11_000
    assert set(found.backtrace) == {"x" * 100}


@pytest.mark.parametrize("written", ["no base64!", "eJy", "AAAA", 7, {"a": 1}, [1, None], ""])
def test_a_backtrace_that_is_none_is_empty(written: Any) -> None:
    assert record(error_backtrace=written).backtrace == ()


def test_every_recorded_job_is_read_with_its_class_its_id_and_its_times() -> None:
    seen = 0
    for path in sorted((FOLDER / "sidekiq").glob("*.json")):
        keys = json.loads(path.read_text("utf-8"))["keys"]
        for name, entry in keys.items():
            bare = name.removeprefix("app:")
            jobs = [pair[0] for pair in entry["value"]] if bare in ("retry", "dead") else []
            for job in jobs:
                found = read_job(job.encode())
                assert found.problem is None
                assert found.class_name
                assert found.jid
                for moment in ("created_at", "failed_at"):
                    at = found.moment(moment)
                    assert at is not None
                    assert at.date() == datetime(2026, 11, 23).date(), (path.name, moment)
                assert bool(found.backtrace) == ("error_backtrace" in found.members)
                seen += 1
    assert seen > 200


def ends(raw: bytes) -> JobRecord:
    return read_ends(raw[:2048], raw[-4096:], len(raw))


@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : ")])
def test_both_ends_of_a_large_job_tell_what_is_not_in_between(separators: tuple[str, str]) -> None:
    inner = {"class": "Inner", "jid": "inner", "failed_at": 1}
    members = {"retry": 7, "class": "A", "args": ["x" * 9_000, inner, 'a,"jid":"b"'], "jid": "j"}
    members |= {"created_at": 1_795_436_196_411, "error_class": "E", "retry_count": 3}
    raw = json.dumps(members, separators=separators).encode()
    found = ends(raw)
    assert dict(found.members) == {name: members[name] for name in members if name != "args"}
    assert found.raw == raw[:2048]
    assert found.problem


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"x" * 9_000, b"[" * 9_000, b'{"a":"' * 2_000, b',"jid":' * 2_000),
        b'{"args":["' + b"x" * 9_000 + b'","jid":"a"]}',
        b'{"args":{"x":"' + b"x" * 9_000 + b'","jid":"a"}}',
    ],
)
def test_ends_of_what_is_no_such_job_tell_nothing(raw: bytes) -> None:
    assert ends(raw).jid is None
    assert ends(raw).problem


def test_a_number_that_was_cut_is_not_told() -> None:
    raw = b'{"retry_count":12' + b"3" * 5_000 + b',"jid":"a"}'
    assert dict(read_ends(raw[:16], raw[-10:], len(raw)).members) == {"jid": "a"}
    assert dict(read_ends(raw[:17], raw[-4:], len(raw)).members) == {}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1.50 ,"b":[1,{"a":2}],"\\u0063":"x"}',
        b'{"a":1,"a":2}',
        b"{}",
        b' { "b" : "\xff" } ',
        b'{"x":"say \\"a","a" :\t1.5e3 }',
        b'{"x":"a","a":"\xff"}',
        b'{"x":{"a":2},"a":[1]}',
        b'{"a":"q\\"r","b":[1,{"a":2}]}',
        b'{"\\u0061":true}',
        b'{"x":{"a":null}}',
        b'{"a":null,"new":{"a":[]}}',
    ],
)
def test_a_splice_changes_the_named_members_alone(raw: bytes) -> None:
    found = spliced(raw, {"a": b"7.0", "new": b"null"})
    expected = {**decode(raw), "a": 7.0, "new": None}
    assert decode(found) == expected
    for kept in (b'"\\u0063":"x"', b'"b":[1,{"a":2}]', b'"b" : "\xff"'):
        assert (kept in raw) == (kept in found)


def test_what_is_no_object_is_not_spliced() -> None:
    for raw in (b"[1]", b"{", b"null", b""):
        with pytest.raises(ValueError, match="JSON"):
            spliced(raw, {"a": b"1"})
