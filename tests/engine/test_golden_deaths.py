"""What is left of a child that was ended from outside, and of a worker that was killed."""

from __future__ import annotations

from signal import SIGUSR1

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_results import TURNS, await_run, has_left, stat


def in_the_place_of(recording: str, recorded: str, ours: str) -> golden.Database:
    """A recording in which another job hung."""
    database = golden.recorded(recording)
    for entry in database.values():
        if isinstance(entry["value"], list):
            entry["value"] = [text.replace(recorded, ours) for text in entry["value"]]
        elif isinstance(entry["value"], str):
            entry["value"] = entry["value"].replace(recorded, ours)
    return database


@pytest.mark.parametrize("jobs_per_fork", ["1", "10"])
def test_a_usr1_sent_to_the_child_itself(
    direct: Direct, push: Push, start_worker: StartWorker, jobs_per_fork: str
) -> None:
    push("Hangs", 1.5)
    worker = start_worker(TERM_CHILD="1", RESQUE_REQUIRE=TURNS, JOBS_PER_FORK=jobs_per_fork)
    await_run(direct, "Hangs")
    worker.await_child().send_signal(SIGUSR1)
    eventually(lambda: stat(direct, "processed"), "the job is counted")
    expected = in_the_place_of("usr1_to_child_term_child", '"SlowJob"', '"Hangs"')
    # Named differences: it is the exception that a TERM raises, whatever the signal; and the
    # frames are those of the application alone.
    [entry] = expected["resque:failed"]["value"]
    entry = entry.replace('"SignalException"', '"Resque::TermException"')
    found = golden.ours(direct, worker.host_pid)
    assert found["trace"]["value"] == ["cleaned up after SIGUSR1"]
    del found["trace"]
    [own] = found["resque:failed"]["value"]
    assert own.partition('"backtrace"')[0] == entry.partition('"backtrace"')[0]
    assert own.partition("],")[2] == entry.partition("],")[2]
    assert "in `hangs'" in own
    del found["resque:failed"], expected["resque:failed"]
    assert found == expected


@pytest.mark.parametrize("environment", [{}, {"JOBS_PER_FORK": "10"}, {"FORK_PER_JOB": "false"}])
def test_a_worker_killed_in_a_job(
    direct: Direct, push: Push, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    push("Hangs", 5)
    worker = start_worker(RESQUE_REQUIRE=TURNS, **environment)
    await_run(direct, "Hangs")
    children = worker.children()
    worker.kill()
    for child in children:
        child.kill()
    eventually(lambda: all(map(has_left, children)), "its child has ended, too")
    expected = in_the_place_of("worker_sigkilled_busy", '"SlowJob"', '"Hangs"')
    assert golden.ours(direct, worker.host_pid) == expected
