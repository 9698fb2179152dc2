"""Incidents are acknowledged with a reason and a time, by all consoles or by this one only."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from tests import words
from tests.support.console import console, screen_text, until_shown
from tests.support.sample_data import NOW, FakeSystem, queue, snapshot, worker
from textual.pilot import Pilot
from textual.widgets import Input

from qtop.model.health import Acknowledgement
from qtop.monitor.incidents.acknowledged import Acknowledgements, listed
from qtop.monitor.incidents.incident import Incident, troubles
from qtop.screens.acknowledging import AcknowledgeDialog
from queuecore.values import replace
from resque.errors import AuthRefused, Unreachable

CRIT = Incident("queues", "crit", "mail: no live workers", "unserved", "mail", since=NOW)
NOW_S = NOW.timestamp()
ACKED = Acknowledgement(CRIT.key, "crit", "ann@desk", "deploy", NOW_S, NOW_S + 900)


def marked(incident: Incident, acknowledgement: Acknowledgement, after_s: float = 0) -> bool:
    known = Acknowledgements()
    known.take([acknowledgement])
    [found] = known.marked([incident], NOW + timedelta(seconds=after_s))
    return found.is_acknowledged


def changed(**fields: Any) -> Incident:
    return dataclasses.replace(CRIT, **fields)


def test_an_acknowledgement_ends_at_its_time() -> None:
    assert marked(CRIT, ACKED, 899)
    assert not marked(CRIT, ACKED, 901)
    assert not marked(changed(subject="other"), ACKED)


def test_an_end_that_a_wrong_clock_noted_years_ahead_hides_nothing() -> None:
    week_s = 7 * 86_400
    assert marked(CRIT, replace(ACKED, until=NOW_S + week_s))
    year_s = 365 * 86_400
    assert not marked(CRIT, replace(ACKED, at=NOW_S + year_s, until=NOW_S + year_s + 900))


def test_an_incident_that_became_worse_is_open_again() -> None:
    assert not marked(CRIT, replace(ACKED, severity="warn"))
    assert marked(changed(severity="warn"), ACKED)
    assert not marked(CRIT, replace(ACKED, severity="anything"))


def test_until_resolved_covers_no_incident_that_began_anew() -> None:
    until_resolved = replace(ACKED, ends_with_it=True)
    assert marked(CRIT, until_resolved)
    anew = changed(since=NOW + timedelta(minutes=5))
    assert not marked(anew, until_resolved, 400)
    assert marked(anew, ACKED, 400)
    # A console that has just begun does not know when it began.
    assert marked(changed(since=anew.since, is_older=True), until_resolved, 400)


def test_what_was_done_here_holds_until_redis_was_read_and_longer_where_it_is_only_here() -> None:
    known = Acknowledgements()
    known.note(CRIT.key, ACKED)
    known.take(None)
    assert list(known.known) == [ACKED]
    known.take([])
    assert list(known.known) == []
    known.note(CRIT.key, ACKED.here())
    known.take([])
    assert list(known.known) == [ACKED.here()]
    known.note(CRIT.key, None)
    assert list(known.known) == []


def test_those_that_are_acknowledged_are_counted_in_one_row_and_are_no_trouble() -> None:
    done = changed(acknowledged=ACKED)
    other = changed(kind="growing", severity="warn")
    rows = listed([done, other], str.upper)
    assert [each.severity for each in rows] == ["warn", "info"]
    assert "SHOW_ACKNOWLEDGED" in rows[-1].text
    assert listed([done, other], str.upper, shows_all=True) == [other, done]
    assert troubles((done, other)) == (1, "warn")


def unserved() -> FakeSystem:
    return FakeSystem(snapshot([queue("mail", 5), queue("low", 0)], [worker("web1:7:low")]))


async def acknowledge(pilot: Pilot[Any]) -> None:
    await until_shown(pilot, words.unserved("mail"))
    await pilot.press("z")
    assert isinstance(pilot.app.screen, AcknowledgeDialog)
    pilot.app.screen.query_one(Input).value = "deploy"
    await pilot.press("enter", "enter")


async def test_z_asks_why_and_for_how_long_and_a_shows_what_is_acknowledged() -> None:
    source = unserved()
    source.answers = [True]
    app = console(source)
    async with app.run_test(size=(120, 30)) as pilot:
        await acknowledge(pilot)
        await until_shown(pilot, "1 incident acknowledged")
        text = screen_text(app)
        assert words.unserved("mail") not in text
        assert "here only" not in text
        await pilot.press("a")
        await until_shown(pilot, words.unserved("mail"))
        [done] = [each for each in app.state.view().insights.incidents if each.is_acknowledged]
        assert done.acknowledged is not None
        assert done.acknowledged.reason == "deploy"
        assert done.acknowledged.until - done.acknowledged.at == 15 * 60


@pytest.mark.parametrize("read_only", [True, False])
async def test_where_redis_may_not_be_written_it_counts_here_only(read_only: bool) -> None:
    source = unserved()
    source.answers = [AuthRefused("this user lacks a right")]
    app = console(source, read_only=read_only)
    async with app.run_test(size=(200, 30)) as pilot:
        await acknowledge(pilot)
        await until_shown(pilot, "here only")
        assert "1 incident acknowledged" in screen_text(app)
        assert ("Redis: read-only" in screen_text(app)) is read_only
        assert bool(source.operations) is not read_only


async def test_that_redis_does_not_answer_is_not_acknowledged_for_nothing_tells_the_time() -> None:
    app = console(FakeSystem(Unreachable("connection refused")))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "connection refused")
        await pilot.press("z")
        await until_shown(pilot, "only while Redis answers")
        assert not isinstance(app.screen, AcknowledgeDialog)
