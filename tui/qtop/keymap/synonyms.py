"""For the palette: other words for actions and screens, and the commands of the shell."""

from __future__ import annotations

from typing import Final

#: By the action's id; also the words of other tools.
SYNONYMS: Final = {
    "show_overview": "incidents problems alerts home dashboard",
    "show_queues": "backlog",
    "show_workers": "processes fleet",
    "show_failed": "failures errors exceptions retry requeue",
    "show_scheduled": "delayed cron recurring later",
    "show_local": "logs own here",
    "show_history": "audit log who undo trail",
    "next_theme": "theme colours colors light dark mode",
    "reveal": "secrets passwords redact hide unhide",
    "repaint": "redraw refresh",
    "faster": "interval refresh rate speed",
    "slower": "interval refresh rate speed",
    "help": "keys manual shortcuts bindings",
    "quit": "exit leave q!",
    "suspend_process": "background shell fg bg",
    "freeze": "hold still stop",
    "undo": "revert rollback take back",
    "requeue": "retry rerun again replay",
    "requeue_all": "retry rerun again replay bulk",
    "put_back": "retry rerun requeue",
    "put_back_matching": "retry rerun requeue bulk",
    "delete": "remove discard purge drop",
    "delete_all": "remove discard purge drop bulk",
    "delete_jobs": "remove discard purge drop",
    "delete_matching": "remove discard purge drop bulk",
    "clear_queue": "empty purge flush truncate",
    "clear_failures": "empty purge flush truncate",
    "remove_queue": "delete drop",
    "move_jobs": "transfer",
    "move_matching": "transfer bulk",
    "pause": "stop hold resume unpause",
    "pause_all": "stop hold resume unpause everything maintenance",
    "start_workers": "run spawn launch scale",
    "more_workers": "scale up",
    "fewer_workers": "scale down",
    "stop_worker": "kill quit terminate term",
    "pause_worker": "hold quiet resume usr2",
    "prune": "dead cleanup clean",
    "unregister": "remove delete forget",
    "filter": "search find grep where",
    "clear_filter": "reset all back",
    "copy": "yank clipboard",
    "next_sort": "order by",
    "export": "export write save dump file download",
    "export_jobs": "export write save dump file download",
}

#: Other names of screens.
PLACES: Final = {
    "queue": "queues",
    "worker": "workers",
    "failures": "failed",
    "delayed": "scheduled",
}

_ACTING = "console demo doctor enqueue load register scheduler server worker"
_TELLING = "audit find settings show stats"
#: Commands of `qtop` for the shell that have no key.
COMMANDS: Final = frozenset(f"{_ACTING} {_TELLING}".split())
