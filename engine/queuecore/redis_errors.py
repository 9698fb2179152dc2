"""What redis-py raises, told in the engine's own errors.

redis-py raises for an error reply; an exchange wants it as a value, in the server's own words.
"""

from __future__ import annotations

from typing import NoReturn

import redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    InvalidResponse,
    ResponseError,
)

from queuecore.address import Address, reason_of, unreachable
from queuecore.errors import AuthRefused, Busy, NotRedis, OutcomeUnknown, StoreError
from queuecore.exchange import ErrorReply, refusal

#: What redis-py takes for a broken connection, and is an answer.
_TOLD = (AuthenticationError, AuthorizationError, BusyLoadingError)
_NO_ROOM = "max number of clients"

#: redis-py strips these words from the front of an error text and tells them by class instead.
_CODES: dict[str, str] = {
    "AuthenticationError": "NOAUTH",
    "AuthenticationWrongNumberOfArgsError": "NOAUTH",
    "NoPermissionError": "NOPERM",
    "NoScriptError": "NOSCRIPT",
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "BusyLoadingError": "LOADING",
    "MasterDownError": "MASTERDOWN",
    "TryAgainError": "TRYAGAIN",
    "ClusterDownError": "CLUSTERDOWN",
    "ExecAbortError": "EXECABORT",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "ClusterCrossSlotError": "CROSSSLOT",
}


def error_reply(error: ResponseError) -> ErrorReply:
    """An error reply, as the server worded it."""
    code = getattr(error, "status_code", None) or _CODES.get(type(error).__name__, "")
    text = str(error)
    return ErrorReply(text if not code or text.startswith(code) else f"{code} {text}")


def is_turned_away(error: Exception) -> bool:
    """Whether a connection was closed while it was made: the server may have said why."""
    if isinstance(error.__cause__, redis.RedisError):
        error = error.__cause__
    if not isinstance(error, redis.ConnectionError) or isinstance(error, _TOLD):
        return False
    is_told = _NO_ROOM in str(error)
    return not is_told and reason_of(error) in ("connection closed", "connection failed")


def raise_ours(error: Exception, address: Address, *, unknown: bool) -> NoReturn:
    """Raise the StoreError that tells of `error`; the address is shown without secrets. With
    `unknown`, no answer means OutcomeUnknown: a write was under way."""
    if isinstance(error, StoreError):
        raise error
    if isinstance(error.__cause__, redis.RedisError):
        # The asyncio client wraps what a server refuses while a connection is made.
        error = error.__cause__
    if _NO_ROOM in str(error):
        # redis-py calls it a broken connection, without the code.
        error = ResponseError(f"ERR {_NO_ROOM} reached")
    if isinstance(error, AuthenticationError | AuthorizationError):
        raise AuthRefused(f"{address} refuses this user or password: correct the URL") from None
    if isinstance(error, BusyLoadingError):
        raise Busy(f"{address} is still loading its data: try again soon") from None
    if isinstance(error, InvalidResponse):
        raise NotRedis(f"what answers at {address} is not Redis: check host and port") from None
    if isinstance(error, ResponseError):
        problem = refusal(address.without_secrets(error_reply(error).text))
        raise type(problem)(f"{address}: {problem}") from None
    if unknown:
        raise OutcomeUnknown(
            f"{address} did not answer a write ({reason_of(error)}): "
            "it may have happened, look first"
        ) from None
    raise unreachable(address, error) from None
