"""Where each of many numbered jobs is: done, held by a worker, failed."""

from __future__ import annotations

import json

from tests.support.direct import Direct


def held(direct: Direct) -> list[int]:
    """The jobs that workers hold, dead ones too."""
    keys = [k for k in direct("KEYS", "resque:worker:*") if not k.endswith(b":started")]
    records = [direct("GET", key) for key in keys]
    return [json.loads(record)["payload"]["args"][0] for record in records if record is not None]


def done(direct: Direct) -> dict[int, int]:
    """The jobs that were performed, and how often."""
    marks = direct("HGETALL", "marks")
    return {int(n): int(often) for n, often in zip(marks[::2], marks[1::2], strict=True)}


def failed_numbers(direct: Direct) -> list[int]:
    """The jobs that failed, oldest first."""
    entries = direct("LRANGE", "resque:failed", 0, -1)
    return [json.loads(entry)["payload"]["args"][0] for entry in entries]
