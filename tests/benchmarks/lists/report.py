"""The figures of bulk actions as tables, compared with their targets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.benchmarks.engine.report import Target, aligned, middle
from tests.benchmarks.lists.bulk import CASES, FILTERS, Rows

_COLUMNS = (
    ("matches/s", "per_s", ",.0f"),
    ("no scan", "acting_per_s", ",.0f"),
    ("/ copy", "of_a_copy", ".3f"),
    ("CPU / copy", "cpu_of_copies", ",.1f"),
    ("done", "done", ",d"),
    ("gone", "gone", ",d"),
    ("CPU ms/1000", "cpu_ms_per_1000", ".1f"),
    ("Redis ms/1000", "redis_ms_per_1000", ".1f"),
    ("> 10 ms", "slow", ",d"),
    ("longest ms", "longest_ms", ".1f"),
    ("PING ms", "ping_ms", ".1f"),
    ("p99", "ping_p99_ms", ".1f"),
    ("MB", "memory_mb", ".0f"),
)
#: Matches a second with the scan, at least. By the bytes, or where entries must be decoded.
_RATES = dict(zip(FILTERS, (15_000, 6_500), strict=True))
#: Of Sidekiq's retries, the scan apart.
_RETRIES_PER_S = 20_000


def tables(rows: Rows) -> str:
    """All figures, as text: the rate and the processor time of both sides also as parts of those of
    a plain copy. `*`: it was stopped before its end."""
    table = [["bulk on a long list", *(words for words, *_ in _COLUMNS)]]
    for name, row in rows.items():
        mark = " *" if row["is_stopped"] else ""
        table.append([name + mark, *(format(row[field], form) for _, field, form in _COLUMNS)])
    results = {name: [row] for name, row in rows.items()}
    reached = [["target", "measured", ""], *(list(t.incident(results)) for t in _targets(rows))]
    copied = sum(row["copied_per_s"] for row in rows.values()) / max(1, len(rows))
    return f"{aligned(table)}\na plain copy: {copied:,.0f} entries/s\n\n{aligned(reached)}"


def _targets(rows: Rows) -> Iterator[Target]:
    for case in CASES:
        for name in (case.name, f"undo: {case.name}"):
            if name in rows and case.system == "sidekiq":
                acting = partial(_figure, name=name, field="acting_per_s")
                yield Target(f"{name} without the scan, matches/s", _RETRIES_PER_S, True, acting)
            elif name in rows:
                measured = partial(_figure, name=name, field="per_s")
                yield Target(f"{name}, matches/s", _RATES[case.by], True, measured)
    for words, field, bound in (
        ("commands over 10 ms", "slow", 0),
        ("longest PING ms", "ping_ms", 15),
        ("memory MB", "memory_mb", 80),
    ):
        yield Target(words, bound, False, partial(_worst, field=field))


def _figure(results: dict[str, list[Any]], name: str, field: str) -> float | None:
    return middle(results, name, field)


def _worst(results: dict[str, list[Any]], field: str) -> float:
    return max(float(row[field]) for rows in results.values() for row in rows)
