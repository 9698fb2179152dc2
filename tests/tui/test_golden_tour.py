"""Every recorded state of real Resque, shown on every screen of the console."""

import re

import pytest
from tests.support import golden
from tests.support.console import console, screen_text, until, until_polled
from tests.support.direct import Direct
from tests.support.soak import either
from textual.pilot import Pilot

from qtop.app.app import QtopApp

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("every_frame")]

#: All of them in the soak, a few otherwise.
STEP = either(24, 1)
NAMES = sorted(path.stem for path in golden.FOLDER.glob("*.json"))[::STEP]
#: How many states one console shows.
AT_ONCE = 12
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


async def look_again(app: QtopApp, pilot: Pilot[None]) -> None:
    before = app.state.poll.snapshot
    app.poll_now()
    await until(pilot, lambda: app.state.poll.snapshot is not before, "the next look")
    assert app.state.poll.error is None


@pytest.mark.parametrize("first", range(0, len(NAMES), AT_ONCE))
async def test_every_screen_shows_it(direct: Direct, redis_url: str, first: int) -> None:
    app = console(url=redis_url)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        for name in NAMES[first : first + AT_ONCE]:
            assert direct("FLUSHALL") == b"OK"
            golden.restore(direct, name)
            await look_again(app, pilot)
            for digit in "1234567":
                await pilot.press(digit, "enter")
                await pilot.pause()
                assert not CONTROL.search(screen_text(app)), (name, digit)
        assert app.is_running
