"""The first word with a server: whether it is a Redis at all."""

from __future__ import annotations

from queuecore import times
from queuecore.address import Address
from queuecore.errors import NotRedis
from queuecore.exchange import Exchange, Reply, single


def contact(address: Address) -> Exchange[None]:
    """Ask the server at an address for its time, as all programs do soon after. One round trip.
    Raises NotRedis for an answer that no Redis gives: something else may speak Redis's protocol,
    and what it answers to later commands would raise errors that do not say so."""

    def check(reply: Reply) -> None:
        try:
            times.told_by_server(reply)
        except NotRedis:
            raise NotRedis(f"what answers at {address} is not Redis: check host and port") from None

    return single(("TIME",), check)
