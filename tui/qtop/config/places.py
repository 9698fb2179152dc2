"""The places that one console shows: each a queue system at an address, database and namespace."""

from __future__ import annotations

from dataclasses import dataclass, field

from queuecore.address import Address


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """A place, as it was found or named in the settings.

    Attributes:
        label: What it is called on the screen, in `system:` of filters and in JSON: the name of its
            system, with more where two places have the same system. No two places have the same.
        system: The name of its queue system: `resque`, `sidekiq`.
        url: The address with its password; never shown.
    """

    label: str
    system: str
    address: Address
    namespace: str
    url: str = field(default="", repr=False)
