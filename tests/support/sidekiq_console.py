"""The console's Sidekiq on recordings, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.support.direct import Direct
from tests.support.sidekiq_recordings import namespace_of, restore
from tests.support.still_runner import StillRunner

from qtop.model.job import Job
from qtop.systems.sidekiq.system import SidekiqSystem
from queuecore.address import parse_url
from sidekiq.keys import SidekiqKeys

#: Two seconds after the last beat of the state that is shown: 8.1.7 with two jobs running.
SHOWN = "v8.1.7-2-running"
NOW = datetime.fromtimestamp(1795436206, UTC)

StillSystem = StillRunner[SidekiqSystem]


def still_sidekiq(url: str, namespace: str = "", now: datetime = NOW) -> StillSystem:
    """A Sidekiq whose server's clock stands still."""
    system = SidekiqSystem(SidekiqKeys(namespace), parse_url(url))
    return StillRunner(system, url, now.timestamp())


def restored(direct: Direct, url: str, name: str) -> StillSystem:
    """A recording on the server, as it was when it was made; its processes do not expire."""
    restore(direct, name)
    for key in direct("KEYS", "*"):
        direct("PERSIST", key)
    return still_sidekiq(url, namespace_of(name))


def raws(jobs: Sequence[Job]) -> list[str]:
    """The bytes of jobs as texts."""
    return [job.item.raw.decode() for job in jobs]
