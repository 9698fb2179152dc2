"""Exceptions from the walls for now. These lists only become shorter."""

from __future__ import annotations

from typing import Final

#: Files that import modules above them, and those modules.
BELOW: Final[dict[str, set[str]]] = {}
#: Files that import each other.
CIRCLES: Final[list[set[str]]] = []
#: Public names of classes and types that two files define.
TWICE: Final[set[str]] = {"Job"}
