"""MD5, by which Ruby's plug-ins know jobs; no protection."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _algorithm() -> Any:
    try:
        # Not `hashlib`, which brings OpenSSL along: see `sha1`.
        return importlib.import_module("_md5").md5
    except ImportError:
        return importlib.import_module("hashlib").md5


_MD5 = _algorithm()


def md5_hex(data: bytes) -> str:
    """The digest in lower-case hexadecimal figures."""
    return str(_MD5(data, usedforsecurity=False).hexdigest())
