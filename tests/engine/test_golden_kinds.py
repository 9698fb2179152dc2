"""Every way to fail of the recording, performed by our worker: the same entries in the same order.

Named differences, in `NAMED`: exceptions and their words are Python's; and a frame stands in a
backtrace where the application's code was reached, not where an interpreter or Resque raised.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker

KINDS = (
    *("custom", "multiline", "unicode", "badutf8", "binary", "latin1", "empty", "exit", "exit!"),
    *("abort", "nameerror", "zero", "throw", "interrupt", "notimpl", "nobacktrace"),
)
ODD = (
    '{"class":"NoSuchClass","args":[1]}',
    '{"class":"OkJob"}',
    '{"class":"OkJob","args":null}',
    '{"args":[1]}',
    '{"class":null,"args":[1]}',
    '{"class":"OkJob","args":{"a":1}}',
    '{"class":"OkJob","args":"text"}',
    '{"class":"OkJob","args":[],"extra":1}',
    '{"class":"::OkJob","args":[]}',
    '{"class":"","args":[]}',
    '{"class":"Nested::Missing","args":[]}',
    '{"class":"lowercase","args":[]}',
)
#: Ruby turns `dashed-name` into `DashedName`; ours finds a job by exactly its name.
DASHED = '{"class":"Note","args":["dashed"]}'

UNKNOWN = "resque.errors.UnknownJob"
#: By the beginning of a payload's text: the exception, and how its text begins.
NAMED: dict[str, tuple[str, str]] = {
    '{"class":"FailKinds","args":["custom"]': (
        "tests.support.jobs.sample_jobs.CustomError",
        "tests.support.jobs.sample_jobs.CustomError",
    ),
    '{"class":"FailKinds","args":["nameerror"]': ("NameError", "name 'no_such_thing' is not"),
    '{"class":"FailKinds","args":["zero"]': ("ZeroDivisionError", "division by zero"),
    '{"class":"FailKinds","args":["throw"]': ("LookupError", "nobody catches x"),
    '{"class":"FailKinds","args":["interrupt"]': ("KeyboardInterrupt", "KeyboardInterrupt"),
    '{"class":"OneArg","args":[]': ("TypeError", "OneArg.perform() missing 1 required"),
    '{"class":"OneArg","args":[1,2]': ("TypeError", "OneArg.perform() takes 1 positional"),
    '{"class":"NoSuchClass"': (UNKNOWN, "no job is registered as 'NoSuchClass'"),
    '{"args":[1]}': (UNKNOWN, "no job is registered as ''"),
    '{"class":null': (UNKNOWN, "no job is registered as ''"),
    '{"class":""': (UNKNOWN, "no job is registered as ''"),
    '{"class":"Nested::Missing"': (UNKNOWN, "no job is registered as 'Nested::Missing'"),
    '{"class":"lowercase"': (UNKNOWN, "no job is registered as 'lowercase'"),
}
#: Frames of Ruby itself and of Resque, and one that Ruby leaves out on demand.
OTHER_FRAMES = (
    *('"exit"', '"abort"', '"zero"', '"throw"', '"nobacktrace"'),
    *("OneArg", "NoSuchClass", "Nested::Missing", "lowercase"),
)


def parts(entry: str) -> tuple[str, dict[str, Any]]:
    """The payload's text of an entry, and the whole of it."""
    text = entry.partition('"payload":')[2].partition(',"exception":')[0]
    return text, json.loads(entry)


def test_all_kinds_of_failures(direct: Direct, push: Push, start_worker: StartWorker) -> None:
    for kind in KINDS:
        push("FailKinds", kind)
    push("OneArg")
    push("OneArg", 1, 2)
    direct("RPUSH", "resque:queue:default", *ODD, DASHED)
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    found, ruby = golden.ours(direct, worker.host_pid), golden.recorded("failure_kinds")
    assert found.pop("trace")["value"] == ["dashed"]
    entries = found.pop("resque:failed")["value"]
    rubys = ruby.pop("resque:failed")["value"]
    # What Ruby lost or took for a success is a failure here.
    kept = [entry for entry in entries if '["badutf8"]' in entry or '["exit!"]' in entry]
    assert [json.loads(entry)["exception"] for entry in kept] == [
        *("RuntimeError", "Resque::DirtyExit")
    ]
    same = [entry for entry in entries if entry not in kept]
    assert len(same) == len(rubys)
    for ours, theirs in zip(same, rubys, strict=True):
        compare(ours, theirs)
    assert found == ruby


def compare(ours: str, theirs: str) -> None:
    payload, own = parts(ours)
    ruby_payload, recorded = parts(theirs)
    assert payload == ruby_payload
    assert list(own) == list(recorded)
    named = next((NAMED[begin] for begin in NAMED if payload.startswith(begin)), None)
    if named is None:
        assert (own["exception"], own["error"]) == (recorded["exception"], recorded["error"])
    else:
        assert own["exception"] == named[0]
        assert own["error"].startswith(named[1])
    if not any(sign in payload for sign in OTHER_FRAMES):
        assert own["backtrace"] == recorded["backtrace"]
    for member in ("failed_at", "worker", "queue"):
        assert own[member] == recorded[member]


def failing(direct: Direct, push: Push, start_worker: StartWorker) -> golden.Database:
    push("FailKinds", "badutf8")
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    return golden.ours(direct, worker.host_pid)


def test_a_message_that_is_not_utf8_is_kept_where_ruby_loses_it(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    found = failing(direct, push, start_worker)
    [entry] = found.pop("resque:failed")["value"]
    assert json.loads(entry)["error"] == "bad ?? bytes"
    assert found == golden.recorded("failure_bad_utf8_lost")


@pytest.mark.parametrize("jobs_per_fork", ["1", "10"])
def test_an_empty_message_stays_empty_and_none_is_the_name(
    direct: Direct, push: Push, start_worker: StartWorker, jobs_per_fork: str
) -> None:
    push("FailKinds", "empty")
    push("FailKinds", "notimpl")
    worker = start_worker(INTERVAL="0", JOBS_PER_FORK=jobs_per_fork)
    assert worker.wait() == 0
    errors = [json.loads(entry)["error"] for entry in direct("LRANGE", "resque:failed", 0, -1)]
    assert errors == ["", "NotImplementedError"]
