"""How many jobs were run, day by day, and what each class did: values only, None means unknown."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from queuecore.values import value

#: Days of a history.
DAYS: Final = 90
#: For so many hours it can be asked what each class did.
SPANS_H: Final = (1, 8, 72)


@value
class DayRuns:
    """What was run on one day in UTC, what failed among it, and which deploys there were. `system`
    is the label of the place, where there are several."""

    day: date
    runs: int | None
    failures: int | None
    deploys: tuple[str, ...] = ()
    system: str = ""


@value
class DurationLimit:
    """What a part of the jobs took at most, in seconds; or, `is_over`, more than that. How long
    they took is not known."""

    seconds: float
    is_over: bool = False


@value
class ClassRuns:
    """What the jobs of a class did in a time.

    Attributes:
        runs: How often they were run, failures among them.
        mean_s: How long one took that succeeded.
        p50, p95, p99: What so many of 100 that succeeded stayed within.
        system: The label of the place, where there are several.
    """

    class_name: str
    runs: int
    failures: int
    mean_s: float | None = None
    p50: DurationLimit | None = None
    p95: DurationLimit | None = None
    p99: DurationLimit | None = None
    system: str = ""


@value
class DeployMark:
    """A mark that a deploy has left; None where its time cannot be read. `system` is the label of
    the place, where there are several."""

    at: datetime | None
    label: str
    system: str = ""


@value
class RunHistory:
    """What was run on some days, the newest first; `problem` says what is unknown, and why. Where
    places are shown that they are not of, `only` has the labels of those that they are of."""

    days: tuple[DayRuns, ...]
    problem: str | None = None
    only: tuple[str, ...] = ()


@value
class ClassHistory:
    """What all classes did in a time, that with the most runs first.

    Attributes:
        since, until: The time; for some classes it may begin later (`note`).
        deploys: Those within it, the newest first.
        note: What to know about the figures.
        problem: Why not everything was counted: all figures are at least these.
        only: As of a `RunHistory`.
    """

    since: datetime
    until: datetime
    classes: tuple[ClassRuns, ...]
    deploys: tuple[DeployMark, ...] = ()
    note: str = ""
    problem: str | None = None
    only: tuple[str, ...] = ()
