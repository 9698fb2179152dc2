"""Tickets: what is copied about an incident, a group of failures, one failure; and going from one
job to the next."""

from typing import Any

import pytest
from tests.support.console import console, screen_text, until, until_polled, until_shown
from tests.support.sample_data import FakeSystem, failure, snapshot
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.monitor.incidents.incident import Figure, Incident, Link, Remedy
from qtop.screens.tickets import incident_ticket


def failures(many: int, **fields: Any) -> FakeSystem:
    found = [failure(number, **fields) for number in range(1, many + 1)]
    return FakeSystem(snapshot([], [], found))


async def copied(app: QtopApp, pilot: Pilot[None], *keys: str) -> list[str]:
    await until_polled(pilot)
    await pilot.press(*keys)
    await until_shown(pilot, "copied")
    return app.clipboard.splitlines()


async def test_a_group_gives_its_figures_and_three_samples_without_secrets() -> None:
    app = console(failures(5, payload={"class": "Charge", "args": [{"token": "hush"}]}))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("4")
        await until_shown(pilot, "Charge")
        text = await copied(app, pilot, "Y")
        assert "Failures: 5" in text
        assert sum(line.startswith("- ") for line in text) == 3
        assert any(line.startswith("System: redis://queues.example.com") for line in text)
        assert "hush" not in "\n".join(text)


async def test_one_failure_gives_its_error_its_job_and_its_backtrace() -> None:
    app = console(failures(1, backtrace=[f"app.rb:{n}" for n in range(25)]))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "enter")
        text = await copied(app, pilot, "Y")
        assert text[0].startswith("Mailers::Welcome: Net::ReadTimeout")
        assert "app.rb:19" in text
        assert "app.rb:20" not in text
        assert "(5 more)" in text


async def test_an_incident_gives_its_cause_figures_and_remedies_and_samples_of_its_failures() -> (
    None
):
    app = console(failures(2))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        view = app.state.view()
    about = Incident(
        "failures",
        "crit",
        "many fail",
        link=Link("failed", filter="exception:Net::ReadTimeout"),
        remedies=(Remedy("look at the mail server", command="qtop failed"),),
        cause="it does not answer",
        evidence=(Figure("failures", "39 a minute"),),
    )
    text = incident_ticket(about, view)
    assert text[0] == "CRIT: many fail"
    assert "Cause: it does not answer" in text
    assert "- failures: 39 a minute" in text
    assert "To do: look at the mail server (qtop failed)" in text
    assert sum("Net::ReadTimeout" in line for line in text) == 2


async def test_where_there_is_nothing_to_report_that_is_said() -> None:
    app = console(FakeSystem(snapshot()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "Y")
        await until_shown(pilot, "nothing to copy")


@pytest.mark.parametrize(("key", "then"), [("]", "error 2"), ("[", "no previous job")])
async def test_brackets_go_to_the_next_and_the_previous_job(key: str, then: str) -> None:
    found = [failure(number, error=f"error {number}") for number in (1, 2)]
    app = console(FakeSystem(snapshot([], [], found)))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "enter")
        await until_shown(pilot, "error 1")
        await pilot.press(key)
        await until_shown(pilot, then)
        if key == "]":
            assert "error 1" not in screen_text(app)
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)
