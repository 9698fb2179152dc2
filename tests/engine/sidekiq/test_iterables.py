"""How far iterable jobs are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support import sidekiq_recordings as recordings
from tests.support.direct import Direct

from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store import iterables
from sidekiq.store.iterables import Iteration

KEYS = SidekiqKeys()


@pytest.mark.parametrize("name", [each for each in recordings.NAMES if "iterable" in each])
def test_recorded_states_are_read(direct: Direct, store: Store, name: str) -> None:
    recordings.restore(direct, name)
    held = {
        key.removeprefix("it-"): told
        for key, told in recordings.values(name).items()
        if key.startswith("it-")
    }
    found = store.run(iterables.read(KEYS, [*held, "none"]))
    assert found.keys() == held.keys()
    for jid, told in held.items():
        cancelled = told.get("cancelled")
        assert found[jid] == Iteration(
            cursor=told["c"].encode(),
            has_cursor=True,
            runs=int(told["ex"]),
            runtime_s=float(told["rt"]),
            cancelled_at=None if cancelled is None else datetime.fromtimestamp(int(cancelled), UTC),
        )


def test_a_job_without_a_cursor_cannot_be_cancelled(direct: Direct, store: Store) -> None:
    direct("HSET", "it-a", "cancelled", "1795436444")
    direct("HSET", "it-b", "c", "x" * 100_000, "ex", "many", "rt", "1e999")
    found = store.run(iterables.read(KEYS, ["a", "b", "a"]))
    assert not found["a"].has_cursor
    assert found["b"] == Iteration(None, True, None, None, None)


def test_what_is_no_state_is_said(direct: Direct, store: Store) -> None:
    direct("SET", "it-a", "x")
    direct("HSET", "it-b", *(str(i) for i in range(400)))
    found = store.run(iterables.read(KEYS, ["a", "b"]))
    assert [bool(found[jid].problem) for jid in ("a", "b")] == [True, True]
    assert store.run(iterables.read(KEYS, [])) == {}
