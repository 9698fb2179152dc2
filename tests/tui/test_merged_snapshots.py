"""The screens of Resque and Sidekiq together as text: full, at three sizes; empty and while one of
them does not answer, at the smallest; with names that mean harm, at the smallest and the largest,
where all columns are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

import pytest
from tests.support.both_places import fill_resque, fill_sidekiq, until_all_polled
from tests.support.both_systems import NOON, RESQUE, SIDEKIQ, resque_failure, sidekiq_failure
from tests.support.console import assert_at_every_size, shows, until, until_mode, until_shown
from tests.support.direct import Direct
from tests.support.every_page import fill_every_page
from tests.support.still_places import StillPlaces
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.keymap.keymap import SCREENS, Where
from qtop.systems.resque import health as resque_health
from qtop.systems.sidekiq import health as sidekiq_health
from queuecore.errors import Unreachable

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("in_utc", "still_machine")]

SMALL: Final = (80, 24)
LARGE: Final = (160, 48)
EVIL: Final = "\x1b]52;c;aGk=\x07[@click=app.quit]\u202e\ufffd"
#: The screens, and what each of them shows when it has read all.
Shown = dict[Where, str]


@pytest.fixture
def still_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this machine is that of the servers."""
    moment = datetime.fromtimestamp(NOON, UTC)
    monkeypatch.setattr(resque_health, "wall_now", lambda: moment)
    for health in (resque_health, sidekiq_health):
        monkeypatch.setattr(health, "skew_s", lambda *_: 0.0)


def fill_evil(direct: Direct) -> None:
    """Names of queues, classes and processes that would harm a terminal which obeyed them."""
    fill_resque(direct)
    fill_sidekiq(direct)
    job = {"class": EVIL, "args": [EVIL], "queue": EVIL, "jid": EVIL, "enqueued_at": NOON}
    direct("SADD", RESQUE.queues(), EVIL)
    direct("RPUSH", RESQUE.queue(EVIL), json.dumps(job))
    direct("SADD", SIDEKIQ.queues(), EVIL)
    direct("LPUSH", SIDEKIQ.queue(EVIL), json.dumps(job))
    direct("SADD", RESQUE.workers(), f"{EVIL}:9:mail")
    direct("RPUSH", RESQUE.failed(), resque_failure(9, 1, payload=job, error=EVIL, queue=EVIL))
    evil = sidekiq_failure(9, 2, **job, error_message=EVIL)
    direct("ZADD", SIDEKIQ.jobs("retry"), NOON + 200, evil)
    due_s = NOON + 3_600
    direct("ZADD", SIDEKIQ.jobs("schedule"), due_s, json.dumps(job))


async def tour(
    app: QtopApp, pilot: Pilot[None], name: str, shown: Shown, *others: tuple[int, int]
) -> None:
    """Look at each screen, at other sizes and at the smallest: forth and back. The largest has room
    for what the first incident is about, which is read when the cursor is on it."""
    sizes = [*others, SMALL]
    for mode, text in shown.items():
        await pilot.press(SCREENS[mode])
        await until_mode(pilot, mode)
        await until(pilot, lambda awaited=text: shows(app, awaited), text)  # type: ignore[misc]
        if mode == "overview" and LARGE in sizes:
            await pilot.press("g")
            await until_shown(pilot, "classes")
        await assert_at_every_size(app, pilot, f"both-{name}-{mode}", sizes)
        sizes.reverse()


async def until_reported(app: QtopApp, pilot: Pilot[None]) -> None:
    """Let the console work until it knows the health of each place."""
    await until_all_polled(pilot)

    def are_reported() -> bool:
        return all(each.state.reported is not None for each in app.places.monitors)

    await until(pilot, are_reported, "a report of each")


FULL: Final[Shown] = {
    "overview": "no live workers",
    "queues": "no workers",
    "workers": "web1:22",
    "failed": "Timeout",
    "scheduled": "in 1 h",
}
EMPTY: Final[Shown] = {
    "overview": "persistence",
    "queues": "No queues",
    "workers": "No workers",
    "failed": "No failed",
    "scheduled": "No",
}


async def test_full(direct: Direct, redis_url: str) -> None:
    fill_every_page(direct)
    app = StillPlaces(redis_url).console()
    async with app.run_test(size=LARGE) as pilot:
        await until_reported(app, pilot)
        await tour(app, pilot, "full", FULL, LARGE, (120, 36))


async def test_empty(redis_url: str) -> None:
    app = StillPlaces(redis_url).console()
    async with app.run_test(size=SMALL) as pilot:
        await until_reported(app, pilot)
        await tour(app, pilot, "empty", EMPTY)


async def test_one_of_them_does_not_answer(direct: Direct, redis_url: str) -> None:
    fill_every_page(direct)
    places = StillPlaces(redis_url)
    app = places.console()
    async with app.run_test(size=SMALL) as pilot:
        await until_reported(app, pilot)
        places.stop_answering("sidekiq", Unreachable("sidekiq.example.com:6379 does not answer"))
        places.wait(10)
        before = [each.state.poll for each in app.places.monitors]
        app.poll_now()

        def are_polled() -> bool:
            polls = [each.state.poll for each in app.places.monitors]
            return all(now is not was for now, was in zip(polls, before, strict=True))

        await until(pilot, are_polled, "a look at each")
        places.wait(7)
        app.places.first.on_poll(app.places.first.state.poll)
        await tour(
            app, pilot, "hanging", FULL | {"failed": "not answer", "scheduled": "not answer"}
        )


async def test_names_that_mean_harm(direct: Direct, redis_url: str) -> None:
    fill_evil(direct)
    app = StillPlaces(redis_url).console()
    async with app.run_test(size=LARGE) as pilot:
        await until_reported(app, pilot)
        await tour(app, pilot, "hostile", FULL, LARGE)
