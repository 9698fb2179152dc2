"""The two runners over redis-py: `Store` (blocking) and `AsyncStore` (asyncio).

Both send an exchange's commands in one write and hand back the raw replies. Neither retries:
a write whose answer was lost is reported as unknown, and the caller decides.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Generator
from typing import Any, Self, TypeVar

import redis
from redis.exceptions import ResponseError

from queuecore import redis_client
from queuecore.address import Address, parse_url
from queuecore.errors import AuthRefused, Busy, MissingCommand, ReadOnly, StoreError
from queuecore.exchange import (
    Arg,
    ErrorReply,
    Exchange,
    Lighter,
    MovedAway,
    Operation,
    Reply,
    drive,
    refusal,
)

T = TypeVar("T")
#: Yields what to send, takes the raw replies, returns a T.
Conversation = Generator[list[tuple[Arg, ...]], list[Reply], T]

DEFAULT_TIMEOUT_S = 5.0
#: After a lighter answer that was too long.
_SPARED = 100
#: Why a server will not answer that way later either.
_FOR_GOOD = (AuthRefused, MissingCommand)
#: How often a cluster may send us on before we give up.
_MOST_MOVES = 3


class _Runner:
    """What both runners know: their Redis, or the node of a cluster that has the keys, and a pool
    of connections to it."""

    _make_pool: Callable[..., Any]

    def __init__(
        self,
        address: Address | str,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        client_name: str | None = None,
    ) -> None:
        self.address = parse_url(address) if isinstance(address, str) else address
        self._timeout_s = timeout_s
        self._name = client_name
        self._node = self.address
        self._pool = self._pool_of(self.address)
        self._pid = os.getpid()

    def _pool_of(self, node: Address) -> Any:
        return self._make_pool(node, self._timeout_s, self._name)

    def _left_for(self, node: Address) -> Any:
        """Turn to a node. Returns the pool of the one before, to be closed; None for the same. Not
        its connections that are in use: another thread or task waits for an answer there."""
        if node == self._node:
            return None
        pool = self._pool_of(node)
        left, self._pool, self._node = self._pool, pool, node
        return left


class Store(_Runner):
    """Runs operations on one Redis, blocking. Threads may share it; it survives a fork, after
    which the child opens its own connections."""

    _make_pool = staticmethod(redis_client.pool_for)

    def run(self, operation: Operation[T]) -> T:
        """Carry out an exchange, or all exchanges of a generator, and return its result.

        Raises StoreError; OutcomeUnknown when the answer to a write was lost. Cost: one round
        trip an exchange (one more the first time a server sees a script).
        """
        return drive(operation, self._exchange)

    def _exchange(self, exchange: Exchange[T]) -> T:
        if exchange.wait_s:
            time.sleep(exchange.wait_s)
        for _ in range(_MOST_MOVES):
            try:
                return self._trade(exchange)
            except MovedAway as moved:
                # A cluster: every key of a namespace that is a hash tag is on one node.
                self._go_to(moved.node(self._node))
        raise Busy(f"{self.address}: the cluster keeps moving the keys: try again soon")

    def _trade(self, exchange: Exchange[T]) -> T:
        conversation = exchange.converse()
        commands = next(conversation)
        pool = self._own_pool()
        try:
            connection: Any = pool.get_connection()
        except (redis.RedisError, OSError) as error:
            # A node may be gone for good: the next exchange asks the first one again.
            node = self._node
            self._go_to(self.address)
            said = redis_client.last_words(node) if redis_client.is_turned_away(error) else ""
            redis_client.raise_ours(error, self.address, said=said)
        is_clean = False
        try:
            while True:
                connection.send_packed_command(connection.pack_commands(commands))
                replies = [_read(connection) for _ in commands]
                is_clean = True
                commands = conversation.send(replies)
                is_clean = False
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        except ReadOnly:
            # After a failover: the next exchange asks the Sentinels anew.
            is_clean = False
            raise
        except (redis.RedisError, OSError) as error:
            redis_client.raise_ours(error, self.address, unknown=exchange.writes)
        finally:
            if not is_clean or pool is not self._pool:
                # Answers left on the wire would be taken for those of the next exchange.
                connection.disconnect()
            pool.release(connection)

    def _own_pool(self) -> Any:
        """The pool; in a child after a fork one of its own. The parent's cannot be used: another
        thread may have held its lock, and would never release it here."""
        if self._pid != os.getpid():
            self._pool = self._pool_of(self._node)
            self._pid = os.getpid()
        return self._pool

    def _go_to(self, node: Address) -> None:
        if (left := self._left_for(node)) is not None:
            left.disconnect(inuse_connections=False)

    def close(self) -> None:
        """Close the connections."""
        redis_client.close(self._own_pool())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def _read(connection: Any) -> Reply:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return redis_client.error_reply(error)


class AsyncStore(_Runner):
    """Runs operations on one Redis from asyncio. One event loop; at most one exchange at a time
    on a connection, so that a slow one never delays another task's. Reads by the lighter way where
    there is one; for some time no more once its answer was too long."""

    _make_pool = staticmethod(redis_client.async_pool_for)
    #: The server refuses the lighter way, to this user for example.
    _refuses_lighter = False
    #: So many of those that have a lighter way go the other one.
    _spared = 0

    async def run(self, operation: Operation[T]) -> T:
        """As `Store.run`. Cancelling it closes the connection in use; a write that was under
        way then has an unknown outcome."""
        if isinstance(operation, Exchange):
            return await self._exchange(operation)
        result: Any = None
        problem: StoreError | None = None
        while True:
            try:
                step = operation.throw(problem) if problem else operation.send(result)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            # To build a large exchange and to pack it take milliseconds each: others have a turn.
            await asyncio.sleep(0)
            try:
                result, problem = await self._exchange(step), None
            except StoreError as error:
                problem = error

    async def _exchange(self, exchange: Exchange[T]) -> T:
        if exchange.wait_s:
            await asyncio.sleep(exchange.wait_s)
        for _ in range(_MOST_MOVES):
            try:
                return await self._trade(exchange)
            except MovedAway as moved:
                await self._go_to(moved.node(self._node))
        raise Busy(f"{self.address}: the cluster keeps moving the keys: try again soon")

    async def _trade(self, exchange: Exchange[T]) -> T:
        lighter = None if self._refuses_lighter else exchange.lighter
        if lighter is not None and self._spared:
            self._spared -= 1
        elif lighter is not None:
            try:
                replies = await self._hold(self._by_lighter(lighter), most_bytes=lighter.most_bytes)
            except redis_client.TooLong:
                self._spared = _SPARED
            else:
                if replies is not None:
                    return exchange.parse(replies)
        return await self._hold(exchange.converse(), writes=exchange.writes)

    def _by_lighter(self, lighter: Lighter) -> Conversation[list[Reply] | None]:
        answers = yield list(lighter.commands)
        refusals = [refusal(each.text) for each in answers if isinstance(each, ErrorReply)]
        # Other errors, such as of a server that is busy, may be over soon.
        self._refuses_lighter = any(isinstance(each, _FOR_GOOD) for each in refusals)
        return None if refusals else lighter.replies(answers)

    async def _hold(
        self, conversation: Conversation[T], *, writes: bool = False, most_bytes: int | None = None
    ) -> T:
        """Hold a conversation on a connection of its own. Raises TooLong where more than
        `most_bytes` arrive."""
        commands = next(conversation)
        pool = self._pool
        patience = _Patience()
        try:
            connection: Any = await pool.get_connection()
        except (redis.RedisError, OSError) as error:
            # A node may be gone for good: the next exchange asks the first one again.
            node = self._node
            await self._go_to(self.address)
            said = ""
            if redis_client.is_turned_away(error):
                said = await asyncio.to_thread(redis_client.last_words, node)
            redis_client.raise_ours(error, self.address, said=said)
        is_clean = False
        try:
            redis_client.allow(connection, most_bytes)
            while True:
                await connection.send_packed_command(connection.pack_commands(commands))
                patience.check()
                replies = [await _read_async(connection) for _ in commands]
                is_clean = True
                commands = conversation.send(replies)
                is_clean = False
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        except ReadOnly:
            is_clean = False
            raise
        except (redis.RedisError, OSError) as error:
            redis_client.raise_ours(error, self.address, unknown=writes)
        finally:
            redis_client.allow(connection, None)
            if not is_clean or pool is not self._pool:
                # Also when cancelled between sending and reading; nowait: this must not hang.
                await connection.disconnect(nowait=True)
            await pool.release(connection)

    async def _go_to(self, node: Address) -> None:
        if (left := self._left_for(node)) is not None:
            await left.disconnect(inuse_connections=False)

    async def close(self) -> None:
        """Close the connections."""
        await redis_client.async_close(self._pool)


class _Patience:
    """Notices that the running task was cancelled since, where nothing was raised: in Python 3.11
    `asyncio.wait_for`, in which redis-py sends, can swallow a cancellation."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._before = self._requests()

    def check(self) -> None:
        """Raise CancelledError if it was."""
        if self._requests() > self._before:
            raise asyncio.CancelledError

    def _requests(self) -> int:
        return 0 if self._task is None else self._task.cancelling()


async def _read_async(connection: Any) -> Reply:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return redis_client.error_reply(error)
