"""Where a Redis is: URLs read, checked, and printed without their secrets; and in words why one
cannot be reached."""

from __future__ import annotations

import errno
import re

from queuecore.errors import BadUrl, Unreachable
from queuecore.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from ssl import SSLContext
    from typing import Any

_FORMS = (
    "redis://host:6379/0, rediss://host:6379/0, unix:///path/to/socket?db=0 "
    "or redis+sentinel://host:26379,host:26379/name/0"
)
_UNENCODED = (
    "the Redis URL cannot be read: a password in it must be percent-encoded (write %23 for #, "
    "%2F for /, %3F for ?, %40 for @, %3A for :, %25 for %, %20 for a blank)"
)
_DEFAULT_PORT, _SENTINEL_PORT, _LAST_PORT = 6379, 26379, 65_535
_SENTINEL_SCHEMES = ("redis+sentinel://", "rediss+sentinel://")
_OPTIONS = ("db", "ca", "verify")
_SENTINEL_OPTIONS = (
    *("db", "ca", "verify", "sentinel_username", "sentinel_password", "sentinel_tls"),
)
#: How an option says no; all else is yes.
_NO = ("no", "none", "false", "0")


@value
class Address:
    """One Redis: `path` (a unix socket), or `host` and `port`, or the primary that `sentinels`
    (host and port each) know as `primary`; they have a login of their own. `str()` and `repr()`
    are safe to show."""

    host: str = "localhost"
    port: int = _DEFAULT_PORT
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    tls_ca_file: str | None = None
    tls_verify: bool = True
    sentinels: tuple[tuple[str, int], ...] = ()
    primary: str = ""
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    sentinel_tls: bool = False

    def sentinel_addresses(self) -> list[Address]:
        """Where each Sentinel is, with their login."""
        return [
            Address(
                host=host,
                port=port,
                username=self.sentinel_username,
                password=self.sentinel_password,
                tls=self.sentinel_tls,
                tls_ca_file=self.tls_ca_file,
                tls_verify=self.tls_verify,
            )
            for host, port in self.sentinels
        ]

    def without_secrets(self, text: str) -> str:
        """What a server said, without the passwords that it may have repeated."""
        for secret in filter(None, (self.password, self.sentinel_password)):
            text = text.replace(secret, "***")
        return text

    def __repr__(self) -> str:
        # Without the password.
        return f"Address({str(self)!r})"

    def __str__(self) -> str:
        # Without a password it is of no use, and probably one whose colon was forgotten.
        user = f"{self.username if self.password else '***'}@" if self.username else ""
        scheme = "rediss" if self.tls else "redis"
        if self.path is not None:
            return f"unix://{user}{self.path}" + (f"?db={self.db}" if self.db else "")
        if self.sentinels:
            hosts = ",".join(_host_port(host, port) for host, port in self.sentinels)
            return f"{scheme}+sentinel://{user}{hosts}/{self.primary}/{self.db}"
        return f"{scheme}://{user}{_host_port(self.host, self.port)}/{self.db}"


#: What most URLs look like.
_PLAIN = re.compile(r"redis://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(?:/([0-9]{1,9})?)?")


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_url(url: str) -> Address:
    """Read a Redis URL.

    `redis://`, `rediss://` (TLS; `?ca=FILE`, `?verify=no`), `unix://`, and `redis+sentinel://` or
    `rediss+sentinel://` (`?sentinel_username=`, `?sentinel_password=`; `?sentinel_tls=` yes or no
    where the Sentinels differ from the primary); user and password percent-encoded; the database
    as path or `?db=`. Raises BadUrl; its message never repeats the URL, which may hold a password.
    """
    url = url.strip()
    if plain := _parse_plain(url):
        return plain
    _refuse_unencoded(url)
    return (_parse_sentinel if url.startswith(_SENTINEL_SCHEMES) else _parse_any)(url)


def _parse_plain(url: str) -> Address | None:
    """Read a URL of the usual form without `urllib`, which has more modules in tow than a forking
    worker should carry."""
    found = _PLAIN.fullmatch(url)
    if found is None or int(found[2] or 0) > _LAST_PORT:
        return None
    port = _DEFAULT_PORT if found[2] is None else int(found[2])
    return Address(found[1].lower(), port, db=int(found[3] or 0))


def _refuse_unencoded(url: str) -> None:
    """Refuse a URL that is cut within its login: a `/`, `?` or `#` in a password that is not
    percent-encoded ends it, and its first part would be taken for a host and its rest be shown."""
    scheme, _, rest = url.partition("://")
    ends = [at for at in map(rest.find, "/?#") if at >= 0]
    place, after = (rest[: min(ends)], rest[min(ends) :]) if ends else (rest, "")
    path, _, options = after.partition("?")
    is_socket = scheme == "unix" and (not place or place.endswith("@"))
    # The path of a socket, and the value of an option that there is, may hold an `@`.
    is_cut = "#" in rest or ("@" in path and not is_socket)
    if "@" in options:
        names = re.findall(r"(?:^|&)([^=&]*)", options)
        is_cut = is_cut or not set(names) <= {*_OPTIONS, *_SENTINEL_OPTIONS}
    # A parser drops some of these silently.
    if is_cut or re.search(r"[\x00-\x20\x7f]", url):
        raise BadUrl(_UNENCODED)


def _parse_any(url: str) -> Address:
    from urllib.parse import parse_qsl, unquote, urlsplit

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What the parser says would quote a part of the URL, perhaps of the password.
        raise BadUrl(
            f"the Redis URL's host or port cannot be read: use {_FORMS}; a password in it must be "
            "percent-encoded"
        ) from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise BadUrl(
            "the Redis URL must start with redis://, rediss://, unix:// or redis+sentinel://: "
            f"use {_FORMS}"
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = query.keys() - set(_OPTIONS)
    if unknown:
        raise BadUrl(
            f"unknown option {sorted(unknown)[0]!r} in the Redis URL: {', '.join(_OPTIONS)}"
        )
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if parts.scheme == "unix":
        if not parts.path or (parts.netloc and "@" not in parts.netloc):
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
        tls_verify=query.get("verify", "yes") not in _NO,
    )


def _parse_sentinel(url: str) -> Address:
    from urllib.parse import parse_qsl, unquote, urlsplit

    scheme, _, rest = url.partition("://")
    rest, _, options = rest.partition("?")
    place, _, path = rest.partition("/")
    query = dict(parse_qsl(options, keep_blank_values=True))
    # What is not percent-encoded may be a part of a password: it is not repeated.
    if query.keys() - set(_SENTINEL_OPTIONS) or "@" in path:
        raise BadUrl(
            f"the Sentinel URL takes the options {', '.join(_SENTINEL_OPTIONS)}, and passwords in "
            "it must be percent-encoded"
        )
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
    tls = scheme == "rediss+sentinel"
    return Address(
        db=_database(query.get("db", database or "0")),
        username=unquote(username) or None,
        password=unquote(password) or None,
        tls=tls,
        tls_ca_file=query.get("ca"),
        tls_verify=query.get("verify", "yes") not in _NO,
        sentinels=tuple(sentinels),
        primary=unquote(primary),
        sentinel_username=query.get("sentinel_username") or None,
        sentinel_password=query.get("sentinel_password") or None,
        sentinel_tls=query.get("sentinel_tls", "yes" if tls else "no") not in _NO,
    )


def _database(text: str) -> int:
    # isascii: int() would read other scripts' digits too.
    if not (text.isascii() and text.isdigit()):
        # What is there instead is not repeated: it may be a part of a password.
        raise BadUrl(f"the database in the Redis URL must be a number: use {_FORMS}")
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


def open_socket(address: Address, timeout_s: float) -> socket:
    """A connection to an address without Sentinels and TLS. Raises OSError."""
    # Imported here: others have a client that does this.
    import socket

    if address.path is None:
        # For text Python loads the rules of international names and with them Unicode's tables,
        # which each fork of a worker would carry.
        host: Any = address.host.encode() if address.host.isascii() else address.host
        return socket.create_connection((host, address.port), timeout_s)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.settimeout(timeout_s)
    try:
        opened.connect(address.path)
    except OSError:
        opened.close()
        raise
    return opened


_CHECK = "check that it runs and that the address is right"
_CHECK_CA = "name the file of its CA as ?ca=FILE, or give up the check with ?verify=no"
#: What an error's text contains, what that means, and what to do about it.
_SIGNS = (
    ("max number of clients", "it takes no more clients", "have its maxclients raised"),
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
    ("invalid username-password", "it refuses the user or the password", "correct the URL"),
    ("unreachable", "network unreachable", _CHECK),
    ("closed", "connection closed", _CHECK),
    ("reset", "connection closed", _CHECK),
    ("broken pipe", "connection closed", _CHECK),
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
    if "password" in reason:
        return Unreachable(
            f"no Sentinel of {address} says where the primary is ({reason}): put the Sentinels' "
            "own login into the URL as ?sentinel_username=...&sentinel_password=..."
        )
    if reason:
        return Unreachable(
            f"no Sentinel of {address} says where the primary is ({reason}): "
            "check that they run, their addresses, and the primary's name"
        )
    return Unreachable(
        f"the Sentinels of {address} know no primary {address.primary!r} that runs: "
        "check its name, or wait for their failover"
    )
