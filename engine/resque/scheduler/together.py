"""Several exchanges in one round trip, of which only one must succeed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from queuecore.exchange import Exchange, Reply
from resque.errors import StoreError

T = TypeVar("T")


def together(needed: Exchange[T], beside: Sequence[Exchange[Any]]) -> Exchange[tuple[T, list[Any]]]:
    """One round trip for all of them. Gives the result of `needed`, whose first error is raised,
    and those of the others: an error of theirs stands in place of their result."""

    def parse(replies: list[Reply]) -> tuple[T, list[Any]]:
        at = len(needed.commands)
        for reply in replies[:at]:
            if isinstance(reply, StoreError):
                raise reply
        results = []
        for each in beside:
            part = replies[at : at + len(each.commands)]
            error = next((reply for reply in part if isinstance(reply, StoreError)), None)
            results.append(each.parse(part) if error is None else error)
            at += len(each.commands)
        return needed.parse(replies[: len(needed.commands)]), results

    every = (needed, *beside)
    commands = tuple(command for each in every for command in each.commands)
    return Exchange(commands, parse, writes=any(each.writes for each in every), tolerant=True)
