"""What a schedule's configuration means, in resque-scheduler's words.

| key                 | meaning                                                              |
|---------------------|----------------------------------------------------------------------|
| `cron`              | 5 fields, or 6 with seconds first; a time zone may follow            |
| `every`             | an interval (`30s`, `1h30m`), or a list of it and `{first_in: ...}`  |
| `class`             | the job; by default the schedule's name                              |
| `queue`             | by default the queue that the class declares                         |
| `args`              | a list; anything else is the only argument                           |
| `description`       | for people                                                           |
| `rails_env`, `env`  | only in these environments, comma-separated                          |
| `custom_job_class`  | what is enqueued instead of `class`                                  |
| `persist`           | keep it in Redis, where other schedulers see it                      |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resque.errors import EncodeError, ResqueError
from resque.scheduler.cron import Cron, Every, parse_cron, parse_every
from resque.scheduler.moving import QueueOf, as_list
from resque.wire.codec import decode, encode, members

_KEYS = frozenset(
    {"cron", "every", "class", "queue", "args", "description"}
    | {"rails_env", "env", "custom_job_class", "persist"}
)
#: Options of rufus-scheduler that say how its threads behave: there are none here.
_THREAD_OPTIONS = frozenset(
    {"allow_overlapping", "overlap", "blocking", "timeout", "mutex", "tag", "tags", "name", "job"}
)


class BadSchedule(ResqueError):
    """A schedule that cannot be used; the message says which one, where, and why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule, ready to fire. `payload` is what is enqueued; `queue` is None when the class
    has to tell; `source` is its configuration as JSON, equal when nothing changed."""

    name: str
    timing: Cron | Every
    class_name: str
    queue: str | None
    payload: bytes
    description: str
    environments: frozenset[str]
    is_persistent: bool
    source: bytes
    unknown_keys: tuple[str, ...] = ()

    def is_for(self, environment: str | None) -> bool:
        """Whether it applies in an environment (Ruby's RAILS_ENV)."""
        return not self.environments or environment in self.environments

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
    environments = _text(config, "rails_env") or _text(config, "env") or ""
    kept = {key: value for key, value in config.items() if key != "persist"}
    return Schedule(
        name=name,
        timing=_timing(config),
        class_name=own_class,
        queue=_text(config, "queue"),
        payload=b'{"class":%s,"args":%s}' % (encode(class_name), as_list(args)),
        description=_text(config, "description") or "",
        environments=frozenset(filter(None, re.split(r"[\s,]+", environments))),
        is_persistent=bool(config.get("persist")),
        source=encode(kept),
        unknown_keys=tuple(str(key) for key in config if key not in _KEYS),
    )


def _text(config: Mapping[str, Any], key: str) -> str | None:
    value = config.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key!r} must be a text, not {value!r}")
    return value or None


def _timing(config: Mapping[str, Any]) -> Cron | Every:
    """As in Ruby `cron` wins over `every`, and an empty one counts for nothing."""
    if config.get("cron"):
        text, options = _with_options("cron", config["cron"])
        _refuse("cron", options)
        try:
            return parse_cron(text)
        except ValueError as error:
            raise ValueError(f"cron {text!r}: {error}") from None
    if config.get("every"):
        text, options = _with_options("every", config["every"])
        first_in = options.pop("first_in", None)
        _refuse("every", options)
        try:
            return parse_every(text, None if first_in is None else str(first_in))
        except ValueError as error:
            raise ValueError(f"every: {error}") from None
    raise ValueError("it needs `cron` or `every`")


def _with_options(key: str, value: Any) -> tuple[str, dict[str, Any]]:
    parts = value if isinstance(value, list | tuple) else [value]
    if not parts or not isinstance(parts[0], str) or len(parts) > 2:
        raise ValueError(f"{key!r} must be a text, or a list of a text and options, not {value!r}")
    options = parts[1] if len(parts) == 2 else {}
    if not isinstance(options, Mapping):
        raise ValueError(f"the options of {key!r} must be a table, not {options!r}")
    # Ruby's YAML files spell symbols with a colon.
    return parts[0], {str(key).removeprefix(":"): value for key, value in options.items()}


def _refuse(key: str, options: Mapping[str, Any]) -> None:
    for option in options:
        # Not ignored: with `times: 3` left out a job would run for ever.
        if option not in _THREAD_OPTIONS:
            raise ValueError(f"the option {option!r} of {key!r} is not supported")
