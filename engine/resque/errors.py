"""Every error of the engine, in one tree.

    ResqueError
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
    │   │   └── WrongType           a key holds another kind of value than Resque uses
    │   └── NoServer                no private server can be had on this machine
    ├── BelongsToSidekiq            what was about to be changed is Sidekiq's
    ├── BadOption                   a setting that cannot be
    ├── EncodeError                 a value that Resque's JSON cannot carry
    ├── NoQueueError                a job without a queue
    ├── NoClassError                a job without a class
    ├── UnknownJob                  a class name that no loaded module registered
    ├── NeverRan                    a job or hook that is an `async def` or a generator
    ├── DirtyExit                   the process that ran a job died under it
    │   ├── PruneDeadWorkerDirtyExit    the whole worker fell silent
    │   └── JobTimeout              the job ran longer than it may
    └── DontPerform                 raised by a before_perform hook: skip this job

    BaseException
    └── TermException               a job was told to stop: beside the tree, as KeyboardInterrupt is

A message says what happened, where, and what to do. None of them ever holds a password:
addresses are named by `str(Address)`, which leaves it out.
"""

from __future__ import annotations


class ResqueError(Exception):
    """Base of everything the engine raises on purpose."""


class StoreError(ResqueError):
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
    """A key holds another kind of value than Resque keeps there."""


class NoServer(StoreError):
    """No private server can be started on this machine."""


class BelongsToSidekiq(ResqueError):
    """What was about to be changed is Sidekiq's, by its content. Nothing was written."""


class BadOption(ResqueError):
    """A setting that cannot be; the message names it and what it may be."""


class EncodeError(ResqueError):
    """A value that Resque's JSON cannot carry: NaN, infinity, text that is not UTF-8, or an unknown
    type."""


class NoQueueError(ResqueError):
    """Jobs must be placed onto a queue."""


class NoClassError(ResqueError):
    """Jobs must be given a class."""


class UnknownJob(ResqueError):
    """A job's class name is not registered by any loaded module."""


class NeverRan(ResqueError):
    """A job or a hook is an `async def` or a generator: calling it ran none of it."""


class DirtyExit(ResqueError):
    """The process that ran a job ended without reporting its outcome."""


class PruneDeadWorkerDirtyExit(DirtyExit):
    """A worker's heartbeat is too old: whoever found it recorded its job as failed."""


class JobTimeout(DirtyExit):
    """A job ran longer than its worker allows, and was ended."""


class TermException(BaseException):
    """Raised inside a job whose worker was told to stop. No `except Exception` of the job takes it
    for one of its own errors, as no plain `rescue` does in Ruby; a job may catch it by its name."""


class DontPerform(ResqueError):
    """Raise this in a before_perform hook to skip the job without a failure."""


#: How an exception of the engine is named in Redis, where Ruby's own names are expected.
WIRE_NAMES: dict[type[BaseException], str] = {
    DirtyExit: "Resque::DirtyExit",
    PruneDeadWorkerDirtyExit: "Resque::PruneDeadWorkerDirtyExit",
    TermException: "Resque::TermException",
    DontPerform: "Resque::Job::DontPerform",
}
