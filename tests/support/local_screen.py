"""The Local screen: groups of workers that do not change, and real ones."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.console import console, until, until_focused, until_polled, until_shown
from tests.support.local_workers import of_folder, settings_for, template
from tests.support.sample_data import FakeSystem, snapshot
from tests.support.waiting import eventually_async
from textual.pilot import Pilot
from textual.widgets import Input

from qtop.app.app import QtopApp
from qtop.local.groups import WorkerGroup
from qtop.local.state_file import GroupInfo, GroupReport, SlotState


class StillGroup(WorkerGroup):
    """A group as a supervisor once reported it, without the supervisor."""

    def __init__(self, name: str, about: GroupInfo, report: GroupReport) -> None:
        self.folder, self.about, self.report = Path("/state/local") / name, about, report
        self.id = name
        self._scaled = None
        self.is_gone = all(place.state == "ended" for place in report.places)

    def refresh(self) -> bool:
        return False

    def ask(self, do: str, **more: Any) -> bool:
        self.is_gone |= do == "leave"
        return False

    def let_go(self) -> None:
        self.is_gone = True


def still(name: str, queues: str, *places: SlotState, detached: bool = False) -> StillGroup:
    shown = f"/usr/bin/python3 -m qtop worker --namespace resque -- {queues}"
    about = GroupInfo(queues, shown, ("python3",), len(places), "redis://x", "resque", 30.0, 10.0)
    return StillGroup(name, about, GroupReport(99, 0.0, detached, False, places))


@asynccontextmanager
async def running(
    folder: Path,
    *flags: str,
    size: tuple[int, int] = (140, 30),
    stays: bool = False,
    **more: Any,
) -> AsyncIterator[tuple[QtopApp, Pilot[None]]]:
    """A console whose settings name stand-ins; all its workers end with it, unless the test says
    otherwise."""
    app = console(
        FakeSystem(more.pop("look", snapshot())),
        folder=folder / "log",
        settings=settings_for(template(folder, *flags)),
        clock=time.monotonic,
        **more,
    )
    try:
        async with app.run_test(size=size) as pilot:
            await until_polled(pilot)
            yield app, pilot
            if not stays:
                app.local.stop_all(now=True)
    finally:
        if not stays:
            (folder / "finish").touch()
            await eventually_async(lambda: not of_folder(folder))


async def start(app: QtopApp, pilot: Pilot[None], number: int) -> None:
    """Start so many for all queues, from the Local screen."""
    await pilot.press("6", "s")
    await until_focused(pilot, Input)
    await pilot.press("tab", "backspace", *str(number), "enter")
    await until_shown(pilot, f"started {number} here")
    await until(
        pilot, lambda: all("ready" in w.log.read_text() for w in app.local.alive), "signals"
    )
