"""What a list of jobs can be asked, whatever the queue system and however it keeps its jobs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Protocol

from qtop.model.job import GroupKey, Job, JobSource
from qtop.model.layout import Layout, Layouts
from qtop.model.placed import UnreadPart
from queuecore.exchange import Operation
from queuecore.values import value
from queuecore.windows import Extent

#: Of longer jobs only the beginning is listed; a filter does not look into what is cut.
LISTED_BYTES: Final = 65_536
#: That of a list which does not tell what is new in it.
NO_EXTENT: Final = Extent(-1, None)


class GroupFacts(NamedTuple):
    """What a failure says in passing: enough to count it. `failed_at` is as it is written, `system`
    the label of its place, where there are several; `kept_in` says where failures are either tried
    again by themselves, or dead."""

    fingerprint: GroupKey
    queue: str | None
    failed_at: Any
    is_retried: bool = False
    system: str = ""
    kept_in: Literal["", "retry", "dead"] = ""


class Refs(Protocol):
    """What names many jobs of one list to actions, as compactly as the list can."""

    @property
    def size_bytes(self) -> int:
        """How large the jobs are together, as far as that was given."""

    def add(self, ref: Any, size_bytes: int = 0, decided: Any = None) -> None:
        """Take in the `Job.ref` of a job of so many bytes, and what an action will make of it."""

    def __len__(self) -> int: ...


class Entry(Protocol):
    """A job as a walk through its list meets it: read only as far as it is asked."""

    @property
    def place(self) -> int:
        """Its order in the list: what came later has a greater one."""

    @property
    def raw(self) -> bytes | None:
        """All its bytes, as the layout of the list has them; None where only the job tells."""

    @property
    def job(self) -> Job:
        """The job. Never raises. O(bytes)."""

    @property
    def value(self) -> Any:
        """What all its bytes were decoded to for the job, once that was asked for; None where it is
        not known. Not to be changed."""

    @property
    def group(self) -> GroupFacts:
        """What groups a failure. Never raises. Cheaper than the job."""


@value
class JobPage:
    """Some jobs of a list in the order in which it is listed.

    Attributes:
        start: Where it begins by now: it goes with the jobs that it showed. None: at the top.
        after: Where the next one begins; None at the end.
        first, last: Which of the list's `length` jobs these are, from 1; of delayed jobs, which of
            their due times.
        is_gone: What was asked for is there no more: this is the last page instead.
        unread: The places whose part of the list could not be read.
    """

    jobs: tuple[Job, ...]
    start: Hashable
    after: Hashable
    first: int
    last: int
    length: int
    is_gone: bool = False
    unread: tuple[UnreadPart, ...] = ()


@value
class EntryPage:
    """The entries of a page, each read only as far as it is asked; where the next page begins, None
    at the end."""

    entries: Sequence[Entry]
    after: Hashable


class Walk(Protocol):
    """One way through a whole list, in windows."""

    @property
    def length(self) -> int | None:
        """How long the list is, in what `done` counts; None before the first window."""

    @property
    def done(self) -> int:
        """How much of it was asked for so far."""

    @property
    def is_broken(self) -> bool:
        """Whether the list changed so much that jobs may have been missed or met twice."""

    @property
    def took_us(self) -> int | None:
        """How long Redis was busy with the last window, by its clock; None where it is unknown."""

    @property
    def extent(self) -> Extent:
        """What was in the list at the beginning of the walk."""

    @property
    def unread(self) -> tuple[UnreadPart, ...]:
        """The places whose part of the list could not be read, so far."""

    def window(self) -> Operation[Iterator[Entry]] | None:
        """What reads the next window, and gives what is new in it in the order of the walk; None at
        the end. Its reply moves the walk on: it is read once, before the next is asked for."""


@value
class DueShare:
    """How many jobs come due within a stretch of time; an estimate unless `is_exact`."""

    moments: int
    jobs: int
    is_exact: bool


@value
class Outline:
    """What is in a list, in figures.

    Attributes:
        length: How many jobs; of delayed jobs an estimate, unless all shares are exact.
        start: Where the first page begins, as the list is now.
        shares: Of delayed jobs: how many are overdue, come due within each of some times, and
            later.
        first_at: When the first of them is due (epoch); None when that is unknown.
        unread: The places whose part of the list could not be read: the figures are without it.
        parts: The outlines of several places by their labels, where this is the sum of them.
        retries: Of delayed jobs: how many retries come due besides, within the same times; none
            where retries are no jobs of their own, None when that is unknown.
    """

    length: int
    start: Hashable = None
    shares: tuple[DueShare, ...] = ()
    first_at: float | None = None
    unread: tuple[UnreadPart, ...] = ()
    parts: Mapping[str, Outline] = MappingProxyType({})
    retries: tuple[DueShare, ...] | None = ()


class JobList(Protocol):
    """One list of jobs. Its operations only read; each raises StoreError."""

    @property
    def source(self) -> JobSource:
        """Which list it is."""

    def outline(self, now_s: float = 0.0, ahead_s: Sequence[int] = ()) -> Operation[Outline]:
        """How long it is; of delayed jobs, also how many are due by `now_s` (epoch) and within each
        of `ahead_s` seconds. One round trip, two for delayed jobs."""

    def extent(self) -> Operation[Extent]:
        """What is in it now, to know later what is new, or `NO_EXTENT`. One round trip at most,
        O(1)."""

    def page(
        self,
        start: Hashable,
        size: int,
        *,
        most_bytes: int = LISTED_BYTES,
        before: Sequence[Job] = (),
    ) -> Operation[JobPage]:
        """The jobs that are listed from `start` on, at most `size`; None is the top of the list.
        Of jobs longer than `most_bytes` only the beginning is read. With those that the page showed
        `before`, it goes where they have moved to."""

    def entries(self, start: Hashable, size: int) -> Operation[EntryPage]:
        """The same jobs as entries, of long ones the beginning: there are none where the list has
        become shorter than that. Costs as `page`."""

    def before(self, page: JobPage, size: int) -> Operation[Hashable]:
        """Where the `size` jobs before a page begin. No round trip, for delayed jobs two for each
        500 due times."""

    def last(self, page: JobPage, size: int) -> Operation[Hashable]:
        """Where the last `size` jobs begin, as the list was when a page was read. Costs as
        `before`."""

    def layout(self, now: datetime) -> Layout | Layouts | None:
        """How its entries are written; None: filters need its jobs. `now` is the server's clock."""

    def read(self, jobs: Sequence[Job]) -> Operation[Sequence[Job | None]]:
        """The same jobs, whole; None for those that are not found any more. A round trip for each
        that is cut."""

    def refs(self) -> Refs:
        """An empty collection of refs of its jobs."""

    def walk(self, since: Extent | None = None) -> Walk:
        """A way through the whole list, or through what came since an extent."""

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        """The queue and the payload of a job that was read whole, or why it has none. O(bytes)."""
