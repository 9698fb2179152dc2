"""The errors of this engine, and those of `queuecore.errors`, which this module exports, too.

QueueError                      base of everything that is raised on purpose: ResqueError here
├── (StoreError, BadOption, NoQueueError, NoClassError, EncodeError: see `queuecore.errors`)
├── BelongsToSidekiq            what was about to be changed is Sidekiq's
├── UnknownJob                  a class name that no loaded module registered
├── NeverRan                    a job or hook that is an `async def` or a generator
├── DirtyExit                   the process that ran a job died under it
│   ├── PruneDeadWorkerDirtyExit    the whole worker fell silent
│   └── JobTimeout              the job ran longer than it may
└── DontPerform                 raised by a before_perform hook: skip this job

BaseException
└── TermException               a job has to stop: beside the tree, as KeyboardInterrupt is
"""

from __future__ import annotations

from queuecore.errors import AuthRefused as AuthRefused
from queuecore.errors import BadOption as BadOption
from queuecore.errors import BadUrl as BadUrl
from queuecore.errors import Busy as Busy
from queuecore.errors import EncodeError as EncodeError
from queuecore.errors import MissingCommand as MissingCommand
from queuecore.errors import NoClassError as NoClassError
from queuecore.errors import NoQueueError as NoQueueError
from queuecore.errors import NoServer as NoServer
from queuecore.errors import NotPersisting as NotPersisting
from queuecore.errors import NotRedis as NotRedis
from queuecore.errors import OutcomeUnknown as OutcomeUnknown
from queuecore.errors import OutOfMemory as OutOfMemory
from queuecore.errors import QueueError as QueueError
from queuecore.errors import ReadOnly as ReadOnly
from queuecore.errors import Refused as Refused
from queuecore.errors import StoreError as StoreError
from queuecore.errors import TooManyClients as TooManyClients
from queuecore.errors import Unreachable as Unreachable
from queuecore.errors import WrongType as WrongType

#: Base of everything that this engine raises on purpose.
ResqueError = QueueError


class BelongsToSidekiq(ResqueError):
    """What was about to be changed is Sidekiq's, by its content. Nothing was written."""


class UnknownJob(ResqueError):
    """A job's class name is not registered by any loaded module."""


class NeverRan(ResqueError):
    """A job or a hook is an `async def` or a generator: calling it ran none of it."""


class DirtyExit(ResqueError):
    """The process that ran a job ended without reporting its outcome."""


class PruneDeadWorkerDirtyExit(DirtyExit):
    """A worker's heartbeat is too old: the worker that found it recorded its job as failed."""


class JobTimeout(DirtyExit):
    """A job ran longer than its worker allows, and was ended."""


class TermException(BaseException):
    """Raised inside a job whose worker has to stop. No `except Exception` of the job takes it
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
