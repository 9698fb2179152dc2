"""The results as tables, compared with the targets of the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.benchmarks.engine.plan import SERVED, Results
from tests.benchmarks.engine.systems import (
    FORK,
    HUNDRED,
    RQ_FORK,
    RUBY_FORK,
    RUBY_NO_FORK,
    SIDEKIQ,
    TEN,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A target: `measured` gives the value, or None where a system was not there to compare with;
    it shall be at least (or at most) `bound`."""

    words: str
    bound: float
    is_least: bool
    measured: Callable[[Results], float | None]

    def incident(self, results: Results) -> tuple[str, str, str]:
        """The target in words, the measured value, and whether that is enough."""
        found = self.measured(results)
        sign = ">=" if self.is_least else "<="
        goal = f"{self.words} {sign} {self.bound:g}"
        if found is None:
            return goal, "?", "not compared"
        met = found >= self.bound if self.is_least else found <= self.bound
        return goal, f"{found:.2f}", "met" if met else "MISSED"


def middle(results: Results, name: str, field: str | None = None) -> float | None:
    """The median of a measurement over the repeats; None when there is none."""
    values = results.get(name, [])
    return median(v if field is None else v[field] for v in values) if values else None


def _ratio(name: str, other: str, field: str | None) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        ours, theirs = middle(results, name, field), middle(results, other, field)
        return ours / theirs if ours is not None and theirs else None

    return measured


def _rates(ours: str, theirs: str, workers: int) -> Callable[[Results], float | None]:
    drain = f"drain, {workers}"
    return _ratio(f"{ours} / {drain}", f"{theirs} / {drain}", "jobs_per_s")


def _pick_up(served: str, share: float) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        return percentile(results, f"{FORK} / pick-up, {served}", share)

    return measured


def percentile(results: Results, name: str, share: float) -> float | None:
    """The percentile of the samples of all repeats together."""
    samples = sorted(sample for repeat in results.get(name, []) for sample in repeat)
    return samples[min(len(samples) - 1, int(len(samples) * share))] if samples else None


def _at(name: str, field: str) -> Callable[[Results], float | None]:
    return lambda results: middle(results, name, field)


def targets() -> Iterator[Target]:
    """All targets."""
    for workers, rq, ruby in ((1, 10.0, 3.0), (2, 9.0, 2.7)):
        many = f"{workers} worker{'s' * (workers > 1)}"
        yield Target(f"fork per job / RQ fork, {many}", rq, True, _rates(FORK, RQ_FORK, workers))
        words = f"fork per job / Ruby fork, {many}"
        yield Target(words, ruby, True, _rates(FORK, RUBY_FORK, workers))
    cpu = _ratio(f"{FORK} / drain, 1", f"{RUBY_FORK} / drain, 1", "cpu_ms_a_job")
    yield Target("CPU a job / Ruby fork", 0.4, False, cpu)
    yield Target("10 a fork / Ruby fork", 20, True, _rates(TEN, RUBY_FORK, 1))
    yield Target("10 a fork / Ruby no fork", 4, True, _rates(TEN, RUBY_NO_FORK, 1))
    yield Target("100 a fork / Sidekiq, 1", 1.1, True, _rates(HUNDRED, SIDEKIQ, 1))
    yield Target("100 a fork / Sidekiq, 2", 1.1, True, _rates(HUNDRED, SIDEKIQ, 2))
    for served in SERVED:
        yield Target(f"pick-up p50 ms, {served}", 2.5, False, _pick_up(served, 0.5))
        yield Target(f"pick-up p99 ms, {served}", 10, False, _pick_up(served, 0.99))
    for kind in ("rest", "rest, *"):
        words = f"idle requests/s ({kind})"
        yield Target(words, 3, False, _at(f"{FORK} / {kind}", "requests_per_s"))
    yield Target("round trips a job", 1.1, False, _at(f"{FORK} / drain, 1", "requests_a_job"))
    one = _ratio(f"{FORK} / enqueue, single", f"{RUBY_FORK} / enqueue, single", None)
    bulk = _ratio(f"{FORK} / enqueue, bulk", f"{SIDEKIQ} / enqueue, bulk", None)
    yield Target("enqueue singly / Ruby", 1.2, True, one)
    yield Target("enqueue in bulk / Sidekiq", 1.5, True, bulk)
    for words, bound, kind, field in (
        ("bytes a job / Ruby", 0.6, "drain, 1", "bytes_a_job"),
        ("idle PSS / Ruby", 0.7, "rest", "pss_mib"),
        ("start to ready / Ruby", 0.6, "rest", "start_s"),
    ):
        yield Target(
            words, bound, False, _ratio(f"{FORK} / {kind}", f"{RUBY_FORK} / {kind}", field)
        )


_COLUMNS: tuple[tuple[str, str, str | None, str], ...] = (
    ("jobs/s", "drain, 1", "jobs_per_s", ",.0f"),
    ("2 workers", "drain, 2", "jobs_per_s", ",.0f"),
    ("CPU ms/job", "drain, 1", "cpu_ms_a_job", ".3f"),
    ("trips/job", "drain, 1", "requests_a_job", ".2f"),
    ("commands/job", "drain, 1", "commands_a_job", ".1f"),
    ("bytes/job", "drain, 1", "bytes_a_job", ",.0f"),
    ("start s", "rest", "start_s", ".2f"),
    ("idle req/s", "rest", "requests_per_s", ".1f"),
    ("PSS MiB", "rest", "pss_mib", ".1f"),
    ("enqueue/s", "enqueue, single", None, ",.0f"),
    ("in bulk/s", "enqueue, bulk", None, ",.0f"),
)


def tables(results: Results) -> str:
    """All results, as text."""
    names = list(dict.fromkeys(name.partition(" / ")[0] for name in results))
    rows = [["system", *(column for column, *_ in _COLUMNS)]]
    for system in names:
        cells = (
            (middle(results, f"{system} / {kind}", field), form)
            for _, kind, field, form in _COLUMNS
        )
        rows.append([system, *("" if v is None else format(v, form) for v, form in cells)])
    pick_ups = [["pick-up from idle, ms", "p50", "p99", "samples"]]
    growth = [["growth", "jobs/s", "CPU ms/job"]]
    for name, values in results.items():
        if "/ pick-up" in name:
            p50, p99 = (percentile(results, name, share) or 0.0 for share in (0.5, 0.99))
            pick_ups.append([name, f"{p50:.2f}", f"{p99:.2f}", str(sum(map(len, values)))])
        elif "/ growth" in name:
            cpu, rate = middle(results, name, "cpu_ms_a_job"), middle(results, name, "jobs_per_s")
            growth.append([name, f"{rate:,.0f}", f"{cpu:.3f}"])
    reached = [["target", "measured", ""], *(list(t.incident(results)) for t in targets())]
    return "\n\n".join(aligned(table) for table in (rows, pick_ups, growth, reached))


def aligned(rows: list[list[str]]) -> str:
    """A table as text: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells: list[Any] = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
