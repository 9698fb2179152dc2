"""The systems that are measured side by side."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
_MODULE = "tests.benchmarks.engine"


@dataclass(frozen=True, slots=True)
class System:
    """One system: how to start a worker of it, how to enqueue for it, and about how many jobs a
    worker does in a second, from which the first drain takes its length."""

    name: str
    worker: tuple[str, ...]
    enqueue: tuple[str, ...]
    guess_per_s: int
    env: Mapping[str, str] = field(default_factory=dict)
    #: Whether its own client is measured; once for each client.
    has_client: bool = False


def _ours(name: str, guess_per_s: int, *, has_client: bool = False, **env: str) -> System:
    env |= {"RESQUE_REQUIRE": f"{_MODULE}.jobs"}
    enqueue = (sys.executable, "-m", f"{_MODULE}.enqueue", "resque")
    worker = (sys.executable, "-m", "resque.worker")
    return System(name, worker, enqueue, guess_per_s, env, has_client)


def _rq(name: str, kind: str, guess_per_s: int, *, has_client: bool = False) -> System:
    enqueue = (sys.executable, "-m", f"{_MODULE}.enqueue", "rq")
    worker = (sys.executable, "-m", f"{_MODULE}.rq_worker", kind)
    return System(name, worker, enqueue, guess_per_s, has_client=has_client)


FORK, TEN, HUNDRED, NO_FORK = "fork per job", "10 jobs a fork", "100 jobs a fork", "no fork"
RQ_FORK, RQ_SIMPLE = "RQ, fork per job", "RQ, SimpleWorker"
RUBY_FORK, RUBY_NO_FORK, SIDEKIQ = (
    "Ruby Resque, fork",
    "Ruby Resque, no fork",
    "Sidekiq, 10 threads",
)

OURS = (
    _ours(FORK, 500, has_client=True),
    _ours(TEN, 3_000, JOBS_PER_FORK="10"),
    _ours(HUNDRED, 9_000, JOBS_PER_FORK="100"),
    _ours(NO_FORK, 12_000, FORK_PER_JOB="false"),
)
RQ = (
    _rq(RQ_FORK, "Worker", 80, has_client=True),
    _rq(RQ_SIMPLE, "SimpleWorker", 250),
)


def ruby_systems(environ: Mapping[str, str] = os.environ) -> list[System]:
    """Ruby Resque where BENCH_RESQUE_LIB names the `lib` folder of a checkout of it, Sidekiq where
    BENCH_SIDEKIQ names its program."""
    peer = str(HERE / "peer.rb")
    ruby = shutil.which(environ.get("BENCH_RUBY", "ruby"))
    found = []
    if ruby and environ.get("BENCH_RESQUE_LIB"):
        command, worker = (ruby, peer, "resque"), (ruby, peer, "resque", "worker")
        often = {"INTERVAL": "0.1"}
        found.append(System(RUBY_FORK, worker, command, 300, often, has_client=True))
        slim = often | {"FORK_PER_JOB": "false"}
        found.append(System(RUBY_NO_FORK, worker, command, 1_500, slim))
    if ruby and environ.get("BENCH_SIDEKIQ"):
        program = (environ["BENCH_SIDEKIQ"], "-r", peer, "-c", "10", "-q", "bench")
        command = (ruby, peer, "sidekiq")
        found.append(System(SIDEKIQ, program, command, 8_000, has_client=True))
    return found
