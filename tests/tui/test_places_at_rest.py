"""A console of several places where nothing happens sends nothing to the terminal."""

from __future__ import annotations

import json
from typing import Final

import pytest
from tests.support.both_places import (
    RESQUE_WORKER,
    SIDEKIQ_PROCESS,
    fill_resque,
    fill_sidekiq,
    until_all_polled,
)
from tests.support.both_systems import NOON, RESQUE, SIDEKIQ
from tests.support.console import until, until_mode
from tests.support.direct import Direct
from tests.support.still_places import StillPlaces

from qtop.widgets.bars import Bar
from qtop.widgets.table import Table

pytestmark = pytest.mark.redis

#: So many seconds ago all of it happened: a minute that passes is news.
_AGO_S: Final = 20
#: All rates are known from the third poll on.
_POLLS: Final = 4
#: While the trends there are not full, they grow by a bar, but not at two polls in a row.
_WITH_TRENDS: Final = ("overview", "queues")
_SCREENS: Final = {
    "1": "overview",
    "2": "queues",
    "3": "workers",
    "4": "failed",
    "5": "scheduled",
    "7": "history",
}


def rest(direct: Direct) -> None:
    """Nobody runs anything, and what waits has waited for seconds."""
    fill_resque(direct)
    fill_sidekiq(direct)
    direct("DEL", RESQUE.worker(RESQUE_WORKER), SIDEKIQ.work(SIDEKIQ_PROCESS))
    beat = ("busy", 0, "beat", str(float(NOON - _AGO_S)))
    direct("HSET", SIDEKIQ.process(SIDEKIQ_PROCESS), *beat)
    direct("DEL", SIDEKIQ.queue("mail"), SIDEKIQ.jobs("retry"), RESQUE.failed())
    direct("SREM", SIDEKIQ.queues(), "mail")
    job = {"class": "Report", "args": [], "jid": "a", "enqueued_at": NOON - _AGO_S}
    direct("DEL", SIDEKIQ.queue("default"))
    direct("LPUSH", SIDEKIQ.queue("default"), json.dumps(job))


@pytest.mark.usefixtures("in_utc")
async def test_where_nothing_happens_in_several_places_nothing_is_painted(
    direct: Direct, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest(direct)
    places = StillPlaces(redis_url)
    app = places.console()
    painted: list[object] = []
    for kind in (Bar, Table):
        usual = kind.refresh

        def refresh(self, *parts, usual=usual, **more):  # type: ignore[no-untyped-def]
            painted.append(self)
            return usual(self, *parts, **more)

        monkeypatch.setattr(kind, "refresh", refresh)
    async with app.run_test(size=(160, 48)) as pilot:
        await until_all_polled(pilot)

        async def look() -> None:
            before = [each.state.poll.snapshot for each in app.places.monitors]
            places.wait(1)
            app.poll_now()

            def are_polled() -> bool:
                seen = [each.state.poll.snapshot for each in app.places.monitors]
                return all(now is not was for now, was in zip(seen, before, strict=True))

            await until(pilot, are_polled, "a look at each")
            await pilot.pause()

        for _ in range(_POLLS):
            await look()
        seen: dict[str, list[list[object]]] = {}
        for key, mode in _SCREENS.items():
            await pilot.press(key)
            await until_mode(pilot, mode)
            await look()
            seen[mode] = []
            for _ in range(2 if mode in _WITH_TRENDS else 1):
                painted.clear()
                await look()
                seen[mode].append(list(painted))
        assert [mode for mode, looks in seen.items() if all(looks)] == []
