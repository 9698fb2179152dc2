"""Who is registered, and when each has beaten, from look to look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from queuecore.exchange import Command, Reply, refusal
from queuecore.keys import name_text
from resque.errors import AuthRefused, MissingCommand, StoreError
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import workers
from resque.store.read_cache import ReadCache

_ROLL = load_script("roll")

_WORDS: Final = ("workers", "heartbeats")
#: Whatever the server's clock does, so many looks in a row may pass without reading.
_MOST_UNREAD: Final = 10


class WorkerRegister:
    """Asks who is registered and reads the answers; used for one look at a time: `ask`, then
    `parse`.

    Of a large fleet both are read every few seconds, and whenever there are more workers or fewer:
    so a heartbeat's age may be too high by as much, and where as many have come as have left, it is
    seen after as long.

    Args:
        keys: Where they are.
        thrift: What a large fleet is, and how many seconds.
    """

    def __init__(self, keys: Keys, thrift: ReadCache) -> None:
        self._keys = keys
        self._thrift = thrift
        self._ids: list[bytes] = []
        self._beats: Mapping[bytes, bytes] = {}
        self._read_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._pause = timedelta()
        self._unread = 0
        #: Whether the last reading found those that were known, and no error.
        self._is_settled = False
        #: Whether the user may run the script.
        self._is_allowed = True
        #: Whether this look leaves out what may be left out for a while.
        self.is_sparing = False

    def ask(self, *, whole: bool = False) -> list[Command]:
        """What to send; `whole`: leave nothing out."""
        keys = (self._keys.workers(), self._keys.heartbeats())
        due_at = None if whole else self._due_at()
        self.is_sparing = due_at is not None
        if due_at is None:
            return [("SMEMBERS", keys[0]), ("HGETALL", keys[1])]
        return [_ROLL.call(keys, [len(self._ids), f"{due_at.timestamp():.6f}"])]

    def _due_at(self) -> datetime | None:
        """From when on everything is to be read; None when this look does so anyhow."""
        if self._read_at is None or self._looked_at is None or not self._is_settled:
            return None
        if (
            not self._is_allowed
            or len(self._ids) <= self._thrift.few
            or self._unread >= _MOST_UNREAD
        ):
            return None
        due_at = self._read_at + timedelta(seconds=self._thrift.unread_s)
        # Plain commands cost less than the script, where it would tell everything.
        return due_at if self._looked_at + self._pause < due_at else None

    def parse(
        self, replies: list[Reply], now: datetime, problems: dict[str, str]
    ) -> tuple[list[bytes] | None, Mapping[bytes, bytes] | None]:
        """The ids, sorted, and the heartbeats by id; None for what cannot be read, and the
        `problems` say why. `replies` are those to `ask`, `now` is the server's time."""
        if self._looked_at is not None:
            self._pause = max(now - self._looked_at, timedelta())
        self._looked_at = now
        if self.is_sparing:
            (reply,) = replies
            if isinstance(reply, int):
                self._unread += 1
                return self._ids, self._beats
            if isinstance(reply, StoreError):
                # The next look asks in the other way, as those after it where a right is lacking.
                self._is_settled = False
                self._is_allowed = not isinstance(reply, AuthRefused | MissingCommand)
                return self._ids, self._beats
            replies = [_told(each) for each in reply]
        members, beats = replies
        refused = {
            what: str(reply)
            for what, reply in zip(_WORDS, replies, strict=True)
            if isinstance(reply, StoreError)
        }
        problems |= refused
        self._read_at, self._unread = now, 0
        if refused:
            self._is_settled = False
            return (
                None if isinstance(members, StoreError) else sorted(members),
                None if isinstance(beats, StoreError) else workers.pairs(beats),
            )
        ids = sorted(members)
        self._is_settled = ids == self._ids
        self._ids, self._beats = ids, workers.pairs(beats)
        return self._ids, self._beats


def _told(part: Reply) -> Reply:
    """What the script told of one of the keys; an error comes as a text."""
    return refusal(name_text(part)) if isinstance(part, bytes) else part
