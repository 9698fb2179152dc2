"""What to do about an error of Redis, for those who ask `qtop doctor`. Pure."""

from __future__ import annotations

from typing import Final

from resque.errors import (
    AuthRefused,
    BadUrl,
    Busy,
    MissingCommand,
    NoServer,
    NotPersisting,
    NotRedis,
    OutOfMemory,
    ReadOnly,
    ResqueError,
    TooManyClients,
    Unreachable,
    WrongType,
)

#: The first that fits; a subclass comes before its base.
_REMEDIES: Final[tuple[tuple[type[ResqueError], str], ...]] = (
    (TooManyClients, "end clients that are not needed, or raise maxclients in its configuration"),
    (Unreachable, "correct the URL, or start Redis there"),
    (BadUrl, "correct the URL"),
    (NotRedis, "correct the host and port of the URL"),
    (NoServer, "name a Redis with --url"),
    (MissingCommand, "have the command allowed there, or do without what needs it"),
    (NotPersisting, "free its disk, look into its log, and have it save: BGSAVE"),
    (OutOfMemory, "raise maxmemory where the machine has more, or let workers catch up"),
    (ReadOnly, "connect to the primary"),
    (Busy, "wait until that is over, then ask again"),
    (WrongType, "see whose key it is before you change it: another system may use this namespace"),
)
#: What refuses everything that has no login, or a wrong one, in Redis's own words.
_OF_THE_LOGIN: Final = ("NOAUTH", "WRONGPASS", "DENIED")


def remedy(error: ResqueError) -> str:
    """What to do about an error, beside what its message says."""
    if isinstance(error, AuthRefused):
        right = "have the user's rights extended: `rights` names what is missing"
        return "correct the login in the URL" if is_of_the_login(error) else right
    fitting = (text for kind, text in _REMEDIES if isinstance(error, kind))
    return next(fitting, "see that this works first, then ask again")


def is_of_the_login(error: ResqueError) -> bool:
    """Whether an error says that nothing can be asked without another login."""
    is_refused = isinstance(error, AuthRefused)
    return is_refused and any(f"says: {code}" in str(error) for code in _OF_THE_LOGIN)
