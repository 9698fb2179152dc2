"""Key names: Ruby's, in any namespace, for any name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from queuecore.keys import name_bytes, name_text
from resque.keys import Keys

WORKER = "vm:1:a,b"


def test_the_names_are_rubys() -> None:
    keys = Keys()
    assert keys.queues() == b"resque:queues"
    assert keys.queue("a b") == b"resque:queue:a b"
    assert keys.workers() == b"resque:workers"
    assert keys.worker(WORKER) == b"resque:worker:vm:1:a,b"
    assert keys.worker_started(WORKER) == b"resque:worker:vm:1:a,b:started"
    assert keys.heartbeats() == b"resque:workers:heartbeat"
    assert keys.prune_lock() == b"resque:pruning_dead_workers_in_progress"
    assert keys.stat("processed") == b"resque:stat:processed"
    assert keys.worker_stat("failed", WORKER) == b"resque:stat:failed:vm:1:a,b"
    assert keys.failed() == b"resque:failed"
    assert keys.pause_all_workers() == b"resque:pause-all-workers"
    assert keys.pause_all() == b"resque:pause:all"
    assert keys.pause_queue("mail") == b"resque:pause:queue:mail"


def test_a_namespace_may_hold_colons() -> None:
    assert Keys("resque:app2").queue("q") == b"resque:app2:queue:q"


@given(some.binary())
def test_a_name_of_any_bytes_finds_its_way_back(raw: bytes) -> None:
    assert name_bytes(name_text(raw)) == raw
    assert Keys().queue(name_text(raw)) == b"resque:queue:" + raw
