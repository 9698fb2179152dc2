"""The demo's stand-in for Sidekiq, made to live for some seconds at once."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.support.direct import Direct

from qtop.demo.sidekiq_feed import SampleApplication
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys

KEYS: Final = SidekiqKeys()


class SampleShop:
    """The application on a database, with a clock of its own: it begins `ago_s` seconds before
    the server's."""

    def __init__(self, store: Store, direct: Direct, *, ago_s: int = 0) -> None:
        self.now_s = float(direct("TIME")[0]) - ago_s
        self._application = SampleApplication(store.run, KEYS, chance=Random(12), now_s=self.now_s)
        self._application.fill(self.now_s)

    def live(self, seconds: int) -> None:
        """Let it live for so long, a step for each second."""
        for _ in range(seconds):
            self._application.step(self.now_s)
            self.now_s += 1


def process_of(direct: Direct, pid: int) -> str:
    """The identity of a process that is listed: 4101 is the first to be killed, 4102 lives on."""
    members: list[bytes] = direct("SMEMBERS", KEYS.processes())
    return next(each.decode() for each in members if b":%d:" % pid in each)
