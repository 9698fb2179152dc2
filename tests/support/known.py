"""Values that a test knows to be known."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """The value; it must not be None."""
    assert value is not None
    return value
