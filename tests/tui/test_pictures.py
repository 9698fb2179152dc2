"""The console in its colours: pictures of a few screens, compared to the byte. The text snapshots
beside them show where a change is; these check that colours, marks and flags are the same."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.screenshots import own_server
from tests.support.audit_entries import AUDIT_ENTRIES
from tests.support.console import assert_as_recorded, console, until_polled
from tests.support.sample_data import FakeSystem, fleet

from qtop.app.app import QtopApp
from qtop.config.settings import Settings
from queuecore.server import PrivateServer

PICTURES = Path(__file__).with_name("pictures")
#: Keys to press, and the picture to take after them.
SHOTS: dict[str, Sequence[str]] = {
    "overview": ("1",),
    "overview-light": ("1", "T"),
    "queues-marked": ("2", "space", "space", "j"),
    "queues-filtered": ("2", "slash", *"*i*", "enter"),
    "workers": ("3",),
    "worker": ("3", "enter"),
    "machines": ("3", "t"),
    "history": ("7",),
    "question": ("2", "P"),
    "palette": ("2", "colon", *"pause"),
    "help": ("2", "question_mark"),
}


def picture(app: QtopApp) -> str:
    """The picture, without the fonts that a viewer would fetch."""
    return re.sub(r"@font-face\s*{[^}]*}", "", app.export_screenshot(title="qtop"))


@pytest.mark.parametrize("name", SHOTS)
async def test_the_console_looks_as_it_did(name: str, in_utc: None) -> None:
    source = FakeSystem(fleet())
    source.answers = [AUDIT_ENTRIES]
    app = console(source, settings=Settings())
    async with app.run_test(size=(110, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press(*SHOTS[name])
        await pilot.pause()
        await pilot.pause()
        assert_as_recorded(picture(app), PICTURES / f"{name}.svg")


@pytest.mark.usefixtures("redis_binary")
def test_the_server_of_the_screenshots_ends_also_after_an_error_and_while_workers_use_it() -> None:
    with TemporaryDirectory(prefix="q") as name:
        folder = Path(name) / "s"
        worker = PrivateServer(folder)
        with suppress(RuntimeError), own_server(folder):
            worker.hold()
            assert worker.status().running
            raise RuntimeError
        assert not worker.status().running
        assert not worker.close()
