"""How fast filters look through a list of failures, beside a walk that only reads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from qtop.model.job import JobSource
from qtop.search.filter_language import Filter, parse
from qtop.search.list_search import walk
from qtop.search.list_walk import scan
from qtop.search.selection import JobQuery, JobSearch
from qtop.systems.resque.job_lists import job_list
from queuecore.address import parse_url
from queuecore.ahead import AheadStore
from queuecore.exchange import single
from queuecore.stores import AsyncStore, Store
from resque.keys import Keys

_SOURCE = JobSource("failed", "failed")
_AT_ONCE = 500
_TIMEOUT_S = 60.0
#: Most let one entry of ten or fewer through, as those of `add_failures` are.
_FILTERS = (
    *("class:Kind3", "queue:low", "error:mx42", "/mx4[12] /", "args.0:4242", "id:abc", "age<1m"),
    "no such words",
)


class Scans:
    """Scans the failures of one server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._jobs = job_list(Keys(), _SOURCE)

    def rates(self, length: int) -> Iterator[tuple[str, float, float]]:
        """For each filter, as commands and as the console look: what was measured, entries a
        second, and how many times longer it takes than an LRANGE of the same list just before."""
        for text in _FILTERS:
            wanted = parse(text)
            floor_s = self._read(length)
            for who, took_s in (("", self._scan(wanted)), (", console", self._search(wanted))):
                yield f"scan {text}{who}", length / took_s, took_s / floor_s

    def _read(self, length: int) -> float:
        key, begun_s = Keys().failed(), time.perf_counter()
        with Store(self._url) as store:
            for first in range(0, length, _AT_ONCE):
                store.run(single(("LRANGE", key, first, first + _AT_ONCE - 1), len))
        return time.perf_counter() - begun_s

    def _scan(self, wanted: Filter) -> float:
        begun_s = time.perf_counter()
        store = AheadStore(parse_url(self._url), timeout_s=_TIMEOUT_S, client_name="qtop")
        store.run(scan(self._jobs, wanted, datetime.now(UTC), lambda job: None))
        store.close()
        return time.perf_counter() - begun_s

    def _search(self, wanted: Filter) -> float:
        now = datetime.now(UTC)
        search = JobSearch(JobQuery(_SOURCE, wanted), now, self._jobs.layout(now))

        async def look() -> None:
            store = AsyncStore(self._url)
            way = self._jobs.walk()
            await walk(
                store.run, way, lambda entry: search.find(entry) and None, sieve=search.sieve
            )
            await store.close()

        begun_s = time.perf_counter()
        asyncio.run(look())
        return time.perf_counter() - begun_s
