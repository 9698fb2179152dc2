"""A poll of a large fleet is processed in slices: keys work meanwhile, and no screen shows half of
it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.console import console, until, until_polled
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.polling import Clock, Watching, run_until
from tests.support.sample_data import (
    NOW,
    SYSTEM,
    FakeSystem,
    queue,
    read_snapshot,
    snapshot,
    worker,
)

from qtop.app.app import QtopApp
from qtop.local.workers import LocalWorkers
from qtop.model.fleet import Snapshot
from qtop.monitor.poller import Poller, PollResult
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.state import ConsoleState
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.runner import RedisRunner
from queuecore.address import parse_url
from queuecore.cooperative import Slices, at_once, in_turns
from queuecore.exchange import Steps
from resque.keys import Keys

QUEUES = 1_200


def large(number: int) -> Snapshot:
    """One of a series of snapshots of many queues."""
    return snapshot(
        [queue(f"q{index:04}", index + number, number) for index in range(QUEUES)],
        [worker(f"h:{index}:q0001", processed=number, on="q0001") for index in range(20)],
        server_time=NOW + timedelta(seconds=number),
    )


def counting(pauses: int, noted: list[str]) -> Slices[str]:
    for number in range(pauses):
        noted.append(f"slice {number}")
        yield
    return "done"


async def test_other_tasks_run_between_two_slices() -> None:
    noted: list[str] = []

    async def other() -> None:
        for number in range(20):
            noted.append(f"other {number}")
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert await in_turns(counting(3, noted)) == "done"
    await task
    places = [noted.index(f"slice {number}") for number in range(3)]
    between = [later - earlier - 1 for earlier, later in pairwise(places)]
    assert places[0] == 0
    # A key needs several turns of the loop until it is painted.
    assert all(turns >= 3 for turns in between)


async def test_cancelled_work_stops_where_it_paused() -> None:
    noted: list[str] = []
    task = asyncio.create_task(in_turns(counting(1_000_000, noted)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 0 < len(noted) < 10


def test_work_at_once_does_not_pause() -> None:
    noted: list[str] = []
    assert at_once(counting(3, noted)) == "done"
    assert noted == ["slice 0", "slice 1", "slice 2"]


def test_rows_made_in_slices_equal_those_made_at_once() -> None:
    sliced, whole = RowBuilder(SYSTEM), RowBuilder(SYSTEM)
    for number in range(3):
        work, pauses = sliced.adding(large(number), float(number)), 0
        while True:
            try:
                next(work)
                pauses += 1
            except StopIteration as stop:
                fleet = stop.value
                break
        assert pauses >= QUEUES // 500
        assert fleet == whole.add(large(number), float(number))


def state(tmp_path: Path) -> ConsoleState:
    local = LocalWorkers(
        tmp_path,
        ResqueSystem(Keys("resque")),
        environ={},
        on_change=lambda: None,
    )
    return ConsoleState(
        system=SYSTEM,
        interval_s=1.0,
        read_only=True,
        local=local,
        local_host="here",
        clock=lambda: 100.0,
    )


def test_the_previous_poll_is_shown_whole_until_the_new_one_is_processed(tmp_path: Path) -> None:
    scene = state(tmp_path)
    scene.take(PollResult(large(0), 1.0))
    before = scene.view()
    assert before.fleet is not None
    assert before.insights.incidents
    seen: list[tuple[object, object, object]] = []
    for _ in scene.taking(PollResult(large(1), 2.0)):
        now = scene.view()
        seen.append((now.fleet, now.insights, now.poll))
    old = seen[0]
    assert old == (before.fleet, before.insights, before.poll)
    changed = [index for index, each in enumerate(seen) if each[0] is not before.fleet]
    for index, (fleet, insights, result) in enumerate(seen):
        is_old = index < changed[0]
        assert (fleet is before.fleet) == is_old
        assert (insights is before.insights) == is_old
        assert (result is before.poll) == is_old
    assert changed[0] > 2


def test_a_frozen_display_stays_while_a_poll_is_processed(tmp_path: Path) -> None:
    scene = state(tmp_path)
    scene.take(PollResult(large(0), 1.0))
    before = scene.view()
    taking = scene.taking(PollResult(large(1), 2.0))
    next(taking)
    scene.toggle_freeze()
    at_once(taking)
    assert scene.view().fleet is before.fleet
    assert scene.view().insights is before.insights
    scene.toggle_freeze()
    assert scene.view().fleet is not before.fleet


async def test_the_next_poll_waits_until_the_last_one_is_processed() -> None:
    noted: list[str] = []
    enough = asyncio.Event()

    class RecordingSystem(FakeSystem):
        def snapshot(self) -> Steps[Slices[Snapshot]]:
            noted.append("poll")
            return super().snapshot()

    async def take() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        noted.append("taken")
        if len(noted) >= 6:
            enough.set()

    clock = Clock()
    source = RecordingSystem(snapshot())
    poller = Poller(
        source, Watching(lambda _: take()), interval_s=0.25, clock=clock, sleep=clock.sleep
    )
    await run_until(poller, enough)
    assert noted[:6] == ["poll", "taken"] * 3


async def test_a_poll_of_very_many_queues_reaches_the_screen() -> None:
    app = console(FakeSystem(large(0), large(1)))
    async with app.run_test(size=(120, 30)) as pilot:
        assert isinstance(app, QtopApp)
        await until_polled(pilot)
        app.poll_now()

        def is_second() -> bool:
            fleet = app.state.view().fleet
            return fleet is not None and fleet.server_time > NOW

        await until(pilot, is_second, "the second poll")
        fleet = app.state.view().fleet
        assert fleet is not None
        assert len(known(fleet.queues)) == QUEUES


@pytest.mark.redis
async def test_a_system_reads_in_slices_and_keeps_what_did_not_change(
    redis_url: str, direct: Direct
) -> None:
    direct("SADD", "resque:workers", *(f"h:{number}:q" for number in range(2_500)))
    direct("SET", "resque:worker:h:7:q", '{"queue":"q","payload":{"class":"A","args":[7]}}')
    source = RedisRunner(ResqueSystem(Keys("resque")), parse_url(redis_url), read_only=True)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    try:
        first = await read_snapshot(source)
        task = asyncio.create_task(others())
        second = await read_snapshot(source)
        task.cancel()
    finally:
        await source.close()
    held = [
        next(w.jobs for w in known(each.processes) if w.id == "h:7:q") for each in (first, second)
    ]
    assert held[0]
    assert held[0] is held[1]
    assert turns > 5
