"""How workers of Resque are started on this machine, and what is known of them from outside.

What starts processes, or reads what they say of themselves, knows Resque from here only.
"""

from __future__ import annotations

import re
import shlex
import string
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from qtop.model.launch import (
    COMMAND_WORDS,
    MOST_PER_START,
    BadOrder,
    LaunchCommand,
    LaunchRequest,
    QueueClasses,
)
from queuecore.errors import QueueError

if TYPE_CHECKING:
    from queuecore.exchange import Steps
    from resque.keys import Keys

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
_NAMES_PROGRAM: Final = """
import importlib, json, os, sys
for module in sys.argv[2:]:
    importlib.import_module(module)
import resque
with os.fdopen(int(sys.argv[1]), "w") as file:
    json.dump([definition.name for definition in resque.registry], file)
"""


class ResqueLauncher:
    """What local workers need to know of Resque.

    Args:
        address: The Redis, without secrets.
        url: The same with its password, for the workers; never shown.
        keys: The names of Resque's keys there.

    Attributes:
        names_program: Python: imports the modules of its second argument and the following, and
            writes the names of their jobs as JSON to the descriptor of the first.
    """

    names_program: Final = _NAMES_PROGRAM

    def __init__(self, address: str, url: str, keys: Keys) -> None:
        self.address = address
        self.namespace = keys.namespace
        self._url = url
        self._keys = keys

    def launch(self, request: LaunchRequest) -> LaunchCommand:
        """The command line for a request. Raises BadOrder."""
        if "\0" in request.queues:
            raise BadOrder("no program can be given a queue's name with a NUL byte in it")
        from resque.store.queue_list import QueueList

        try:
            QueueList.parse(request.queues)
        except QueueError as error:
            raise BadOrder(str(error)) from None
        if not 1 <= request.count <= MOST_PER_START:
            raise BadOrder(f"how many? 1 to {MOST_PER_START} at a time")
        if request.template:
            return _from_template(request, self._url, self.namespace)
        for module in request.modules:
            if not all(part.isidentifier() for part in module.split(".")):
                raise BadOrder(f"{module!r} is no name of a module: like app.jobs, not a file")
        argv = (
            *(sys.executable, "-m", "qtop", "worker", "--namespace", self.namespace),
            *(word for module in request.modules for word in ("--require", module)),
            *_option("--interval", request.interval_s),
            *_option("--jobs-per-fork", request.jobs_per_fork),
            *_option("--time-limit", request.time_limit_s),
            # A name may begin with a dash.
            *("--", request.queues),
        )
        return LaunchCommand(argv, {"REDIS_URL": self._url}, shlex.join(argv))

    def environment(self, command: LaunchCommand, environ: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of the workers: the console's, without variables that would change
        what they do, and the command's."""
        kept = {name: value for name, value in environ.items() if name not in _STEERING}
        return {**kept, **command.environment}

    def waiting(self, request: LaunchRequest) -> Steps[list[QueueClasses]]:
        """The classes that wait in the queues of a request. At most two round trips."""
        from resque.store import waiting_classes
        from resque.store.queue_list import QueueList

        found = yield from waiting_classes.of_list(self._keys, QueueList.parse(request.queues))
        return [QueueClasses(each.queue, each.classes) for each in found]

    def left_alone(self, title: str) -> str:
        """The queues that a worker leaves alone because it does not know the classes of their jobs,
        as the title of its process tells; with commas, not safe to show."""
        from resque.worker.unknown_classes import left_alone_in

        return left_alone_in(title)


def without_password(url: str) -> str:
    """A URL without passwords, for a command line."""
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
        raise BadOrder(f"the command cannot be read: {str(error).lower()}") from None
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
        raise BadOrder("the command has no program after its variables")
    _refuse_acting_names(words[begin:], argv, request.queues)
    shown = [_assignment(word.format(**plain)) for word in words[:begin]]
    return LaunchCommand(argv, variables, " ".join([*shown, *map(shlex.quote, argv)]))


def _refuse_acting_names(template: Sequence[str], argv: Sequence[str], queues: str) -> None:
    """Raise BadOrder where the program would take names of queues, which come from Redis, for an
    option or for a part of a script."""
    runs_scripts = any(word.rpartition("/")[2] in _RUN_SCRIPTS for word in argv)
    for number, (word, filled) in enumerate(zip(template, argv, strict=True)):
        if "{queues}" not in word:
            continue
        is_script = runs_scripts or any(map(str.isspace, word))
        if is_script and not _PLAIN.fullmatch(queues):
            raise BadOrder(
                "in a script the names of these queues could be run: let the command begin with "
                'QUEUES={queues}, and the script use "$QUEUES"'
            )
        if filled.startswith("-") and not word.startswith("-") and "--" not in argv[:number]:
            raise BadOrder(
                "the program would take the name of the first queue for an option: let the command "
                "begin with QUEUES={queues}, or have a -- before {queues}"
            )


def _check(word: str) -> None:
    try:
        fields = [each for each in string.Formatter().parse(word) if each[1] is not None]
    except ValueError as error:
        raise BadOrder(f"the command cannot be read: {error}; write {{{{ for a brace") from None
    for _, name, shape, conversion in fields:
        if name not in COMMAND_WORDS or shape or conversion:
            allowed = ", ".join(f"{{{each}}}" for each in COMMAND_WORDS)
            raise BadOrder(f"the command may have {allowed} in braces, and nothing else")


def _assignment(word: str) -> str:
    name, _, value = word.partition("=")
    return f"{name}={shlex.quote(value)}"
