"""What a schedule's configuration means, in resque-scheduler's words.

| key                 | meaning                                                              |
|---------------------|----------------------------------------------------------------------|
| `cron`              | 5 fields, or 6 with seconds first; a time zone may follow            |
| `every`             | an interval (`30s`, `1h30m`, `PT1H`), or a number of seconds         |
|                     | each of them may be a list of that and options: see `bounds`         |
| `class`             | the job; by default the schedule's name                              |
| `queue`             | by default the queue that the class declares                         |
| `args`              | a list; anything else is the only argument                           |
| `description`       | for people                                                           |
| `rails_env`, `env`  | only in these environments, comma-separated; blank: in none          |
| `custom_job_class`  | what is enqueued instead of `class`                                  |
| `persist`           | keep it in Redis, where other schedulers see it                      |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resque.codec import decode, encode, members
from resque.errors import EncodeError, ResqueError
from resque.scheduler.bounds import Bounds, read_bounds
from resque.scheduler.cron import Cron, Every, parse_cron, parse_every
from resque.scheduler.moving import QueueOf, as_list

_KEYS = frozenset(
    {"cron", "every", "class", "queue", "args", "description"}
    | {"rails_env", "env", "custom_job_class", "persist"}
)


class BadSchedule(ResqueError):
    """A schedule that cannot be used; the message says which one, where, and why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule, ready to fire. `payload` is what is enqueued; `queue` is None when the class
    has to tell; `environments` is None for all; `source` is its configuration as JSON, equal when
    nothing changed; `custom` is the `custom_job_class`, on which Ruby calls `scheduled`."""

    name: str
    timing: Cron | Every
    class_name: str
    queue: str | None
    payload: bytes
    description: str
    environments: frozenset[str] | None
    is_persistent: bool
    source: bytes
    unknown_keys: tuple[str, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    custom: str | None = None

    def is_for(self, environment: str | None) -> bool:
        """Whether it applies in an environment (Ruby's RAILS_ENV)."""
        return self.environments is None or environment in self.environments

    def queue_for(self, queue_of: QueueOf) -> str | None:
        """The queue of its jobs; None when nobody knows."""
        return self.queue or queue_of(self.class_name)


def from_json(name: str, raw: bytes) -> Schedule:
    """Read a configuration as it lies in Redis; its arguments keep their bytes. Raises
    BadSchedule."""
    try:
        return read(name, decode(raw), members(raw).get("args"))
    except ValueError as error:
        raise BadSchedule(f"schedule {name!r}: {error}") from None


def read(name: str, config: Any, args: bytes | None = None) -> Schedule:
    """Read a configuration; `args` are the bytes of its arguments if they are known. Raises
    BadSchedule, which names the schedule."""
    try:
        return _read(name, config, args)
    except (ValueError, EncodeError) as error:
        raise BadSchedule(f"schedule {name!r}: {error}") from None


def _read(name: str, config: Any, args: bytes | None) -> Schedule:
    if not name:
        raise ValueError("its name is empty")
    if not isinstance(config, Mapping):
        raise ValueError("not a table of keys and values")
    own_class = _text(config, "class") or name
    custom = _text(config, "custom_job_class")
    class_name = own_class if custom in (None, "Resque::Job") else custom
    if args is None:
        args = encode(config.get("args"))
    timing, bounds = _timing(config)
    kept = {key: value for key, value in config.items() if key != "persist"}
    return Schedule(
        name=name,
        timing=timing,
        class_name=own_class,
        queue=_text(config, "queue"),
        payload=b'{"class":%s,"args":%s}' % (encode(class_name), as_list(args)),
        description=_text(config, "description") or "",
        environments=_environments(config),
        is_persistent=bool(config.get("persist")),
        source=encode(kept),
        unknown_keys=tuple(str(key) for key in config if key not in _KEYS),
        bounds=bounds,
        custom=None if class_name == own_class else class_name,
    )


def _text(config: Mapping[str, Any], key: str) -> str | None:
    value = config.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key!r} must be a text, not {value!r}")
    return value or None


def _environments(config: Mapping[str, Any]) -> frozenset[str] | None:
    """The environments it is for; None for all. A blank text names none, as in Ruby."""
    for key in ("rails_env", "env"):
        value = config.get(key)
        if value is None or value is False:
            continue
        if not isinstance(value, str):
            raise ValueError(f"{key!r} must be a text, not {value!r}")
        return frozenset(filter(None, re.split(r"[\s,]+", value)))
    return None


def _timing(config: Mapping[str, Any]) -> tuple[Cron | Every, Bounds]:
    """As in Ruby `cron` wins over `every`, and an empty one counts for nothing."""
    if config.get("cron"):
        value, options = _with_options(config["cron"])
        if not isinstance(value, str):
            raise ValueError(f"'cron' must be a text, not {value!r}")
        try:
            return parse_cron(value), read_bounds(options)
        except ValueError as error:
            raise ValueError(f"cron {value!r}: {error}") from None
    every = config.get("every")
    if every is not None and every is not False and every not in ("", []):
        value, options = _with_options(every)
        try:
            bounds = read_bounds(options)
            return _every(value, bounds), bounds
        except ValueError as error:
            raise ValueError(f"every: {error}") from None
    raise ValueError("it needs `cron` or `every`")


def _every(value: Any, bounds: Bounds) -> Every:
    """An interval as a text, or as a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"must be a text or a number of seconds, not {value!r}")
    text = f"{value:g}s" if isinstance(value, float) else str(value)
    return parse_every(text, bounds.first if isinstance(bounds.first, int) else None)


def _with_options(value: Any) -> tuple[Any, dict[str, Any]]:
    """A value and its options. As in Ruby a list counts as its first value, unless it is a value
    and a table."""
    if not isinstance(value, list | tuple):
        return value, {}
    if len(value) != 2 or not isinstance(value[1], Mapping):
        return value[0], {}
    # Ruby's YAML files spell symbols with a colon.
    return value[0], {str(key).removeprefix(":"): each for key, each in value[1].items()}
