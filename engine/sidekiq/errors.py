"""The errors of this engine: those of `queuecore.errors`, under one roof.

QueueError                      base of everything that is raised on purpose: SidekiqError here
├── (StoreError, BadOption, NoQueueError, NoClassError, EncodeError: see `queuecore.errors`)
└── BelongsToResque             what was about to be changed is Resque's
"""

from __future__ import annotations

from queuecore.errors import AuthRefused as AuthRefused
from queuecore.errors import BadOption as BadOption
from queuecore.errors import Busy as Busy
from queuecore.errors import EncodeError as EncodeError
from queuecore.errors import OutcomeUnknown as OutcomeUnknown
from queuecore.errors import QueueError as SidekiqError
from queuecore.errors import Refused as Refused
from queuecore.errors import StoreError as StoreError
from queuecore.errors import Unreachable as Unreachable
from queuecore.errors import WrongType as WrongType

__all__ = [
    "AuthRefused",
    "BadOption",
    "BelongsToResque",
    "Busy",
    "EncodeError",
    "OutcomeUnknown",
    "Refused",
    "SidekiqError",
    "StoreError",
    "Unreachable",
    "WrongType",
]


class BelongsToResque(SidekiqError):
    """What was about to be changed is Resque's, by its content. Nothing was written."""
