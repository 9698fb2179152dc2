"""What is used of redis-py: its connection pools for each kind of address, and its errors, which
become the engine's own.

redis-py raises for an error reply; an exchange wants it as a value, in the server's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.retry
import redis.sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    InvalidResponse,
    ResponseError,
)

from queuecore.address import Address, no_primary, open_socket, reason_of, tls_context, unreachable
from queuecore.errors import AuthRefused, Busy, NotRedis, OutcomeUnknown, StoreError
from queuecore.exchange import ErrorReply, refusal

_READ_BYTES = 256 << 10
_ASK = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME")


class _Sentinels:
    """Tells redis-py's pool where the primary is. (redis-py's own asks for the state of all they
    watch, which names the old primary for longer, and keeps silent on what went wrong.)"""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address = address
        self.clients = [
            redis.Redis.from_pool(pool_for(each, timeout_s, None))
            for each in address.sentinel_addresses()
        ]

    def discover_master(self, name: str) -> tuple[str, int]:
        """As the first Sentinel that answers has it. Raises Unreachable."""
        reason = ""
        for client in self.clients:
            try:
                found: Any = client.execute_command(*_ASK, name)
            except redis.RedisError as error:
                reason = _reason(error)
                continue
            if found:
                return found[0].decode(), int(found[1])
        raise no_primary(self._address, reason)


class _AsyncSentinels:
    """As `_Sentinels`, for asyncio."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address = address
        self.clients = [
            redis.asyncio.Redis.from_pool(async_pool_for(each, timeout_s, None))
            for each in address.sentinel_addresses()
        ]

    async def discover_master(self, name: str) -> tuple[str, int]:
        """As `_Sentinels.discover_master`."""
        reason = ""
        for client in self.clients:
            try:
                found: Any = await client.execute_command(*_ASK, name)
            except redis.RedisError as error:
                reason = _reason(error)
                continue
            if found:
                return found[0].decode(), int(found[1])
        raise no_primary(self._address, reason)


def _reason(error: redis.RedisError) -> str:
    return str(error) if isinstance(error, redis.ResponseError) else reason_of(error)


class _ToPrimary(redis.sentinel.SentinelManagedConnection):
    """Hands a refusal by a demoted primary on as it is. (redis-py calls it a broken connection,
    after which it is unknown what became of a write.)"""

    def read_response(self, *args: Any, **options: Any) -> Any:
        return redis.connection.Connection.read_response(self, *args, **options)


class _AsyncToPrimary(redis.asyncio.sentinel.SentinelManagedConnection):
    """As `_ToPrimary`, for asyncio."""

    async def read_response(self, *args: Any, **options: Any) -> Any:
        return await redis.asyncio.Connection.read_response(self, *args, **options)


class _ToPrimaryTls(_ToPrimary, redis.connection.SSLConnection):
    """As `_ToPrimary`, over TLS."""


class _AsyncToPrimaryTls(_AsyncToPrimary, redis.asyncio.SSLConnection):
    """As `_AsyncToPrimary`, over TLS."""


def pool_for(address: Address, timeout_s: float, name: str | None) -> Any:
    """A pool of blocking connections, which never retry by themselves."""
    greet = partial(_greet, name)
    return _pool(redis, address, timeout_s, greet, _Sentinels, (_ToPrimary, _ToPrimaryTls), {})


class TooLong(Exception):
    """More has arrived than was allowed."""


_Parser: Any = redis.asyncio.connection.DefaultParser


class _Bounded(_Parser):  # type: ignore[misc]
    """redis-py's parser. Ends the connection where more arrives than was allowed."""

    __slots__ = ("left_bytes",)

    def __init__(self, socket_read_size: int) -> None:
        super().__init__(socket_read_size)
        #: How many more bytes may arrive; None: any number.
        self.left_bytes: int | None = None

    async def read_from_socket(self) -> bool:
        """Feed what has arrived, or is the next to. Raises TooLong, and redis-py's error."""
        data = await self._stream.read(self._read_size)
        if not data:
            raise redis.ConnectionError("Connection closed by server.")
        if self.left_bytes is not None:
            self.left_bytes -= len(data)
            if self.left_bytes < 0:
                raise TooLong
        self._reader.feed(data)
        return True


def allow(connection: Any, most_bytes: int | None) -> None:
    """Let so many more bytes arrive on a connection of `async_pool_for`; None: any number. After
    TooLong it is closed."""
    connection._parser.left_bytes = most_bytes


def async_pool_for(address: Address, timeout_s: float, name: str | None) -> Any:
    """As `pool_for`, for asyncio."""
    greet, kinds = partial(_greet_async, name), (_AsyncToPrimary, _AsyncToPrimaryTls)
    more = {"parser_class": _Bounded, "socket_read_size": _READ_BYTES}
    return _pool(redis.asyncio, address, timeout_s, greet, _AsyncSentinels, kinds, more)


def _pool(
    library: Any,
    address: Address,
    timeout_s: float,
    greet: Any,
    sentinels: Any,
    to_primary: Any,
    more: Mapping[str, Any],
) -> Any:
    """A pool of connections to the address, or to the primary of its Sentinels, in plain and over
    TLS; `library` is blocking or for asyncio."""
    options = _options(address, timeout_s) | {"redis_connect_func": greet, **more}
    options["retry"] = library.retry.Retry(NoBackoff(), 0)
    if address.sentinels:
        manager, kind = sentinels(address, timeout_s), to_primary[address.tls]
        return library.sentinel.SentinelConnectionPool(
            address.primary, manager, connection_class=kind, **options
        )
    kind = library.connection.SSLConnection if address.tls else library.connection.Connection
    if address.path is not None:
        kind = library.connection.UnixDomainSocketConnection
    return library.connection.ConnectionPool(connection_class=kind, **options)


def close(pool: Any) -> None:
    """Close a pool's connections, also those to Sentinels."""
    pool.disconnect()
    for client in _sentinel_clients(pool):
        client.close()


async def async_close(pool: Any) -> None:
    """As `close`, for asyncio."""
    await pool.disconnect()
    for client in _sentinel_clients(pool):
        await client.aclose()


def _sentinel_clients(pool: Any) -> list[Any]:
    manager = getattr(pool, "sentinel_manager", None)
    return [] if manager is None else list(manager.clients)


def _greet(name: str | None, connection: Any) -> None:
    """Log in, and set the name. A name is not needed: where it cannot be set, because of the
    user's rights or because the server has no CLIENT, all else works without it. (redis-py's
    `client_name` refuses that.)"""
    connection.on_connect()
    if name is not None:
        connection.send_command("CLIENT", "SETNAME", name, check_health=False)
        with suppress(redis.ResponseError):
            connection.read_response()


async def _greet_async(name: str | None, connection: Any) -> None:
    """As `_greet`, for asyncio."""
    await connection.on_connect()
    if name is not None:
        await connection.send_command("CLIENT", "SETNAME", name, check_health=False)
        with suppress(redis.ResponseError):
            await connection.read_response()


def _options(address: Address, timeout_s: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "socket_timeout": timeout_s,
        "protocol": 2,
    }
    if address.path is not None:
        return options | {"path": address.path}
    options |= {"socket_connect_timeout": timeout_s, "socket_keepalive": True}
    if not address.sentinels:
        options |= {"host": address.host, "port": address.port}
    if address.tls:
        # redis-py builds its own; a file that is of no use it would call a connection problem.
        tls_context(address)
        options["ssl_cert_reqs"] = "required" if address.tls_verify else "none"
        options["ssl_check_hostname"] = address.tls_verify
        options["ssl_ca_certs"] = address.tls_ca_file
    return options


#: Answers of a server that redis-py reports as broken connections.
_ANSWERS = (AuthenticationError, AuthorizationError, BusyLoadingError)
_NO_ROOM = "max number of clients"

#: redis-py removes these words from the front of an error text; the class tells them instead.
_CODES: dict[str, str] = {
    "AuthenticationError": "NOAUTH",
    "AuthenticationWrongNumberOfArgsError": "NOAUTH",
    "NoPermissionError": "NOPERM",
    "NoScriptError": "NOSCRIPT",
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "BusyLoadingError": "LOADING",
    "MasterDownError": "MASTERDOWN",
    "TryAgainError": "TRYAGAIN",
    "ClusterDownError": "CLUSTERDOWN",
    "ExecAbortError": "EXECABORT",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "ClusterCrossSlotError": "CROSSSLOT",
}


def error_reply(error: ResponseError) -> ErrorReply:
    """An error reply, as the server worded it."""
    code = getattr(error, "status_code", None) or _CODES.get(type(error).__name__, "")
    text = str(error)
    return ErrorReply(text if not code or text.startswith(code) else f"{code} {text}")


def is_turned_away(error: Exception) -> bool:
    """Whether a connection was closed while it was made: the server may have said why."""
    if isinstance(error.__cause__, redis.RedisError):
        error = error.__cause__
    if not isinstance(error, redis.ConnectionError) or isinstance(error, _ANSWERS):
        return False
    is_told = _NO_ROOM in str(error)
    return not is_told and reason_of(error) in ("connection closed", "connection failed")


def raise_ours(
    error: Exception, address: Address, *, unknown: bool = False, said: str = ""
) -> NoReturn:
    """Raise the StoreError for `error`, or for what the server `said` instead; the address is shown
    without secrets. With `unknown`, no answer means OutcomeUnknown: a write was under way."""
    if said:
        error = ResponseError(said)
    if isinstance(error, StoreError):
        raise error
    if isinstance(error.__cause__, redis.RedisError):
        # The asyncio client wraps what a server refuses while a connection is made.
        error = error.__cause__
    if _NO_ROOM in str(error):
        # redis-py calls it a broken connection, without the code.
        error = ResponseError(f"ERR {_NO_ROOM} reached")
    if isinstance(error, AuthenticationError | AuthorizationError):
        raise AuthRefused(
            f"{address} refuses the user or the password of the URL: correct it"
        ) from None
    if isinstance(error, BusyLoadingError):
        raise Busy(f"{address} is still loading its data: try again soon") from None
    if isinstance(error, InvalidResponse):
        raise NotRedis(f"what answers at {address} is not Redis: check host and port") from None
    if isinstance(error, ResponseError):
        problem = refusal(address.without_secrets(error_reply(error).text))
        raise type(problem)(f"{address}: {problem}") from None
    if unknown:
        raise OutcomeUnknown(
            f"{address} did not answer a write ({reason_of(error)}): "
            "it may have happened, look first"
        ) from None
    raise unreachable(address, error) from None


#: A server that has no room says so at once.
_PATIENCE_S = 0.25
_MOST_BYTES = 1_024


def last_words(address: Address) -> str:
    """What a server says to a client that sends nothing, before it closes the connection: as
    Redis words it (`ERR max number of clients reached`), or nothing. A client that sends first may
    lose these words. Costs a connection, and a quarter of a second where the server says nothing;
    of Sentinels and TLS, which cannot be asked like this, nothing."""
    if address.sentinels or address.tls:
        return ""
    try:
        with open_socket(address, _PATIENCE_S) as link:
            said = link.recv(_MOST_BYTES)
    except OSError:
        return ""
    line = said.partition(b"\r\n")[0]
    return line[1:].decode("utf-8", "replace") if line.startswith(b"-") else ""
