"""Where a Redis is: URLs read, checked, and printed without their secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from resque.errors import BadUrl

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
