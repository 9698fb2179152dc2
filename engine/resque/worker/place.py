"""The id that a worker goes by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

from resque.store.claims import TOKEN_FIGURES, Claim


def here() -> str:
    """Which boot of which machine this is, and which space of process ids: within one, a pid is of
    one process at a time. Empty where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}" if boot else ""
    except (OSError, ValueError):
        return ""


class WorkerId:
    """The claim of one worker to an id: at first to `host:pid:queues`, and to `host-2:pid:queues`
    and so on where others bear that. Only the host differs, so that Ruby's tools read all of it.

    `claim` is one value, which a thread that beats may read while another is taken."""

    def __init__(self, host: str, pid: int, queues: str, *, where: str) -> None:
        self._host = host
        self._rest = f":{pid}:{queues}"
        self._token = os.urandom(TOKEN_FIGURES // 2).hex()
        self._where = where
        self.claim = self._named(host)
        #: Whether the claim was made good once.
        self.is_taken = False

    @property
    def id(self) -> str:
        """The worker's id."""
        return self.claim.worker_id

    def _named(self, host: str) -> Claim:
        return Claim(host + self._rest, self._token, self._where)

    def wanted(self) -> Iterator[Claim]:
        """What to claim, the best first. Without an end."""
        if self.is_taken:
            yield self.claim
        yield self._named(self._host)
        for number in count(2):
            yield self._named(f"{self._host}-{number}")

    def take(self, claim: Claim) -> bool:
        """Go by this one from now on. Returns whether the id is another than before."""
        is_new = claim.worker_id != self.id or not self.is_taken
        self.claim, self.is_taken = claim, True
        return is_new
