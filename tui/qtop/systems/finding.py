"""Finds the queue systems of a database: under the names that they usually have at once, under
others by a walk through all keys.

One round trip tests what is without a prefix, which is Sidekiq's, and the namespace of Resque, or
the one that was named; a second one follows only where it stays open whose something is. Where a
database holds nothing of either, it is taken for Resque's, as an empty one, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from qtop.config.places import PlaceOptions, labelled
from qtop.model.health import SystemsSeen
from queuecore.address import Address
from queuecore.errors import Refused
from queuecore.exchange import Steps
from queuecore.values import replace, value

_Expected = Literal["resque", "sidekiq"]
_RESQUE: Final = "resque"
_SIDEKIQ: Final = "sidekiq"
#: Sidekiq's usual namespace: none.
_BARE: Final = ""
_KEYS: Final = "other namespaces"
_TOO_MANY: Final = "only 200,000 keys and 100 namespaces were searched"


@dataclass(frozen=True, slots=True)
class Sought:
    """Where systems are looked for.

    Attributes:
        url: The address with its password.
        namespace: That in which Resque is expected.
        is_named: This namespace was named for whatever lives in it: no other one is looked at.
    """

    address: Address
    namespace: str
    is_named: bool = False
    url: str = field(default="", repr=False)

    def place(self, system: str, namespace: str) -> PlaceOptions:
        """A place at this address, without a label."""
        return PlaceOptions("", system, self.address, namespace, self.url)


@value
class FoundPlaces:
    """What was found.

    Attributes:
        places: One or more, Resque's first; that of Resque, as it is usual, where none was found.
        is_empty: None was found.
        notes: What is to be said of them, in words that are not safe to show: what shares a
            namespace, what may live where.
        unread: Why something could not be looked at, by what it is: whether a system is there is
            unknown.
        is_complete: All keys of the database were looked at.
    """

    places: tuple[PlaceOptions, ...]
    is_empty: bool = False
    notes: tuple[str, ...] = ()
    unread: Mapping[str, str] = MappingProxyType({})
    is_complete: bool = False


def first_look(sought: Sought) -> Steps[FoundPlaces]:
    """Find the systems under the names that are known. One round trip, a second one where it stays
    open whose something is. Raises StoreError when the server does not answer; what may not be
    read is unknown, and said."""
    # Imported here: who names the system needs none of it.
    from qtop.systems.sidekiq import ownership

    seen: tuple[SystemsSeen, ...] = yield from ownership.glance(_expected(sought))
    return _found(sought, seen)


def search(sought: Sought, found: FoundPlaces) -> Steps[FoundPlaces]:
    """What was found, and the systems in other namespaces of the database; nothing more where a
    namespace was named. In the background: up to 200 round trips, a few more for those that are
    found. Raises StoreError when the server does not answer; where it refuses the search, other
    systems are unknown."""
    if sought.is_named:
        return replace(found, is_complete=True)
    from qtop.systems.sidekiq import ownership

    known = list(_expected(sought))
    try:
        seen, is_complete = yield from ownership.search(known)
    except Refused as error:
        return replace(found, unread={**found.unread, _KEYS: str(error)})
    more = _found(sought, seen)
    unread = {**found.unread, **more.unread, **({} if is_complete else {_KEYS: _TOO_MANY})}
    if more.is_empty:
        return replace(found, unread=unread, is_complete=is_complete)
    before = () if found.is_empty else found.places
    return FoundPlaces(
        labelled((*before, *_places(sought, seen))),
        notes=(*found.notes, *more.notes),
        unread=unread,
        is_complete=is_complete,
    )


def _expected(sought: Sought) -> dict[str, _Expected]:
    named: dict[str, _Expected] = {sought.namespace: _RESQUE}
    return named if sought.is_named else {**named, _BARE: _SIDEKIQ}


def _places(sought: Sought, seen: Iterable[SystemsSeen]) -> list[PlaceOptions]:
    return [sought.place(*each) for each in sorted(_lives(seen))]


def _found(sought: Sought, seen: Sequence[SystemsSeen]) -> FoundPlaces:
    places = _places(sought, seen)
    unread = {
        _unknown(sought, each.namespace): each.problem
        for each in seen
        if each.problem is not None and not each.systems
    }
    is_empty = not places
    if is_empty:
        places = [sought.place(_RESQUE, sought.namespace)]
    return FoundPlaces(labelled(places), is_empty, tuple(_notes(seen)), unread)


def _unknown(sought: Sought, namespace: str) -> str:
    """What is unknown where a namespace cannot be looked at."""
    if not sought.is_named and namespace == _BARE:
        return f"{_SIDEKIQ} ({_words(namespace)})"
    return f"whether a system lives under {_words(namespace)}"


def _lives(seen: Iterable[SystemsSeen]) -> Iterator[tuple[str, str]]:
    """The systems, and where each lives: Resque not without a prefix."""
    for each in seen:
        for system in each.systems:
            if system != _RESQUE or each.namespace != _BARE:
                yield system, each.namespace


def _notes(seen: Iterable[SystemsSeen]) -> Iterator[str]:
    for each in seen:
        where = _words(each.namespace)
        if len(each.systems) > 1 and each.namespace != _BARE:
            yield (
                f"Resque and Sidekiq share {where}: both take jobs from the same queues, from "
                "opposite ends"
            )
        elif each.doubt is not None and not each.systems:
            yield f"perhaps Sidekiq lives under {where}: {each.doubt}"


def _words(namespace: str) -> str:
    return repr(namespace) if namespace else "no prefix"
