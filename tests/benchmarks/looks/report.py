"""The figures of refreshes as a table, compared with their targets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.benchmarks.engine.plan import Results
from tests.benchmarks.engine.report import Target, aligned, middle
from tests.benchmarks.looks.refresh import SHARES, Rows

_COLUMNS = (
    ("round trips", "round_trips", ".1f"),
    ("Redis ms", "redis_ms", ".2f"),
    ("CPU ms", "cpu_ms", ".2f"),
    ("work hashes read", "read", ",.0f"),
    ("KEYS", "keys", "d"),
)
#: The Redis time of a refresh of Sidekiq, in that of Resque.
_MOST_OF_RESQUE = 3
#: A look for systems comes once a minute, sixty refreshes at one a second.
_LOOKS_A_MINUTE = 60


def tables(rows: Rows) -> str:
    """All figures, as text."""
    table = [["refresh", *(words for words, *_ in _COLUMNS)]]
    for name, row in rows.items():
        table.append([name, *(format(row[field], form) for _, field, form in _COLUMNS)])
    results: Results = {name: [row] for name, row in rows.items()}
    reached = [["target", "measured", ""], *(list(t.incident(results)) for t in _targets(rows))]
    return f"{aligned(table)}\n\n{aligned(reached)}"


def _targets(rows: Rows) -> list[Target]:
    found = []
    for share in SHARES:
        if (name := f"sidekiq, {share}") in rows:
            of_resque = partial(_ratio, name, f"resque, {share}", 1)
            words = f"Redis time, {name} / resque"
            found.append(Target(words, _MOST_OF_RESQUE, False, of_resque))
            trips: Callable[[Results], float | None] = partial(
                middle, name=name, field="round_trips"
            )
            found.append(Target(f"round trips, {name}", 2, False, trips))
    if "finding: a look for systems" in rows:
        found.append(
            Target(
                *("% of the Redis time of refreshes, looks for systems", 1, False),
                partial(
                    _ratio,
                    *("finding: a look for systems", "finding: a refresh of Resque"),
                    100 / _LOOKS_A_MINUTE,
                ),
            )
        )
    return [
        *found,
        Target("KEYS sent", 0, False, lambda _: sum(row["keys"] for row in rows.values())),
    ]


def _ratio(name: str, other: str, times: float, results: Results) -> float | None:
    ours, theirs = (middle(results, each, "redis_ms") for each in (name, other))
    return ours * times / theirs if ours is not None and theirs else None
