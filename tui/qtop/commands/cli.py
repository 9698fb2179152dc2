"""The `qtop` command: the console by default, and one command for everything it can do.

Importing this must stay cheap (`make bench-console`: `qtop --version`). Commands are in files
beside this one, by what they are about; the file of a command is imported when the command runs.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from collections import UserDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import click

import queuecore
from queuecore.errors import (
    BadOption,
    BadUrl,
    EncodeError,
    NoClassError,
    NoQueueError,
    QueueError,
    StoreError,
)

# The process of a command: its standard streams, and what `ps` shows of it.

_LOGIN: Final = re.compile(r"(?<=://)\S*@")
_PASSWORD: Final = re.compile(r"(?i)(password=)[^&\s]*")


def open_missing_streams() -> None:
    """Open standard streams that the caller closed (`>&-`) on /dev/null. Without this the
    connection to Redis could become the standard output."""
    for fd, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nothing, mode, encoding="utf-8"))
            if nothing != fd:
                os.dup2(nothing, fd)


def become(module: str, environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by `python -m module`. Interrupts (ctrl+c) are blocked until that
    program unblocks them: one that comes earlier would print a traceback."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.execve(sys.executable, [sys.executable, "-m", module], environ)


def _without_login(word: str) -> str:
    return _PASSWORD.sub(r"\1***", _LOGIN.sub("", word))


def hide_login(words: Sequence[str]) -> None:
    """Set the process title to the command line without the logins in its URLs, if it has any."""
    shown = list(map(_without_login, words))
    if shown != list(words):
        from setproctitle import setproctitle

        setproctitle(" ".join(["qtop", *shown]))


class LazyCommands(UserDict[str, Any]):
    """The commands of a group by name: where each is, as `module:attribute`, until it is looked up,
    and imported by that."""

    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = self.data[name] = getattr(importlib.import_module(module), attribute)
        return found


EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 1, 2, 3, 130

#: The commands in the order of the help.
_NAMES: Final = (
    *("console", "demo", "worker", "scheduler", "server", "enqueue", "queues", "workers"),
    *("failed", "delayed", "schedules", "find", "stats", "audit", "show", "requeue", "retry"),
    *(
        "delete",
        "kill",
        "reschedule",
        "move",
        "edit",
        "export",
        "load",
        "clear",
        "pause",
        "resume",
        "register",
        "reorder",
        "undo",
        "quarantine",
    ),
    *("prune", "quiet", "stop", "cancel", "rescue", "watch", "incidents", "acknowledge"),
    *("doctor", "metrics", "settings"),
)
#: The files with other names than their commands.
_FILES: Final = {
    **{"console": "demo", "processes": "worker scheduler", "cli": "server"},
    **{"fleet": "queues workers", "job_lists": "failed show find"},
    **{
        "scheduled": "delayed schedules",
        "jobs": "enqueue requeue retry delete kill reschedule move edit",
    },
    **{"maintenance": "pause resume clear register reorder prune"},
    **{"incidents": "acknowledge"},
    **{"export": "load", "audit": "undo", "sidekiq_processes": "quiet stop cancel"},
}
_FILE_OF: Final = {name: file for file, names in _FILES.items() for name in names.split()}
_PLACES: Final = {name: f"qtop.commands.{_FILE_OF.get(name, name)}:{name}" for name in _NAMES}


class _Group(click.Group):
    """Opens the console when no command is named: `qtop redis://host/0`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if ctx.resilient_parsing and not first:
            # The shell completes the first word: with the names of commands.
            return super().parse_args(ctx, args)
        if first and not first.startswith("-") and "://" not in first:
            self._refuse_unknown(ctx, first)
        if first not in self.commands and first not in ("--help", "-h", "--version"):
            args = ["console", *args]
        return super().parse_args(ctx, args)

    def _refuse_unknown(self, ctx: click.Context, word: str) -> None:
        if word in self.commands or ctx.resilient_parsing:
            return
        from difflib import get_close_matches

        # A misspelt URL may hold a password.
        shown = "the first word" if "@" in word else repr(word)
        near = " or ".join(get_close_matches(word, self.commands, n=2))
        hint = f": did you mean {near}?" if near else " (see qtop --help) nor a redis:// URL"
        kind = "is no command" if near else "is neither a command"
        raise click.UsageError(f"{shown} {kind}{hint}", ctx)

    def main(self, *args: Any, **extra: Any) -> Any:
        if None in (sys.stdin, sys.stdout, sys.stderr):
            open_missing_streams()
        if any("://" in word for word in sys.argv):
            hide_login(sys.argv[1:])
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            extra.setdefault("color", False)
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.filename is not None:
                raise
            # To /dev/null: else the interpreter would fail at its end, when it flushes the buffer.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            click.echo(f"qtop: cannot write the output: {error.strerror}", err=True)
            sys.exit(EXIT_REFUSED)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except QueueError as error:
            from qtop.text.safe import safe

            click.echo(f"qtop: {safe(_without_login(str(error)))}", err=True)
            ctx.exit(_status(error))
        except click.UsageError as error:
            raise click.UsageError(_without_login(error.format_message()), error.ctx) from None
        except KeyboardInterrupt:
            ctx.exit(EXIT_INTERRUPTED)


def _status(error: QueueError) -> int:
    if isinstance(error, BadUrl | BadOption | NoQueueError | NoClassError | EncodeError):
        return EXIT_USAGE
    return EXIT_UNREACHABLE if isinstance(error, StoreError) else EXIT_REFUSED


@click.group(
    cls=_Group,
    commands=LazyCommands(_PLACES),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command the console opens: see `qtop console --help` for its options. "
    "Exit status: 0 done, 1 nothing matched or the match was refused, 2 wrong usage, 3 Redis "
    "cannot be reached, refuses, or a part of the answer is unknown, 130 interrupted.",
)
@click.version_option(queuecore.__version__, "--version", message="qtop %(version)s")
def main() -> None:
    """Operate Redis job queues from a terminal.

    \b
    qtop                          the console on $REDIS_URL, or on a private server
    qtop redis://host:6379/0      the console on that Redis
    qtop --once                   one refresh, as text
    qtop demo                     a tour with sample jobs; needs no Redis
    """


@click.command()
def server() -> None:
    """Run the private server, until INT or TERM.

    \b
    Example: qtop server
    """
    # It needs nothing that other commands load, so it is in this file.
    from queuecore.server import PrivateServer, default_folder

    private = PrivateServer(default_folder(os.environ))
    sys.exit(private.run_in_foreground(on_ready=lambda url: click.echo(f"ready at {url}")))
