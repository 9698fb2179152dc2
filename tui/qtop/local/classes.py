"""Whether our own worker would know the classes that wait: without them it fails every job."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from qtop.text.safe import counted, safe
from resque.store.waiting_classes import WaitingClasses

_MOST_QUEUES: Final = 3
_MOST_CLASSES: Final = 3


def unknown_classes(waiting: Sequence[WaitingClasses], known: Collection[str]) -> str | None:
    """Why no worker with these classes is to be started for these queues, in one safe sentence;
    None when it knows all that were seen to wait. Pure."""

    def knows(name: str) -> bool:
        return name in known or name.removeprefix("::") in known

    troubled = [(each.queue, each.unknown(knows)) for each in waiting]
    lacking = [(queue, names) for queue, names in troubled if names]
    if not lacking:
        return None
    told = "; ".join(f"{safe(queue)}: {listed(names)}" for queue, names in lacking[:_MOST_QUEUES])
    rest = len(lacking) - _MOST_QUEUES
    more = f"; and in {counted(rest, 'more queue')}" if rest > 0 else ""
    return (
        f"classes wait that the modules do not know, their jobs would fail: {told}{more}. Load "
        "the modules that declare them, or name the command of a worker that knows them"
    )


def listed(names: Sequence[str], most: int = _MOST_CLASSES) -> str:
    """The first of some classes, as safe text."""
    rest = len(names) - most
    shown = ", ".join(safe(name) for name in names[:most])
    return f"{shown} and {rest:,} more" if rest > 0 else shown
