"""Which queue systems live in the namespace of a Resque, and whose its queues are, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qtop.model.health import Notice, Ownership
from qtop.text.format import named
from qtop.text.safe import counted
from resque.store.ownership import KeyOwners

#: What is said of a queue that is not Resque's alone.
_OWNERS: Final = {"sidekiq": "Sidekiq's", "mixed": "Sidekiq's and Resque's"}
_OWN: Final = "give Resque a namespace of its own: both take jobs, from opposite ends"


def ownership(whose: KeyOwners) -> Ownership:
    """Whose the queues are. O(queues looked at)."""
    refusals = {name: why for name in whose.owners if (why := whose.refusal(name)) is not None}
    systems = {name: whose.owner(name) for name in whose.owners}
    return Ownership(
        owners={name: _OWNERS.get(each, "") for name, each in systems.items()},
        refusals=refusals,
        others_owner=_OWNERS["sidekiq"] if whose.is_all_sidekiqs else "",
        others_refusal=whose.refusal(),
        has_foreign_failures=whose.has_failures_set,
        systems={name: each for name, each in systems.items() if each != "unknown"},
        others_system="sidekiq" if whose.is_all_sidekiqs else None,
        note=_note(whose),
    )


def _note(whose: KeyOwners) -> str | None:
    """What to say beside a listing; None where Resque lives alone, or nothing."""
    if whose.is_all_sidekiqs:
        text = f"Sidekiq lives under {whose.place}: {whose.signs[0]}; nothing of Resque does"
    elif whose.is_sure:
        barred = sum(whose.refusal(name) is not None for name in whose.owners)
        queues = f"; {counted(barred, 'queue')} refused to Resque" if barred else ""
        text = f"Sidekiq and Resque share {whose.place}: {whose.signs[0]}{queues}"
    else:
        return whose.warning
    if whose.has_failures_set:
        text += "; `failed` is sidekiq-failures', a sorted set"
    return text


def notices(whose: KeyOwners) -> Iterator[Notice]:
    """Which systems live here, unless it is Resque alone."""
    if whose.is_all_sidekiqs:
        text = f"Sidekiq lives under {whose.place}: {whose.signs[0]}; Resque's actions are refused"
        remedy = "name the namespace of a Resque: qtop doctor lists the systems there are"
        yield Notice("warn", text, "sidekiq", remedy=remedy)
    elif whose.is_sure:
        barred = [name for name in whose.owners if whose.refusal(name) is not None]
        text = f"Sidekiq and Resque share {whose.place}: {whose.signs[0]}"
        text += f"; Resque's actions are refused on {named(barred)}" if barred else ""
        yield Notice("warn", text, "sidekiq", "queues", _OWN)
    elif whose.warning is not None:
        yield Notice("info", whose.warning, "sidekiq")
    if whose.has_failures_set:
        text = "the list of failures is sidekiq-failures', a sorted set, and not Resque's"
        yield Notice("warn", text, "sidekiq-failures", remedy="leave it as it is; " + _OWN)
