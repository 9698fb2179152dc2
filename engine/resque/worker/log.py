"""What workers and schedulers tell whoever watches them: a line at a time, on standard output."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from resque.wire import times

_STDOUT = 1


def say(line: str) -> None:
    """Print a line with the moment. What nobody can take is lost, and the work goes on: a full disk
    costs lines, a reader that has gone (`qtop worker | head`) all of them from then on."""
    try:
        print(f"{times.run_at(datetime.now(UTC))} {line}", flush=True)
    except BrokenPipeError:
        # For good: a job that prints must not fail for it either.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDOUT)
        os.close(nowhere)
    except OSError:
        return
