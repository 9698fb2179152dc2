"""The engine's fixtures, and node-resque's processes beside them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.engine_fixtures import push as push
from tests.support.engine_fixtures import start_worker as start_worker
from tests.support.engine_fixtures import store as store
from tests.support.node import Node, StartNode, answer_of

from queuecore.address import parse_url
from resque import Resque

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node_program() -> str:
    """Node and the packages. Without them: skipped here, failed in CI."""
    program = shutil.which("node")
    missing = "node is not installed" if program is None else ""
    if not (HERE / "node_modules" / "node-resque").is_dir():
        missing = missing or "tests/interop/node_modules is missing: run `make test`"
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    assert program is not None
    return program


@pytest.fixture
def start_node(node_program: str, redis_url: str) -> Iterator[StartNode]:
    """Starts a command of node-resque's on the same Redis."""
    started: list[subprocess.Popen[str]] = []
    path = parse_url(redis_url).path
    assert path is not None

    def start(command: str, value: object = None) -> subprocess.Popen[str]:
        text = "" if value is None else json.dumps(value)
        process = subprocess.Popen(
            [node_program, str(HERE / "node_side.cjs"), path, command, text],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def node(start_node: StartNode) -> Node:
    """Runs a command of node-resque until it ends."""
    return lambda command, value=None: answer_of(start_node(command, value))


@pytest.fixture
def resque(redis_url: str) -> Iterator[Resque]:
    client = Resque(redis_url)
    yield client
    client.close()
