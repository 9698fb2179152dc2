"""Jobs that kill their workers: the same class and arguments, again and again. Pure, with what must
be remembered from poll to poll."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from qtop.model.fleet import RunningJob
from qtop.model.job import Job, JobRow
from qtop.monitor.incidents.incident import Figure, Incident, Link, Remedy
from qtop.search.filter_language import term
from qtop.text.format import exception_name, named, short_json
from qtop.text.safe import ago, count, counted, crop
from queuecore.active_job import unwrapped
from queuecore.digests import sha1_hex

#: So many deaths of one job are no accident: a deploy that kills what runs may record one.
MANY: Final = 3
#: So many jobs are remembered of processes that went.
_MOST: Final = 1_000
_ARGS_CELLS, _NAMED = 40, 3
_SIGNAL: Final = re.compile(r"\bSIG[A-Z]{3,6}[0-9]?\b")
_ID_CHARACTERS: Final = 10


class _Payload(NamedTuple):
    """What makes two jobs the same: their queue, class and arguments."""

    queue: str
    class_name: str
    args: str

    @property
    def name(self) -> str:
        """What identifies it, without its arguments: they may hold secrets."""
        raw = "\0".join(self).encode("utf-8", "surrogatepass")
        return f"{self.class_name} {sha1_hex(raw)[:_ID_CHARACTERS]}"


def _payload(queue: str | None, class_name: str | None, args: Any) -> _Payload | None:
    if queue is None or class_name is None:
        return None
    # A limit for what others wrote: a payload may be deep, or large.
    return _Payload(queue, class_name, repr(args)[:65_536])


class PoisonWatch:
    """Finds jobs that kill their workers: among the newest failures, and, where no failure is left,
    among the jobs of processes that went while this console watched."""

    def __init__(self) -> None:
        self._known: dict[str, _Payload | None] = {}
        self._gone: Counter[_Payload] = Counter()
        self._first: dict[_Payload, datetime] = {}
        self._jobs: dict[_Payload, RunningJob] = {}

    def note_gone(self, jobs: Iterable[RunningJob], now: datetime) -> None:
        """Take in what a process ran that went without a clean stop. O(jobs)."""
        for job in jobs:
            payload = _payload(job.queue, job.class_name, job.args)
            if payload is not None and (payload in self._gone or len(self._gone) < _MOST):
                self._gone[payload] += 1
                self._first.setdefault(payload, now)
                self._jobs[payload] = job

    def incidents(self, failures: Sequence[JobRow], failed: int | None) -> Iterator[Incident]:
        """Those that died often enough; `failed` is how many failures there are, None: unknown.
        O(failures read); the arguments of each are looked at once."""
        died = [row for row in failures if row.job.has_died and not row.job.item.is_cut]
        known, self._known = self._known, {}
        alike: defaultdict[_Payload, list[JobRow]] = defaultdict(list)
        for row in died:
            job = row.job
            payload = known.get(job.id) or _payload(job.queue, job.class_name, job.args)
            self._known[job.id] = payload
            if payload is not None:
                alike[payload].append(row)
        newest = "" if failed == len(failures) else "the newest "
        among = newest + counted(len(failures), "failure")
        for payload, rows in alike.items():
            if len(rows) >= MANY:
                yield _of_failures(payload, rows, among)
        for payload, many in self._gone.items():
            if many >= MANY and payload not in alike:
                yield self._of_gone(payload, many)

    def _of_gone(self, payload: _Payload, many: int) -> Incident:
        job = self._jobs[payload]
        return Incident(
            *("failures", "crit", f"{_name(job.class_name, job.args)} kills its worker", "poison"),
            subject=payload.name,
            link=Link("failed", filter=term("class", payload.class_name)),
            figures=f"ran in {counted(many, 'worker')} that went, same arguments",
            cause=f"{counted(many, 'worker')} crashed while each ran this job (seen by this "
            "console).",
            evidence=(
                Figure("queue", payload.queue),
                Figure("workers lost", f"{many:,}, seen by this console"),
            ),
            meaning="Whatever runs beside it in the same process is lost with it.",
            remedies=(
                Remedy("failed jobs of this class", "table.open"),
                Remedy("kill its retries, and fix the class"),
            ),
            since=self._first[payload],
        )


def _name(class_name: str | None, args: Any) -> str:
    name, inner = unwrapped(class_name, args)
    return f"{name or '(no class)'} {crop(short_json(inner), _ARGS_CELLS)}"


def _of_failures(payload: _Payload, rows: Sequence[JobRow], among: str) -> Incident:
    job, many = rows[0].job, len(rows)
    moments = sorted(row.job.failed_at for row in rows if row.job.failed_at is not None)
    workers = list(dict.fromkeys(row.job.worker for row in rows if row.job.worker))
    how = _how([row.job for row in rows])
    last_s = rows[0].age_s
    when = ""
    if last_s is not None:
        # Coarse: a figure that changes every second is bytes over ssh and no news.
        when = f", the last {'less than a minute' if last_s < 60 else ago(last_s)} ago"
    return Incident(
        *("failures", "crit", f"{_name(job.class_name, job.args)} kills its worker", "poison"),
        subject=payload.name,
        link=Link("failed", filter=f"{term('class', payload.class_name)} exception:DirtyExit"),
        figures=f"{many:,} x {how}, same arguments",
        cause=f"Of {among} {many:,} say that the process of this job died{when}.",
        evidence=(
            Figure("queue", payload.queue),
            Figure("died of", how),
            Figure("workers", f"{count(len(workers))}: {named(workers, _NAMED)}"),
            *([Figure("first, last", _span(moments))] if moments else ()),
        ),
        meaning="Each requeue or waiting copy of it kills another worker.",
        remedies=(
            Remedy("its failures", "table.open"),
            Remedy(
                "quarantine it, waiting copies too",
                "quarantine",
                f"qtop quarantine {job.id[:_ID_CHARACTERS]}",
            ),
            Remedy("requeue it only after its class was fixed"),
        ),
        since=moments[0] if moments else None,
        job=job,
    )


def _how(jobs: Sequence[Job]) -> str:
    """What they died of most: a signal, or the name of the exception."""
    found = Counter(
        signal[0] if (signal := _SIGNAL.search(job.error or "")) else exception_name(job.exception)
        for job in jobs
    )
    return found.most_common(1)[0][0]


def _span(moments: Sequence[datetime]) -> str:
    first, last = (f"{each.astimezone():%Y-%m-%d %H:%M:%S}" for each in (moments[0], moments[-1]))
    return f"{first}, {last}"
