"""What enqueueing and dequeueing leave in Redis is what Ruby's client left there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker

from resque import Job, NoClassError, NoQueueError, Registry, Resque
from resque.errors import EncodeError
from resque.store import pauses, queues

NAMES = Registry()
INDIA = timezone(timedelta(hours=5, minutes=30))


class OkJob(Job, into=NAMES):
    queue = "default"
    name = "OkJob"

    @staticmethod
    def perform(*args: Any) -> None:
        raise AssertionError("enqueueing performs nothing")


@pytest.fixture
def resque(redis_url: str, direct: Direct) -> Iterator[Resque]:
    client = Resque(redis_url)
    yield client
    client.close()


#: As Ruby's arguments in the recording, in order; what Python has no word for (symbols, ranges,
#: fractions, classes) as the text that Ruby made of it.
ARGUMENTS: list[list[Any]] = [
    [],
    [None],
    [""],
    [[]],
    [{}],
    [1],
    [0],
    [0.0],
    [-0.0],
    [1.0],
    [3.14],
    [1e20],
    [1e16],
    [1e15],
    [1.2345678901234568e17],
    [1e100],
    [1e-05],
    [0.0001],
    [1.5e-07],
    [9223372036854775808],
    [2**100],
    [0.30000000000000004],
    ["café 日本語 😀"],
    ["\u2028\u2029\u007f\u0080\u00a0\ufeff"],
    ["a/b </script> & < > '"],
    ['q" b\\ nl\n cr\r tab\t bs\b ff\f nul\0 esc\x1b \x01\x1f'],
    ["sym"],
    [{"sym": "val", 1: 2, None: 3, 1.5: 4, "true": 5}],
    [{"b": 1, "a": {"z": [], "y": {}}}],
    [(1, [2, [3, [None, False]]])],
    [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)],
    [datetime(2023, 11, 15, 3, 43, 20, 123456, tzinfo=INDIA)],
    ["1..3"],
    ["1/3"],
    ["OkJob"],
    ["x" * 50],
    ["e\u0301 combining"],
    ["\U0010ffff"],
]


def basic(resque: Resque, direct: Direct) -> None:
    assert resque.enqueue(OkJob, 1, "two", 3.5, None, True, {"k": "v"}, [1, [2]]) is True


def all_arguments(resque: Resque, direct: Direct) -> None:
    for arguments in ARGUMENTS:
        resque.enqueue(OkJob, *arguments)


def all_queues(resque: Resque, direct: Direct) -> None:
    resque.enqueue_to("nested", "Nested::Inner", 1)
    resque.enqueue_to("from_method", "QueueMethod", 1)
    resque.enqueue_to("other queue", OkJob, 1)
    for queue in ("q:with:colons", "café", "symq", ""):
        resque.enqueue_to(queue, OkJob)
    resque.enqueue_to("raw", "some-dashed-name", 1)
    resque.enqueue_to("raw", "::Top", 1)
    as_given = [b'{"class":"X","args":[1],"extra":"kept"}', b'{"args":[1],"class":"Y"}']
    resque.run(queues.push(resque.keys, "raw", as_given))


def an_active_job(resque: Resque, direct: Direct) -> None:
    # Another framework's wrapper around its jobs is a class like any other. Its arguments, with
    # ids and times in them, are those of the recording.
    for key, entry in golden.load("active_job")["keys"].items():
        for text in entry["value"] if entry["type"] == "list" else ():
            payload = json.loads(text)
            resque.enqueue_to(key.removeprefix("resque:queue:"), payload["class"], *payload["args"])


def three(resque: Resque, direct: Direct) -> None:
    # Ruby's setting `enqueue_front` has no effect; ours does not exist.
    for number in range(3):
        resque.enqueue(OkJob, number)


def test_namespaces(redis_url: str, direct: Direct) -> None:
    for number, namespace in enumerate(("myapp", "resque:app2", "third", "resque", "resque"), 1):
        client = Resque(redis_url, namespace=namespace)
        client.enqueue(OkJob, number)
        client.close()
    assert golden.ours(direct) == golden.recorded("namespaces")


def test_looking_at_queues(resque: Resque, direct: Direct) -> None:
    for number in range(5):
        resque.enqueue(OkJob, number)
    found = golden.load("peek_info")["results"]
    sizes = {queue: resque.size(queue) for queue in resque.queues()}
    sample = {"size": resque.size("default"), "samples": peeked(resque, "default", 0, 2)}
    assert [
        peeked(resque, "default")[0],
        peeked(resque, "default", 1, 3),
        # Ruby's one job is an object or nil; ours is always a list.
        next(iter(peeked(resque, "default", 9)), None),
        peeked(resque, "nosuch", 0, 5),
        resque.size("default"),
        resque.queues(),
        sizes,
        {"default": sample},
    ] == [
        *(found["peek(default)"], found["peek(default,1,3)"], found["peek(default,9)"]),
        *(found["peek(nosuch,0,5)"], found["size"], found["queues"], found["queue_sizes"]),
        found["sample"],
    ]
    # Named difference: where the server is and what the application is called, we do not tell.
    del found["info"]["servers"], found["info"]["environment"]
    assert asdict(resque.info()) == found["info"]
    assert golden.ours(direct) == golden.recorded("peek_info")


def peeked(resque: Resque, queue: str, start: int = 0, count: int = 1) -> list[dict[str, Any]]:
    return [json.loads(job.raw) for job in resque.peek(queue, start, count)]


def test_pauses_of_the_plugin(
    resque: Resque, direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    assert resque.run(pauses.pause(resque.keys, ["default"])) == 1
    # Named difference: to pause everything ours sets Resque's own switch, which core workers obey
    # too. It obeys the plugin's and takes it back all the same.
    expected = golden.recorded("plugin_pause")
    switch = expected.pop("resque:pause:all")
    assert golden.ours(direct) == expected
    direct("SET", "resque:pause:all", switch["value"])
    push("OkJob")
    push("OkJob", queue="other")
    worker = start_worker("default,other", INTERVAL="0")
    assert worker.wait() == 0
    assert direct("LLEN", "resque:queue:default") == direct("LLEN", "resque:queue:other") == 1
    assert resque.run(pauses.resume_all(resque.keys)) == 1
    worker = start_worker("default,other", INTERVAL="0")
    assert worker.wait() == 0
    assert direct("LLEN", "resque:queue:default") == 1
    assert direct("EXISTS", "resque:queue:other") == 0


def impossible(resque: Resque, direct: Direct) -> None:
    not_utf8 = "caf\udce9"
    texts = ("half \ud800", not_utf8, [{"k": not_utf8}], {not_utf8: 1})
    for argument in (float("nan"), float("inf"), *texts, object(), {1, 2}, b"bytes"):
        with pytest.raises(EncodeError):
            resque.enqueue(OkJob, argument)
    with pytest.raises(NoQueueError):
        resque.enqueue("NoQueue")
    with pytest.raises(NoQueueError):
        resque.enqueue_to(None, "X")
    with pytest.raises(NoClassError):
        resque.enqueue_to("default", "")
    resque.enqueue(OkJob, "abc")
    resque.enqueue(OkJob, "café")


def emptied(resque: Resque, direct: Direct) -> None:
    resque.enqueue(OkJob)
    direct("LPOP", "resque:queue:default")


def removed_queue(resque: Resque, direct: Direct) -> None:
    resque.enqueue(OkJob)
    resque.enqueue_to("b", OkJob, 1)
    assert resque.remove_queue("default") == 1


SPELLINGS = (
    *['{"class":"OkJob","args":[1,"a"]}'] * 3,
    '{"class":"OkJob","args":[]}',
    '{"class":"OkJob","args":[1]}',
    '{"class":"SlowJob","args":[1,"a"]}',
    '{"args":[1,"a"],"class":"OkJob"}',
    '{"class":"OkJob", "args":[1, "a"]}',
    '{"class":"OkJob","args":[1,"a"],"queue":"x"}',
)


def dequeued(resque: Resque, direct: Direct) -> None:
    direct("SADD", "resque:queues", "default")
    direct("RPUSH", "resque:queue:default", *SPELLINGS)
    assert resque.dequeue(OkJob, 1, "a") == golden.load("dequeue_args")["results"]


def dequeued_all(resque: Resque, direct: Direct) -> None:
    dequeued(resque, direct)
    assert resque.dequeue(OkJob) == golden.load("dequeue_all_args")["results"]


@pytest.mark.parametrize(
    ("scenario", "steps"),
    [
        ("enqueue_basic", basic),
        ("enqueue_args", all_arguments),
        ("enqueue_queues", all_queues),
        ("enqueue_errors", impossible),
        ("emptied_queue", emptied),
        ("remove_queue", removed_queue),
        ("dequeue_args", dequeued),
        ("dequeue_all_args", dequeued_all),
        ("active_job", an_active_job),
        ("enqueue_front", three),
    ],
)
def test_the_database_after(
    resque: Resque, direct: Direct, scenario: str, steps: Callable[[Resque, Direct], None]
) -> None:
    steps(resque, direct)
    assert golden.ours(direct) == golden.recorded(scenario)


def test_only_false_from_a_hook_stops_an_enqueue(resque: Resque, direct: Direct) -> None:
    said: list[str] = []

    class BeforeFalse(Job, into=NAMES):
        queue = "default"
        name = "BeforeFalse"
        answer: Any = False

        @staticmethod
        def perform(*args: Any) -> None: ...

        @classmethod
        def before_enqueue_a(cls, *args: Any) -> Any:
            said.append("before_enqueue_a")
            return cls.answer

        @staticmethod
        def before_enqueue_b(*args: Any) -> None:
            said.append("before_enqueue_b")

        @staticmethod
        def after_enqueue_a(*args: Any) -> None:
            said.append("after_enqueue_a")

    class BeforeNil(BeforeFalse):
        name = "BeforeNil"
        answer = None

    recording = golden.recorded("enqueue_hooks")
    results = [resque.enqueue(BeforeFalse, 1), resque.enqueue(BeforeNil, 2)]
    results.append(resque.enqueue(OkJob, 1))
    # Named difference: a stopped enqueue is False here, nil in Ruby.
    assert results == [False, True, True]
    assert said == recording.pop("trace")["value"]
    assert golden.ours(direct) == recording


def test_a_refused_push_of_many_is_not_taken_for_a_success(resque: Resque, direct: Direct) -> None:
    direct("SET", "resque:queue:default", "not a list")
    with pytest.raises(Exception, match="WRONGTYPE"):
        resque.enqueue_many([(OkJob, [1])])


def test_removing_a_queue_of_another_type_says_so(resque: Resque, direct: Direct) -> None:
    direct("SET", "resque:queue:default", "not a list")
    with pytest.raises(Exception, match="WRONGTYPE"):
        resque.remove_queue("default")
