"""Names in Redis as text, and the keys that the operations here need of a queue system.

Names (of queues, of workers) are text. Those read from Redis were decoded with
`surrogateescape`, so that bytes that are not UTF-8 find their way back unchanged.
"""

from __future__ import annotations

from queuecore.values import Literal, Protocol

ListEnd = Literal["tail", "head"]
"""The end of a list at which newcomers arrive; others take its items from the other one."""


def name_bytes(name: str) -> bytes:
    """The bytes of a name in Redis; the reverse of `name_text`."""
    return name.encode("utf-8", "surrogateescape")


def name_text(raw: bytes) -> str:
    """A name as text; bytes that are not UTF-8 become lone surrogates and keep their identity."""
    return raw.decode("utf-8", "surrogateescape")


def is_name(text: str) -> bool:
    """Whether a text can be a name in Redis: JSON can hold halves of surrogate pairs."""
    try:
        name_bytes(text)
    except UnicodeEncodeError:
        return False
    return True


def turn(list_key: bytes) -> bytes:
    """String with a lifetime: how far qtop has turned a list (see `turned.inc.lua`)."""
    return list_key + b":qtop:turn"


def turn_apart(list_key: bytes) -> bytes:
    """List that exists only within a script: newcomers of a list that is turned."""
    return list_key + b":qtop:apart"


class QueueKeys(Protocol):
    """The key names of one namespace, as far as lists, actions and their undo need them."""

    def queues(self) -> bytes:
        """Set of the names of all queues."""

    def queue(self, queue: str) -> bytes:
        """List of the payloads that wait in a queue."""

    def audit(self) -> bytes:
        """Stream of operators' actions."""

    def acknowledged(self) -> bytes:
        """Hash: the incidents that somebody has acknowledged."""

    def undo(self, operation: str) -> bytes:
        """Hash: what an action did."""

    def undo_items(self, operation: str) -> bytes:
        """List: what an action removed."""
