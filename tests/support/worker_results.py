"""What tests of workers read from Redis, beside the recordings."""

from __future__ import annotations

import json
from typing import Any

import psutil
from tests.support.direct import Direct
from tests.support.waiting import eventually

TURNS = "tests.support.jobs.sample_jobs,tests.support.jobs.process_jobs"


def failures(direct: Direct, key: str = "resque:failed") -> list[dict[str, Any]]:
    """The recorded failures, oldest first."""
    return [json.loads(entry) for entry in direct("LRANGE", key, 0, -1)]


def failed(direct: Direct) -> list[tuple[str, list[Any], str]]:
    """The recorded failures, each as class, arguments and exception."""
    return [(e["payload"]["class"], e["payload"]["args"], e["exception"]) for e in failures(direct)]


def trace(direct: Direct) -> list[str]:
    """The lines that jobs and hooks left."""
    return [line.decode() for line in direct("LRANGE", "trace", 0, -1)]


def where(direct: Direct) -> list[tuple[str, int]]:
    """Which process ran which job, in the order in which they began."""
    lines = [line.decode().rsplit(" ", 1) for line in direct("LRANGE", "own:where", 0, -1)]
    return [(name, int(pid)) for name, pid in lines]


def waiting(direct: Direct, queue: str = "default") -> list[list[Any]]:
    """The arguments of the jobs that wait."""
    return [json.loads(item)["args"] for item in direct("LRANGE", f"resque:queue:{queue}", 0, -1)]


def stat(direct: Direct, name: str) -> int:
    """A total; 0 when there is none."""
    return int(direct("GET", f"resque:stat:{name}") or 0)


def await_run(direct: Direct, name: str, runs: int = 1) -> None:
    """Wait until a job that counts its runs has begun one."""
    eventually(lambda: int(direct("HGET", "own:runs", name) or 0) >= runs, f"{name} runs")


def await_begun(direct: Direct, jobs: int) -> None:
    """Wait until so many jobs that write their process have begun."""
    eventually(lambda: direct("LLEN", "own:where") >= jobs, f"{jobs} jobs have begun")


def forget(direct: Direct, worker_id: str) -> None:
    """Make a worker's last heartbeat an old one, and let the next prune remove the worker."""
    direct("HSET", "resque:workers:heartbeat", worker_id, "2020-01-01T00:00:00+00:00")
    direct("DEL", "resque:pruning_dead_workers_in_progress")


def has_left(process: psutil.Process) -> bool:
    """Whether a process that is not our child has ended, even if its parent has not waited for
    it."""
    try:
        return bool(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
