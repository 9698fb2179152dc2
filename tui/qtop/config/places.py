"""The places that one console shows: each a queue system at an address, database and namespace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

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


def labelled(places: Sequence[PlaceOptions]) -> tuple[PlaceOptions, ...]:
    """The same places, each once, with a label where one has none: the name of its system; with its
    namespace where two have the same system, and with its address where that is not enough, either.
    A label that was given stays. O(places)."""
    once = {(each.system, each.address, each.namespace): each for each in reversed(places)}
    unique = list(once.values())[::-1]
    by_spelling = [Counter(each.label or spell(each) for each in unique) for spell in _SPELLINGS]
    found: list[PlaceOptions] = []
    for each in unique:
        label = each.label or _by_address(each)
        for spell, times in zip(_SPELLINGS, by_spelling, strict=True):
            if not each.label and times[spell(each)] == 1:
                label = spell(each)
                break
        found.append(replace(each, label=label))
    return tuple(found)


def _by_system(place: PlaceOptions) -> str:
    return place.system


def _by_namespace(place: PlaceOptions) -> str:
    return f"{place.system}:{place.namespace}" if place.namespace else place.system


def _by_address(place: PlaceOptions) -> str:
    return f"{_by_namespace(place)}@{place.address}"


#: The shortest that is another than all others' is taken.
_SPELLINGS: Final = (_by_system, _by_namespace, _by_address)
