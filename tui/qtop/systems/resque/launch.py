"""The command that starts workers of Resque on this machine: our own worker, or one of others."""

from __future__ import annotations

import re
import shlex
import string
import sys
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from qtop.actions.plan import Refusal
from qtop.actions.request import MOST_PER_START, LaunchCommand, LaunchRequest
from qtop.config.settings import COMMAND_WORDS
from qtop.text.safe import safe
from queuecore.errors import BadOption, QueueError
from resque.store.queue_list import QueueList

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
#: Variables that would make a worker do something else than what was asked for.
_STEERING: Final = (
    *("BACKGROUND", "COUNT", "INTERVAL", "JOBS_PER_FORK", "PIDFILE", "QUEUE", "QUEUES"),
    *("RESQUE_JOB_TIMEOUT", "RESQUE_PARENT_PID"),
)
#: Programs that run their arguments, here or elsewhere.
_RUN_SCRIPTS: Final = frozenset(
    ("sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "busybox", "su", "runuser", "ssh", "eval")
)
#: Names without characters that are special to a shell.
_PLAIN: Final = re.compile(r"(?!-)[A-Za-z0-9_@%+:,./*!-]+")

#: Imports modules as a worker does, and writes the names of their jobs to a file.
NAMES_PROGRAM: Final = """
import importlib, json, os, sys
for module in sys.argv[2:]:
    importlib.import_module(module)
import resque
with os.fdopen(int(sys.argv[1]), "w") as file:
    json.dump([definition.name for definition in resque.registry], file)
"""


def command(request: LaunchRequest, url: str, namespace: str) -> LaunchCommand | Refusal:
    """The command line for a request, or what to change in it, in safe words. `url` is that of the
    Redis with its password."""
    try:
        return _command(request, url, namespace)
    except QueueError as error:
        return Refusal(safe(str(error)))


def _command(request: LaunchRequest, url: str, namespace: str) -> LaunchCommand:
    if "\0" in request.queues:
        raise BadOption("no program can be given a queue's name with a NUL byte in it")
    QueueList.parse(request.queues)
    if not 1 <= request.count <= MOST_PER_START:
        raise BadOption(f"how many? 1 to {MOST_PER_START} at a time")
    if request.template:
        return _from_template(request, url, namespace)
    for module in request.modules:
        if not all(part.isidentifier() for part in module.split(".")):
            raise BadOption(f"{module!r} is no name of a module: like app.jobs, not a file")
    argv = (
        *(sys.executable, "-m", "qtop", "worker", "--namespace", namespace),
        *(word for module in request.modules for word in ("--require", module)),
        *_option("--interval", request.interval_s),
        *_option("--jobs-per-fork", request.jobs_per_fork),
        *_option("--time-limit", request.time_limit_s),
        # A name may begin with a dash.
        *("--", request.queues),
    )
    return LaunchCommand(argv, {"REDIS_URL": url}, shlex.join(argv), _STEERING, NAMES_PROGRAM)


def without_password(url: str) -> str:
    try:
        place = urlsplit(url).netloc
    except ValueError:
        return ""
    login, _, host = place.rpartition("@")
    user = login.partition(":")[0]
    plain = url.replace(place, f"{user}@{host}" if user else host, 1) if place else url
    # The query may hold a password, too, as for Sentinels.
    return re.sub(r"(?<=[?&])\w*password=[^&]*&?", "", plain).rstrip("?&")


def _option(name: str, value: float | None) -> tuple[str, ...]:
    return () if value is None else (name, f"{value:g}")


def _from_template(request: LaunchRequest, url: str, namespace: str) -> LaunchCommand:
    try:
        words = shlex.split(request.template)
    except ValueError as error:
        raise BadOption(f"the command cannot be read: {str(error).lower()}") from None
    for word in words:
        _check(word)
    interval = "" if request.interval_s is None else f"{request.interval_s:g}"
    common = {"queues": request.queues, "namespace": namespace, "interval": interval or "5"}
    secret, plain = {**common, "url": url}, {**common, "url": without_password(url)}
    variables: dict[str, str] = {"REDIS_URL": url}
    begin = 0
    while begin < len(words) and (found := _ASSIGNMENT.fullmatch(words[begin])) is not None:
        variables[found[1]] = found[2].format(**secret)
        begin += 1
    argv = tuple(word.format(**plain) for word in words[begin:])
    if not argv:
        raise BadOption("the command has no program after its variables")
    _refuse_acting_names(words[begin:], argv, request.queues)
    shown = [_assignment(word.format(**plain)) for word in words[:begin]]
    return LaunchCommand(argv, variables, " ".join([*shown, *map(shlex.quote, argv)]), _STEERING)


def _refuse_acting_names(template: Sequence[str], argv: Sequence[str], queues: str) -> None:
    """Raise BadOption where the program would take names of queues, which come from Redis, for an
    option or for a part of a script."""
    runs_scripts = any(word.rpartition("/")[2] in _RUN_SCRIPTS for word in argv)
    for number, (word, filled) in enumerate(zip(template, argv, strict=True)):
        if "{queues}" not in word:
            continue
        is_script = runs_scripts or any(map(str.isspace, word))
        if is_script and not _PLAIN.fullmatch(queues):
            raise BadOption(
                "in a script the names of these queues could be run: let the command begin with "
                'QUEUES={queues}, and the script use "$QUEUES"'
            )
        if filled.startswith("-") and not word.startswith("-") and "--" not in argv[:number]:
            raise BadOption(
                "the program would take the name of the first queue for an option: let the command "
                "begin with QUEUES={queues}, or have a -- before {queues}"
            )


def _check(word: str) -> None:
    try:
        fields = [each for each in string.Formatter().parse(word) if each[1] is not None]
    except ValueError as error:
        raise BadOption(f"the command cannot be read: {error}; write {{{{ for a brace") from None
    for _, name, shape, conversion in fields:
        if name not in COMMAND_WORDS or shape or conversion:
            allowed = ", ".join(f"{{{each}}}" for each in COMMAND_WORDS)
            raise BadOption(f"the command may have {allowed} in braces, and nothing else")


def _assignment(word: str) -> str:
    name, _, value = word.partition("=")
    return f"{name}={shlex.quote(value)}"
