"""How the entries of a list are written, for those who look for something in their bytes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from queuecore.values import value


@value
class Member:
    """The member of an entry's JSON that an attribute of its subject is made of.

    Attributes:
        key: Its name.
        made: Makes the attribute of its value, or of None where there is no such member. Raises
            ValueError where the value shows that the attribute is made of other members, too.
        unless: So it may be in an entry that has this text anywhere.
    """

    key: str
    made: Callable[[Any], Any]
    unless: str = ""


@value
class Layout:
    """How the entries of one list are written.

    Attributes:
        members: By the name of the attribute.
        read: Reads the JSON of an entry; None of one that cannot be read.
        subject: Makes of that what filters see, without its times and its id.
        known: Attributes that are the same for all entries, also for those that cannot be read.
    """

    members: Mapping[str, Member]
    read: Callable[[bytes], Any]
    subject: Callable[[Any], Any]
    known: Mapping[str, Any]


#: How the entries of the lists of several places are written, by the labels of the places that an
#: entry has as its `system`.
Layouts = Mapping[str, Layout]
