"""Which names sound like those of secrets. Pure.

A name is judged by its words: `symbol_keys`, `keyboard` and `token_count` hold no secret, though
`key` and `token` are in them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

#: Parts that name a secret wherever they are, also joined with others: `PGPASSWORD`.
_ANYWHERE: Final = re.compile(
    r"passw(?:or)?d|passphrase|passcode|pwd|secret(?!ar)|credential|authori[sz]ation(?!s?_?url)"
    r"|cookie|cvv"
)
#: Words that name a secret wherever they are, but also begin or end inside others.
_WORDS: Final = frozenset({"ssn", "otp", "totp", "cvc", "passwds", "pgpass"})
#: Words that name a secret alone or at the end: `access_token`, but not `token_count`.
_LAST: Final = frozenset({"token", "auth", "jwt", "hmac", "signature"})
#: What is before `key`, `keys` or `tokens` where these are secrets: `primary_key` is none.
_QUALIFIERS: Final = frozenset(
    (
        *("api", "access", "secret", "private", "auth", "encryption", "signing", "session"),
        *("decryption", "hmac", "master", "ssh", "pass"),
    )
)
_TOKEN_QUALIFIERS: Final = _QUALIFIERS | {"refresh", "bearer", "csrf", "id", "device", "push"}
_JOINED: Final = frozenset(f"{each}{key}" for each in _QUALIFIERS for key in ("key", "keys"))
_ALONE: Final = frozenset({"key", "tokens"})

HINTS: Final = (
    *("passwd", "passw", "passphrase", "passcode", "pwd", "pgpass", "secret", "credential"),
    *("authori", "cookie", "cvv", "cvc", "ssn", "otp", "token", "key", "auth", "jwt", "hmac"),
    "signature",
)
"""A name that sounds like a secret holds one of these, whatever its case."""

#: Where a word ends within letters: `apiKey`, `APIKey`, and before and after digits.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether the value under a name is to be hidden.

    Names are split at everything that is no letter, and before a capital letter. Strong names
    (`password`, `secret`, `cookie` ...) count anywhere, joined too; `token` and a few more alone or
    as the last word; `key` alone, or behind a word like `api` or `private`. O(n).
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    if _ANYWHERE.search("_".join(words)) or not _WORDS.isdisjoint(words):
        return True
    if words[-1] in _LAST or words[-1].endswith("token") or not _JOINED.isdisjoint(words):
        return True
    if len(words) == 1:
        return words[0] in _ALONE
    return any(
        (word in ("key", "keys") and before in _QUALIFIERS)
        or (word == "tokens" and before in _TOKEN_QUALIFIERS)
        for before, word in pairwise(words)
    )
