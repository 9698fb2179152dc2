"""redis-py's connection pools for each kind of address."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.retry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelPool
from redis.backoff import NoBackoff
from redis.sentinel import Sentinel, SentinelConnectionPool

from resque.wire.address import Address


def pool_for(address: Address, timeout_s: float, name: str | None) -> Any:
    """A pool of blocking connections, which never retry by themselves."""
    options = _options(address, timeout_s, name) | {"retry": redis.retry.Retry(NoBackoff(), 0)}
    if address.sentinels:
        sentinel = Sentinel(
            address.sentinels, sentinel_kwargs={"socket_timeout": timeout_s, "protocol": 2}
        )
        return SentinelConnectionPool(address.primary, sentinel, **options)
    kind: type[Any] = redis.connection.Connection
    if address.path is not None:
        kind = redis.connection.UnixDomainSocketConnection
    elif address.tls:
        kind = redis.connection.SSLConnection
    return redis.ConnectionPool(connection_class=kind, **options)


def async_pool_for(address: Address, timeout_s: float, name: str | None) -> Any:
    """As `pool_for`, for asyncio."""
    retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
    options = _options(address, timeout_s, name) | {"retry": retry}
    if address.sentinels:
        sentinel = AsyncSentinel(
            address.sentinels, sentinel_kwargs={"socket_timeout": timeout_s, "protocol": 2}
        )
        return AsyncSentinelPool(address.primary, sentinel, **options)
    kind: type[Any] = redis.asyncio.Connection
    if address.path is not None:
        kind = redis.asyncio.UnixDomainSocketConnection
    elif address.tls:
        kind = redis.asyncio.SSLConnection
    return redis.asyncio.ConnectionPool(connection_class=kind, **options)


def _options(address: Address, timeout_s: float, name: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "socket_timeout": timeout_s,
        "client_name": name,
        "protocol": 2,
    }
    if address.path is not None:
        return options | {"path": address.path}
    options |= {"socket_connect_timeout": timeout_s, "socket_keepalive": True}
    if not address.sentinels:
        options |= {"host": address.host, "port": address.port}
    if address.tls:
        options["ssl_cert_reqs"] = "required" if address.tls_verify else "none"
        options["ssl_check_hostname"] = address.tls_verify
        options["ssl_ca_certs"] = address.tls_ca_file
    return options
