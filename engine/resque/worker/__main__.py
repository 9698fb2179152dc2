"""`python -m resque.worker`: a worker configured by its environment, as Ruby's rake task is.

| variable | meaning |
|---|---|
| `QUEUES`, `QUEUE` | the queues, comma-separated, in order; `*` for all, `!x` for not x |
| `REDIS_URL` | where Redis is; default `redis://localhost:6379/0` |
| `RESQUE_NAMESPACE` | default `resque` |
| `RESQUE_REQUIRE` | modules that declare the jobs, comma-separated |
| `COUNT` | that many workers under one parent, which restarts those that die |
| `INTERVAL` | seconds between two looks; 0: leave when no job is found |
| `MIN_INTERVAL`, `MAX_INTERVAL`, `BACKOFF_INTERVAL` | as in Ruby: that time grows |
| `FORK_PER_JOB` | `false`: run jobs in the worker's own process |
| `JOBS_PER_FORK` | that many jobs share a child process |
| `TERM_CHILD`, `GRACEFUL_TERM`, `RESQUE_TERM_TIMEOUT`, `RESQUE_PRE_SHUTDOWN_TIMEOUT` | as in Ruby |
| `RESQUE_JOB_TIMEOUT` | seconds after which a job is ended and failed |
| `RESQUE_REQUEUE_LOST` | put a job whose process died back, at most so often |
| `RESQUE_SHUFFLE`, `RESQUE_WEIGHTS` | queues in random order; `high=5,low=1` weighs them |
| `RESQUE_HEARTBEAT_INTERVAL`, `RESQUE_PRUNE_INTERVAL` | seconds, 60 and 300 |
| `FAILURE_BACKEND` | `redis_multi_queue`: a list of failures for each queue |
| `RUN_AT_EXIT_HOOKS` | children run their exit handlers |
| `RESQUE_PROCLINE_PREFIX` | what the process title begins with |
| `RESQUE_LOG_FORMAT` | `json`: what is printed is one JSON object a line; default `text` |
| `BACKGROUND`, `PIDFILE` | run as a daemon; where to write the process id |
| `RESQUE_PARENT_PID` | leave, after the present job, when this parent process ends |

`qtop worker` fills these in and then becomes this program, because a worker forks for every job
and must not carry a command line parser's memory. Exit status: 0 left on demand, 1 a hook of
the worker raised or all its queues are Sidekiq's, 2 the environment cannot be used, 3 Redis cannot
be used.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    # An interrupt (ctrl+c) while the rest is imported ends the process without a traceback. `qtop`
    # has held it back since before Python began.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

import atexit
import os
import sys
import time
from collections.abc import Callable, Mapping

import resque
from queuecore.address import Address, parse_url
from queuecore.exchange import contact
from queuecore.lean import LeanStore
from queuecore.times import utc_now
from resque import errors
from resque.keys import DEFAULT_NAMESPACE, Keys
from resque.store.queue_list import QueueList, names
from resque.worker import log, own_server, pool
from resque.worker.background import settle
from resque.worker.job_fetcher import ServedQueues
from resque.worker.options import WorkerOptions, count, from_environment, load_jobs
from resque.worker.pool import Pool
from resque.worker.worker import Worker


def main(environ: Mapping[str, str]) -> int:
    """Run a worker, or a pool of them, until a signal asks it to leave. Returns the exit status."""
    say: log.Say = log.say
    try:
        say = log.chosen(environ)
        if say is log.say_json:
            sys.excepthook = log.tell_exception
        options = from_environment(environ)
        workers = count(environ, "COUNT", 1, least=1)
        queue_list = QueueList.parse(environ.get("QUEUES") or environ.get("QUEUE") or "")
        address = parse_url(environ.get("REDIS_URL") or "redis://localhost:6379/0")
        _follow_parent(environ.get("RESQUE_PARENT_PID", ""))
        load_jobs(environ, _cannot_import)
        settle(environ)
    except (errors.BadOption, errors.BadUrl, errors.NoQueueError) as error:
        log.refuse(say, "worker", error)
        return 2
    keys = Keys(environ.get("RESQUE_NAMESPACE") or DEFAULT_NAMESPACE)

    pool_pid = os.getpid() if workers > 1 else None

    def work() -> int:
        return _work(
            lambda: Worker(
                address,
                keys,
                queue_list,
                resque.registry,
                version=resque.__version__,
                options=options,
                log=say,
                pool_pid=pool_pid,
            ),
            environ.get("REDIS_URL", ""),
            say,
        )

    if workers == 1:
        return work()
    try:
        # Once, before there are many to say the same.
        _greet(address, keys, queue_list)
    except (errors.BelongsToSidekiq, errors.StoreError) as error:
        log.refuse(say, "worker", error)
        return 3 if isinstance(error, errors.StoreError) else 1
    title = f"{options.title_prefix}resque-{resque.__version__}: {workers} workers on {queue_list}"
    return _pool(workers, work, title, options, say).run()


def _pool(
    workers: int, work: Callable[[], int], title: str, options: WorkerOptions, say: log.Say
) -> Pool:
    # Without forking and without TERM_CHILD a TERM lets the job finish, however long it takes.
    finishes_jobs = options.graceful_term or not (options.fork or options.term_child)
    patience_s = pool.PATIENCE_S + options.pre_shutdown_timeout_s + options.term_timeout_s
    return Pool(
        workers,
        work,
        title=title,
        log=say,
        graceful_term=finishes_jobs,
        patience_s=patience_s,
    )


def _work(make: Callable[[], Worker], url: str, say: log.Say) -> int:
    try:
        server = own_server.hold(url)
        make().run()
    except errors.StoreError as error:
        log.refuse(say, "worker", error)
        return 3
    except errors.ResqueError as error:
        log.refuse(say, "worker", error)
        return 1
    if server is not None:
        server.close()
    return 0


def _greet(address: Address, keys: Keys, queue_list: QueueList) -> None:
    """Make sure that a Redis is there, and queues that are not Sidekiq's. Raises StoreError and
    BelongsToSidekiq."""
    store = LeanStore(address, timeout_s=5.0, client_name="resque-pool")
    try:
        store.run(contact(address))
        registered = _names(store, keys) if queue_list.is_dynamic else []
        admission = ServedQueues(store, keys, 0.0, lambda line: None, utc_now, time.monotonic)
        admission.open(queue_list.resolve(registered))
    finally:
        store.close()


def _names(store: LeanStore, keys: Keys) -> list[str]:
    try:
        return store.run(names(keys))
    except errors.Refused:
        return []  # each worker says it, and waits until that is over


def _cannot_import(module: str, error: Exception) -> str:
    """What to change. An error of the module itself is printed first."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is None or not f"{module}.".startswith(f"{missing}."):
        sys.excepthook(*sys.exc_info())
    if isinstance(error, ModuleNotFoundError):
        return f"cannot import {module!r}: {error}; run from the folder it is in, or install it"
    return f"importing {module!r} raised the error above: mend it"


def _follow_parent(pid: str) -> None:
    """Ask the kernel for a QUIT when the parent ends, however it ends (Linux)."""
    if not pid:
        return
    if not pid.isascii() or not pid.isdigit() or len(pid) > 10:
        raise errors.BadOption(f"RESQUE_PARENT_PID must be a process id, not {pid!r}")
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGQUIT, 0, 0, 0)
    if os.getppid() != int(pid):
        raise errors.BadOption(f"the parent process {pid} has ended already")


if __name__ == "__main__":
    log.have_streams()
    exit_status = main(os.environ)
    atexit._run_exitfuncs()
    log.end()
    # Not by way of sys.exit, which would wait for threads that jobs have left behind.
    os._exit(exit_status)
