"""Which keys the server would refuse: an ACL may leave a user without a command that an action
needs. Found out once, at the beginning, so that a key says so instead of failing half way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from qtop.keymap import keymap
from qtop.systems.rights import not_allowed
from queuecore import rights
from queuecore.exchange import Arg, Steps
from queuecore.reading import commands_of
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

#: Each script that changes data, and the actions that run it. An action may run one of several.
ACTION_SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "entries_act": (
        *("requeue", "requeue_all", "delete", "delete_all", "move", "move_all", "edit"),
        *("edit_all", "run_now", "drop", "reschedule", "reschedule_matching"),
        *("run_matching", "drop_matching"),
        *("kill", "kill_all", "kill_delayed", "kill_matching", "postpone", "postpone_all"),
    ),
    "take": (
        *("delete_jobs", "delete_matching", "move_jobs", "move_matching"),
        *("edit_job", "edit_matching"),
    ),
    "clear_to": ("clear_queue", "remove_queue"),
    "forget_queue": ("remove_queue",),
    "drop_entries": ("clear_failures",),
    "signal": ("stop_worker", "pause_worker", "dump_worker"),
    "rescue": ("prune", "unregister"),
    "cancel_iteration": ("cancel",),
    "undo": ("undo", "undo_deed"),
    "undo_entries": ("undo", "undo_deed"),
    "take_back": ("undo", "undo_deed"),
}
_RUNNING: Final = frozenset({"EVAL", "EVALSHA"})


def forbidden(keys: SidekiqKeys) -> Steps[dict[str, str]]:
    """Why the server would refuse actions, by the action's id. Empty when all are allowed, and when
    that cannot be found out: then the refusal itself is shown. Three round trips at most; changes
    nothing."""
    missing = yield from rights.missing(_used(keys))
    if missing is None:
        missing = yield rights.missing_scripts()
    return not_allowed(missing or (), (each.id for each in keymap.ACTIONS), commands)


def commands(action_id: str) -> frozenset[str]:
    """The commands that an action may need; none of one that does nothing here. A script that is
    refused one of them half way has done the other half: so even what only some cases need
    counts."""
    scripts = [
        load_script(name) for name, actions in ACTION_SCRIPTS.items() if action_id in actions
    ]
    if not scripts:
        return frozenset()
    return _RUNNING.union(*(commands_of(script) or () for script in scripts))


def refused(keys: SidekiqKeys) -> Steps[dict[str, StoreError] | None]:
    """As `rights.refused`, of every command that the engine and its scripts use."""
    return rights.refused(every(keys))


def every(keys: SidekiqKeys) -> list[tuple[Arg, ...]]:
    """Every command that the engine and its scripts use."""
    return [*_watching(keys), *_used(keys)]


def _watching(keys: SidekiqKeys) -> list[tuple[Arg, ...]]:
    """What is only read."""
    name, jobs, process = "\0", keys.jobs("dead"), keys.process("doctor")
    return [
        *(("TIME",), ("SCAN", 0, "COUNT", 1), ("INFO",), ("SMEMBERS", keys.queues())),
        *(("SCARD", keys.queues()), ("SRANDMEMBER", keys.queues())),
        *(("GET", keys.leader()), ("MGET", keys.leader()), ("GETRANGE", keys.leader(), 0, 0)),
        *(("HGETALL", process), ("HKEYS", process), ("HLEN", process)),
        *(("HSTRLEN", process, name), ("PTTL", jobs), ("ZCOUNT", jobs, 1, 0)),
        *(("ZRANGE", jobs, 0, 0), ("ZREVRANGE", jobs, 0, 0), ("ZRANK", jobs, name)),
        *(("ZRANGEBYSCORE", jobs, 1, 0), ("XREVRANGE", keys.audit(), "+", "-", "COUNT", 1)),
    ]


def _used(keys: SidekiqKeys) -> list[tuple[Arg, ...]]:
    """What the scripts above use. Were it run, none would change what belongs to Sidekiq."""
    name, jobs = "\0", keys.jobs("dead")
    reading: list[tuple[Arg, ...]] = [
        *(("TYPE", jobs), ("EXISTS", jobs), ("ZCARD", jobs), ("ZSCORE", jobs, name)),
        ("ZREVRANGEBYSCORE", jobs, 1, 0),
        *(("SISMEMBER", keys.queues(), name), ("LLEN", keys.queue(name))),
        *(("LRANGE", keys.queue(name), 0, 0), ("LINDEX", keys.queue(name), 0)),
        *(("LPOS", keys.queue(name), name), ("HGET", keys.undo(name), name)),
        *(("HMGET", keys.undo(name), name), ("XLEN", keys.audit())),
        *(("EVALSHA", "0" * 40, 1, jobs), ("EVAL", "return 0", 1, jobs)),
    ]
    return [*reading, *rights.writing(keys.undo("doctor"))]
