"""Which Redis a command talks to, and what else options, environment and settings file say."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from qtop.commands.options import REDACT
from qtop.config.file import SettingsFile, settings_path
from qtop.config.settings import Given, Settings, resolve, warnings
from qtop.config.undo_limits import UNDO_HOURS, UNDO_MIB, undo_settings
from qtop.text.redact import OPEN, Redactor

if TYPE_CHECKING:
    from qtop.commands.session import Session

F = TypeVar("F", bound=Callable[..., Any])

#: The setting behind a parameter of a command. Of two, the later one counts.
_SETTINGS: Final = {
    "url": "url",
    "address": "url",
    "namespace": "namespace",
    "read_only": "read_only",
    "interval_s": "interval",
    "console_modules": "require",
    "ascii_only": "ascii",
}


@dataclass(frozen=True, slots=True)
class Connection:
    """What is in force. `url` is None when nothing names one: then the private server is meant.
    `is_read_only` refuses every change; `wants_redaction` is None when nothing was said."""

    url: str | None
    namespace: str
    is_read_only: bool = False
    settings: Settings = field(default_factory=Settings)
    wants_redaction: bool | None = None

    def redactor(self, *, is_whole: bool) -> Redactor:
        """What hides secrets in what is printed: unless told, only where it is not for programs,
        and not everything (`is_whole`)."""
        hides = not is_whole if self.wants_redaction is None else self.wants_redaction
        return self.settings.redactor if hides else OPEN

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
    def open(self) -> Iterator[Session]:
        """A session on that Redis, closed at the end. Raises BadUrl and NoServer; connects when
        something is run."""
        # Imported here: help and usage errors need none of it.
        from qtop.commands.session import Session

        with self.use() as url, closing(Session(url, self)) as session:
            yield session


def connection_options(command: F) -> F:
    """Give a command `--url`, `--namespace`, `--read-only` and `--profile`, handed to it together
    with what the settings file says as `connection`."""

    @click.option(
        "--url",
        envvar="REDIS_URL",
        show_envvar=True,
        help="redis://, rediss:// or unix:// URL. Default: a private server.",
    )
    @click.option(
        "--namespace",
        envvar="RESQUE_NAMESPACE",
        help="What Resque's keys begin with. Default: resque.",
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
    def with_connection(
        *args: Any,
        url: str | None,
        namespace: str | None,
        read_only: bool,
        profile: str | None,
        **kwargs: Any,
    ) -> Any:
        context = click.get_current_context()
        settings = settings_in_force(context, profile)
        values = settings.values
        connection = Connection(
            values["url"],
            values["namespace"],
            values["read_only"],
            settings,
            context.meta.get(REDACT),
        )
        return command(*args, connection=connection, **kwargs)

    return with_connection  # type: ignore[return-value]


def settings_in_force(context: click.Context, profile: str | None = None, **fixed: Any) -> Settings:
    """What the command line, the environment and the settings file say together; `fixed` goes
    before all. Reads the file, if there is one. What is unwise about it is told.

    Raises BadSettings and BadOption.
    """
    file = SettingsFile.read(settings_path(os.environ))
    for warning in warnings(file):
        click.echo(f"qtop: warning: {warning}", err=True)
    environment = _given(context, ParameterSource.ENVIRONMENT)
    undo = undo_settings(os.environ)
    for name, variable in (("undo_hours", UNDO_HOURS), ("undo_mib", UNDO_MIB)):
        if variable in undo:
            environment[name] = Given(undo[variable], variable)
    options = _given(context, ParameterSource.COMMANDLINE)
    options |= {name: Given(value, context.info_name or "") for name, value in fixed.items()}
    return resolve(file, profile=profile, options=options, environment=environment)


def _given(context: click.Context, source: ParameterSource) -> dict[str, Given]:
    """The settings that parameters of the command hold, and got from this source."""
    parameters: Mapping[str, click.Parameter] = {
        each.name: each for each in context.command.params if each.name is not None
    }
    found: dict[str, Given] = {}
    for name, setting in _SETTINGS.items():
        parameter = parameters.get(name)
        if parameter is None or context.get_parameter_source(name) != source:
            continue
        origin = parameter.opts[0] if isinstance(parameter, click.Option) else "the URL"
        if source == ParameterSource.ENVIRONMENT:
            origin = str(parameter.envvar)
        found[setting] = Given(context.params[name], origin)
    return found
