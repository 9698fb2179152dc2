"""Names for the commands of node-resque in the interop tests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from tests.support.waiting import PATIENCE_S

#: Runs a command of node-resque until it ends, and returns its output.
Node = Callable[..., Any]
#: Starts a command of node-resque's.
StartNode = Callable[..., subprocess.Popen[str]]


def answer_of(process: subprocess.Popen[str]) -> Any:
    """The last output of a command of node-resque."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return json.loads(out)
