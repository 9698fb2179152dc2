"""`python -m resque.scheduler`: a scheduler configured by its environment, as Ruby's is.

| variable                    | meaning                                                        |
|-----------------------------|----------------------------------------------------------------|
| `REDIS_URL`                 | where Redis is; default `redis://localhost:6379/0`             |
| `RESQUE_NAMESPACE`          | default `resque`                                               |
| `RESQUE_SCHEDULER_INTERVAL` | longest time between two looks in seconds; default 5           |
| `RESQUE_SCHEDULE`           | a file of schedules: .toml, .yml or .yaml                      |
| `DYNAMIC_SCHEDULE`          | `1`, `true`, `on` or `t`: follow changes of schedules in Redis |
| `LOCK_TIMEOUT`              | seconds after which a dead master is replaced; default 180     |
| `RESQUE_SCHEDULER_MASTER_LOCK_PREFIX` | schedulers with other prefixes do not stand by for it |
| `DELAYED_REQUEUE_BATCH_SIZE` | jobs moved at once; default 100, at most 1000                 |
| `RAILS_ENV`, `APP_NAME`     | the environment (`rails_env` of schedules); both in the title  |
| `BACKGROUND`                | run as a daemon                                                |
| `PIDFILE`                   | where to write the process id; removed at the end              |
| `LOGFILE`                   | a file to append what is printed to                            |
| `RESQUE_LOG_FORMAT`         | `json`: print one JSON object a line; default `text`           |
| `RESQUE_REQUIRE`            | modules whose jobs declare queues, comma-separated             |
| `TZ`                        | the zone of cron expressions that name none                    |

Exit status: 0 left on demand, 1 the namespace is Sidekiq's, 2 the environment or the file cannot
be used, 3 Redis cannot be used.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    # An interrupt (ctrl+c) while the rest is imported ends the process without a traceback. `qtop`
    # has held it back since before Python began.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import resque
from queuecore.address import parse_url
from queuecore.exchange import contact
from queuecore.stores import Store
from resque.errors import BadOption, BadUrl, BelongsToSidekiq, StoreError, UnknownJob
from resque.jobs import registry
from resque.keys import DEFAULT_NAMESPACE, Keys
from resque.scheduler.definition import BadSchedule
from resque.scheduler.files import read_file
from resque.scheduler.moving import BATCH
from resque.scheduler.scheduler import Scheduler, SchedulerOptions
from resque.scheduler.zones import local_zone
from resque.worker import log, own_server
from resque.worker.background import settle
from resque.worker.options import load_jobs

_TRUE = ("1", "t", "T", "true", "TRUE", "on", "ON")


def main(environ: Mapping[str, str]) -> int:
    """Run a scheduler until a signal asks it to leave. Returns the exit status."""
    url = environ.get("REDIS_URL") or "redis://localhost:6379/0"
    say: log.Say = log.say
    try:
        say = log.chosen(environ)
        if say is log.say_json:
            sys.excepthook = log.tell_exception
        # All that can be wrong is found out before going into the background.
        load_jobs(environ, _cannot_import)
        parse_url(url)
        options, zone = _options(environ), local_zone(environ)
        if options.schedule_file is not None:
            read_file(options.schedule_file)
        settle(environ, log=environ.get("LOGFILE", ""))
    except (BadOption, BadUrl, BadSchedule, ValueError) as error:
        log.refuse(say, "scheduler", error)
        return 2
    try:
        store = Store(url, client_name=f"resque-scheduler-{os.getpid()}")
        scheduler = Scheduler(
            store,
            Keys(environ.get("RESQUE_NAMESPACE") or DEFAULT_NAMESPACE),
            version=resque.__version__,
            zone=zone,
            options=options,
            queue_of=_queue_of,
            log=say,
        )
        server = own_server.hold(url)
        store.run(contact(store.address))
        scheduler.run()
        if server is not None:
            server.close()
    except (BadSchedule, BelongsToSidekiq, StoreError) as error:
        log.refuse(say, "scheduler", error)
        return {BadSchedule: 2, BelongsToSidekiq: 1}.get(type(error), 3)
    finally:
        # As Ruby's scheduler does it.
        if path := environ.get("PIDFILE"):
            Path(path).unlink(missing_ok=True)
    return 0


def _queue_of(class_name: str) -> str | None:
    try:
        return registry.find(class_name).queue
    except UnknownJob:
        return None


def _options(environ: Mapping[str, str]) -> SchedulerOptions:
    file = environ.get("RESQUE_SCHEDULE")
    return SchedulerOptions(
        interval_s=_number(environ, "RESQUE_SCHEDULER_INTERVAL", 5.0, 0.01, 1e6),
        lock_timeout_s=int(_number(environ, "LOCK_TIMEOUT", 180, 1, 1e6)),
        lock_prefix=environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", ""),
        is_dynamic=environ.get("DYNAMIC_SCHEDULE", "") in _TRUE,
        batch=int(_number(environ, "DELAYED_REQUEUE_BATCH_SIZE", BATCH, 1, 1000)),
        app_name=environ.get("APP_NAME", ""),
        environment=environ.get("RAILS_ENV") or None,
        schedule_file=Path(file) if file else None,
    )


def _number(
    environ: Mapping[str, str], name: str, default: float, least: float, most: float
) -> float:
    text = environ.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not least <= number <= most:
        raise BadOption(f"{name} must be a number from {least:g} to {most:g}, not {text!r}")
    return number


def _cannot_import(module: str, error: Exception) -> str:
    return f"cannot import {module!r}: {error!r}"


if __name__ == "__main__":
    log.have_streams()
    exit_status = main(os.environ)
    log.end()
    sys.exit(exit_status)
