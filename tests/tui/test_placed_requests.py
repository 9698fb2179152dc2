"""Rows of several systems are grouped by their place, and asked of each system apart."""

from __future__ import annotations

from qtop.actions.request import Pause, Placed, Request, Several, placed
from qtop.monitor.changes import UNKNOWN
from qtop.monitor.rows import QueueRow
from qtop.search.fields import Subject
from qtop.search.filter_language import parse


def row(name: str, system: str = "") -> QueueRow:
    figures = (0, (), 1, UNKNOWN, None, False, 0, 0, 0, 0, True, None)
    return QueueRow(name, *figures, system=system)


def pause(rows: list[QueueRow]) -> Request:
    return Pause(tuple(each.name for each in rows))


def test_rows_of_the_only_system_make_the_plain_request() -> None:
    assert placed([row("a"), row("b")], pause) == Pause(("a", "b"))


def test_rows_of_one_of_several_systems_make_a_request_to_its_place() -> None:
    assert placed([row("a", "resque")], pause) == Placed("resque", Pause(("a",)))


def test_rows_of_two_systems_make_a_request_to_each_with_its_own_rows() -> None:
    rows = [row("mail", "resque"), row("mail", "sidekiq"), row("b", "resque")]
    assert placed(rows, pause) == Several(
        (Placed("resque", Pause(("mail", "b"))), Placed("sidekiq", Pause(("mail",))))
    )


def test_nothing_is_asked_of_a_system_that_lacks_it_and_the_reason_is_kept() -> None:
    rows = [row("mail", "resque"), row("mail", "sidekiq")]
    assert placed(rows, pause, {"sidekiq": "not enforced", "other": "no"}) == Several(
        (Placed("resque", Pause(("mail",))),), {"sidekiq": "not enforced"}
    )


def test_where_no_chosen_system_can_do_it_each_is_asked_and_says_why_not() -> None:
    asked = placed([row("mail", "sidekiq")], pause, {"sidekiq": "not enforced"})
    assert asked == Placed("sidekiq", Pause(("mail",)))


def test_two_queues_of_one_name_are_two_rows() -> None:
    assert row("mail").key == "mail"
    assert row("mail", "resque").key != row("mail", "sidekiq").key


def test_system_finds_the_rows_of_one_system_and_of_each_place_of_it() -> None:
    labels = ("resque", "sidekiq", "sidekiq mail", "sidekiqs")
    wanted = parse("system:sidekiq")
    assert [each for each in labels if wanted.matches(Subject(system=each))] == [
        "sidekiq",
        "sidekiq mail",
    ]
    assert parse("!system:sidekiq").matches(Subject(system="resque"))
    assert parse('system:"sidekiq mail"').matches(Subject(system="sidekiq mail"))
