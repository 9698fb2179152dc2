"""A light connection for programs that work through much: while they look into one answer, the
server prepares the next."""

from __future__ import annotations

import time

from queuecore.address import Address
from queuecore.errors import StoreError
from queuecore.exchange import Exchange, Reply, T
from queuecore.lean import LeanStore
from queuecore.values import Any


class AheadStore(LeanStore):
    """Runs operations as a LeanStore. Sends what is announced as `ahead` at once, and keeps its
    answer where another exchange is carried out first: as much memory as that takes. Where it gets
    no answer, it sends it again, for it only reads."""

    def __init__(self, address: Address, *, timeout_s: float, client_name: str) -> None:
        super().__init__(address, timeout_s=timeout_s, client_name=client_name)
        #: What was sent and is not yet asked for, and its answer, if that was read already.
        self._sent: Exchange[Any] | None = None
        self._kept: list[Reply] | None = None

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
            self._send_all(next(exchange.converse()))
        except (OSError, StoreError):
            self.close()
        else:
            self._sent = exchange

    def _receive(self) -> None:
        """Read the answer to what was sent ahead, if it was not read yet."""
        if self._sent is None or self._kept is not None:
            return
        try:
            self._kept = [self._reply() for _ in self._sent.commands]
        except (OSError, StoreError):
            self.close()

    def _converse(self, exchange: Exchange[T], replies: list[Reply] | None = None) -> T:
        self._receive()
        if exchange is self._sent:
            replies, self._sent, self._kept = self._kept, None, None
        return super()._converse(exchange, replies)

    def close(self) -> None:
        if self._kept is None:
            self._sent = None
        super().close()
