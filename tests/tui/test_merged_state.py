"""What is known of several places, put together: rows, sums, what is unknown, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.known import known
from tests.support.sample_data import SYSTEM, failure, queue, snapshot, worker

from qtop.actions.request import PauseAll, Placed, Several
from qtop.local.workers import LocalWorkers
from qtop.monitor.poller import PollResult
from qtop.monitor.state import ALL, ConsoleState, UiPolicy
from qtop.monitor.together import TogetherState, merged_fleet
from qtop.widgets.columns import Column, fit, fit_with, letters_of
from queuecore.values import replace


class Places:
    """Two places, polled when a test says so."""

    def __init__(self, **forbidden: Mapping[str, str]) -> None:
        self.now = 100.0
        local = LocalWorkers(Path("/dev/null/none"), SYSTEM, environ={})
        self.states = {
            label: ConsoleState(
                system=SYSTEM,
                interval_s=1.0,
                read_only=False,
                local=local,
                local_host="here",
                clock=lambda: self.now,
                policy=UiPolicy(forbidden=forbidden.get(label, {})),
            )
            for label in ("one", "two")
        }
        for label, state in self.states.items():
            state.label = label
        self.together = TogetherState(self.states, lambda: self.now)

    def poll(self, label: str, look: Any) -> None:
        self.states[label].take(PollResult(look, self.now, 1.0))
        self.together.note_poll(label)

    def fail(self, label: str, why: str = "no answer") -> None:
        before = self.states[label].poll
        self.states[label].take(
            PollResult(before.snapshot, before.taken_mono, None, why, self.now, self.now + 1)
        )
        self.together.note_poll(label)


def both() -> Places:
    places = Places()
    places.poll("one", snapshot([queue("mail", 3)], [worker("a:1:mail")]))
    places.poll("two", snapshot([queue("mail", 5), queue("low", 1)], [worker("b:2:low")]))
    return places


def test_rows_of_all_say_their_place_and_their_figures_are_summed() -> None:
    view = both().together.view()
    fleet = known(view.fleet)
    assert [(row.system, row.name) for row in known(fleet.queues)] == [
        ("one", "mail"),
        ("two", "mail"),
        ("two", "low"),
    ]
    assert len({row.key for row in known(fleet.queues)}) == 3
    assert [row.system for row in known(fleet.workers)] == ["one", "two"]
    totals = fleet.totals
    assert (totals.waiting, totals.queues, totals.workers) == (9, 3, 2)
    are_least = (totals.waiting_is_least, totals.queues_is_least, totals.workers_is_least)
    assert are_least == (False, False, False)
    assert (view.shown, [part.label for part in view.parts]) == (ALL, ["one", "two"])


def test_a_place_that_was_never_seen_makes_the_sums_at_least_so_much() -> None:
    places = Places()
    places.poll("one", snapshot([queue("mail", 3)]))
    totals = known(places.together.view().fleet).totals
    assert (totals.waiting, totals.waiting_is_least, totals.failed_is_least) == (3, True, True)
    assert totals.processed_per_s is None


def test_the_figures_of_a_place_that_fails_are_left_out_and_its_rows_stay() -> None:
    places = both()
    places.fail("two")
    view = places.together.view()
    fleet = known(view.fleet)
    assert len(known(fleet.queues)) == 3
    assert (fleet.totals.waiting, fleet.totals.waiting_is_least) == (3, True)
    assert (set(view.failing), view.is_stale) == ({"two"}, False)
    wrong = [each for each in view.insights.incidents if each.check == "answer"]
    assert [each.system for each in wrong] == ["two"]


def test_where_no_place_answers_all_is_old_and_all_reasons_are_said() -> None:
    places = both()
    places.fail("one", "refused")
    places.fail("two", "timed out")
    view = places.together.view()
    assert view.is_stale
    assert view.poll.error == "refused; timed out"
    assert known(view.fleet).totals.waiting == 9, "as it was"


def test_what_could_not_be_read_in_one_place_is_unknown_with_its_name() -> None:
    places = both()
    places.poll("two", replace(snapshot(), queues=None, problems={"queues": "no right"}))
    totals = known(places.together.view().fleet).totals
    assert totals.problems == {"queues": "two: no right"}
    assert (totals.queues, totals.queues_is_least) == (1, True)


def test_the_worst_of_any_place_comes_first_and_links_lead_to_its_own_rows() -> None:
    places = Places()
    places.poll("one", snapshot([queue("mail", 3)], [worker("a:1:mail")]))
    places.poll("two", snapshot([queue("mail", 5), queue("low", 1)], [worker("b:2:low")]))
    incidents = places.together.view().insights.incidents
    severities = [each.severity for each in incidents]
    order = ["crit", "warn", "info", "good"]
    assert severities == sorted(severities, key=order.index)
    [unserved] = [each for each in incidents if each.kind == "unserved"]
    assert (unserved.system, unserved.link and unserved.link.key) == ("two", ("two", "mail"))
    assert len({each.row_key for each in incidents}) == len(incidents)


def test_an_action_is_forbidden_where_no_place_can_do_it_and_asked_of_those_that_can() -> None:
    places = Places(one={"prune": "no"}, two={"prune": "never", "pause_all": "not enforced"})
    together = places.together
    assert dict(together.policy.forbidden) == {"prune": "no; never"}
    assert together.lacking("pause_all") == {"two": "not enforced"}
    asked = together.everywhere("pause_all", PauseAll())
    assert asked == Several((Placed("one", PauseAll()),), {"two": "not enforced"})


def test_everything_is_paused_where_each_place_that_can_be_is() -> None:
    places = Places(two={"pause_all": "not enforced"})
    places.poll("one", replace(snapshot(), is_paused=True))
    places.poll("two", replace(snapshot(), is_paused=False))
    assert places.together.is_paused
    places.poll("one", replace(snapshot(), is_paused=None))
    assert places.together.is_paused is None


def test_a_frozen_display_of_all_stays_and_goes_on_with_the_newest() -> None:
    places = both()
    places.together.toggle_freeze()
    frozen = places.together.view()
    places.now = 110.0
    places.poll("one", snapshot([queue("mail", 4)]))
    assert known(places.together.view().fleet).queues == known(frozen.fleet).queues
    assert places.together.view().frozen_since_mono is not None
    assert places.together.view().poll.snapshot is frozen.poll.snapshot
    places.together.toggle_freeze()
    assert known(places.together.view().fleet).totals.waiting == 10


def test_equal_failures_of_two_places_are_two_rows() -> None:
    places = Places()
    for label in places.states:
        places.poll(label, snapshot(failures=[failure(1), failure(2)]))
    rows = known(known(places.together.view().fleet).failures)
    assert len(rows) == 4
    assert len({row.key for row in rows}) == len(rows)
    assert [row.system for row in rows] == ["one", "two"] * 2, "the newest first"


def test_nothing_is_merged_before_any_place_was_seen() -> None:
    assert merged_fleet([("one", None, False), ("two", None, True)]) is None


def test_letters_of_systems_are_never_the_same() -> None:
    labels = ["sidekiq", "sidekiq:mail", "resque", "s", "ß"]
    letters = letters_of(labels)
    assert letters["resque"] == "R"
    assert len(set(letters.values())) == len(labels)
    assert all(len(letter) == 1 for letter in letters.values())


def test_the_letter_of_the_system_takes_no_column_away() -> None:
    columns: list[Column[str]] = [
        Column("name", "name", 12, str, flex=3, priority=100),
        Column("depth", "waiting", 8, str, priority=90),
        Column("state", "state", 9, str, flex=1, priority=80),
    ]
    lead: Column[str] = Column("system", "", 1, str, priority=200)
    for width in range(20, 60):
        usual = [place.column.key for place in fit(columns, 0, width)]
        placed = fit_with(lead, columns, 0, width)
        assert [place.column.key for place in placed] == ["system", *usual]
        assert placed[-1].x + placed[-1].width <= width
