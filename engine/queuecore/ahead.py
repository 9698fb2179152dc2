"""A light connection for programs that work through much: while they look into one answer, the
server prepares the next."""

from __future__ import annotations

import time

from queuecore.address import Address, unreachable
from queuecore.errors import StoreError
from queuecore.exchange import ErrorReply, Exchange, Lighter, Reply, T
from queuecore.lean import LeanStore
from queuecore.values import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_READ_BYTES = 256 << 10


class _TooLong(OSError):
    """The answer is longer than it may be."""


class AheadStore(LeanStore):
    """Runs operations as a LeanStore. Sends what is announced as `ahead` at once, and keeps its
    answer where another exchange is carried out first: as much memory as that takes. Where it gets
    no answer, it sends it again, for it only reads. Reads by the lighter way where there is one.
    Works while it waits, where an exchange has work for it."""

    def __init__(self, address: Address, *, timeout_s: float, client_name: str) -> None:
        super().__init__(address, timeout_s=timeout_s, client_name=client_name)
        #: What was sent and is not yet asked for, and its answer, if that was read already.
        self._sent: Exchange[Any] | None = None
        self._kept: list[Reply] | None = None
        #: How many more bytes may arrive; None: any number.
        self._left_bytes: int | None = None
        #: The server refuses the lighter way, to this user for example.
        self._is_refused = False
        #: What the lighter way did not tell.
        self._untold: Exchange[Any] | None = None
        #: What to do while an answer is awaited.
        self._meanwhile: Callable[[], object] | None = None

    def _exchange(self, exchange: Exchange[T]) -> T:
        if exchange.wait_s:
            time.sleep(exchange.wait_s)
        if exchange.ahead is not None:
            self._send(exchange.ahead)
        if not exchange.commands:
            return exchange.parse([])
        return super()._exchange(exchange)

    def _send(self, exchange: Exchange[Any]) -> None:
        self._receive()
        self._sent = self._kept = None
        try:
            self._connect()
            lighter = self._lighter(exchange)
            self._send_all(list(lighter.commands) if lighter else next(exchange.converse()))
        except (OSError, StoreError):
            self.close()
        else:
            self._sent = exchange

    def _receive(self) -> None:
        """Read the answer to what was sent ahead, if it was not read yet."""
        if self._sent is None or self._kept is not None:
            return
        try:
            lighter = self._lighter(self._sent)
            if lighter:
                self._kept = self._read_lighter(lighter)
            else:
                self._kept = [self._reply() for _ in self._sent.commands]
        except (OSError, StoreError):
            self.close()
        if self._kept is None:
            self._untold, self._sent = self._sent, None

    def _converse(self, exchange: Exchange[T], replies: list[Reply] | None = None) -> T:
        self._receive()
        if exchange is self._sent:
            replies, self._sent, self._kept = self._kept, None, None
        elif lighter := self._lighter(exchange):
            replies = self._ask_lighter(lighter)
        self._meanwhile = exchange.meanwhile
        try:
            return super()._converse(exchange, replies)
        finally:
            self._meanwhile = None

    def _lighter(self, exchange: Exchange[Any]) -> Lighter | None:
        return None if self._is_refused or exchange is self._untold else exchange.lighter

    def _ask_lighter(self, lighter: Lighter) -> list[Reply] | None:
        """What the lighter way gives; None where it does not tell. Raises Unreachable."""
        self._connect()
        try:
            self._send_all(list(lighter.commands))
            return self._read_lighter(lighter)
        except _TooLong:
            self.close()
            return None
        except OSError as error:
            self.close()
            raise unreachable(self.address, error) from None

    def _read_lighter(self, lighter: Lighter) -> list[Reply] | None:
        self._left_bytes = lighter.most_bytes
        try:
            answers = [self._reply() for _ in lighter.commands]
        finally:
            self._left_bytes = None
        self._is_refused = any(isinstance(each, ErrorReply) for each in answers)
        return None if self._is_refused else lighter.replies(answers)

    def _received(self) -> bytes:
        work, self._meanwhile = self._meanwhile, None
        if work is not None:
            self._work(work)
        assert self._socket is not None  # noqa: S101
        data = self._socket.recv(_READ_BYTES)
        if self._left_bytes is not None:
            self._left_bytes -= len(data)
            if self._left_bytes < 0:
                raise _TooLong("the answer is too long")
        return data

    def _work(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException:
            # Its answer is not read any more.
            self.close()
            raise

    def close(self) -> None:
        if self._kept is None:
            self._sent = None
        super().close()
