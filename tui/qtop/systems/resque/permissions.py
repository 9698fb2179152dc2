"""Which keys the server would refuse: an ACL may leave a user without a command that an action
needs. Found out once, at the beginning, so that a key says so instead of failing half way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from qtop.keymap import keymap
from qtop.systems.rights import not_allowed
from queuecore import rights
from queuecore.exchange import Steps
from queuecore.reading import commands_of
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import server_info

#: Each script that changes data, and the actions that run it. An action may run one of several.
ACTION_SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "take": (
        *("requeue", "requeue_all", "delete", "delete_all", "move", "move_all", "edit"),
        *("edit_all", "quarantine"),
        *("put_back", "put_back_matching", "delete_jobs", "delete_matching"),
        *("move_jobs", "move_matching", "edit_matching"),
    ),
    "replace": ("edit_job",),
    "clear_to": ("clear_failures", "clear_queue", "remove_queue"),
    "switch": ("pause", "pause_all"),
    "undo": ("undo", "undo_deed"),
    "undo_scheduled": ("undo", "undo_deed"),
    "unregister": ("unregister", "prune"),
    "delayed_act": (
        *("run_now", "drop", "reschedule"),
        *("reschedule_matching", "run_matching", "drop_matching"),
    ),
    "push_noted": ("run_now",),
    "schedule_drop": ("drop",),
}
_RUNNING: Final = frozenset({"EVAL", "EVALSHA"})
#: They do something to processes, not to Redis.
LOCAL: Final = frozenset(
    {"start_workers", "stop_worker", "pause_worker", "more_workers", "fewer_workers"}
)

#: Resque cannot do them: see `ResqueSystem.abilities`.
_NEVER: Final = frozenset(
    {
        *("kill", "kill_all", "kill_delayed", "kill_matching", "postpone", "postpone_all"),
        *("dump_worker", "cancel"),
    }
)


def forbidden(keys: Keys) -> Steps[dict[str, str]]:
    """Why the server would refuse actions, by the action's id. Empty when all are allowed, and when
    that cannot be found out: then the refusal itself is shown. Three round trips at most; changes
    nothing."""
    missing: dict[str, str] | None = yield from server_info.missing_rights(keys)
    if missing is None:
        missing = yield rights.missing_scripts()
    changing = (each.id for each in keymap.ACTIONS if each.changes)
    meant = (each for each in changing if each not in LOCAL | _NEVER)
    return not_allowed(missing or (), meant, commands)


def commands(action_id: str) -> frozenset[str]:
    """The commands that an action may need. A script that is refused one of them half way has done
    the other half: so even what only some cases need counts."""
    scripts = [
        load_script(name) for name, actions in ACTION_SCRIPTS.items() if action_id in actions
    ]
    return _RUNNING.union(*(commands_of(script) or () for script in scripts))
