"""SHA-1, by which Redis knows scripts and plugins know jobs; no protection."""

from __future__ import annotations

try:
    # Not `hashlib`, which brings OpenSSL along: 0.04 ms of each fork.
    from _sha1 import sha1 as _sha1  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from hashlib import sha1 as _sha1


def sha1_hex(data: bytes) -> str:
    """The digest in lower-case hexadecimal figures."""
    return str(_sha1(data, usedforsecurity=False).hexdigest())
