"""`make screenshots`: pictures of the running console, on the demo's jobs and workers.

SVG always; PNG too where `rsvg-convert` is installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from textual.pilot import Pilot

from qtop.app.app import ConsoleOptions, QtopApp
from qtop.commands.console import feeders
from qtop.config.places import PlaceOptions
from qtop.demo import WORKERS, demo_places
from qtop.screens.dialogs import ConfirmDialog
from queuecore.errors import NoServer
from queuecore.exchange import Exchange
from queuecore.server import PrivateServer
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys

FOLDER = Path(__file__).parents[1] / "screenshots"
SIZE = (120, 30)
#: Long enough for visible trends and for failed jobs.
WARM_UP_S = 40.0
#: Sizes of the pictures of both systems: the least that is usual, and a large terminal.
SIZES = ((80, 24), (160, 48))
#: How long the jobs of the process that the demo kills are waited for, until they can be rescued.
RESCUE_S = 120.0

#: Keys to press, and the picture to take after them. Of Resque alone.
SHOTS = (
    (["2", "j", "j"], "queues"),
    (["enter"], "jobs"),
    (["escape", "3"], "workers"),
    (["4"], "failed"),
    (["t", "j", "enter"], "failure"),
    (["escape", "t", "5"], "scheduled"),
    (["6"], "local"),
    (["j", "l"], "log"),
    (["escape", "2", "s"], "start"),
    (["escape", "p"], ""),
    (["p", "7"], "history"),
    (["question_mark"], "help"),
)
#: Pictures of both systems.
SHOTS_OF_BOTH = (
    (["1"], "both-overview"),
    (["2"], "both-queues"),
    (["3"], "both-workers"),
    (["4"], "both-failed"),
)
#: A process that the demo does not kill before long.
ASKED = "slash", *"4102", "enter", "p", "y", "escape"


@asynccontextmanager
async def console(
    places: Sequence[PlaceOptions],
    folder: Path,
    size: tuple[int, int] = SIZE,
    *,
    workers: tuple[str, ...] = (),
) -> AsyncIterator[Pilot[None]]:
    """A console of these places without a terminal, after a while."""
    options = ConsoleOptions(
        tuple(places),
        interval_s=1.0,
        read_only=False,
        require=("qtop.demo.jobs",),
        workers=workers,
        log_folder=folder / "log",
    )
    async with QtopApp(options).run_test(size=size) as pilot:
        await asyncio.sleep(WARM_UP_S)
        yield pilot


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys and let the console answer."""
    await pilot.press(*keys)
    await asyncio.sleep(1.5)


async def take(pilot: Pilot[None], name: str, folder: Path) -> None:
    """Save what the console shows."""
    svg = pilot.app.export_screenshot(title="qtop")
    while cuts_a_path(svg):
        await asyncio.sleep(1.0)
        svg = pilot.app.export_screenshot(title="qtop")
    save(name, svg, folder)


async def take_resque(places: Sequence[PlaceOptions], folder: Path) -> None:
    """The pictures of Resque's screens, with workers started from the console."""
    async with console(places, folder, workers=WORKERS) as pilot:
        for keys, name in SHOTS:
            await press(pilot, *keys)
            if name:
                await take(pilot, name, folder)


async def take_both(
    places: Sequence[PlaceOptions], feeder: subprocess.Popen[bytes], folder: Path
) -> None:
    """The pictures of both systems in each size, and of what Sidekiq alone has: a process that was
    asked to be quiet, the question of a rescue, retries that come due in the same minutes.
    `feeder` is the stand-in for Sidekiq."""
    async with console(places, folder, SIZES[-1], workers=WORKERS) as pilot:
        for size in SIZES:
            await resized(pilot, size)
            for keys, name in SHOTS_OF_BOTH:
                await press(pilot, *keys)
                await take(pilot, f"{name}-{size[0]}", folder)
        # The signal waits until the picture is taken.
        feeder.send_signal(signal.SIGSTOP)
        await press(pilot, "3", *ASKED)
        await take_in_sizes(pilot, "quiet-asked", folder)
        feeder.send_signal(signal.SIGCONT)
        for _ in range(int(RESCUE_S)):
            await press(pilot, "D")
            if isinstance(pilot.app.screen, ConfirmDialog):
                break
        await take_in_sizes(pilot, "rescue", folder)
        await press(pilot, "escape", "1")
        add_storm(places[-1])
        await asyncio.sleep(12.0)
        await take_in_sizes(pilot, "retry-storm", folder)


async def take_in_sizes(pilot: Pilot[None], name: str, folder: Path) -> None:
    for size in SIZES:
        await resized(pilot, size)
        await take(pilot, f"{name}-{size[0]}", folder)


async def resized(pilot: Pilot[None], size: tuple[int, int]) -> None:
    await pilot.resize_terminal(*size)
    await asyncio.sleep(1.5)


def add_storm(place: PlaceOptions) -> None:
    """Retries of one class that all come due within two minutes, half an hour from now."""
    entries: list[str] = []
    for number in range(6_000):
        job = {"class": "SyncInventory", "queue": "default", "args": [number], "retry": True}
        error = {"error_class": "Net::ReadTimeout", "error_message": "Net::ReadTimeout"}
        about = {"jid": f"{number:024x}", "retry_count": 3, "failed_at": time.time()}
        entries += (str(time.time() + 1_800 + number % 120), json.dumps(job | error | about))
    with Store(place.url) as store:
        key = SidekiqKeys().jobs("retry")
        store.run(Exchange((("ZADD", key, *entries),), list, writes=True))


def cuts_a_path(svg: str) -> bool:
    """Whether a place of this machine is broken over two lines, where `save` misses it."""
    place = str(FOLDER.parent)
    shown = "".join(re.sub(r"<[^>]*>", "", svg).split())
    return shown.count(place) > svg.count(place)


def save(name: str, svg: str, state_folder: Path) -> None:
    """Write a picture: with its blanks, without the web fonts that viewers would fetch, and
    with places of this machine under other names."""
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg)
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    svg = svg.replace(str(state_folder), "/run/qtop").replace(str(FOLDER.parent), "/srv/app")
    path = FOLDER / f"{name}.svg"
    path.write_text(svg)
    if convert := shutil.which("rsvg-convert"):
        subprocess.run([convert, "-o", path.with_suffix(".png"), path], check=True)


@contextmanager
def own_server(folder: Path) -> Iterator[str]:
    """The URL of a private server, which ends with this, also after an error: workers that were
    started from the console may still use it, and no one would end it after them."""
    server = PrivateServer(folder)
    pid: int | None = None
    try:
        url = server.ensure()
        pid = server.status().pid
        yield url
    finally:
        try:
            server.stop()
        except NoServer:
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        server.close()


def main() -> None:
    """Start a server and the demo's feeders, take the pictures, end all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="q") as name:
        folder = Path(name)
        with own_server(folder / "server") as url:
            places = demo_places(url)
            with feeders(places) as (_, sidekiq):
                asyncio.run(take_both(places, sidekiq, folder))
                asyncio.run(take_resque(places[:1], folder))


if __name__ == "__main__":
    main()
