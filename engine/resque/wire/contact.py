"""The first word with a server: whether it is a Redis at all."""

from __future__ import annotations

from resque.errors import NotRedis
from resque.wire.address import Address
from resque.wire.exchange import Exchange, Reply, single


def contact(address: Address) -> Exchange[None]:
    """Ask the server at an address for its time, as all programs do soon after. One round trip.
    Raises NotRedis for an answer that no Redis gives: something else may speak Redis's language,
    and its first reply that is looked into would be a riddle."""

    def check(reply: Reply) -> None:
        is_pair = isinstance(reply, list) and len(reply) == 2
        if not is_pair or not all(isinstance(part, bytes) and part.isdigit() for part in reply):
            raise NotRedis(f"what answers at {address} is not Redis: check host and port")

    return single(("TIME",), check)
