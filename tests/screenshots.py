"""`make screenshots`: pictures of the running console, on the demo's jobs and workers.

SVG always; PNG too where `rsvg-convert` is installed.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from qtop.app.app import ConsoleOptions, QtopApp
from qtop.config.places import PlaceOptions
from qtop.demo import NAMESPACE, WORKERS
from queuecore.address import parse_url
from queuecore.server import PrivateServer

FOLDER = Path(__file__).parents[1] / "screenshots"
SIZE = (120, 30)
#: Long enough for visible trends and for failed jobs.
WARM_UP_S = 40.0

#: Keys to press, and the picture to take after them.
SHOTS = (
    (["1"], "overview"),
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


async def take(url: str, state_folder: Path) -> None:
    """Run the console without a terminal and save what it shows."""
    options = ConsoleOptions(
        (PlaceOptions("resque", "resque", parse_url(url), NAMESPACE, url),),
        interval_s=1.0,
        read_only=False,
        require=("qtop.demo.jobs",),
        workers=WORKERS,
        log_folder=state_folder / "log",
    )
    app = QtopApp(options)
    async with app.run_test(size=SIZE) as pilot:
        await asyncio.sleep(WARM_UP_S)
        for keys, name in SHOTS:
            await pilot.press(*keys)
            await asyncio.sleep(1.5)
            if name:
                svg = app.export_screenshot(title="qtop")
                while cuts_a_path(svg):
                    await asyncio.sleep(1.0)
                    svg = app.export_screenshot(title="qtop")
                save(name, svg, state_folder)


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


def main() -> None:
    """Start a server and the demo's feeder, take the pictures, end both."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="q") as folder:
        state_folder = Path(folder)
        with PrivateServer(state_folder / "server") as server:
            url = server.ensure()
            environ = {**os.environ, "REDIS_URL": url, "RESQUE_PARENT_PID": str(os.getpid())}
            feeder = subprocess.Popen([sys.executable, "-m", "qtop.demo.feed"], env=environ)
            try:
                asyncio.run(take(url, state_folder))
            finally:
                feeder.terminate()
                feeder.wait()


if __name__ == "__main__":
    main()
