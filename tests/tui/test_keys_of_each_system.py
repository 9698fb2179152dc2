"""Each key of the table, on each page of the console, in each system and in both: it does
something, or says why not."""

from __future__ import annotations

from typing import Final

import pytest
from tests.support.both_places import until_all_polled
from tests.support.both_systems import RESQUE, SIDEKIQ
from tests.support.console import screen_text, table_of, until, until_mode
from tests.support.direct import Direct
from tests.support.every_page import ROUTES, fill_every_page
from tests.support.soak import IS_SOAK
from tests.support.still_places import StillPlaces
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.keymap import keymap
from qtop.keymap.keymap import SCREENS, Action, Where
from qtop.screens.base import ConsoleScreen

pytestmark = pytest.mark.redis

#: What leaves the console.
LEAVING: Final = {"quit", "suspend_process"}
#: What changes nothing where there is nothing to change, or changes the focus only.
SILENT: Final = {"clear_filter", "back", "next_part", "previous_part"}
#: Pages that a system does not have: the key that would lead there says why.
LACKING: Final[dict[str, set[Where]]] = {"resque": {"runs"}, "sidekiq": {"aside"}}
#: What changes what a page lists: after all other keys.
TOGGLES: Final = ("freeze", "toggle_groups", "next_list", "by_class", "jobs_or_schedules")
_MODES: Final = {digit: mode for mode, digit in SCREENS.items()}
_PATIENCE_TURNS: Final = 100


class Visitor:
    """Goes from page to page. `system` is the label of the place whose row the cursor is put on."""

    def __init__(self, app: QtopApp, pilot: Pilot[None], system: str) -> None:
        self._app, self._pilot, self._system = app, pilot, system

    @property
    def _page(self) -> ConsoleScreen:
        screen: object = self._app.screen
        assert isinstance(screen, ConsoleScreen)
        return screen

    async def to(self, page: Where, *, anew: bool) -> None:
        """Come to a page, from wherever; `anew` also where it is in front."""
        digit, keys = ROUTES[page]
        while not isinstance(self._app.screen, ConsoleScreen):
            await self._pilot.press("escape")
            await self._pilot.pause()
        if not anew and page in self._page.PLACES and self._is_whole():
            return
        while len(self._app.screen_stack) > 1:
            await self._pilot.press("escape")
            await self._pilot.pause()
        await self._pilot.press(digit)
        await until_mode(self._pilot, _MODES[digit])
        if self._page.pane is not None:
            self._page.pane.set_filter("")
        for key in keys:
            await self._to_row()
            before: object = self._app.screen
            await self._pilot.press(key)
            await until(self._pilot, lambda was=before: self._app.screen is not was, page)  # type: ignore[misc]
        await self._to_row()

    def _is_whole(self) -> bool:
        return self._page.pane is None or self._page.pane.filter.is_empty

    async def _to_row(self) -> None:
        """Put the cursor on a row of the system."""
        screen = self._page
        if screen.pane is None:
            return
        table = table_of(self._app)
        await until(self._pilot, lambda: table.row_count > 0, "a row")
        rows = [table.rows[at] for at in range(table.row_count)]
        mine = [at for at, row in enumerate(rows) if getattr(row, "system", "") == self._system]
        if mine and self._system:
            await self._pilot.press("g", *("j" for _ in range(mine[0])))

    async def says(self, action: Action) -> bool:
        """Press the key of an action. Returns whether the screen is another one then, as far as it
        has to be."""
        # A reason that is given once more is seen.
        self._page.say("")
        await self._pilot.pause()
        before = screen_text(self._app)
        await self._pilot.press(action.keys[0])
        for _ in range(_PATIENCE_TURNS if action.id not in SILENT else 0):
            if screen_text(self._app) != before:
                return True
            await self._pilot.pause(0.01)
        return action.id in SILENT


def actions_on(page: Where) -> list[Action]:
    """The actions that only some pages have, also that one."""
    found = [
        each
        for each in keymap.ACTIONS
        if page in each.where and "." not in each.id and each.id not in LEAVING
    ]
    return sorted(found, key=lambda each: each.id in TOGGLES)


#: Where both are shown, each key is that of the system of the row that it is pressed on.
SHOWN: Final = ("all, on resque", "all, on sidekiq")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("shown", (*SHOWN, "resque", "sidekiq") if IS_SOAK else SHOWN)
async def test_each_key_on_each_page_does_something_or_says_why_not(
    direct: Direct, redis_url: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    fill_every_page(direct)
    places = StillPlaces(redis_url)
    only, _, system = shown.partition(", on ")
    app = places.console(**({} if system else {"only": only}))
    lacking = LACKING[system or only]
    silent: list[str] = []
    async with app.run_test(size=(100, 24)) as pilot:

        async def fill() -> None:
            fill_every_page(direct)
            before = [each.state.poll.snapshot for each in app.places.monitors]
            app.poll_now()

            def are_polled() -> bool:
                seen = [each.state.poll.snapshot for each in app.places.monitors]
                return all(now is not was for now, was in zip(seen, before, strict=True))

            await until(pilot, are_polled, "a look at each")

        def done() -> list[object]:
            return [direct("XLEN", keys.audit()) for keys in (RESQUE, SIDEKIQ)]

        visitor = Visitor(app, pilot, system)
        await until_all_polled(pilot)
        for page in ROUTES:
            if page in lacking:
                continue
            await visitor.to(page, anew=True)
            for action in actions_on(page):
                was = done()
                if not await visitor.says(action):
                    silent.append(f"{action.id} on {page}")
                if app.state.view().frozen_since_mono is not None:
                    app.toggle_freeze()
                if is_changed := done() != was:
                    await fill()
                await visitor.to(page, anew=is_changed)
    assert not silent, "\n".join(silent)
