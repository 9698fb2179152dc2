"""The errors that no queue system owns, in one tree.

    QueueError                      base of everything that the engines raise on purpose
    ├── StoreError                  something between us and Redis
    │   ├── BadUrl                  the address itself cannot be used
    │   ├── Unreachable             no connection, or no answer in time
    │   │   ├── TooManyClients      the server has no room for another connection
    │   │   └── OutcomeUnknown      a write was sent and its answer never came
    │   ├── NotRedis                something answers there, but not Redis
    │   ├── Refused                 Redis answered, and said no
    │   │   ├── AuthRefused         no or wrong password, or a user without the right
    │   │   ├── MissingCommand      a command that the server does not know
    │   │   ├── ReadOnly            the server is a replica
    │   │   ├── OutOfMemory         maxmemory is reached
    │   │   ├── Busy                loading, running a script, without its primary: later
    │   │   ├── NotPersisting       writes stopped because the last save failed
    │   │   └── WrongType           a key holds another kind of value than expected
    │   └── NoServer                no private server can be had on this machine
    ├── BadOption                   a setting that cannot be
    ├── NoQueueError                a job without a queue
    ├── NoClassError                a job without a class
    └── EncodeError                 a value that JSON cannot carry

A message says what happened, where, and what to do. None of them ever holds a password:
addresses are named by `str(Address)`, which leaves it out.
"""

from __future__ import annotations


class QueueError(Exception):
    """Base of everything that the engines raise on purpose."""


class StoreError(QueueError):
    """Redis could not do what was asked."""


class BadUrl(StoreError):
    """The address cannot be used. Correct the URL."""


class Unreachable(StoreError):
    """No connection, or no answer in time. Nothing was written."""


class TooManyClients(Unreachable):
    """The server takes no more connections: its `maxclients` is reached. Nothing was written."""


class OutcomeUnknown(Unreachable):
    """A write was sent and its answer never came: it may or may not have happened. Look before
    trying again."""


class NotRedis(StoreError):
    """Something answers at the address, but it does not speak Redis."""


class Refused(StoreError):
    """Redis answered, and refused the command."""


class AuthRefused(Refused):
    """No or wrong password, or a user whose rights do not cover the command."""


class MissingCommand(Refused):
    """The server does not know a command: it was renamed or switched off there, the server is too
    old, or it is no Redis."""


class ReadOnly(Refused):
    """The server is a replica, or a primary that has lost its replicas. Connect to the primary to
    write."""


class OutOfMemory(Refused):
    """The server has reached `maxmemory` and refuses writes. Nothing was written."""


class Busy(Refused):
    """The server is loading its data, running a long script or without its primary. Try later."""


class NotPersisting(Refused):
    """The server stopped accepting writes because it could not save to disk."""


class WrongType(Refused):
    """A key holds another kind of value than is expected there."""


class NoServer(StoreError):
    """No private server can be started on this machine."""


class BadOption(QueueError):
    """A setting that cannot be; the message names it and what it may be."""


class NoQueueError(QueueError):
    """Jobs must be placed onto a queue."""


class NoClassError(QueueError):
    """Jobs must be given a class."""


class EncodeError(QueueError):
    """A value that JSON cannot carry: NaN, infinity, text that is not UTF-8, an unknown type."""
