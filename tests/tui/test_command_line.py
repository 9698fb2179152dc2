"""The command line: what it offers for a text, and what becomes of what is chosen in it."""

from collections.abc import Iterator, Sequence

import pytest
from tests.support.console import (
    console,
    screen_text,
    table_of,
    until,
    until_ended,
    until_mode,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.sample_data import FakeSystem, fleet, snapshot
from textual.widgets import Input

from qtop.app.app import QtopApp
from qtop.config.places import PlaceOptions
from qtop.keymap import keymap
from qtop.model.health import Finding
from qtop.monitor.incidents.incident import Link
from qtop.monitor.row_builder import RowBuilder
from qtop.screens.command_line import CommandLine
from qtop.screens.failed import FailedScreen
from qtop.screens.findings import FindingsScreen, finding_lines
from qtop.screens.offers import Offer, Offerable, VerbCall, completed, offers

FOUND = (
    Finding("latency", "OK", "answers fast"),
    Finding("memory", "ERROR", "memory is full", "raise maxmemory"),
)


class Around:
    """A program around the console: two profiles, of which one cannot be reached."""

    def __init__(self) -> None:
        self.examined: list[PlaceOptions] = []

    def profiles(self) -> Sequence[str]:
        return ["staging", "gone"]

    def trouble_of(self, profile: str) -> str | None:
        return "no answer" if profile == "gone" else None

    def findings(self, places: Sequence[PlaceOptions]) -> Iterator[tuple[str, Finding]]:
        self.examined += places
        yield from (("", each) for each in FOUND)


def known() -> Offerable:
    rows = RowBuilder(FakeSystem(fleet())).add(fleet(), 0.0)
    failed = keymap.of({*FailedScreen.PLACES, "everywhere"})
    return Offerable(
        actions=failed,
        elsewhere=[each for each in keymap.ACTIONS if each not in failed],
        queues=rows.queues or (),
        themes=("nord", "monokai", "qtop-dark"),
        profiles=("staging", "live"),
        places=("resque", "sidekiq", "all"),
        saved={"slow": "age>1h"},
        has_list=True,
        values_of=lambda field: {"Mailers::Welcome"} if field == "class" else (),
    )


def first(text: str) -> Offer:
    return offers(known(), text)[0]


def test_a_name_leads_to_what_is_called_so() -> None:
    assert first("theme nord").choice == VerbCall("theme", "nord")
    assert first(":profile sta").choice == VerbCall("profile", "staging")
    assert first("place sidekiq").choice == VerbCall("place", "sidekiq")
    assert first("system all").choice == VerbCall("place", "all")
    assert first("queue mail").choice == Link("queues", "mail")
    assert first("failed class:X").choice == Link("failed", filter="class:X")
    assert first("workers").choice == Link("workers")
    assert first("filter slow").choice == VerbCall("filter", "age>1h")
    assert first("filter error:x").choice == VerbCall("filter", "error:x")
    assert first("doctor").choice == VerbCall("doctor")


def test_a_queue_is_found_by_a_part_of_its_name_and_the_same_name_comes_first() -> None:
    assert offers(known(), "queue mail")[0].text == "queue mail"
    assert "queue search-index" in [each.text for each in offers(known(), "queue index")]


def test_an_action_is_found_by_its_name_and_by_other_words() -> None:
    called = offers(known(), "requeue all")[0].choice
    assert isinstance(called, keymap.Action)
    assert called.id == "requeue_all"
    also = {each.text for each in offers(known(), "retry")}
    assert {"requeue", "requeue all"} <= also


def test_an_action_of_another_screen_leads_there() -> None:
    found = {each.text: each.choice for each in offers(known(), "prune")}
    assert found == {"prune": Link("workers"), "unregister": Link("workers")}


def test_a_command_that_needs_a_name_says_so_by_offering_no_choice() -> None:
    [theme] = [each for each in offers(known(), "them") if each.text == "theme"]
    assert theme.choice is None


def test_nothing_is_offered_for_what_nothing_is_called() -> None:
    assert offers(known(), "profile nowhere") == []
    assert offers(known(), "no such thing") == []


def test_a_filter_is_completed_behind_the_name_of_a_screen() -> None:
    assert completed(known(), "failed class:mail") == "failed class:Mailers::Welcome"
    assert completed(known(), "class:mail") is None


def test_the_worst_finding_comes_first_and_what_is_under_way_is_said() -> None:
    lines = list(finding_lines([("", each) for each in FOUND], is_over=False))
    assert lines[0].text.startswith("1 problem, 0 unknown, of 2 checks, checking")
    assert lines[1].text == "memory is full"
    ended = list(finding_lines([("web", FOUND[0])], is_over=True, problem="lost"))
    assert [line.text for line in ended][1:] == [
        "The checks stopped early: lost",
        "web: answers fast",
    ]


async def typed(app: QtopApp, pilot: object, text: str) -> None:
    await until_polled(pilot)  # type: ignore[arg-type]
    await pilot.press("colon", *text)  # type: ignore[attr-defined]
    await pilot.pause()  # type: ignore[attr-defined]


async def test_a_theme_is_chosen_by_its_name() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 30)) as pilot:
        await typed(app, pilot, "theme nord")
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "nord")


async def test_a_queue_is_gone_to_by_its_name() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 30)) as pilot:
        await typed(app, pilot, "queue critical")
        await pilot.press("enter")
        await until_mode(pilot, "queues")
        await until(pilot, lambda: table_of(app).cursor_key == "critical")


async def test_a_filter_is_set_on_the_list_in_front() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await typed(app, pilot, "filter mail")
        await pilot.press("enter")
        await until_shown(pilot, " filter ")
        assert "search-index" not in screen_text(app)


async def test_tab_completes_and_the_lines_used_before_come_back_with_up() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 30)) as pilot:
        await typed(app, pilot, "theme nor")
        await pilot.press("tab")
        assert app.screen.query_one(Input).value == "theme nord"
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "nord")
        await pilot.press("colon", "up")
        await pilot.pause()
        assert app.screen.query_one(Input).value == "theme nord"
        await pilot.press("down")
        await pilot.pause()
        assert app.screen.query_one(Input).value == ""


async def test_a_command_without_its_name_waits_for_it() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 30)) as pilot:
        await typed(app, pilot, "them")
        rows = table_of(app).rows
        listed = [rows[at].text for at in range(len(rows))]
        await pilot.press(*["down"] * listed.index("theme"))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, CommandLine)
        assert app.screen.query_one(Input).value == "theme "


async def test_the_findings_of_the_places_in_front_are_shown() -> None:
    around = Around()
    app = console(FakeSystem(fleet()), around=around)
    async with app.run_test(size=(100, 30)) as pilot:
        await typed(app, pilot, "doctor")
        await pilot.press("enter")
        await until_screen(pilot, FindingsScreen)
        await until_shown(pilot, "memory is full")
        assert [place.label for place in around.examined] == ["resque"]


@pytest.mark.parametrize(("profile", "wanted"), [("staging", "staging"), ("gone", None)])
async def test_a_profile_is_gone_to_only_if_it_can_be_used(
    profile: str, wanted: str | None
) -> None:
    app = console(FakeSystem(snapshot()), around=Around())
    async with app.run_test(size=(100, 30)) as pilot:
        await typed(app, pilot, f"profile {profile}")
        await pilot.press("enter")
        if wanted is None:
            await until_shown(pilot, "no answer")
        else:
            await until_ended(pilot)
        assert app.wanted_profile == wanted
