"""How a worker behaves, and the environment variables that say so."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from queuecore.values import value
from resque.errors import BadOption
from resque.store import workers


@value
class WorkerOptions:
    """How a worker behaves. The defaults are Ruby Resque's.

    `interval_s` is the longest time between two polls of the queues, where Redis cannot wake the
    worker; 0 makes the worker leave when it finds no job. `min_interval_s`, `max_interval_s` and
    `backoff_interval_s` let that time grow, as `IdleInterval` says. `job_timeout_s` ends a job that
    runs longer. `requeue_lost` puts a job whose process died back onto its queue, at most so often.
    `term_child` lets a job that must end know by a TermException, with `pre_shutdown_timeout_s`
    before it and `term_timeout_s` after it; `graceful_term` makes TERM finish the job.
    `jobs_per_fork` jobs share a child process; `fork` false runs them in the worker itself.
    `shuffle` looks at the queues in random order, by `weights` where given.
    """

    interval_s: float = 5.0
    min_interval_s: float | None = None
    max_interval_s: float | None = None
    backoff_interval_s: float = 0.1
    heartbeat_interval_s: float = workers.HEARTBEAT_INTERVAL_S
    prune_after_s: float = workers.PRUNE_AFTER_S
    timeout_s: float = 5.0
    title_prefix: str = ""
    fork: bool = True
    jobs_per_fork: int = 1
    job_timeout_s: float | None = None
    requeue_lost: int = 0
    term_child: bool = False
    graceful_term: bool = False
    term_timeout_s: float = 4.0
    pre_shutdown_timeout_s: float = 0.0
    run_at_exit_hooks: bool = False
    multi_failure_queues: bool = False
    shuffle: bool = False
    weights: Mapping[str, float] = MappingProxyType({})

    def order(self, queues: Sequence[str]) -> list[str]:
        """The queues in the order in which to look at them this time."""
        if not self.shuffle and not self.weights:
            return list(queues)
        # Imported here: it is seeded anew in every fork.
        import random

        # The larger a queue's weight, the closer to 1 its number: a weighted shuffle.
        numbers = {q: random.random() ** (1 / self.weights.get(q, 1.0)) for q in queues}
        return sorted(queues, key=lambda queue: -numbers[queue])


def from_environment(environ: Mapping[str, str]) -> WorkerOptions:
    """Read the options from environment variables: Ruby's, and `RESQUE_*` for what it has not.
    Raises BadOption, which names the variable and what it may be."""
    options = _read(environ)
    if options.job_timeout_s is not None and not options.fork:
        raise BadOption("RESQUE_JOB_TIMEOUT needs a child to end: not with FORK_PER_JOB=false")
    return options


def _read(environ: Mapping[str, str]) -> WorkerOptions:
    return WorkerOptions(
        interval_s=_seconds(environ, "INTERVAL", 5.0),
        min_interval_s=_seconds_or_none(environ, "MIN_INTERVAL"),
        max_interval_s=_seconds_or_none(environ, "MAX_INTERVAL"),
        backoff_interval_s=_seconds(environ, "BACKOFF_INTERVAL", 0.1),
        heartbeat_interval_s=_seconds(
            environ, "RESQUE_HEARTBEAT_INTERVAL", workers.HEARTBEAT_INTERVAL_S, least=0.01
        ),
        prune_after_s=_seconds(environ, "RESQUE_PRUNE_INTERVAL", workers.PRUNE_AFTER_S, least=0.01),
        title_prefix=environ.get("RESQUE_PROCLINE_PREFIX", ""),
        fork=environ.get("FORK_PER_JOB") != "false",
        jobs_per_fork=count(environ, "JOBS_PER_FORK", 1, least=1),
        job_timeout_s=_seconds(environ, "RESQUE_JOB_TIMEOUT", 0.0) or None,
        requeue_lost=count(environ, "RESQUE_REQUEUE_LOST", 0),
        # As in Ruby any value switches these on, even 0.
        term_child=bool(environ.get("TERM_CHILD")),
        graceful_term=bool(environ.get("GRACEFUL_TERM")),
        term_timeout_s=_seconds(environ, "RESQUE_TERM_TIMEOUT", 4.0),
        pre_shutdown_timeout_s=_seconds(environ, "RESQUE_PRE_SHUTDOWN_TIMEOUT", 0.0),
        run_at_exit_hooks=bool(environ.get("RUN_AT_EXIT_HOOKS")),
        multi_failure_queues=_has_own_lists(environ.get("FAILURE_BACKEND") or "redis"),
        shuffle=bool(environ.get("RESQUE_SHUFFLE")),
        weights=_weights(environ.get("RESQUE_WEIGHTS", "")),
    )


def _seconds(environ: Mapping[str, str], name: str, default: float, *, least: float = 0.0) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value < 1e7:
        raise BadOption(f"{name} must be a number of seconds from {least:g}, not {text!r}")
    return value


def _seconds_or_none(environ: Mapping[str, str], name: str) -> float | None:
    return _seconds(environ, name, 0.0) if environ.get(name) else None


def count(environ: Mapping[str, str], name: str, default: int, *, least: int = 0) -> int:
    """A whole number from the environment. Raises BadOption."""
    text = environ.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 6 or int(text) < least:
        raise BadOption(f"{name} must be a whole number from {least}, not {text!r}")
    return int(text)


def load_jobs(environ: Mapping[str, str], why_not: Callable[[str, Exception], str]) -> None:
    """Import the modules that declare jobs, which see the current folder. Raises BadOption with
    what `why_not` says of a module and its error."""
    # The folder may have been removed since the start.
    with suppress(FileNotFoundError):
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
    for module in filter(None, map(str.strip, environ.get("RESQUE_REQUIRE", "").split(","))):
        try:
            importlib.import_module(module)
        except Exception as error:
            raise BadOption(why_not(module, error)) from None


def _has_own_lists(backend: str) -> bool:
    if backend not in ("redis", "redis_multi_queue"):
        raise BadOption(f"FAILURE_BACKEND must be redis or redis_multi_queue, not {backend!r}")
    return backend == "redis_multi_queue"


def _weights(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        queue, _, weight = part.rpartition("=")
        try:
            weights[queue.strip()] = float(weight)
        except ValueError:
            weights[queue.strip()] = 0.0
        if not queue or not 0 < weights[queue.strip()] < 1e6:
            raise BadOption(
                f"RESQUE_WEIGHTS must be queue=number pairs such as high=5,low=1, not {part!r}"
            )
    return weights
