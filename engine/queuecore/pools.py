"""redis-py's connection pools for each kind of address."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.retry
import redis.sentinel
from redis.backoff import NoBackoff

from queuecore.address import Address, no_primary, reason_of, tls_context

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
    after which nobody knows what became of a write.)"""

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
    retry = redis.retry.Retry(NoBackoff(), 0)
    greet = partial(_greet, name)
    options = _options(address, timeout_s) | {"retry": retry, "redis_connect_func": greet}
    kind: type[Any]
    if address.sentinels:
        kind = _ToPrimaryTls if address.tls else _ToPrimary
        return redis.sentinel.SentinelConnectionPool(
            address.primary, _Sentinels(address, timeout_s), connection_class=kind, **options
        )
    kind = redis.connection.Connection
    if address.path is not None:
        kind = redis.connection.UnixDomainSocketConnection
    elif address.tls:
        kind = redis.connection.SSLConnection
    return redis.ConnectionPool(connection_class=kind, **options)


def async_pool_for(address: Address, timeout_s: float, name: str | None) -> Any:
    """As `pool_for`, for asyncio."""
    retry = redis.asyncio.retry.Retry(NoBackoff(), 0)

    async def greet(connection: Any) -> None:
        await _greet_async(name, connection)

    options = _options(address, timeout_s) | {"retry": retry, "redis_connect_func": greet}
    kind: type[Any]
    if address.sentinels:
        kind = _AsyncToPrimaryTls if address.tls else _AsyncToPrimary
        return redis.asyncio.sentinel.SentinelConnectionPool(
            address.primary, _AsyncSentinels(address, timeout_s), connection_class=kind, **options
        )
    kind = redis.asyncio.Connection
    if address.path is not None:
        kind = redis.asyncio.UnixDomainSocketConnection
    elif address.tls:
        kind = redis.asyncio.SSLConnection
    return redis.asyncio.ConnectionPool(connection_class=kind, **options)


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
