"""The measurements. Every one starts with an empty server and leaves no process behind."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.engine.bench_server import BenchServer
from tests.benchmarks.engine.enqueue import STAMPS_IN_A_FILL
from tests.benchmarks.engine.systems import System
from tests.benchmarks.engine.work import DELAYS, STAMPS
from tests.benchmarks.engine.workers import ROOT, Workers, environment, working

_PATIENCE_S = 60
#: After its first job a worker has this long to come to rest.
_SETTLE_S = 0.7


@dataclass(frozen=True, slots=True)
class Drain:
    """How the jobs of a full queue were performed."""

    jobs: int
    jobs_per_s: float
    cpu_ms_a_job: float
    requests_a_job: float
    commands_a_job: float
    bytes_a_job: float


@dataclass(frozen=True, slots=True)
class Rest:
    """A worker that has nothing to do: when it was ready, what it sends, how much memory it
    needs."""

    start_s: float
    requests_per_s: float
    pss_mib: float


def enqueue(system: System, server: BenchServer, mode: str, count: int) -> float:
    """Run the system's enqueuing program. Returns the seconds that it measured."""
    done = subprocess.run(
        [*system.enqueue, mode, str(count)],
        cwd=ROOT,
        env=environment(server),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S * 2,
    )
    if done.returncode:
        raise RuntimeError(f"{system.name} could not enqueue: {done.stderr.strip()[-500:]}")
    return float(done.stdout.split()[-1])


def enqueued_per_s(system: System, server: BenchServer, mode: str, count: int) -> float:
    """How many jobs its client enqueues in a second, one by one or in bulk."""
    server.empty()
    return count / enqueue(system, server, mode, count)


def drain(
    system: System,
    server: BenchServer,
    jobs: int,
    workers: int = 1,
    *,
    queues: Sequence[str] = ("first", "bench"),
    payload_bytes: int = 0,
) -> Drain:
    """Let workers perform a number of jobs. The workers are stopped while the jobs are enqueued, so
    that neither their start nor the enqueueing counts. The end is the latest of the stamps that the
    last jobs leave."""
    server.empty()
    with working(system, server, workers, queues) as running:
        _warm_up(system, server, running, workers)
        running.pause()
        if payload_bytes:
            _fill(server, jobs, payload_bytes)
        else:
            enqueue(system, server, "fill", jobs)
        begun, cpu_s, begun_s = server.reset(), running.cpu_s(), time.time()
        running.go_on()
        took_s = max(_stamps(server, running, STAMPS_IN_A_FILL)) - begun_s
        cpu_s = running.cpu_s() - cpu_s
        traffic = server.traffic(begun)
    done = jobs + STAMPS_IN_A_FILL
    return Drain(
        jobs=jobs,
        jobs_per_s=done / took_s,
        cpu_ms_a_job=cpu_s * 1_000 / done,
        # A stamp is one request of the job and one of this harness.
        requests_a_job=(traffic.requests - 2 * STAMPS_IN_A_FILL) / done,
        commands_a_job=(traffic.total - traffic.blocking - STAMPS_IN_A_FILL) / done,
        bytes_a_job=traffic.bytes_moved / done,
    )


def _warm_up(system: System, server: BenchServer, running: Workers, workers: int) -> None:
    enqueue(system, server, "fill", 5 * workers)
    _stamps(server, running, STAMPS_IN_A_FILL)
    time.sleep(_SETTLE_S)
    running.check()


def _stamps(server: BenchServer, running: Workers, count: int) -> list[float]:
    stamps: list[float] = []
    deadline_s = time.monotonic() + _PATIENCE_S
    while len(stamps) < count:
        found: Any = server.client.blpop([STAMPS], timeout=1)
        if found is not None:
            stamps.append(float(found[1]))
        elif time.monotonic() > deadline_s:
            raise RuntimeError(f"only {len(stamps)} of {count} jobs left a stamp in time")
        else:
            running.check()
    return stamps


def _fill(server: BenchServer, jobs: int, payload_bytes: int) -> None:
    """Enqueue Resque jobs of a size, without any client."""
    payload = json.dumps({"class": "Noop", "args": ["x" * max(0, payload_bytes - 26)]})
    queue = server.client.pipeline(transaction=False)
    for start in range(0, jobs, 100):
        for _ in range(min(100, jobs - start)):
            queue.rpush("resque:queue:bench", payload)
        queue.execute()
    queue.rpush("resque:queue:bench", *['{"class":"Stamp","args":[]}'] * STAMPS_IN_A_FILL)
    queue.execute()


def rest(system: System, server: BenchServer, window_s: float, queues: Sequence[str]) -> Rest:
    """Start a worker on one waiting job, then let it be idle for a while."""
    server.empty()
    enqueue(system, server, "fill", 0)
    with working(system, server, 1, queues) as running:
        start_s = min(_stamps(server, running, STAMPS_IN_A_FILL)) - running.started_s
        time.sleep(_SETTLE_S + 0.5)
        begun = server.reset()
        time.sleep(window_s)
        traffic = server.traffic(begun)
        return Rest(start_s, traffic.requests / window_s, running.pss_mib())


def pick_up_ms(
    system: System, server: BenchServer, count: int, queues: Sequence[str]
) -> list[float]:
    """The times from enqueueing a job for an idle worker to the job's first line."""
    server.empty()
    with working(system, server, 1, queues) as running:
        _warm_up(system, server, running, 1)
        enqueue(system, server, "paced", count)
        deadline_s = time.monotonic() + _PATIENCE_S
        while server.client.llen(DELAYS) < count:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{system.name}: jobs were not picked up in time")
            running.check()
            time.sleep(0.05)
        return [float(text) * 1_000 for text in server.client.lrange(DELAYS, 0, -1)]
