"""Fixtures of the tests of the console."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.console_redis import KEYS, Redis
from tests.support.painting import painted_always, painted_at_each_step
from tests.support.style_sheets import parsed_once

from qtop.systems.resque.system import ResqueSystem
from qtop.systems.runner import RedisRunner
from queuecore.address import parse_url


@pytest.fixture(scope="session", autouse=True)
def _cheap_consoles() -> Iterator[None]:
    """Style sheets are parsed once, and frames that no test looks at are not painted."""
    with parsed_once(), painted_at_each_step():
        yield


@pytest.fixture
def every_frame() -> Iterator[None]:
    """All frames are painted: for what is about painting, or about any moment between two steps."""
    with painted_always():
        yield


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A Redis of its own."""
    source = RedisRunner(ResqueSystem(KEYS), parse_url(redis_url))
    yield Redis(redis_url, source)
    await source.close()


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
