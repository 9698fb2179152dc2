"""Commands that a server does not have or a user may not send."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.direct import Direct


@contextmanager
def refused(direct: Direct, *rules: str) -> Iterator[None]:
    direct("ACL", "SETUSER", "default", *rules)
    try:
        yield
    finally:
        direct("ACL", "SETUSER", "default", "+@all")


#: Commands that qtop can do without.
OPTIONAL = [
    "CLIENT",
    "CONFIG",
    "INFO",
    "ACL",
    "SCAN",
    "OBJECT",
    "MEMORY",
    "COMMAND",
    "MULTI",
    "EXEC",
]


@contextmanager
def a_user(direct: Direct, url: str, *rights: str) -> Iterator[str]:
    """The URL of a user with some rights."""
    direct("ACL", "SETUSER", "half", "reset", "on", ">pw", *rights)
    try:
        yield url.replace("unix://", "unix://half:pw@")
    finally:
        direct("ACL", "DELUSER", "half")
