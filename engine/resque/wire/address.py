"""Where a Redis is: URLs read, checked, and printed without their secrets; and in words why one
cannot be reached."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from resque.errors import BadUrl, Unreachable

if TYPE_CHECKING:
    from ssl import SSLContext

_FORMS = (
    "redis://host:6379/0, rediss://host:6379/0, unix:///path/to/socket?db=0 "
    "or redis+sentinel://host:26379,host:26379/name/0"
)
_DEFAULT_PORT, _SENTINEL_PORT = 6379, 26379


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis: `path` (a unix socket), or `host` and `port`, or the primary that `sentinels`
    (host and port each) know as `primary`. `str()` is safe to show."""

    host: str = "localhost"
    port: int = _DEFAULT_PORT
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_ca_file: str | None = None
    tls_verify: bool = True
    sentinels: tuple[tuple[str, int], ...] = ()
    primary: str = ""

    def __str__(self) -> str:
        user = f"{self.username}@" if self.username else ""
        if self.path is not None:
            return f"unix://{user}{self.path}" + (f"?db={self.db}" if self.db else "")
        if self.sentinels:
            hosts = ",".join(_host_port(host, port) for host, port in self.sentinels)
            return f"redis+sentinel://{user}{hosts}/{self.primary}/{self.db}"
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://{user}{_host_port(self.host, self.port)}/{self.db}"


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_url(url: str) -> Address:
    """Read a Redis URL.

    `redis://`, `rediss://` (TLS; `?ca=FILE`, `?verify=no`), `unix://` and `redis+sentinel://`;
    user and password percent-encoded; the database as path or `?db=`. Raises BadUrl; its message
    never repeats the URL, which may hold a password.
    """
    if url.strip().startswith("redis+sentinel://"):
        return _parse_sentinel(url.strip())
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        # What the parser says would quote a part of the URL, perhaps of the password.
        raise BadUrl(f"the Redis URL's host or port cannot be read: use {_FORMS}") from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise BadUrl(
            "the Redis URL must start with redis://, rediss://, unix:// or redis+sentinel://: "
            f"use {_FORMS}"
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = query.keys() - {"db", "ca", "verify"}
    if unknown:
        raise BadUrl(f"unknown option {sorted(unknown)[0]!r} in the Redis URL: db, ca, verify")
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if parts.scheme == "unix":
        if not parts.path:
            raise BadUrl("the unix:// URL names no socket: use unix:///path/to/socket?db=0")
        return Address(
            path=unquote(parts.path),
            db=_database(query.get("db", "0")),
            username=username,
            password=password,
        )
    in_path = parts.path.strip("/")
    return Address(
        host=parts.hostname or "localhost",
        port=_DEFAULT_PORT if port is None else port,
        db=_database(query.get("db", in_path or "0")),
        username=username,
        password=password,
        tls=parts.scheme == "rediss",
        tls_ca_file=query.get("ca"),
        tls_verify=query.get("verify", "yes") not in ("no", "none", "false", "0"),
    )


def _parse_sentinel(url: str) -> Address:
    place, _, path = url.removeprefix("redis+sentinel://").partition("/")
    login, _, hosts = place.rpartition("@")
    username, _, password = login.partition(":")
    primary, _, database = path.strip("/").partition("/")
    sentinels = []
    for one in filter(None, hosts.split(",")):
        try:
            parts = urlsplit(f"redis://{one}")
            sentinels.append((parts.hostname or "", parts.port or _SENTINEL_PORT))
        except ValueError:
            raise BadUrl(f"a Sentinel's host or port cannot be read: use {_FORMS}") from None
    if not sentinels or not primary or any(not host for host, _ in sentinels):
        raise BadUrl(f"the Sentinel URL must name Sentinels and a primary: use {_FORMS}")
    return Address(
        db=_database(database or "0"),
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinels=tuple(sentinels),
        primary=unquote(primary),
    )


def _database(text: str) -> int:
    # isascii: int() would read other scripts' digits too.
    if not (text.isascii() and text.isdigit()):
        raise BadUrl(f"the database in the Redis URL must be a number, not {text!r}: use {_FORMS}")
    return int(text)


def tls_context(address: Address) -> SSLContext:
    """How TLS connections to an address check the other side. Raises BadUrl when the file named
    by `?ca=` is of no use. Reads that file, or the system's."""
    # Imported here: most workers need no TLS, and the module is large.
    import ssl

    try:
        context = ssl.create_default_context(cafile=address.tls_ca_file)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        if isinstance(error, ssl.SSLError):
            words = "holds no certificate"
        raise BadUrl(
            f"the file given as ?ca={address.tls_ca_file!r} cannot be used ({words}): "
            "name a file of certificates in PEM format"
        ) from None
    if not address.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


_CHECK = "check that it runs and that the address is right"
_CHECK_CA = "name the file of its CA as ?ca=FILE, or give up the check with ?verify=no"
#: What an error's text contains, what that means, and what to do about it.
_SIGNS = (
    ("refused", "connection refused", _CHECK),
    # asyncio has no words of its own for these.
    (f"{errno.ECONNREFUSED}] connect call failed", "connection refused", _CHECK),
    (f"{errno.EHOSTUNREACH}] connect call failed", "host unreachable", _CHECK),
    (f"{errno.ENETUNREACH}] connect call failed", "network unreachable", _CHECK),
    ("timeout", "no answer in time", _CHECK),
    ("timed out", "no answer in time", _CHECK),
    ("name or service", "unknown host", _CHECK),
    ("nodename nor", "unknown host", _CHECK),
    ("name resolution", "host name lookup failed", _CHECK),
    ("no such file", "no such socket", _CHECK),
    ("permission denied", "permission denied", _CHECK),
    ("mismatch", "its TLS certificate is for another host", "correct the host, or use ?verify=no"),
    ("certificate", "its TLS certificate is not trusted", _CHECK_CA),
    ("wrong version number", "it does not speak TLS", "use redis:// instead of rediss://"),
    ("record layer", "it does not speak TLS", "use redis:// instead of rediss://"),
    ("ssl", "TLS handshake failed", _CHECK),
    ("authentication required", "it wants a password", _CHECK),
    ("unreachable", "network unreachable", _CHECK),
    ("closed", "connection closed", _CHECK),
    ("reset", "connection closed", _CHECK),
)


def _reading(error: BaseException) -> tuple[str, str]:
    text = f"{error} {error.__cause__ or ''} {error.__context__ or ''}".lower()
    found = (sign for sign in _SIGNS if sign[0] in text)
    otherwise = (getattr(error, "strerror", None) or "connection failed").lower()
    _, reason, advice = next(found, ("", otherwise, _CHECK))
    return reason, advice


def reason_of(error: BaseException) -> str:
    """Why a connection could not be made or broke, in a few words."""
    return _reading(error)[0]


def unreachable(address: Address, error: BaseException) -> Unreachable:
    """The error for a connection that could not be made, or broke before anything was done."""
    reason, advice = _reading(error)
    if address.tls and reason == "no answer in time":
        # A Redis without TLS takes a handshake for the beginning of a command, and waits.
        advice += ", and that it speaks TLS"
    return Unreachable(f"cannot reach Redis at {address} ({reason}): {advice}")


def no_primary(address: Address, reason: str) -> Unreachable:
    """The error for Sentinels that do not say where the primary is. `reason` is why one of them
    could not be asked; empty when all were."""
    if reason:
        return Unreachable(
            f"no Sentinel of {address} says where the primary is ({reason}): "
            "check that they run, their addresses, and the primary's name"
        )
    return Unreachable(
        f"the Sentinels of {address} know no primary {address.primary!r} that runs: "
        "check its name, or wait for their failover"
    )
