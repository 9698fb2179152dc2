"""Processes of Sidekiq as they stand in Redis, their work, and what operators say of themselves."""

from __future__ import annotations

import json

from tests.support.direct import Direct

from queuecore.action_record import ActionRecord, Actor
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store.undo import Undone, undo

ME = Actor("me@here", "tests")
KEYS = SidekiqKeys()


def trail(action: str = "rescue", source: bytes = b"source", planned: int = 1) -> ActionRecord:
    return ActionRecord(ME, action, "some", source, planned, undo_s=1000)


def taken_back(store: Store, operation: ActionRecord, keys: SidekiqKeys = KEYS) -> Undone:
    """Undo an operation."""
    return store.run(undo(keys, operation.id, trail("undo")))


def beat(
    direct: Direct, identity: str, at: str = "1795436000.5", *, quiet: bool = False, **told: object
) -> None:
    """What a process writes with a heartbeat."""
    info = {"identity": identity, "hostname": "h", "pid": 1, "queues": ["q"], **told}
    direct("SADD", "processes", identity)
    flag = "true" if quiet else "false"
    direct("HSET", identity, "info", json.dumps(info), "busy", 0, "beat", at, "quiet", flag)
    direct("EXPIRE", identity, 60)


def payload(jid: str | None = "0" * 24, queue: str = "q", **more: object) -> bytes:
    """A job as a client writes it."""
    own = {} if jid is None else {"jid": jid}
    job = {"class": "Mail", "args": [1], "queue": queue, "retry": True, **own, **more}
    return json.dumps(job, separators=(",", ":")).encode()


def work(
    direct: Direct,
    identity: str,
    jobs: dict[str, bytes],
    *,
    queue: str = "q",
    run_at: int = 1795436000,
    name: str = "work",
) -> None:
    """What a process writes of the jobs that it runs, by thread."""
    key = f"{identity}:{name}"
    direct("DEL", key)
    for thread, job in jobs.items():
        entry = {"queue": queue, "payload": job.decode(), "run_at": run_at}
        direct("HSET", key, thread, json.dumps(entry))
    direct("EXPIRE", key, 60)
    direct("HSET", identity, "busy", len(jobs))


def crash(direct: Direct, identity: str) -> None:
    """What is left a minute after a process died: it is still on the set of processes."""
    direct("DEL", identity, f"{identity}:work", f"{identity}:workers")


def leave(direct: Direct, identity: str) -> None:
    """What a process does that ends cleanly: its hash stays for a while."""
    direct("SREM", "processes", identity)
    direct("DEL", f"{identity}:work", f"{identity}:workers")
