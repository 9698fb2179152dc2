"""The measurements of refreshes count what they say. Nothing here checks durations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.looks.refresh import TINY_FLEET, Refreshes, Rows
from tests.benchmarks.looks.report import tables

from resque.errors import NoServer


@pytest.fixture(scope="module")
def rows() -> Iterator[Rows]:
    try:
        server = BenchServer()
    except NoServer as error:
        pytest.skip(str(error))
    yield Refreshes(server, TINY_FLEET, lambda line: None).rows()
    server.stop()


@pytest.mark.redis
def test_a_refresh_of_sidekiq_takes_two_round_trips_whoever_beats(rows: Rows) -> None:
    trips = {row["round_trips"] for name, row in rows.items() if name.startswith("sidekiq")}
    assert trips == {2}


@pytest.mark.redis
def test_what_threads_run_is_read_only_when_their_process_has_beaten(rows: Rows) -> None:
    assert rows["sidekiq, at rest"]["read"] == 0
    assert rows["sidekiq, all beat"]["read"] == TINY_FLEET.processes


@pytest.mark.redis
def test_neither_refreshes_nor_looks_for_systems_send_keys(rows: Rows) -> None:
    assert {name: row["keys"] for name, row in rows.items() if row["keys"]} == {}


def test_the_table_judges_the_redis_time_beside_that_of_resque() -> None:
    row = {"round_trips": 2.0, "redis_ms": 8.0, "cpu_ms": 1.0, "read": 0.0, "keys": 0}
    lines = tables({"sidekiq, at rest": row, "resque, at rest": row | {"redis_ms": 2.0}})
    judged = {line.partition("  ")[0]: line.split()[-1] for line in lines.splitlines() if line}
    assert judged["Redis time, sidekiq, at rest / resque <= 3"] == "MISSED"
    assert judged["round trips, sidekiq, at rest <= 2"] == "met"
