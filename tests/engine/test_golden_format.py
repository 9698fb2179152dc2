"""Bytes and texts, one by one, against what Ruby wrote and read."""

from __future__ import annotations

import pytest
from tests.support import golden

from queuecore import times
from queuecore.windows import whole
from resque.codec import Payload, Unreadable, decode, decode_payload, encode, encode_float
from resque.errors import EncodeError
from resque.store import failures
from resque.store.queues import QueueList


@pytest.mark.parametrize(("text", "ruby"), golden.load("float_format")["results"])
def test_a_float_is_written_as_ruby_writes_it(text: str, ruby: str) -> None:
    assert encode_float(float(text)) == ruby


@pytest.mark.parametrize(("text", "ruby"), golden.load("decode_encode2")["results"])
def test_reading_and_writing_again_gives_what_ruby_gives(text: str, ruby: str) -> None:
    if ruby.startswith("JSON::GeneratorError"):
        with pytest.raises(EncodeError):
            encode(decode(text.encode()))
    else:
        assert encode(decode(text.encode())).decode() == ruby


#: Texts that Ruby refuses and we read on purpose: an operator wants to see them.
READ_ANYWAY = ("NaN", "Infinity", r"\ud800", "raw\ttab")
#: And the other way round: comments are Ruby's own extension of JSON.
NOT_READ = ("/* c */",)


@pytest.mark.parametrize(("text", "ruby"), golden.load("decode_encode")["results"])
def test_what_ruby_cannot_read_is_unreadable_here_but_for_named_differences(
    text: str, ruby: str
) -> None:
    raw = text.replace("<ff>", "\udcff").encode("utf-8", "surrogateescape")
    reading = decode_payload(raw)
    assert reading.raw == raw
    if any(sign in text for sign in NOT_READ):
        assert isinstance(reading, Unreadable)
    elif any(sign in text for sign in READ_ANYWAY):
        assert isinstance(reading, Payload)
    else:
        assert isinstance(reading, Unreadable) == ruby.startswith("Resque::Helpers::Decode")


GLOBS = golden.load("queue_globs")["results"]
#: All names of the recording; `.hid` is matched by `.*` alone.
NAMES = [*GLOBS["*"]["queues"], ".hid"]


@pytest.mark.parametrize(("spec", "ruby"), GLOBS.items())
def test_a_queue_list_resolves_as_in_ruby(spec: str, ruby: object) -> None:
    if isinstance(ruby, str):
        with pytest.raises(Exception, match="at least one queue"):
            QueueList.parse(spec)
        return
    queue_list = QueueList.parse(spec)
    found = {"queues": queue_list.resolve(NAMES), "id_queues": str(queue_list)}
    assert found == ruby


@pytest.mark.parametrize(("text", "web", "heartbeat"), golden.load("time_parsing")["results"])
def test_a_moment_that_ruby_reads_is_read_the_same_or_not_guessed(
    text: str | None, web: str, heartbeat: str
) -> None:
    moment = times.parse(text)
    if web.endswith("Error"):
        # Named difference: bare epochs, which other implementations write, are read.
        assert moment is None or str(text).startswith("1795436058")
    elif moment is None:
        zone = str(text).rpartition(" ")[2]
        assert not zone.startswith(("+", "-")), "a zone in figures is never a guess"
        assert zone in ("12:09:06", "EST", "IST", "CEST", "AEDT")
    else:
        assert moment.strftime("%Y/%m/%d %H:%M:%S %z") == web


def test_a_recorded_list_of_failures_is_read_in_full() -> None:
    entries = golden.load("failed_requeue_1")["keys"]["resque:failed"]["value"]
    seen = [failures.read(whole(text.encode()), -1) for text in entries]
    assert [failure.problem for failure in seen] == [None] * 4
    assert [failure.class_name for failure in seen] == [
        "FailKinds",
        "FailJob",
        "FailKinds",
        "FailJob",
    ]
    assert seen[0].exception == seen[0].error == "CustomError"
    assert seen[1].args == ["f1", 1]
    assert seen[1].retried_at == "2026/11/23 12:19:21 UTC"
    assert seen[1].backtrace == ("/app/jobs.rb:17:in `perform'",)
    assert seen[3].queue == "other"
    assert seen[3].worker == "vm:17405:default,other"
    assert times.failed_at(seen[0].failed_at) == "2026/11/23 12:19:21 UTC"  # type: ignore[arg-type]


@pytest.mark.parametrize("scenario", ["failed_bad_json", "failed_empty_string", "failure_kinds"])
def test_every_recorded_entry_is_read_or_says_what_is_wrong(scenario: str) -> None:
    for text in golden.load(scenario)["keys"]["resque:failed"]["value"]:
        seen = failures.read(whole(text.encode()), -1)
        assert (seen.problem is None) == text.startswith("{")
