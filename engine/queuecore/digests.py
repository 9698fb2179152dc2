"""SHA-1, by which Redis knows scripts and plugins know jobs, and MD5, by which Ruby's plugins know
jobs. Neither protects anything."""

from __future__ import annotations

try:
    # Not `hashlib`, which loads OpenSSL: each fork of a worker would carry it.
    from _sha1 import sha1 as _sha1  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from hashlib import sha1 as _sha1


def sha1_hex(data: bytes) -> str:
    """The SHA-1 of some bytes in lower-case hexadecimal digits."""
    return str(_sha1(data, usedforsecurity=False).hexdigest())


def md5_hex(data: bytes) -> str:
    """The MD5 of some bytes in lower-case hexadecimal digits."""
    # Imported here: only workers need it.
    try:
        from _md5 import md5  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from hashlib import md5
    return str(md5(data, usedforsecurity=False).hexdigest())
