"""The hooks of the worker itself, which leave lines in the list `trace` as the recordings' do.

`HOOK_RAISES` names an event whose hook raises instead.
"""

from __future__ import annotations

import os
from typing import Any

from tests.support.jobs.sample_jobs import trace

import resque
from resque.jobs import WORKER_EVENTS

_IMPORTED_IN = os.getpid()
_PLACED = ("before_first_fork", "before_fork", "after_fork")


def _leave_a_line(event: str) -> None:
    place = "parent" if os.getpid() == _IMPORTED_IN else "child"
    trace(f"W:{event} {place}" if event in _PLACED else f"W:{event}")


def _hook(event: str) -> Any:
    def hook(*args: object) -> None:
        if os.environ.get("HOOK_RAISES") == event:
            raise RuntimeError(f"hook {event}")
        if "HOOK_RAISES" not in os.environ:
            _leave_a_line(event)

    return hook


for _event in WORKER_EVENTS:
    resque.registry.on(_event, _hook(_event))
