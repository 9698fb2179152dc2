"""What a schedule's configuration means, in resque-scheduler's words.

| key                 | meaning                                                              |
|---------------------|----------------------------------------------------------------------|
| `cron`              | 5 fields, or 6 with seconds first; a time zone may follow            |
| `every`             | an interval (`30s`, `1h30m`, `PT1H`), or a number of seconds         |
|                     | each of them may be a list of that and options: see below            |
| `class`             | the job; by default the schedule's name                              |
| `queue`             | by default the queue that the class declares                         |
| `args`              | a list; anything else is the only argument                           |
| `description`       | for people                                                           |
| `rails_env`, `env`  | only in these environments, comma-separated; blank: in none          |
| `custom_job_class`  | what is enqueued instead of `class`                                  |
| `persist`           | keep it in Redis, where other schedulers see it                      |

The options of rufus-scheduler beside `cron` and `every` say from when, until when and how often a
schedule fires:

| option                                       | meaning                                          |
|----------------------------------------------|--------------------------------------------------|
| `first`, `first_time`, `first_at`, `first_in` | a moment, a duration after loading, 0 or `now`  |
| `first_at_no_error`                          | a first moment that has passed is now            |
| `last`, `last_at`, `last_in`                 | fires no more from that moment on                |
| `times`                                      | so often after each start of the scheduler       |

A first moment that has passed, which ends Ruby's scheduler, has no effect here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from queuecore import times
from resque.codec import decode, encode, members
from resque.errors import EncodeError, ResqueError
from resque.scheduler.cron import Cron, Every, parse_cron, parse_duration, parse_every
from resque.scheduler.moving import QueueOf, as_list
from resque.scheduler.zones import parse_zone

_KEYS = frozenset(
    {"cron", "every", "class", "queue", "args", "description"}
    | {"rails_env", "env", "custom_job_class", "persist"}
)


class BadSchedule(ResqueError):
    """A schedule that cannot be used; the message says which one, where, and why."""


#: The first of these that is given counts.
_FIRST = ("first", "first_time", "first_at", "first_in")
_LAST = ("last", "last_at", "last_in")
#: Options that say how threads behave, and how firings are caught up: there are none here.
_WITHOUT_MEANING = frozenset(
    {"allow_overlapping", "overlap", "blocking", "timeout", "mutex", "tag", "tags", "name", "job"}
    | {"discard_past"}
)
_KNOWN = frozenset({*_FIRST, *_LAST, "times", "first_at_no_error"}) | _WITHOUT_MEANING

#: Seconds after loading, or a moment; one without a zone is in that of the scheduler.
When = int | datetime


@dataclass(frozen=True, slots=True)
class Bounds:
    """The options of one schedule; None where there is none. `is_now_if_past` says what a first
    moment means that has passed."""

    first: When | None = None
    last: When | None = None
    times: int | None = None
    is_now_if_past: bool = False

    @property
    def depend_on_start(self) -> bool:
        """Whether only the scheduler at work can know when it fires next."""
        return self.times is not None or isinstance(self.last, int)

    def first_at(self, loaded: datetime, local: tzinfo) -> datetime | None:
        """The moment (UTC) before which it does not fire; None when there is none, or no more."""
        first = _moment(self.first, loaded, local)
        if first is None or first >= loaded:
            return first
        return loaded if self.is_now_if_past else None

    def last_at(self, loaded: datetime, local: tzinfo) -> datetime | None:
        """The moment from which on a schedule does not fire (UTC)."""
        return _moment(self.last, loaded, local)


def read_bounds(options: Mapping[str, Any]) -> Bounds:
    """Read the options. Raises ValueError with the reason in words."""
    for option in options:
        # Not ignored: with a limit left out a job would run for ever.
        if option not in _KNOWN:
            raise ValueError(f"the option {option!r} is not known")
    number = options.get("times")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise ValueError(f"the option 'times' must be a whole number, not {number!r}")
    return Bounds(
        first=_first_given(options, _FIRST),
        last=_first_given(options, _LAST),
        times=number,
        is_now_if_past=bool(options.get("first_at_no_error")),
    )


def _first_given(options: Mapping[str, Any], names: tuple[str, ...]) -> When | None:
    for name in names:
        if (value := options.get(name)) is not None and value is not False:
            return _when(name, value)
    return None


def _when(name: str, value: Any) -> When:
    if isinstance(value, datetime):  # as TOML has them
        return value
    text = str(value).strip()
    if text in ("now", "immediately"):
        return 0
    try:
        return parse_duration(text)
    except ValueError:
        found = _read_moment(text)
    if found is None:
        raise ValueError(f"the option {name!r} is neither a duration nor a moment: {value!r}")
    return found


def _read_moment(text: str) -> datetime | None:
    if (known := times.parse(text)) is not None:
        return known
    day, _, zone = text.rpartition(" ")
    for moment, named in ((text, None), (day, zone)):
        try:
            found = datetime.fromisoformat(moment)
            return found if named is None else found.replace(tzinfo=parse_zone(named))
        except ValueError:
            continue
    return None


def _moment(when: When | None, loaded: datetime, local: tzinfo) -> datetime | None:
    if when is None:
        return None
    if isinstance(when, int):
        return loaded.astimezone(UTC) + timedelta(seconds=when)
    return (when if when.tzinfo else when.replace(tzinfo=local)).astimezone(UTC)


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
        """The queue of its jobs; None when it is unknown."""
        return self.queue or queue_of(self.class_name)


def from_json(name: str, raw: bytes) -> Schedule:
    """Read a configuration from Redis; its arguments keep their bytes. Raises BadSchedule."""
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
