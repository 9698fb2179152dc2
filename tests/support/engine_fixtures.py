"""Fixtures of the engine's tests: stores, worker processes, and servers for a single test."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.direct import Direct
from tests.support.own_redis import OwnRedis
from tests.support.worker_process import WorkerProcess

from queuecore.server import Binary
from queuecore.stores import Store
from resque.keys import Keys

StartWorker = Callable[..., WorkerProcess]


StartRedis = Callable[..., OwnRedis]


Push = Callable[..., None]


@pytest.fixture
def push(direct: Direct) -> Push:
    """Pushes jobs as Ruby's client does, without the engine's."""

    def pushing(class_name: str, *args: object, queue: str = "default") -> None:
        payload = {"class": class_name, "args": list(args)}
        text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        direct("SADD", "resque:queues", queue)
        direct("RPUSH", f"resque:queue:{queue}", text.encode("utf-8", "surrogateescape"))

    return pushing


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    """A blocking store on the empty server."""
    with Store(redis_url) as opened:
        yield opened


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def start_worker(redis_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts worker processes; all that still run end with the test."""
    started: list[WorkerProcess] = []
    numbers = itertools.count()

    def start(queues: str = "default", *, url: str = redis_url, **env: str) -> WorkerProcess:
        worker = WorkerProcess(url, queues, tmp_path / f"worker-{next(numbers)}.log", **env)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.end()


@pytest.fixture
def start_redis(redis_binary: Binary) -> Iterator[StartRedis]:
    """Starts servers for one test, for what may not be done to the shared one."""
    started: list[OwnRedis] = []

    def start(*options: str) -> OwnRedis:
        server = OwnRedis(redis_binary.path, *options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.end()
