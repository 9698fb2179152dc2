"""What to start: the request of a person, and the command line that is made of it. Pure."""

from __future__ import annotations

import re
import shlex
import string
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from queuecore.errors import QueueError
from resque.store.queue_list import QueueList

#: What may stand in braces in a command.
COMMAND_WORDS: Final = ("queues", "namespace", "url", "interval")
MOST_PER_START: Final = 32
MOST_IN_ALL: Final = 64

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
#: Variables that would turn a worker into something else than what was ordered.
_STEERING: Final = (
    *("BACKGROUND", "COUNT", "INTERVAL", "JOBS_PER_FORK", "PIDFILE", "QUEUE", "QUEUES"),
    *("RESQUE_JOB_TIMEOUT", "RESQUE_PARENT_PID"),
)
#: Programs that run what they are given, here or elsewhere.
_RUN_SCRIPTS: Final = frozenset(
    ("sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "busybox", "su", "runuser", "ssh", "eval")
)
#: Names that no shell does anything with.
_PLAIN: Final = re.compile(r"(?!-)[A-Za-z0-9_@%+:,./*!-]+")


class BadOrder(QueueError):
    """An order that cannot be carried out: the message says what to change."""


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a person wants to have started.

    Attributes:
        queues: A list of queues as workers take it: names with commas, `*`, `!x`.
        count: How many workers.
        modules: Modules with jobs to load; for our own worker only.
        template: A command to run instead of our own worker: leading `NAME=value` words are
            environment, `{queues}`, `{namespace}`, `{url}` and `{interval}` are filled in.
        interval_s: Seconds between two looks; None for the worker's own.
        jobs_per_fork: How many jobs share a child; None for the worker's own.
        time_limit_s: Seconds after which a job is ended; None for no limit.
    """

    queues: str
    count: int = 1
    modules: tuple[str, ...] = ()
    template: str = ""
    interval_s: float | None = None
    jobs_per_fork: int | None = None
    time_limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class LaunchCommand:
    """How each worker of an order is started.

    Attributes:
        argv: The command line, without secrets: everybody on the machine can read it.
        environment: What its environment has besides the console's; here may be secrets.
        shown: All of that as a shell would take it, without secrets.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    shown: str


def recipe(order: LaunchRequest, *, url: str, namespace: str) -> LaunchCommand:
    """The command line for an order. Raises BadOrder."""
    if "\0" in order.queues:
        raise BadOrder("no program can be given a queue's name with a NUL byte in it")
    try:
        QueueList.parse(order.queues)
    except QueueError as error:
        raise BadOrder(str(error)) from None
    if not 1 <= order.count <= MOST_PER_START:
        raise BadOrder(f"how many? 1 to {MOST_PER_START} at a time")
    if order.template:
        return _from_template(order, url, namespace)
    for module in order.modules:
        if not all(part.isidentifier() for part in module.split(".")):
            raise BadOrder(f"{module!r} is no name of a module: like app.jobs, not a file")
    argv = (
        *(sys.executable, "-m", "qtop", "worker", "--namespace", namespace),
        *(word for module in order.modules for word in ("--require", module)),
        *_option("--interval", order.interval_s),
        *_option("--jobs-per-fork", order.jobs_per_fork),
        *_option("--time-limit", order.time_limit_s),
        # A name may begin with a dash.
        *("--", order.queues),
    )
    return LaunchCommand(argv, {"REDIS_URL": url}, shlex.join(argv))


def environment(recipe: LaunchCommand, environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of workers: the console's own without what would steer them, and what
    the recipe adds."""
    kept = {name: value for name, value in environ.items() if name not in _STEERING}
    return {**kept, **recipe.environment}


def without_password(url: str) -> str:
    """A URL as it may stand on a command line."""
    try:
        place = urlsplit(url).netloc
    except ValueError:
        return ""
    login, _, host = place.rpartition("@")
    user = login.partition(":")[0]
    plain = url.replace(place, f"{user}@{host}" if user else host, 1) if place else url
    # Options may hold a password, too: those of Sentinels do.
    return re.sub(r"(?<=[?&])\w*password=[^&]*&?", "", plain).rstrip("?&")


def _option(name: str, value: float | None) -> tuple[str, ...]:
    return () if value is None else (name, f"{value:g}")


def _from_template(order: LaunchRequest, url: str, namespace: str) -> LaunchCommand:
    try:
        words = shlex.split(order.template)
    except ValueError as error:
        raise BadOrder(f"the command cannot be read: {str(error).lower()}") from None
    for word in words:
        _check(word)
    interval = "" if order.interval_s is None else f"{order.interval_s:g}"
    told = {"queues": order.queues, "namespace": namespace, "interval": interval or "5"}
    secret, plain = {**told, "url": url}, {**told, "url": without_password(url)}
    variables: dict[str, str] = {"REDIS_URL": url}
    begin = 0
    while begin < len(words) and (found := _ASSIGNMENT.fullmatch(words[begin])) is not None:
        variables[found[1]] = found[2].format(**secret)
        begin += 1
    argv = tuple(word.format(**plain) for word in words[begin:])
    if not argv:
        raise BadOrder("the command has no program after its variables")
    _refuse_acting_names(words[begin:], argv, order.queues)
    shown = [_assignment(word.format(**plain)) for word in words[:begin]]
    return LaunchCommand(argv, variables, " ".join([*shown, *map(shlex.quote, argv)]))


def _refuse_acting_names(template: Sequence[str], argv: Sequence[str], queues: str) -> None:
    """Raises BadOrder where names of queues, which come from Redis, would be more than a text to
    the program: an option, or a part of a script."""
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
