"""The measurements of long lists act on what they say, and leave nothing running. Nothing here
checks durations."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.lists.bulk import CASES, Bulk, Rows
from tests.benchmarks.lists.report import tables

from resque.errors import NoServer

ENTRIES = 500
FAILED, WAITING, RETRIES = (CASES[number] for number in (0, 7, 8))


@pytest.fixture(scope="module")
def rows() -> Iterator[Rows]:
    """The figures of actions on failures, waiting jobs and retries, of short lists."""
    try:
        server = BenchServer()
    except NoServer as error:
        pytest.skip(str(error))
    before = {child.pid for child in psutil.Process().children()}
    yield Bulk(server, ENTRIES, 60.0, lambda line: None, (FAILED, WAITING, RETRIES)).rows()
    left = {child.pid for child in psutil.Process().children()} - before
    server.stop()
    assert left == set()


@pytest.mark.redis
def test_an_action_and_its_undo_touch_a_tenth_of_the_list(rows: Rows) -> None:
    for case in (FAILED, RETRIES):
        assert rows[case.name]["done"] == rows[f"undo: {case.name}"]["done"] == ENTRIES // 10


@pytest.mark.redis
def test_waiting_jobs_are_taken_meanwhile_and_those_that_are_gone_are_counted(rows: Rows) -> None:
    row = rows[WAITING.name]
    assert row["taken"] > 0
    assert row["done"] + row["gone"] == row["matches"]


def test_the_table_tells_a_stopped_action_from_a_whole_one_and_judges_the_rates() -> None:
    row = {
        "is_stopped": True,
        "per_s": 16_000.0,
        "acting_per_s": 1.0,
        "of_a_copy": 0.5,
        "cpu_of_copies": 2.0,
    }
    row |= {"copied_per_s": 32_000.0, "done": 1_000, "gone": 0}
    row |= {"cpu_ms_per_1000": 40.0, "redis_ms_per_1000": 9.0}
    row |= {"slow": 2, "longest_ms": 12.0, "ping_ms": 3.0, "ping_p99_ms": 1.0, "memory_mb": 30.0}
    lines = tables({FAILED.name: row}).splitlines()
    assert any(line.startswith(f"{FAILED.name} *") for line in lines)
    judged = {line.partition("  ")[0]: line.split()[-1] for line in lines if line}
    assert judged[f"{FAILED.name}, matches/s >= 15000"] == "met"
    assert judged["commands over 10 ms <= 0"] == "MISSED"
