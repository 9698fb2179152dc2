"""How the console deals with whoever sits at it: what it hides, what it refuses, which keys it
answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from qtop.keymap import keymap
from qtop.keymap.keymap import Action, Where
from qtop.keymap.rebinding import Rebound
from qtop.text.redact import OPEN, Redactor


@dataclass(frozen=True, slots=True)
class UiPolicy:
    """What the settings and the server make of the console.

    Attributes:
        production: The word for large actions on a production system; None elsewhere.
        secrets: What hides secrets, unless they are revealed.
        is_revealed: Secrets are shown for now.
        rebound: Keys that are others than in the table.
        forbidden: Why the server would refuse an action, by the action's id.
    """

    production: str | None = None
    secrets: Redactor = field(default_factory=Redactor)
    is_revealed: bool = False
    rebound: Rebound = field(default_factory=dict)
    forbidden: Mapping[str, str] = field(default_factory=dict)

    @property
    def redactor(self) -> Redactor:
        """What everything goes through that is shown of data."""
        return OPEN if self.is_revealed else self.secrets

    def sign(self, action_id: str, *, in_text: bool = False) -> str:
        """The key that an action has now, for a sentence; see `keymap.sign`."""
        return keymap.sign(action_id, self.rebound, in_text=in_text)

    def actions(self, places: Collection[Where], *, read_only: bool) -> list[Action]:
        """The actions that can be done in these places, with the keys they have now."""
        return [
            action
            for action in keymap.of(places, read_only=read_only, rebound=self.rebound)
            if action.id not in self.forbidden
        ]
