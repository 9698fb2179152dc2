"""Taking waiting jobs off their queues again: by exact bytes, by class, by equal arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.operations import KEYS, StepByStep

from queuecore.stores import Store
from resque import Job, NoClassError, NoQueueError, Registry, Resque
from resque.errors import EncodeError, WrongType
from resque.store import queues

NAMES = Registry()
QUEUE = "resque:queue:default"


class OkJob(Job, into=NAMES):
    queue = "default"
    name = "OkJob"

    @staticmethod
    def perform(*args: Any) -> None: ...


@pytest.fixture
def resque(redis_url: str, direct: Direct) -> Iterator[Resque]:
    client = Resque(redis_url)
    yield client
    client.close()


def waiting(direct: Direct) -> list[bytes]:
    found: list[bytes] = direct("LRANGE", QUEUE, 0, -1)
    return found


@pytest.mark.parametrize("args", [[1], ["x", None], [[]], [{}], [{"b": 1, "a": 2}], [1.5, True]])
def test_what_was_enqueued_is_found_by_its_arguments(
    resque: Resque, direct: Direct, args: list[Any]
) -> None:
    for given in ([0], args, ["other"], args):
        resque.enqueue(OkJob, *given)
    assert resque.dequeue(OkJob, *args) == 2
    assert resque.dequeue(OkJob, *args) == 0
    assert resque.size("default") == 2


def test_another_class_and_another_queue_are_left_alone(resque: Resque, direct: Direct) -> None:
    resque.enqueue(OkJob, 1)
    resque.enqueue_to("default", "Other", 1)
    resque.enqueue_to("elsewhere", OkJob, 1)
    assert resque.dequeue(OkJob) == 1
    assert waiting(direct) == [b'{"class":"Other","args":[1]}']
    assert resque.size("elsewhere") == 1


#: Spellings of arguments, and which of the others they equal.
SPELLED = {
    "1": b"[1]",
    "1 with blanks": b"[ 1 ]",
    "1.0": b"[1.0]",
    "1.00": b"[1.00]",
    "1e0": b"[1e0]",
    "true": b"[true]",
    "text": b'["1"]',
    "null": b"[null]",
    "nothing": b"[]",
    "object": b'[{"a":1,"b":[2.50]}]',
    "object in another order": b'[{"b":[2.5],"a":1}]',
    "escaped": b'["\\u00e9\\/"]',
    "raw": '["é/"]'.encode(),
}


@pytest.mark.parametrize(
    ("args", "equal"),
    [
        ([1], {"1", "1 with blanks"}),
        ([1.0], {"1.0", "1.00", "1e0"}),
        ([True], {"true"}),
        (["1"], {"text"}),
        ([None], {"null"}),
        ([], {"nothing"}),
        ([{"b": [2.5], "a": 1}], {"object", "object in another order"}),
        (["é/"], {"escaped", "raw"}),
        ([1, 2], set()),
        (None, set(SPELLED)),
    ],
)
def test_equal_arguments_match_however_they_are_spelled(
    resque: Resque, direct: Direct, args: list[Any] | None, equal: set[str]
) -> None:
    payloads = {name: b'{"args":%s, "class":"A"}' % text for name, text in SPELLED.items()}
    odd = [b"not json", b"[1]", b'{"args":[1]}', b'{"class":"A"', b'{"class":["A"],"args":[1]}']
    direct("RPUSH", QUEUE, *odd, *payloads.values(), b'{"class":"B","args":[1]}')
    assert resque.dequeue_matching("default", "A", args) == len(equal)
    kept = [payload for name, payload in payloads.items() if name not in equal]
    assert waiting(direct) == [*odd, *kept, b'{"class":"B","args":[1]}']


def test_arguments_that_are_no_list_equal_no_list(resque: Resque, direct: Direct) -> None:
    items = [b'{"class":"A"}', b'{"class":"A","args":null}', b'{"class":"A","args":{"a":1}}']
    direct("RPUSH", QUEUE, *items)
    assert resque.dequeue_matching("default", "A", []) == 0
    assert waiting(direct) == items
    assert resque.dequeue_matching("default", "A") == 3


def test_large_jobs_match_too(resque: Resque, direct: Direct) -> None:
    large = "x" * 300_000
    resque.enqueue(OkJob, large)
    resque.enqueue(OkJob, "small")
    assert resque.dequeue_matching("default", "OkJob", [large]) == 1
    resque.enqueue(OkJob, large)
    assert resque.dequeue(OkJob) == 2
    assert waiting(direct) == []


def test_thousands_of_a_class_go_from_a_long_queue(resque: Resque, direct: Direct) -> None:
    for start in range(0, 6000, 1000):
        numbers = range(start, start + 1000)
        direct("RPUSH", QUEUE, *(b'{"class":"%c","args":[%d]}' % (65 + n % 2, n) for n in numbers))
    assert resque.dequeue_matching("default", "B") == 3000
    assert waiting(direct) == [b'{"class":"A","args":[%d]}' % n for n in range(0, 6000, 2)]


def test_jobs_that_a_worker_took_meanwhile_are_not_counted(store: Store, direct: Direct) -> None:
    direct("RPUSH", QUEUE, *(b'{"class":"A","args":[%d]}' % n for n in range(100)))
    hand = StepByStep(store, queues.remove_matching(KEYS, "default", "A", None))
    hand.step_until_it_writes()
    direct("LPOP", QUEUE, 30)
    direct("RPUSH", QUEUE, b'{"class":"A","args":["new"]}')
    assert hand.finish() == 70
    assert waiting(direct) == [b'{"class":"A","args":["new"]}']


def test_what_cannot_be_enqueued_cannot_be_dequeued(resque: Resque, direct: Direct) -> None:
    with pytest.raises(NoQueueError):
        resque.dequeue("Bare")
    with pytest.raises(EncodeError):
        resque.dequeue(OkJob, float("nan"))
    with pytest.raises(EncodeError):
        resque.dequeue_matching("default", "A", [object()])
    with pytest.raises(NoClassError):
        resque.enqueue_to("q", "")


def test_dequeueing_from_what_is_no_list_says_so(resque: Resque, direct: Direct) -> None:
    direct("SET", QUEUE, "no list")
    with pytest.raises(WrongType):
        resque.dequeue(OkJob, 1)
    with pytest.raises(WrongType):
        resque.dequeue(OkJob)


def test_removing_a_queue_takes_its_jobs_and_its_name(resque: Resque, direct: Direct) -> None:
    for number in range(5):
        resque.enqueue(OkJob, number)
    resque.enqueue_to("other", OkJob)
    assert resque.remove_queue("default") == 5
    assert resque.queues() == ["other"]
    assert direct("EXISTS", QUEUE) == 0
    assert resque.remove_queue("default") == 0
    assert resque.remove_queue("never there") == 0


def test_a_queue_is_looked_at_without_being_changed(resque: Resque, direct: Direct) -> None:
    for number in range(5):
        resque.enqueue(OkJob, number)
    direct("RPUSH", QUEUE, b"not json")
    assert resque.size("default") == 6
    assert [getattr(job, "args", None) for job in resque.peek("default", 3, 5)] == [[3], [4], None]
    assert [job.raw for job in resque.peek("default")] == [b'{"class":"OkJob","args":[0]}']
    assert resque.peek("default", 0, 0) == resque.peek("nothing", 0, 5) == []
    assert resque.info().pending == 6
    assert resque.size("default") == 6
