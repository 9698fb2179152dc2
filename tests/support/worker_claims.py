"""Ids that a test claims by hand, as a worker does."""

from __future__ import annotations

from tests.support.direct import Direct

from resque.store.claims import Claim
from resque.worker.place import WorkerId

TOKEN = "7" * 32
HERE = "boot-1 pid:[1]"
ELSEWHERE = "boot-1 pid:[2]"


def claimed(direct: Direct, worker_id: str) -> Claim:
    """A claim that was made good, without a registration."""
    claim = Claim(worker_id, TOKEN, HERE)
    direct("SET", f"resque:qtop:claim:{worker_id}", f"{TOKEN} {'-' * 40} {HERE}")
    return claim


def place(where: str = HERE) -> WorkerId:
    """That of a worker `h:1:q`."""
    return WorkerId("h", 1, "q", where=where)
