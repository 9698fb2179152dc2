"""What the console asks of Redis, and how: one connection for looking, another for acting, so that
neither waits for the other."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import resque
from qtop.keymap import keymap
from qtop.text.safe import safe
from queuecore.action_record import Actor
from queuecore.address import Address
from queuecore.exchange import Exchange, Operation, Steps
from queuecore.reading import commands_of, reading_only
from queuecore.times import wall_now
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import health, server_info
from resque.store.guard import Guard
from resque.store.health import HealthReport
from resque.store.snapshot import Snapshot, SnapshotReader

T = TypeVar("T")

LOOK_TIMEOUT_S: Final = 2.0
ACTION_TIMEOUT_S: Final = 5.0
FAILURES_READ: Final = 500


class System(Protocol):
    """Where looks come from and actions go."""

    async def look(self, tails: Mapping[str, str]) -> Snapshot:
        """Look at everything; `tails` are those of the look before. Raises StoreError."""

    async def survey(self, queues: Sequence[str] = ()) -> HealthReport:
        """What is wanted to be known now and then, also of these queues. Raises StoreError."""

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation. Raises StoreError and BelongsToSidekiq."""

    async def close(self) -> None:
        """Close the connections."""


class ResqueSystem:
    """A Redis. Making one imports the client, which takes some 100 ms, and connects nothing.

    With `read_only` it sends nothing that could change data, whatever it is asked to: whoever asks
    gets ReadingOnly.
    """

    def __init__(self, address: Address, keys: Keys, *, read_only: bool = False) -> None:
        # Imported here: the first frame must not wait for it.
        from queuecore.stores import AsyncStore

        self._keys = keys
        self._looker = SnapshotReader(keys, failures_limit=FAILURES_READ)
        self._read_only = read_only
        self._guard = Guard(keys, wall_now)
        self._looks = AsyncStore(address, timeout_s=LOOK_TIMEOUT_S, client_name="qtop-looks")
        self._actions = AsyncStore(address, timeout_s=ACTION_TIMEOUT_S, client_name="qtop-actions")

    async def look(self, tails: Mapping[str, str]) -> Snapshot:
        """Two round trips; see `SnapshotReader.look`. One at a time."""
        # Imported here: commands do without asyncio.
        from queuecore.cooperative import in_turns

        reading = await self._looks.run(self._let_through(self._looker.look(tails)))
        return await in_turns(reading)

    async def survey(self, queues: Sequence[str] = ()) -> HealthReport:
        """Three round trips on the connection of the looks; see `survey.look`."""
        lock = self._keys.master_lock(os.environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", ""))
        before_s = time.time()
        look = health.look(self._keys, lock, queues, now=wall_now())
        found = await self._looks.run(self._let_through(look))
        if found.taken is None:
            return found
        return replace(found, skew_s=skew_s(found.taken.timestamp(), before_s, time.time()))

    async def run(self, operation: Operation[T]) -> T:
        """As `AsyncStore.run`; raises BelongsToSidekiq before anything is written to what is
        Sidekiq's (see `Guard.watching`). After what may have changed something, the next look reads
        all."""
        try:
            return await self._actions.run(self._guard.watching(self._let_through(operation)))
        finally:
            if not isinstance(operation, Exchange) or operation.writes:
                self._looker.read_all()

    def _let_through(self, operation: Operation[T]) -> Operation[T]:
        return reading_only(operation) if self._read_only else operation

    async def close(self) -> None:
        """Close both connections."""
        await self._looks.close()
        await self._actions.close()


def skew_s(server_s: float, before_s: float, after_s: float) -> float:
    """How far a clock is at least ahead of ours, or behind it, when it was read between two moments
    of ours. 0 when it may be right."""
    return max(0.0, server_s - after_s) + min(0.0, server_s - before_s)


# Which keys the server would refuse: an ACL may leave a user without a command that an action
# needs. Found out once, at the beginning, so that a key says so instead of failing half way.

#: The script that does it, and the actions that run it. Of an action that is not listed, only that
#: scripts can be run at all is asked.
ACTION_SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "take": (
        *("requeue", "requeue_all", "delete", "delete_all", "move", "edit"),
        *("put_back", "put_back_matching", "delete_jobs", "delete_matching"),
        *("move_jobs", "move_matching"),
    ),
    "clear_to": ("clear_failures", "clear_queue", "remove_queue"),
    "switch": ("pause", "pause_all"),
    "undo": ("undo", "undo_deed"),
    "unregister": ("unregister", "prune"),
    "delayed_act": ("run_now", "drop", "reschedule", "run_matching", "drop_matching"),
}
_RUNNING: Final = frozenset({"EVAL", "EVALSHA"})
#: They do something to processes, not to Redis.
LOCAL: Final = frozenset(
    {"start_workers", "stop_worker", "pause_worker", "more_workers", "fewer_workers"}
)


def forbidden(keys: Keys) -> Steps[dict[str, str]]:
    """Why the server would refuse actions, by the action's id. Empty when all are allowed, and when
    that cannot be found out: then the refusal itself is told. Three round trips at most; changes
    nothing."""
    missing: dict[str, str] | None = yield from server_info.missing_rights(keys)
    if missing is None:
        missing = yield server_info.missing_scripts()
    if not missing:
        return {}
    found: dict[str, str] = {}
    for action in keymap.ACTIONS:
        if action.changes and action.id not in LOCAL:
            lacking = sorted(commands(action.id) & missing.keys())
            if lacking:
                found[action.id] = (
                    f"not allowed: this Redis user may not run {safe(', '.join(lacking))} "
                    "(extend its ACL)"
                )
    return found


def commands(action_id: str) -> frozenset[str]:
    """The commands that an action may need. A script that is refused one of them half way has done
    the other half: so even what only some cases need counts."""
    scripts = [
        load_script(name) for name, actions in ACTION_SCRIPTS.items() if action_id in actions
    ]
    return _RUNNING.union(*(commands_of(script) or () for script in scripts))


# Who acts: the same in the console and in the commands, so that each can undo the other's.


def operator_identity() -> Actor:
    """`user@host`, and this version of qtop."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run with a user id that nobody has named.
        user = "unknown"
    who = f"{user}@{socket.gethostname()}".encode("utf-8", "replace").decode()
    return Actor(who, f"qtop {resque.__version__}")
