"""Where a Redis is: URLs read, checked, and printed without their secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from resque.errors import BadUrl

_FORMS = "redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket?db=0"


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis. Either `path` (a unix socket) or `host` and `port`; `str()` is safe to show."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_ca_file: str | None = None
    tls_verify: bool = True

    def __str__(self) -> str:
        user = f"{self.username}@" if self.username else ""
        if self.path is not None:
            return f"unix://{user}{self.path}" + (f"?db={self.db}" if self.db else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{user}{host}:{self.port}/{self.db}"


def parse_url(url: str) -> Address:
    """Read a Redis URL.

    `redis://`, `rediss://` (TLS; `?ca=FILE`, `?verify=no`) and `unix://`; user and password
    percent-encoded; the database as path or `?db=`. Raises BadUrl; its message never repeats
    the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        # What the parser says would quote a part of the URL, perhaps of the password.
        raise BadUrl(f"the Redis URL's host or port cannot be read: use {_FORMS}") from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise BadUrl(f"the Redis URL must start with redis://, rediss:// or unix://: use {_FORMS}")
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
        port=6379 if port is None else port,
        db=_database(query.get("db", in_path or "0")),
        username=username,
        password=password,
        tls=parts.scheme == "rediss",
        tls_ca_file=query.get("ca"),
        tls_verify=query.get("verify", "yes") not in ("no", "none", "false", "0"),
    )


def _database(text: str) -> int:
    # isascii: int() would read other scripts' digits too.
    if not (text.isascii() and text.isdigit()):
        raise BadUrl(f"the database in the Redis URL must be a number, not {text!r}: use {_FORMS}")
    return int(text)
