"""A worker meets classes that it does not know, and leaves their queue alone in time."""

from __future__ import annotations

from collections.abc import Callable
from signal import SIGCONT

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_results import failures

from queuecore.address import parse_url
from queuecore.stores import Store
from resque import Registry, job
from resque.keys import Keys
from resque.store.queue_list import QueueList
from resque.store.waiting_classes import QueueSample, take
from resque.worker.options import WorkerOptions
from resque.worker.unknown_classes import MOST_UNKNOWN, TRY_AGAIN_S, UnknownClasses, left_alone_in
from resque.worker.worker import Worker

KEYS = Keys()
WAYS = [{}, {"FORK_PER_JOB": "false"}, {"JOBS_PER_FORK": "2"}, {"JOBS_PER_FORK": "50"}]


def registry_of(*names: str) -> Registry:
    registry = Registry()
    for name in names:
        job(name=name, into=registry)(lambda *args: None)
    return registry


# ---- what is remembered


class Met:
    """What a worker remembers, with a clock that is set by hand."""

    def __init__(self, *known: str) -> None:
        self.said: list[str] = []
        self.now_s = 1000.0
        self.strangers = UnknownClasses(registry_of(*known), self.said.append, lambda: self.now_s)

    def meet(self, queue: str, *names: str) -> None:
        for name in names:
            if queue not in self.strangers.known:
                self.strangers.meet(queue, name)

    def alone(self) -> set[str]:
        return set(self.strangers.left_alone())


def test_five_unknown_classes_in_a_row_and_their_queue_is_left_alone() -> None:
    met = Met("Known")
    met.meet("ruby", *["A", "B", "A", "C"])
    assert met.alone() == set()
    met.meet("ruby", "D")
    assert met.alone() == {"ruby"}
    assert len(met.said) == 1
    assert "'ruby'" in met.said[0]
    assert "'D'" in met.said[0]


def test_a_queue_that_had_one_known_class_is_trusted_for_good() -> None:
    met = Met("Known")
    met.meet("mixed", "A", "A", "A", "A", "Known", *["A"] * 20)
    assert met.alone() == set()
    assert met.said == []


def test_queues_are_counted_apart() -> None:
    met = Met("Known")
    for _ in range(MOST_UNKNOWN - 1):
        met.meet("one", "A")
        met.meet("two", "A")
    assert met.alone() == set()
    met.meet("one", "A")
    assert met.alone() == {"one"}


def test_one_more_job_is_tried_after_a_minute_and_a_known_one_opens_the_queue() -> None:
    met = Met("Known")
    met.meet("ruby", *["A"] * MOST_UNKNOWN)
    met.now_s += TRY_AGAIN_S - 0.1
    assert met.alone() == {"ruby"}
    met.now_s += 0.1
    assert met.alone() == set()
    met.meet("ruby", "A")
    assert met.alone() == {"ruby"}
    met.now_s += TRY_AGAIN_S
    met.meet("ruby", "::Known")
    assert met.alone() == set()
    assert met.strangers.title() == ""


def test_the_process_title_tells_which_queues_are_left_alone() -> None:
    met = Met()
    met.meet("ruby", *["A"] * MOST_UNKNOWN)
    title = f"resque-1: Waiting for ruby,low{met.strangers.title()}"
    assert left_alone_in(title) == "ruby"
    assert left_alone_in("resque-1: Waiting for ruby,low") == ""


# ---- the classes that wait


def test_the_classes_at_both_ends_are_seen_each_once(store: Store, direct: Direct) -> None:
    for name in ("A", "A", "B", *["Middle"] * 30, "C"):
        direct("RPUSH", KEYS.queue("mail"), f'{{"class":"{name}","args":[]}}')
    [seen] = store.run(take(KEYS, ["mail"], ends=3))
    newest = ("Middle", "Middle", "C")
    assert seen == QueueSample("mail", 34, ("A", "B", "Middle", "C"), 6, newest)
    assert seen.unknown(registry_of("A", "C").knows) == ("B", "Middle")


def test_what_is_no_list_is_unknown_and_what_is_no_job_has_no_class(
    store: Store, direct: Direct
) -> None:
    direct("SET", KEYS.queue("text"), "x")
    direct("RPUSH", KEYS.queue("odd"), "no json", '{"args":[]}', '{"class":7}', '{"class":"Big",')
    direct("RPUSH", KEYS.queue("big"), '{"class":"Big","args":["' + "x" * 100_000 + '"]}')
    text, odd, big, none = store.run(take(KEYS, ["text", "odd", "big", "none"]))
    assert text == QueueSample("text")
    assert (odd.length, odd.classes) == (4, ("Big",))
    assert (big.length, big.classes) == (1, ("Big",))
    assert none == QueueSample("none", 0)


def test_a_short_queue_is_looked_at_once(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEYS.queue("q"), '{"class":"A"}', '{"class":"B"}', '{"class":"C"}')
    [seen] = store.run(take(KEYS, ["q"], ends=2))
    assert (seen.classes, seen.seen) == (("A", "B", "C"), 3)


# ---- workers


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_worker_fails_five_unknown_jobs_and_leaves_the_others_where_they_are(
    direct: Direct, push: Push, start_worker: StartWorker, way: dict[str, str]
) -> None:
    for number in range(9):
        push("RubyJob", number, queue="ruby")
        push("OkJob", number, queue="low")
    worker = start_worker("ruby,low", INTERVAL="0", **way)
    assert worker.wait() == 0, worker.log()
    assert len(failures(direct)) == MOST_UNKNOWN
    assert direct("LLEN", "resque:queue:ruby") == 9 - MOST_UNKNOWN
    assert direct("LLEN", "resque:queue:low") == 0
    assert worker.log().count("leaves 'ruby' alone") == 1
    assert worker.log().count("classes wait that are not known here") == 1
    assert "'ruby': 'RubyJob'" in worker.log()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_known_and_unknown_jobs_on_one_queue_are_all_taken(
    direct: Direct, push: Push, start_worker: StartWorker, way: dict[str, str]
) -> None:
    push("OkJob")
    for number in range(8):
        push("RubyJob", number)
    worker = start_worker(INTERVAL="0", **way)
    assert worker.wait() == 0, worker.log()
    assert len(failures(direct)) == 8
    assert direct("GET", "resque:stat:processed") == b"9"
    assert "alone" not in worker.log()


def test_a_worker_that_leaves_a_queue_alone_says_so_in_its_title_and_goes_on(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    for number in range(7):
        push("RubyJob", number, queue="ruby")
    worker = start_worker("*", INTERVAL="0.1")
    eventually(lambda: left_alone_in(worker.title()) == "ruby", "its title tells it")
    push("OkJob", queue="low")
    eventually(lambda: direct("GET", "resque:stat:processed") == b"6", "the other job is done")
    assert direct("LLEN", "resque:queue:ruby") == 2
    assert worker.leave() == 0


def test_a_job_that_a_child_left_to_its_worker_runs_although_the_worker_is_to_leave(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("StopParent", queue="high")
    push("Note", "ran", queue="low")
    worker = start_worker(
        "high,low",
        JOBS_PER_FORK="9",
        RESQUE_REQUIRE="tests.support.jobs.sample_jobs,tests.support.jobs.stop_parent_jobs",
    )
    record = f"resque:worker:{worker.id}"
    eventually(
        lambda: b'"queue":"low"' in (direct("GET", record) or b""), "the child has taken the second"
    )
    worker.send(SIGCONT)
    assert worker.wait() == 0, worker.log()
    assert direct("LRANGE", "trace", 0, -1) == [b"ran"]
    assert failures(direct) == []


def test_one_job_of_a_queue_left_alone_is_tried_each_minute_of_the_workers_clock(
    redis_url: str, direct: Direct, push: Push
) -> None:
    registry, now_s, said = Registry(), [0.0], list[str]()

    def advance() -> None:
        now_s[0] += TRY_AGAIN_S

    job(name="Advance", into=registry)(advance)
    for number in range(20):
        push("RubyJob", number, queue="ruby")
    push("Advance", queue="low")
    push("Advance", queue="low")
    run_here(redis_url, "ruby,low", registry, said, lambda: now_s[0])
    assert len(failures(direct)) == MOST_UNKNOWN + 2
    assert direct("LLEN", "resque:queue:ruby") == 20 - MOST_UNKNOWN - 2
    assert sum("still leaves 'ruby' alone" in line for line in said) == 2


def run_here(
    url: str, queues: str, registry: Registry, said: list[str], mono_now: Callable[[], float]
) -> None:
    """Run a worker in this process until it finds no job."""
    Worker(
        parse_url(url),
        KEYS,
        QueueList.parse(queues),
        registry,
        version="test",
        options=WorkerOptions(fork=False, interval_s=0),
        log=said.append,
        mono_now=mono_now,
    ).run()
