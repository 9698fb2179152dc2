"""On production, each action asks one step more."""

import pytest
from tests.support.sample_data import does_nothing

from qtop.actions.plan import Plan, danger_in_production, escalate
from qtop.keymap.keymap import Danger


def plan(danger: Danger, word: str | None = None) -> Plan:
    return Plan("Do it", "Do", (), danger, does_nothing, word)


@pytest.mark.parametrize(
    ("before", "word", "after", "asked"),
    [
        ("none", None, "none", None),
        ("undoable", None, "confirm", None),
        ("confirm", None, "typed", "prod"),
        ("typed", "mail", "typed", "mail"),
    ],
)
def test_on_production_each_danger_is_one_step_higher(
    before: Danger, word: str | None, after: Danger, asked: str | None
) -> None:
    now = escalate(plan(before, word), "prod")
    assert (now.danger, now.word) == (after, asked)
    assert danger_in_production(before, "prod") == after
    assert (now.what, now.run) == ("Do it", does_nothing)


@pytest.mark.parametrize("danger", ["none", "undoable", "confirm", "typed"])
def test_elsewhere_nothing_changes(danger: Danger) -> None:
    usual = plan(danger, "mail" if danger == "typed" else None)
    assert escalate(usual, None) is usual
    assert danger_in_production(danger, None) == danger
