"""Failures that real workers of ours left, and what operators do with them: as Ruby's.

Named differences:

- an exception of an application carries its module in Python (`in_ruby`);
- `requeue_and_keep` is Ruby's way to requeue; the console's takes the entry off the list in the
  same step (`requeue`), so that nobody requeues it twice;
- nothing is found by its place in the list: what Ruby calls number 1 is one entry, by its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.support import golden, list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.known import known
from tests.support.operations import KEYS, StepByStep, fill, newest_failures

from queuecore import windows
from queuecore.bulk import Result
from queuecore.stores import Store
from resque.store import failures, queues, snapshot
from resque.store.failures import FAILED, Failure

NOW = datetime(2026, 11, 23, 12, 19, 21, tzinfo=UTC)
CUSTOM = {"tests.support.jobs.sample_jobs.CustomError": "CustomError"}
#: A worker's `host:pid` when it has left its failures.
Failed = Callable[[], golden.Database]


def performed(direct: Direct, start_worker: StartWorker, queues: str, **env: str) -> Failed:
    """Have a worker perform all that waits. Returns what tells the database from then on."""
    worker = start_worker(queues, INTERVAL="0", **env)
    assert worker.wait() == 0
    return lambda: golden.replaced(golden.ours(direct, worker.host_pid), CUSTOM)


@pytest.fixture
def found(direct: Direct, push: Push, start_worker: StartWorker) -> Failed:
    """The database after the jobs of the recordings `failed_*`."""
    push("FailKinds", "custom", 0)
    push("FailJob", "f1", 1)
    push("FailKinds", "custom", 2)
    push("FailJob", "o", queue="other")
    return performed(direct, start_worker, "default,other")


@pytest.fixture
def of_the_web(direct: Direct, push: Push, start_worker: StartWorker) -> Failed:
    """The database after the jobs of the recordings `web_*`."""
    for number in range(3):
        push("FailJob", f"f{number}", number)
    push("FailJob", "o", queue="other")
    return performed(direct, start_worker, "default,other")


@pytest.fixture
def of_queues(direct: Direct, push: Push, start_worker: StartWorker) -> Failed:
    """The database after the jobs of the recordings `multi_queue*`."""
    push("FailJob", "a", 1)
    push("FailJob", "b", 2)
    push("KillSelf", "KILL")
    push("FailJob", "c", 3, queue="other")
    push("FailJob", "d", queue="x_failed")
    return performed(direct, start_worker, "*", FAILURE_BACKEND="redis_multi_queue")


def oldest_first(store: Store, list_name: str = FAILED) -> list[Failure]:
    return newest_failures(store, list_name)[::-1]


def requeue_and_keep(store: Store, failure: Failure, list_name: str = FAILED) -> None:
    keeping = failures.requeue_and_keep(KEYS, failure, NOW, list_name=list_name)
    assert not isinstance(keeping, str), keeping
    assert store.run(keeping)


def delete(store: Store, *entries: Failure, list_name: str = FAILED) -> Result:
    marks = [list_actions.ref_of(entry) for entry in entries]
    return store.run(list_actions.delete_failures(KEYS, marks, list_name=list_name))


def clear(store: Store, list_name: str = FAILED) -> int | None:
    seen = store.run(list_actions.failures_extent(KEYS, list_name))
    return store.run(list_actions.clear_failures(KEYS, seen, list_name=list_name))


def test_one_after_the_other_as_ruby_did_them(store: Store, found: Failed) -> None:
    assert found() == golden.recorded("failed_before_ops")
    requeue_and_keep(store, oldest_first(store)[1])
    assert found() == golden.recorded("failed_requeue_1")
    requeue_and_keep(store, oldest_first(store)[1])
    assert found() == golden.recorded("failed_requeue_1_again")
    for failure in oldest_first(store):
        if failure.queue == "default":
            requeue_and_keep(store, failure)
    assert found() == golden.recorded("failed_requeue_queue")
    assert delete(store, oldest_first(store)[0]) == Result(done=1)
    assert found() == golden.recorded("failed_remove_0")
    assert store.run(failures.clear_retried(KEYS)) == Result(done=2)
    assert found() == golden.recorded("failed_clear_retried")


def test_clearing_them(store: Store, found: Failed) -> None:
    assert clear(store) == 4
    assert found() == golden.recorded("failed_clear")


def test_deleting_those_of_one_queue(store: Store, found: Failed) -> None:
    of_default = [failure for failure in oldest_first(store) if failure.queue == "default"]
    assert delete(store, *of_default) == Result(done=3)
    assert found() == golden.recorded("failed_remove_queue")


def test_requeueing_all_and_keeping_them(store: Store, found: Failed) -> None:
    for failure in oldest_first(store):
        requeue_and_keep(store, failure)
    assert found() == golden.recorded("failed_requeue_all")


def test_requeueing_all_pushes_what_ruby_pushes_in_its_order(store: Store, found: Failed) -> None:
    marks = store.run(list_actions.select(KEYS, lambda _: True))
    assert store.run(list_actions.requeue(KEYS, marks)) == Result(done=4)
    expected = golden.recorded("failed_requeue_all")
    # The difference: the entries are gone.
    del expected["resque:failed"]
    assert found() == expected


def test_looking_at_them_changes_nothing(store: Store, found: Failed) -> None:
    told = golden.load("failed_queries")["results"]
    total, newest = store.run(failures.newest(KEYS, limit=3, skip=1))
    of_a_class = store.run(list_actions.select(KEYS, lambda f: f.class_name == "FailJob"))
    assert (total, len(of_a_class)) == (told["count"], told["count(nil,FailJob)"])
    page = [[failure.place, failure.args] for failure in newest]
    assert page == told["each_desc_ids"]
    assert page[1::-1] == told["each_asc"]
    assert store.run(failures.lists(KEYS)) == told["queues"]
    first = newest[-1]
    assert {
        "payload": {"class": first.class_name, "args": first.args},
        "exception": CUSTOM[str(first.exception)],
        "error": CUSTOM[str(first.error)],
        "queue": first.queue,
    }.items() <= told["all(0,1)"].items()
    # There is no number 99 to go wrong with: an entry that is gone is told as gone.
    gone = failures.read(windows.whole(b'{"queue":"q"}'), 99)
    assert delete(store, gone) == Result(gone=1)
    assert found() == golden.recorded("failed_queries")


def test_what_people_did_in_rubys_web_pages(
    store: Store, direct: Direct, of_the_web: Failed
) -> None:
    for place in (0, 1):
        requeue_and_keep(store, oldest_first(store)[place])
    assert delete(store, oldest_first(store)[0]) == Result(done=1)
    assert of_the_web() == golden.recorded("web_retry_remove")

    see_the_pages(store)
    assert of_the_web() == golden.recorded("web_pages")

    for failure in oldest_first(store):
        requeue_and_keep(store, failure)
    assert store.run(failures.clear_retried(KEYS)) == Result(done=3)
    assert clear(store) == 0
    extent = store.run(list_actions.extent(KEYS, "default"))
    assert store.run(list_actions.clear_and_remove(KEYS, "default", extent)) == 4
    assert of_the_web() == golden.recorded("web_bulk")


def see_the_pages(store: Store) -> None:
    """Look at everything, as Ruby's pages do, and find Ruby's numbers."""
    seen = store.run(snapshot.take(KEYS, failures_limit=20))
    info = store.run(queues.info(KEYS))
    sizes = {queue.name: queue.size for queue in known(seen.queues)}
    lines = [
        f"resque.pending={info.pending}",
        f"resque.processed+={seen.processed_ever}",
        f"resque.failed+={seen.failed}",
        f"resque.workers={len(known(seen.processes))}",
        f"resque.working={info.working}",
        *(f"queues.{name}={size}" for name, size in sizes.items()),
    ]
    recorded = golden.load("web_pages")["results"]["stats.txt body"].split("\n")
    assert sorted(lines) == sorted(recorded)


def zoneless(database: golden.Database) -> golden.Database:
    """Ruby's back end of one list a queue forgets the zone of `retried_at`; ours does not."""
    for key, entry in database.items():
        if key.endswith("_failed"):
            entry["value"] = [
                re.sub(r'(?<="retried_at":")[^"]*', "<when>", text) for text in entry["value"]
            ]
    return database


def test_a_list_of_failures_for_each_queue(store: Store, of_queues: Failed) -> None:
    def is_as_in(scenario: str) -> bool:
        return zoneless(of_queues()) == zoneless(golden.recorded(scenario))

    own = "default_failed"
    assert is_as_in("multi_queue")
    requeue_and_keep(store, oldest_first(store, own)[0], own)
    assert is_as_in("multi_queue_requeue")
    # Ruby goes through this list from its end.
    for failure in newest_failures(store, own):
        requeue_and_keep(store, failure, own)
    assert is_as_in("multi_queue_requeue_queue")
    assert delete(store, oldest_first(store, own)[1], list_name=own) == Result(done=1)
    assert is_as_in("multi_queue_remove")
    assert clear(store, own) == 2
    assert of_queues() == golden.recorded("multi_queue_clear")
    assert clear(store, "other_failed") == 1
    assert of_queues() == golden.recorded("multi_queue_remove_queue")
    for name in store.run(failures.lists(KEYS)):
        clear(store, name)
    assert of_queues() == golden.recorded("multi_queue_clear_all")


def test_a_requeue_runs_no_hooks(store: Store, direct: Direct) -> None:
    entry = (
        b'{"failed_at":"2026/01/01 00:00:00 UTC","payload":{"class":"Hooked","args":["ok"]},'
        b'"exception":"X","error":"y","backtrace":[],"worker":"h:1:q","queue":"default"}'
    )
    fill(direct, [entry], "resque:failed")
    requeue_and_keep(store, oldest_first(store)[0])
    assert golden.ours(direct) == golden.recorded("requeue_runs_no_hooks")


def test_a_job_of_an_unknown_class_can_be_requeued(
    store: Store, direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("NotHere", 1)
    found = performed(direct, start_worker, "default")
    requeue_and_keep(store, oldest_first(store)[0])
    expected = golden.recorded("requeue_unknown_class")
    ours = found()
    # Named difference: what is not known is told in Python's words, and without Resque's frames.
    for database, name in ((ours, "resque.errors.UnknownJob"), (expected, "NameError")):
        [entry] = database["resque:failed"]["value"]
        assert f'"exception":"{name}"' in entry
        told = re.sub(r'"exception":.*"worker"', '"worker"', entry)
        database["resque:failed"]["value"] = [told]
    assert ours == expected


NUMBERED = [b'{"n":%d,"queue":"q","payload":{"class":"A","args":[%d]}}' % (n, n) for n in range(3)]


def test_two_people_delete_the_same_failure_at_the_same_time(store: Store, direct: Direct) -> None:
    fill(direct, NUMBERED, "resque:failed")
    mark = [list_actions.ref_of(oldest_first(store)[0])]
    people = [StepByStep(store, list_actions.delete_failures(KEYS, mark)) for _ in range(2)]
    for person in people:
        person.step_until_it_writes()
    assert [person.finish() for person in people] == [Result(done=1), Result(gone=1)]
    assert golden.ours(direct) == golden.recorded("race_remove_same_index_interleaved")


def test_two_people_delete_the_same_failure_one_after_the_other(
    store: Store, direct: Direct
) -> None:
    fill(direct, NUMBERED, "resque:failed")
    seen = oldest_first(store)[0]
    assert [delete(store, seen), delete(store, seen)] == [Result(done=1), Result(gone=1)]
    # In Ruby the second one deletes what has become number 0: a job nobody meant.
    expected = golden.recorded("race_remove_same_index_serial")
    expected["resque:failed"]["value"].insert(0, NUMBERED[1].decode())
    assert golden.ours(direct) == expected
