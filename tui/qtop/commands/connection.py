"""Which Redis a command talks to, and what else options, environment and settings file say."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from qtop.commands.output import Listing, OutputColumn, leave, message
from qtop.commands.progress import ProgressLine
from qtop.commands.signals import at_first_signal
from qtop.config.settings import (
    DEFAULTS,
    SYSTEMS,
    Given,
    Settings,
    SettingsFile,
    resolve,
    settings_path,
    undo_settings,
    warnings,
)
from qtop.systems.runner import open_system
from qtop.text.redact import OPEN, Redactor
from queuecore.address import parse_url
from queuecore.errors import BadOption, NotRedis, QueueError, StoreError
from queuecore.exchange import Exchange, Operation, drive

if TYPE_CHECKING:
    from qtop.actions.plan import Operator, Outcome, Plan
    from qtop.actions.request import Request
    from qtop.model.job import JobSource
    from qtop.search.filter_language import Filter

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

# The options that several commands share.

DEFAULT_LIMIT = 100


class Parsed(click.ParamType[T]):
    """What a function reads from a text: it raises QueueError or ValueError with the reason why it
    cannot. `name` stands for the value in the help."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """The value; what is none of a text is one already."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        try:
            return self._parse(value)
        except (QueueError, ValueError) as error:
            self.fail(str(error), param, ctx)


def _filter(text: str) -> Filter:
    # Imported here: showing the help needs none of it.
    from qtop.search.filter_language import parse

    return parse(text)


def _seconds(text: str) -> float:
    """A length of time: `90`, `30s`, `5m`, `1h30m`."""
    from qtop.search.filter_language import duration_s

    return float(text) if text.isdecimal() else duration_s(text)


def _source(text: str) -> JobSource:
    from qtop.model.job import FAILED, JobSource

    kind, colon, name = text.partition(":")
    if text in ("retry", "dead"):
        return JobSource("failed", text)
    if text in ("scheduled", "delayed"):
        return JobSource("delayed", "")
    if kind == "failed":
        return JobSource("failed", name or FAILED)
    if kind in ("queue", "unreadable") and colon:
        return JobSource("queue" if kind == "queue" else "unreadable", name)
    hint = "" if ":" in text else f"; for the queue write queue:{text}"
    raise ValueError(
        f"{text!r} is none of: failed, queue:NAME, scheduled, unreadable:NAME (what was set aside "
        f"from a queue), failed:LIST (where each queue has a list of failures), retry, dead{hint}"
    )


def _turned(text: str) -> JobSource:
    from qtop.model.job import JobSource

    kind, _, moment = text.partition(":")
    return JobSource("delayed", moment) if kind == "delayed" and moment else _source(text)


FILTER: Final = Parsed("filter", _filter)
SPAN: Final = Parsed("time", _seconds)
SOURCE: Final = Parsed("source", _source)
#: Also the delayed jobs of one moment.
TURNED: Final = Parsed("source", _turned)

filter_option = click.option(
    "--filter",
    "wanted",
    type=FILTER,
    default="",
    help="Which ones, e.g. 'class:Mailers::* age<1h !error:timeout'. Fields: class, error, "
    "exception, queue, worker, args, args.0.key, id, retried:no, age>1h; /regex/; words.",
)
from_option = click.option(
    "--from",
    "source",
    type=SOURCE,
    required=True,
    metavar="SOURCE",
    help="Where: failed, queue:NAME, scheduled, or unreadable:NAME for what was set aside from a "
    "queue; of Sidekiq's failures also retry or dead alone.",
)

#: What is said is part of the command's `connection`.
redact_option = click.option(
    "--redact/--no-redact",
    default=None,
    help="Hide the values of keys like password and token, or show them. Default: hidden in "
    "tables, whole in JSON and in qtop show.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
log_format_option = click.option(
    "--log-format",
    envvar="RESQUE_LOG_FORMAT",
    type=click.Choice(["text", "json"]),
    help="How the log is printed (text); json: one object a line, for what collects logs.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Tell what would happen; do nothing.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")


def limit_option(default: int) -> Callable[[F], F]:
    return click.option(
        "--limit",
        type=click.IntRange(0),
        default=default,
        show_default=default > 0,
        help="How many at most; 0: all.",
    )


def change_options(command: F) -> F:
    return json_option(dry_run_option(yes_option(command)))


def listing_options(default_limit: int = 0) -> Callable[[F], F]:
    """As `connection_options`, and `--filter`, `--limit`, `--json` and `--redact`."""

    def decorate(command: F) -> F:
        listing = filter_option(limit_option(default_limit)(json_option(redact_option(command))))
        return connection_options(listing)

    return decorate


# A command's connection to Redis: runs operations, refuses changes, shows how far it is.

#: What reading an answer raises when it is none that Redis gives.
_NONSENSE: Final = (TypeError, ValueError, AttributeError, LookupError, AssertionError)
_TIMEOUT_S: Final = 10.0


class ChangeRefused(QueueError):
    """A change was asked for with --read-only. Nothing was done."""


class Session:
    """One Redis and one namespace, for the length of a command.

    It uses the worker's light connection, which is open before the larger client would be
    imported. Close it at the end.
    """

    def __init__(self, url: str, connection: Connection, *, timeout_s: float = _TIMEOUT_S) -> None:
        # Imported here: settings are shown, and workers begin, without it.
        from queuecore.ahead import AheadStore

        self.address = parse_url(url)
        self.undo_limits = connection.settings.undo_limits
        self._connection = connection
        self._store = AheadStore(self.address, timeout_s=timeout_s, client_name="qtop")
        self._warned = False
        #: Makes a system that remembers nothing yet.
        self.new_system = functools.partial(
            open_system,
            self.address,
            connection.namespace,
            failures_read=0,
            warn=self._warn,
            system=connection.system,
        )
        self.system = self.new_system()
        #: Shows how far an operation is, where somebody sees it.
        self.progress = ProgressLine(connection.shows_progress)

    def _warn(self, text: str) -> None:
        if not self._warned:
            message(f"warning: {text}")
        self._warned = True

    def run(self, operation: Operation[T], what: str = "") -> T:
        """Carry out an operation. How much of a long one is done is shown on a terminal, with
        `what` it is about.

        Raises StoreError, whose message names the address, ChangeRefused, with --read-only, and
        BelongsToSidekiq, before anything that writes is sent. Costs what the operation costs, and
        two round trips before it writes.
        """
        self.progress.begin(what)
        try:
            return drive(self.system.guarded(operation), self._one)
        except _NONSENSE as error:
            raise NotRedis(
                f"{self.address}: what it answers makes no sense to qtop "
                f"({type(error).__name__}): check that this is Redis"
            ) from error
        finally:
            self.progress.end()

    def _one(self, exchange: Exchange[Any]) -> Any:
        self.refuse_if_read_only(exchange.writes)
        if exchange.progress is not None:
            self.progress.note(*exchange.progress)
        if not exchange.commands:
            # It only says how far an operation is, or what comes next: nothing is answered.
            return self._store.run(exchange)
        try:
            return self._store.run(exchange)
        except StoreError as error:
            if str(self.address) in str(error):
                raise
            raise type(error)(f"{self.address}: {error}") from None

    def refuse_if_read_only(self, writes: bool = True) -> None:
        """Raises ChangeRefused with --read-only."""
        if writes and self._connection.is_read_only:
            by = self._connection.settings.origins.get("read_only", "--read-only")
            raise ChangeRefused(f"read-only ({by}): nothing was changed")

    @cached_property
    def operator(self) -> Operator:
        """In whose name this command acts."""
        # Imported here: most commands only read.
        from qtop.actions.plan import Operator, operator_identity

        return Operator(operator_identity(), self.undo_limits)

    def plan(self, request: Request) -> Plan:
        """What a request would do. Leaves with status 1 and the reason when there is no plan.
        Raises StoreError. Costs as `prepare`."""
        from qtop.actions.plan import Refusal

        made = self.run(self.system.prepare(request, self.operator))
        if isinstance(made, Refusal):
            leave(made.text)
        return made

    def carry_out(self, plan: Plan) -> Outcome:
        """Do what a plan says. An interrupt (ctrl+c, or TERM) stops it between two steps: the
        outcome tells what was done, and is `stopped` even if that was all. A second interrupt ends
        it at once.

        Raises as `run`, Stopped where the plan has no outcome then, and KeyboardInterrupt.
        """
        # Imported here: most commands only read.
        from qtop.actions.plan import Throttle
        from qtop.actions.stopping import Stopped, reined

        pace = plan.pace or Throttle()

        def stop() -> None:
            pace.is_stopped = True
            self.progress.rename("stopping")

        with at_first_signal(stop):
            outcome = self.run(reined(plan.run(), pace), plan.what)
        if pace.is_stopped and outcome.stopped is None:
            # It came too late for this action; a command may have others to do.
            outcome = replace(outcome, stopped=Stopped("stopped"))
        return outcome

    def now(self) -> datetime:
        """The server's clock. One round trip. Raises StoreError."""
        return self.run(self.system.now())

    def close(self) -> None:
        self._store.close()


#: The setting behind a parameter of a command. Of two, the later one counts.
_SETTINGS: Final = {
    "url": "url",
    "address": "url",
    "system": "system",
    "namespace": "namespace",
    "read_only": "read_only",
    "interval_s": "interval",
    "console_modules": "require",
    "ascii_only": "ascii",
}


@dataclass(frozen=True, slots=True)
class Connection:
    """What is in force. `url` is None when nothing names one: then the private server is meant.
    `is_read_only` refuses every change; `wants_redaction` is None when nothing was said;
    `shows_progress` is False where a program reads what is printed on a terminal."""

    url: str | None
    namespace: str
    is_read_only: bool = False
    settings: Settings = field(default_factory=Settings)
    wants_redaction: bool | None = None
    shows_progress: bool = True

    @property
    def system(self) -> str:
        """The name of the queue system."""
        return str(self.settings.values["system"])

    def named(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields of a line of JSON, with the system where it is not the usual one."""
        return fields if self.system == DEFAULTS["system"] else {"system": self.system, **fields}

    def redactor(self, *, is_whole: bool) -> Redactor:
        """What hides secrets in what is printed: unless told, only where it is not for programs,
        and not everything (`is_whole`)."""
        hides = not is_whole if self.wants_redaction is None else self.wants_redaction
        return self.settings.redactor if hides else OPEN

    def listing(
        self,
        columns: Sequence[OutputColumn[T]],
        fields: Callable[[T], Mapping[str, Any]],
        *,
        as_json: bool,
        limit: int = 0,
        redactor: Redactor | None = None,
    ) -> Listing[T]:
        """A listing whose secrets are hidden as `redactor` says; by default the usual one."""
        redactor = redactor or self.redactor(is_whole=as_json)

        def with_system(item: T) -> Mapping[str, Any]:
            return self.named(fields(item))

        return Listing(columns, with_system, as_json=as_json, redactor=redactor, limit=limit)

    @contextmanager
    def use(self) -> Iterator[str]:
        """The URL to use; the private server is started for it when needed, and stays while
        somebody uses it. Raises NoServer when there is none to be had."""
        if self.url is not None:
            yield self.url
            return
        from queuecore.server import PrivateServer, default_folder

        with PrivateServer(default_folder(os.environ)) as private:
            yield private.ensure()

    @contextmanager
    def environment(self, what: str, variables: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """The environment of a program that replaces this process: ours, the `variables` that are
        not None, and where its jobs are. The URL is in there because other users can read
        arguments. A private server is kept until the exec; the program takes its locks itself.
        Raises BadUrl, NoServer, and BadOption with --read-only: `what` changes Redis."""
        if self.is_read_only:
            raise BadOption(f"{what} changes Redis: leave out --read-only")
        usual = DEFAULTS["system"]
        if self.system != usual:
            raise BadOption(f"{what} works for {usual} only, not for {self.system}")
        given = {name: str(value) for name, value in variables.items() if value is not None}
        with self.use() as url:
            parse_url(url)
            yield {**os.environ, **given, "REDIS_URL": url, "RESQUE_NAMESPACE": self.namespace}

    @contextmanager
    def open(self) -> Iterator[Session]:
        """A session on that Redis, closed at the end. Raises BadUrl and NoServer; connects when
        something is run."""
        with self.use() as url, closing(Session(url, self)) as session:
            yield session

    @contextmanager
    def open_to_change(
        self, *touched: JobSource | str | None, dry_run: bool = False
    ) -> Iterator[Session]:
        """As `open`, for what changes these lists and queues, if they are named. Raises
        ChangeRefused with --read-only, unless it is a `dry_run`, and as `System.admit`."""
        names = [each if isinstance(each, str) else each.queue for each in touched if each]
        lists = [each.kind for each in touched if each and not isinstance(each, str)]
        with self.open() as session:
            if not dry_run:
                session.refuse_if_read_only()
            admitted = session.system.admit(filter(None, names), failures="failed" in lists)
            session.run(admitted)
            yield session


def connection_options(command: F) -> F:
    """Give a command `--url`, `--system`, `--namespace`, `--read-only` and `--profile`, handed to
    it together with what the settings file says as `connection`."""

    @click.option(
        "--url",
        envvar="REDIS_URL",
        show_envvar=True,
        help="redis://, rediss:// or unix:// URL. Default: a private server.",
    )
    @click.option(
        "--system",
        type=click.Choice([*SYSTEMS]),
        envvar="QTOP_SYSTEM",
        help="Which queue system is there. Default: resque.",
    )
    @click.option(
        "--namespace",
        envvar="RESQUE_NAMESPACE",
        help="What the keys begin with. Default: resque; for Sidekiq nothing.",
    )
    @click.option(
        "--read-only",
        is_flag=True,
        envvar="QTOP_READ_ONLY",
        help="Look, and refuse to change anything.",
    )
    @click.option(
        "--profile",
        metavar="NAME",
        help="A profile of the settings file: which Redis, and how. See qtop settings --help.",
    )
    @functools.wraps(command)
    def with_connection(*args: Any, profile: str | None, **kwargs: Any) -> Any:
        context = click.get_current_context()
        settings = settings_in_force(context, profile)
        given = ("url", "system", "namespace", "read_only")
        url, _, namespace, is_read_only = (settings.values[name] for name in given)
        is_for_programs = kwargs.get("as_json", False) and sys.stdout.isatty()
        connection = Connection(
            *(url, namespace, is_read_only, settings, kwargs.get("redact")), not is_for_programs
        )
        kept = {name: kwargs[name] for name in kwargs.keys() - {*given, "redact"}}
        return command(*args, connection=connection, **kept)

    return with_connection  # type: ignore[return-value]


def settings_in_force(context: click.Context, profile: str | None = None, **fixed: Any) -> Settings:
    """What the command line, the environment and the settings file say together; `fixed` goes
    before all. Reads the file, if there is one. What is unwise in it is printed as a warning.

    Raises BadSettings and BadOption.
    """
    file = SettingsFile.read(settings_path(os.environ))
    for warning in warnings(file):
        click.echo(f"qtop: warning: {warning}", err=True)
    environment = _given(context, ParameterSource.ENVIRONMENT) | undo_settings(os.environ)
    options = _given(context, ParameterSource.COMMANDLINE)
    options |= {name: Given(value, context.info_name or "") for name, value in fixed.items()}
    return resolve(file, profile=profile, options=options, environment=environment)


def _given(context: click.Context, source: ParameterSource) -> dict[str, Given]:
    """The settings that parameters of the command hold, and got from this source."""
    parameters = {each.name: each for each in context.command.params}
    found: dict[str, Given] = {}
    for name, setting in _SETTINGS.items():
        if context.get_parameter_source(name) != source:
            continue
        parameter = parameters[name]
        origin = parameter.opts[0] if isinstance(parameter, click.Option) else "the URL"
        if source == ParameterSource.ENVIRONMENT:
            origin = str(parameter.envvar)
        found[setting] = Given(context.params[name], origin)
    return found
