"""`qtop stats`: the totals; what was run by day, and by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from qtop.commands.connection import Connection, OpenPlaces, Session, connection_options
from qtop.commands.options import json_option
from qtop.commands.output import OutputColumn, json_line, leave, line, message, moment, plain
from qtop.commands.reading import Unread, note_unread, read_whole, tell_owners, visit_all
from qtop.commands.repeating import watchable
from qtop.model.fleet import Snapshot
from qtop.model.run_counts import DAYS, SPANS_H, ClassRuns, DayRuns, DurationLimit
from qtop.text.format import NOTHING
from qtop.text.safe import safe

T = TypeVar("T")

_COLUMNS: Final[tuple[OutputColumn[tuple[str, int | None]], ...]] = (
    OutputColumn("STATISTIC", lambda pair: pair[0]),
    OutputColumn("VALUE", lambda pair: _words(pair[1]), "right"),
)
#: What of a snapshot the totals are made from.
_COUNTED: Final = frozenset(
    {
        *("queues", "items set aside", "workers", "jobs in hand", "failures"),
        *("jobs processed", "jobs failed", "pause of everything"),
    }
)


@click.command()
@connection_options
@json_option
@click.option("--classes", "of_classes", is_flag=True, help="Runs of each of Sidekiq's classes.")
@click.option(
    "--hours",
    type=click.IntRange(1, SPANS_H[-1]),
    help="With --classes: the last so many hours. Default: 1. No percentiles beyond 8.",
)
@click.option(
    "--days",
    type=click.IntRange(1, DAYS),
    help="Sidekiq's runs on each of the last so many days (UTC).",
)
@watchable
def stats(
    connection: Connection, as_json: bool, of_classes: bool, hours: int | None, days: int | None
) -> None:
    """Show the totals.

    `failed` is how many failures are listed, `failed_ever` how many jobs ever failed. What could
    not be read is unknown (null, and why in `unknown`), and the exit status 3 then.

    With --classes and --days it is what Sidekiq keeps of its runs. A percentile is the end of the
    span in which it is: `<= 1.7 s`; `> 335 s` where it is in the last, which has no end.

    \b
    Example: qtop stats --classes --hours 8
    """
    if of_classes and days is not None:
        raise click.UsageError("--classes and --days exclude each other")
    if hours is not None and not of_classes:
        raise click.UsageError("--hours is for --classes")
    if of_classes:
        _show_classes(connection, hours or SPANS_H[0], as_json)
    elif days is not None:
        _show_days(connection, days, as_json)
    else:
        _show_totals(connection, as_json)


def _show_totals(connection: Connection, as_json: bool) -> None:
    unread = Unread()
    with connection.open_all() as places:
        rows = connection.listing(places, _COLUMNS, lambda pair: dict([pair]), as_json=False)

        def visit(session: Session, part: Unread) -> None:
            tell_owners(session)
            seen = session.run(read_whole(session.new_system().snapshot()))
            note_unread(part, seen, _COUNTED)
            totals = _totals(seen)
            if as_json:
                line(json_line(session.named({**_values(totals), "unknown": part.parts})))
            else:
                rows.add_all(list(totals.items()))

        visit_all(places, unread, visit)
    if not as_json:
        rows.end()
    unread.leave()


def _totals(seen: Snapshot) -> Mapping[str, int | None]:
    return {
        "queues": _sum(seen.queues, lambda queue: 1),
        "waiting": _sum(seen.queues, lambda queue: queue.size),
        "unreadable": _sum(seen.queues, lambda queue: queue.unreadable),
        "workers": _sum(seen.processes, lambda worker: 1),
        "working": _sum(seen.processes, lambda worker: worker.is_busy),
        "failed": seen.failed,
        "processed_ever": seen.processed_ever,
        "failed_ever": seen.failed_ever,
        "paused": seen.is_paused,
    }


class _Least(int):
    """A sum of what is known only: at least so many."""


def _sum(rows: Sequence[T] | None, count: Callable[[T], int | None]) -> int | None:
    if rows is None:
        return None
    counts = [count(row) for row in rows]
    known = [each for each in counts if each is not None]
    if len(known) == len(counts):
        return sum(known)
    return _Least(sum(known)) if known else None


def _values(totals: Mapping[str, int | None]) -> Mapping[str, int | None]:
    """What is only at least so many is null, and told beside it."""
    values: dict[str, int | None] = {}
    for name, figure in totals.items():
        values[name] = None if isinstance(figure, _Least) else figure
        if isinstance(figure, _Least):
            values[f"{name}_at_least"] = figure
    return values


def _words(figure: int | None) -> str:
    if isinstance(figure, bool):
        return "yes" if figure else "no"
    return f"{'at least ' if isinstance(figure, _Least) else ''}{plain(figure)}"


# What was run: by class, by day.


def _limit(row: ClassRuns, limit: DurationLimit | None) -> str:
    if limit is None:
        return _missing(row)
    return f"{'>' if limit.is_over else '<='} {limit.seconds:g} s"


_CLASS_COLUMNS: Final[tuple[OutputColumn[ClassRuns], ...]] = (
    OutputColumn("CLASS", lambda row: safe(row.class_name), may_shrink=True),
    OutputColumn("RUNS", lambda row: plain(row.runs), "right"),
    OutputColumn("FAILURES", lambda row: plain(row.failures), "right"),
    OutputColumn("MEAN", lambda row: _mean(row), "right"),
    OutputColumn("P50", lambda row: _limit(row, row.p50), "right"),
    OutputColumn("P95", lambda row: _limit(row, row.p95), "right"),
    OutputColumn("P99", lambda row: _limit(row, row.p99), "right"),
)
_DAY_COLUMNS: Final[tuple[OutputColumn[DayRuns], ...]] = (
    OutputColumn("DAY", lambda row: f"{row.day}"),
    OutputColumn("RUNS", lambda row: plain(row.runs), "right"),
    OutputColumn("FAILURES", lambda row: plain(row.failures), "right"),
    OutputColumn("DEPLOYS", lambda row: safe(", ".join(row.deploys)), may_shrink=True),
)


def _mean(row: ClassRuns) -> str:
    return _missing(row) if row.mean_s is None else f"{row.mean_s:.3g} s"


def _missing(row: ClassRuns) -> str:
    """Only how long successes took is kept."""
    return "unknown" if row.runs > row.failures else NOTHING


def _class_fields(row: ClassRuns) -> Mapping[str, Any]:
    limits = {"p50": row.p50, "p95": row.p95, "p99": row.p99}
    found: dict[str, Any] = {
        "class": row.class_name,
        "runs": row.runs,
        "failures": row.failures,
        "mean_s": row.mean_s,
    }
    for name, limit in limits.items():
        # An end of a span is no figure of its own: the key says which end it is.
        is_over = limit is not None and limit.is_over
        found[f"{name}_at_most_s"] = None if limit is None or is_over else limit.seconds
        if limit is not None and is_over:
            found[f"{name}_over_s"] = limit.seconds
    return found


def _day_fields(row: DayRuns) -> Mapping[str, Any]:
    return {
        "day": str(row.day),
        "runs": row.runs,
        "failures": row.failures,
        "deploys": row.deploys,
    }


def _those_that_count(places: OpenPlaces) -> list[Session]:
    """The sessions of the systems that keep what was run. Leaves with status 1 and the reason where
    none does."""
    reasons = {each: each.system.abilities.get("open_runs") for each in places.sessions}
    able = [each for each, why in reasons.items() if why is None]
    if not able:
        leave(next(filter(None, reasons.values())))
    places.current = able[0]
    return able


def _show_classes(connection: Connection, hours: int, as_json: bool) -> None:
    unread = Unread()
    with connection.open_all() as places:
        able = _those_that_count(places)
        listing = connection.listing(places, _CLASS_COLUMNS, _class_fields, as_json=as_json)

        def visit(session: Session, part: Unread) -> None:
            found = session.run(session.system.classes(session.now(), hours))
            if found.problem is not None:
                part.note("all that was run", found.problem)
            if found.note:
                message(f"note: {found.note}")
            message(f"since {moment(found.since)}, until {moment(found.until)}")
            listing.add_all(found.classes)

        visit_all(places, unread, visit, able)
    listing.end()
    unread.leave()


def _show_days(connection: Connection, days: int, as_json: bool) -> None:
    unread = Unread()
    with connection.open_all() as places:
        able = _those_that_count(places)
        listing = connection.listing(places, _DAY_COLUMNS, _day_fields, as_json=as_json)

        def visit(session: Session, part: Unread) -> None:
            found = session.run(session.system.days(session.now()))
            if found.problem is not None:
                part.note("deploys", found.problem)
            for day in found.days[:days]:
                if day.runs is None or day.failures is None:
                    part.note(f"runs of {day.day}", "its value is not a number")
            listing.add_all(found.days[:days])

        visit_all(places, unread, visit, able)
    listing.end()
    unread.leave()
