"""Many workers started from the console drain a queue while its keys answer, and all of them end
with it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.support.console import console, screen_lines, until_polled, until_shown
from tests.support.direct import Direct
from tests.support.local_workers import of_folder
from tests.support.soak import TIMEOUT_S, either
from tests.support.waiting import eventually_async
from tests.support.worker_process import ROOT

from qtop.actions.request import LaunchRequest
from qtop.local.state_file import DONE

WORKERS = 16
JOBS = either(300, 20_000)
QUEUE = "resque:queue:drain"
PAYLOAD = b'{"class":"MarkSlowly","args":[%d,%s]}'
PAUSE_S = b"0.01"
SCREENS = {"2": "queues", "3": "workers", "6": "local"}


@pytest.mark.redis
@pytest.mark.timeout(TIMEOUT_S)
async def test_sixteen_local_workers_drain_a_queue_while_keys_answer(
    direct: Direct, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    direct("SADD", "resque:queues", "drain")
    for number in range(JOBS):
        direct("RPUSH", QUEUE, PAYLOAD % (number, PAUSE_S))
    order = LaunchRequest("drain", WORKERS, ("tests.support.jobs.mark_jobs",))
    app = console(url=redis_url, folder=tmp_path / "log", interval_s=0.25, clock=time.monotonic)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        assert await app.local.trouble(order) is None
        await app.worker_actions.start([order])
        await until_shown(pilot, f"started {WORKERS} here")
        while direct("HLEN", "marks") < JOBS:
            for key, mode in SCREENS.items():
                await pilot.press(key, "j", "k")
                assert app.current_mode == mode
                assert screen_lines(app)[0].startswith(" qtop ")
        assert direct("LLEN", QUEUE) == 0
        assert set(direct("HVALS", "marks")) == {b"1"}
        assert direct("GET", "resque:stat:failed") is None
        await pilot.press("6", "q")
        await until_shown(pilot, f"Leave, with {WORKERS} workers started here?")
        await pilot.press("enter")
        await eventually_async(lambda: not app.is_running)
    assert {worker.place.ending for worker in app.local.all} == {DONE}
    await eventually_async(lambda: not of_folder(tmp_path))
