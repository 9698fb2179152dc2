"""What an action over many items would touch, in figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from qtop.search.selection import Hit
from qtop.text.format import job_class
from qtop.text.safe import safe
from queuecore.job_refs import JobRefs

_LISTED: Final = 8
#: Names that are counted each by itself.
_MOST_NAMES: Final = 1_000
_OTHERS: Final = "(others)"


@dataclass(slots=True)
class Selection:
    """What would be touched. `refusals` counts reasons why some cannot be; `spared` those that
    match and are left out. Bounded: 28 bytes an item."""

    marks: JobRefs = field(default_factory=JobRefs)
    classes: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    spared: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    @property
    def size_bytes(self) -> int:
        """How large what would be touched is together."""
        return self.marks.size_bytes

    def add(self, hit: Hit, refusal: str | None = None) -> None:
        """Take in one item."""
        subject = hit.subject
        self.marks.add(hit.mark, hit.item.size)
        is_known = subject.is_readable or subject.class_name is not None
        unknown = "(large)" if hit.item.is_cut else "unreadable"
        _count(self.classes, job_class(subject.class_name, None) if is_known else unknown)
        if subject.queue is not None:
            _count(self.queues, subject.queue)
        if refusal is not None:
            _count(self.refusals, refusal)
        self.retried += subject.is_retried is True
        failed_at = hit.failure.failed_at if hit.failure is not None else None
        if failed_at is not None:
            self.oldest = min(self.oldest or failed_at, failed_at)
            self.newest = max(self.newest or failed_at, failed_at)

    @property
    def targets(self) -> list[str]:
        """The queues that were counted by their names."""
        return [name for name in self.queues if name != _OTHERS]

    def details(self, moment: Callable[[datetime | None], str]) -> list[str]:
        """The figures in lines of safe text; `moment` writes a time."""
        lines = [f"classes: {_top(self.classes)}"]
        if self.queues:
            lines.append(f"queues: {_top(self.queues)}")
        if self.oldest is not None:
            lines.append(f"failed: {moment(self.oldest)} to {moment(self.newest)}")
        if self.retried:
            lines.append(f"requeued before and kept: {self.retried:,}")
        lines += [f"refused {n:,}: {safe(reason)}" for reason, n in self.refusals.items()]
        return lines


def _count(counts: Counter[str], name: str) -> None:
    counts[name if name in counts or len(counts) < _MOST_NAMES else _OTHERS] += 1


def _top(counts: Counter[str]) -> str:
    shown = [f"{safe(name)} {number:,}" for name, number in counts.most_common(_LISTED)]
    more = f", and {len(counts) - _LISTED:,} more" if len(counts) > _LISTED else ""
    return ", ".join(shown) + more
