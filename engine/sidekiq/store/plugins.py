"""Which plug-ins' keys there are, those of Sidekiq Pro, Enterprise and other languages' workers
among them: what stands in the way of an action, or explains what is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from queuecore import windows
from queuecore.exchange import Exchange, Reply, Steps
from queuecore.keys import name_text
from queuecore.values import value
from sidekiq.errors import StoreError
from sidekiq.keys import PluginName, SidekiqKeys


@value
class Plugins:
    """Which there are.

    Attributes:
        keys: A key of each, by its name.
        is_complete: Whether all keys were looked at: many plug-ins show only by keys that no set
            names.
        problem: Why not all that was asked is known; None when it is.
    """

    keys: Mapping[PluginName, str]
    is_complete: bool = False
    problem: str | None = None


def present(keys: SidekiqKeys) -> Exchange[Plugins]:
    """Those that show by a key of a known name. One round trip, O(1)."""
    signs = keys.of_plugins()

    def parse(replies: list[Reply]) -> Plugins:
        found: dict[PluginName, str] = {}
        problem = None
        for (name, key, kind), reply in zip(signs, replies, strict=True):
            if isinstance(reply, StoreError):
                problem = str(reply)
            elif reply == kind.encode():
                found.setdefault(name, name_text(key))
        return Plugins(found, problem=problem)

    return Exchange(tuple(("TYPE", key) for _, key, _ in signs), parse, tolerant=True)


def find(keys: SidekiqKeys) -> Steps[Plugins]:
    """All of them, by a walk through the keys of the database; it is slow where there are many. A
    round trip, and one for each 1,000 keys, up to 200. Raises StoreError where SCAN is refused."""
    shown: Plugins = yield present(keys)
    found = dict(shown.keys)

    def visit(page: Sequence[bytes]) -> Steps[None]:
        for key in page:
            if (name := keys.plugin_of(key)) is not None:
                found.setdefault(name, name_text(key))
        yield from ()

    pattern = windows.pattern_of(keys.everything())
    is_complete = yield from windows.scan_keys(pattern, visit)
    return Plugins(found, is_complete, shown.problem)
