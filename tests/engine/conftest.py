"""What the engine's tests share: a direct connection, stores, worker processes, own servers."""

from __future__ import annotations

import pytest
from tests.support.engine_fixtures import keys as keys
from tests.support.engine_fixtures import push as push
from tests.support.engine_fixtures import start_redis as start_redis
from tests.support.engine_fixtures import start_worker as start_worker
from tests.support.engine_fixtures import store as store
from tests.support.golden_table import ROWS

#: The tests that hold a recording of real Resque.
_HOLDING = {row.test for row in ROWS}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `-k golden` find the tests that hold a recording, wherever they are."""
    if f"{item.path.name}::{getattr(item, 'originalname', '')}" in _HOLDING:
        item.extra_keyword_matches.add("golden")
