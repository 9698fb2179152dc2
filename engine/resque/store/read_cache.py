"""How a fleet is looked at that is so large that a look at everything would burden Redis."""

from __future__ import annotations

from queuecore.values import value


@value
class ReadCache:
    """More workers than `few` are a large fleet. Of such a one, who is registered and when each has
    beaten may be known from up to `unread_s` seconds ago, by the server's clock."""

    few: int = 1_000
    unread_s: float = 5.0


USUAL = ReadCache()
