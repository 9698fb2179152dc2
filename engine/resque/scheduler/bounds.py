"""From when, until when and how often a schedule fires: the options of rufus-scheduler beside
`cron` and `every`.

| option                                       | meaning                                          |
|----------------------------------------------|--------------------------------------------------|
| `first`, `first_time`, `first_at`, `first_in` | a moment, a duration after loading, 0 or `now`  |
| `first_at_no_error`                          | a first moment that has passed is now            |
| `last`, `last_at`, `last_in`                 | fires no more from that moment on                |
| `times`                                      | so often after each start of the scheduler       |

A first moment that has passed, which ends Ruby's scheduler, has no effect here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from queuecore import times
from resque.scheduler.cron import parse_duration
from resque.scheduler.zones import parse_zone

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
        """The moment before which a schedule does not fire (UTC); None when there is none, or no
        more."""
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
