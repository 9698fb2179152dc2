"""What the walls let through for now. These lists only become shorter."""

from __future__ import annotations

from typing import Final

#: Files that import what is above them, and what that is.
BELOW: Final[dict[str, set[str]]] = {}
#: Files that import each other.
CIRCLES: Final[list[set[str]]] = []
#: Files of the console outside of the systems that know an engine.
STORE: Final[set[str]] = set()
#: Files outside of the systems that know one of them and not only the protocol.
SYSTEMS: Final[set[str]] = {"qtop.local.supervisor"}
#: Public names of classes and types that two files define.
TWICE: Final[set[str]] = {"Job"}
