"""The harness of the benchmark works. Nothing here checks durations."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
from tests.benchmarks.engine import measures, systems
from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.engine.report import tables

from resque.errors import NoServer


@pytest.fixture
def server() -> Iterator[BenchServer]:
    try:
        started = BenchServer()
    except NoServer as error:
        pytest.skip(str(error))
    yield started
    started.stop()


@pytest.mark.redis
def test_the_jobs_of_a_queue_are_performed_and_nothing_is_left_behind(server: BenchServer) -> None:
    before = {child.pid for child in psutil.Process().children()}
    drained = measures.drain(systems.OURS[0], server, 5)
    assert drained.jobs == 5
    assert server.client.get("resque:stat:failed") is None
    # One script a job takes it and closes the one before.
    assert drained.commands_a_job > 1
    assert drained.bytes_a_job > 100
    assert {child.pid for child in psutil.Process().children()} - before == set()


def test_a_missing_peer_is_reported() -> None:
    drained = {"jobs_per_s": 500.0, "cpu_ms_a_job": 1.5, "requests_a_job": 1.0}
    drained |= {"commands_a_job": 13.0, "bytes_a_job": 742.0}
    text = tables(
        {
            f"{systems.FORK} / drain, 1": [drained],
            f"{systems.RQ_FORK} / drain, 1": [drained | {"jobs_per_s": 40.0}],
            f"{systems.FORK} / pick-up, *": [[1.0, 2.0, 11.0]],
        }
    )
    lines = {line.partition("  ")[0]: line for line in text.splitlines()}
    assert lines["fork per job / RQ fork, 1 worker >= 10"].endswith("12.50           met")
    assert lines["fork per job / Ruby fork, 1 worker >= 3"].endswith("?  not compared")
    assert lines["pick-up p99 ms, * <= 10"].endswith("11.00        MISSED")
