"""A command's connection to Redis: runs operations, refuses changes, shows how far it is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from qtop.commands.output import message
from queuecore import times
from queuecore.address import parse_url
from queuecore.exchange import Exchange, Operation, drive, single
from queuecore.lean import LeanStore
from resque.errors import NotRedis, ResqueError, StoreError
from resque.keys import Keys
from resque.store.guard import Guard

if TYPE_CHECKING:
    from qtop.commands.connection import Connection

T = TypeVar("T")

#: What reading an answer raises when it is none that Redis gives.
_NONSENSE: Final = (TypeError, ValueError, AttributeError, LookupError, AssertionError)
_TIMEOUT_S: Final = 10.0
_PROGRESS_AFTER_S: Final = 0.5
_ERASE: Final = "\r\x1b[K"


class ChangeRefused(ResqueError):
    """A change was asked for with --read-only. Nothing was done."""


class Session:
    """One Redis and one namespace, for the length of a command.

    It uses the worker's light connection, which is open before the larger client would be
    imported. Close it at the end.
    """

    def __init__(self, url: str, connection: Connection) -> None:
        self.address = parse_url(url)
        self.keys = Keys(connection.namespace)
        self.is_read_only = connection.is_read_only
        self.undo_limits = connection.settings.undo_limits
        self._read_only_by = connection.settings.origins.get("read_only", "--read-only")
        self._store = LeanStore(self.address, timeout_s=_TIMEOUT_S, client_name="qtop")
        self._progress = _Progress()
        self._warned = False
        self._guard = Guard(self.keys, times.wall_now, self._warn)

    def _warn(self, text: str) -> None:
        if not self._warned:
            message(f"warning: {text}")
        self._warned = True

    def run(self, operation: Operation[T]) -> T:
        """Carry out an operation. How much of a long one is done is shown on a terminal.

        Raises StoreError, whose message names the address, ChangeRefused, with --read-only, and
        BelongsToSidekiq, before anything that writes is sent. Costs what the operation costs, and
        two round trips before it writes.
        """
        try:
            return drive(self._guard.watching(operation), self._one)
        except _NONSENSE as error:
            raise NotRedis(
                f"{self.address}: what it answers makes no sense to qtop "
                f"({type(error).__name__}): check that this is Redis"
            ) from error
        finally:
            self._progress.end()

    def refuse_if_sidekiqs(self, queues: Iterable[str] = (), *, failures: bool = False) -> None:
        """Raises BelongsToSidekiq when the namespace or one of these queues is Sidekiq's, with
        `failures` also when the list of failures is. Costs as `Guard.vouch`."""
        self.run(self._guard.vouch(queues, failures=failures))

    def _one(self, exchange: Exchange[Any]) -> Any:
        self.refuse_if_read_only(exchange.writes)
        if exchange.progress is not None:
            self._progress.tell(*exchange.progress)
        try:
            return self._store.run(exchange)
        except StoreError as error:
            if str(self.address) in str(error):
                raise
            raise type(error)(f"{self.address}: {error}") from None

    def refuse_if_read_only(self, writes: bool = True) -> None:
        """Raises ChangeRefused with --read-only."""
        if writes and self.is_read_only:
            raise ChangeRefused(f"read-only ({self._read_only_by}): nothing was changed")

    def now(self) -> datetime:
        """The server's clock. One round trip. Raises StoreError."""
        return self.run(single(("TIME",), lambda reply: times.from_server(*reply)))

    def close(self) -> None:
        """Close the connection."""
        self._store.close()


class _Progress:
    """A line on the terminal that says how far a long operation is."""

    def __init__(self) -> None:
        self._begun_s = time.monotonic()
        self._is_shown = False
        self._can_erase = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def tell(self, done: int, of: int) -> None:
        if self._can_erase and time.monotonic() - self._begun_s > _PROGRESS_AFTER_S:
            sys.stderr.write(f"{_ERASE}{done:,} of {of:,}")
            sys.stderr.flush()
            self._is_shown = True

    def end(self) -> None:
        if self._is_shown:
            sys.stderr.write(_ERASE)
            self._is_shown = False
