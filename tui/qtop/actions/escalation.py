"""What stands between a key and its deed on a production system: one step more than elsewhere.
Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from qtop.actions.plan import Plan
from qtop.keymap.keymap import Danger

#: At once becomes a question; a question becomes the name to type.
_STEP: Final[dict[Danger, Danger]] = {"undoable": "confirm", "confirm": "typed"}


def danger_in_production(usual: Danger, production: str | None) -> Danger:
    """The danger of an action where `production` is the word to type, None: not production."""
    return usual if production is None else _STEP.get(usual, usual)


def escalate(plan: Plan, production: str | None) -> Plan:
    """A plan as it is asked about: on production nothing that changes Redis is done at once, and
    what asks elsewhere asks for the profile's name. What asks for another name keeps it. An undo
    stays as easy as it is."""
    now = danger_in_production(plan.danger, production)
    if now == plan.danger:
        return plan
    return replace(plan, danger=now, word=production if now == "typed" else plan.word)
