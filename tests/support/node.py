"""What the interop tests call node-resque by."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from tests.support.waiting import PATIENCE_S

#: Runs a command of node-resque's to its end, and returns what it said.
Node = Callable[..., Any]
#: Starts a command of node-resque's.
StartNode = Callable[..., subprocess.Popen[str]]


def answer_of(process: subprocess.Popen[str]) -> Any:
    """What a command of node-resque's said at its end."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return json.loads(out)
