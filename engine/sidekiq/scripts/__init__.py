"""The Lua scripts of Sidekiq's keys, each with its contract at its head."""

from __future__ import annotations

import os

from queuecore.exchange import Script, read_script

_FOLDER = os.path.dirname(__file__)


def load_script(name: str) -> Script:
    """A script of this folder; see `queuecore.exchange.read_script`."""
    return read_script(_FOLDER, name)
