"""The options that several commands share, and what is read from their texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click
from click.core import ParameterSource

from qtop.config.settings import (
    WHERE,
    Given,
    Settings,
    SettingsFile,
    profiles_of,
    resolve,
    settings_path,
    undo_settings,
    warnings,
)
from queuecore.errors import BadOption, QueueError

if TYPE_CHECKING:
    from qtop.model.job import JobSource
    from qtop.search.filter_language import Filter

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

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

    if "@" in text:
        from qtop.search.saved_filters import expanded

        # The settings are read only where the filter may name one of theirs.
        context = click.get_current_context()
        file = SettingsFile.read(settings_path(os.environ))
        profile = _typed(context, "profile")
        # A URL keeps the default profile out.
        url = _typed(context, "url")
        options = {} if url is None else {"url": Given(url, "--url")}
        text = expanded(text, resolve(file, profile=profile, options=options).filters)
    return parse(text)


def _typed(context: click.Context, name: str) -> str | None:
    """The text of an option that was read already; None where it was not, or is not given."""
    text = context.params.get(name)
    return text if isinstance(text, str) else None


def _seconds(text: str) -> float:
    """A length of time: `90`, `30s`, `5m`, `1h30m`."""
    from qtop.search.filter_language import duration_s

    return float(text) if text.isdecimal() else duration_s(text)


#: Lists of a queue, as they are written before its name.
_OF_QUEUES: Final[tuple[Literal["queue", "unreadable", "quarantine"], ...]] = (
    "queue",
    "unreadable",
    "quarantine",
)


def _source(text: str) -> JobSource:
    from qtop.model.job import FAILED, JobSource

    kind, colon, name = text.partition(":")
    if text in ("retry", "dead"):
        return JobSource("failed", text)
    if text in ("scheduled", "delayed"):
        return JobSource("delayed", "")
    if kind == "failed":
        return JobSource("failed", name or FAILED)
    for each in _OF_QUEUES:
        if kind == each and colon:
            return JobSource(each, name)
    hint = "" if ":" in text else f"; for the queue write queue:{text}"
    raise ValueError(
        f"{text!r} is none of: failed, queue:NAME, scheduled, unreadable:NAME (unreadable items "
        "of a queue), quarantine:NAME, failed:LIST (where each queue has a list of failures), "
        f"retry, dead{hint}"
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
    "exception, queue, worker, args, args.0.key, id, retried:no, age>1h, failed:yesterday, "
    "after:08:00, before:2026-12-01; of queues waiting>100, workers:0, state:paused; of Sidekiq's "
    "also jid, state, tag; /regex/; words; @name for a filter of the settings.",
)
from_option = click.option(
    "--from",
    "source",
    type=SOURCE,
    required=True,
    metavar="SOURCE",
    help="Where: failed, queue:NAME, scheduled, or unreadable:NAME for unreadable items moved out "
    "of a queue; for Sidekiq's failures also retry or dead alone.",
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
    help="Log format (text); json: one object a line, for log collectors.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be done.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def limit_option(default: int) -> Callable[[F], F]:
    return click.option(
        "--limit",
        type=click.IntRange(0),
        default=default,
        show_default=default > 0,
        help="At most so many, of each system; 0: all.",
    )


def change_options(command: F) -> F:
    return json_option(dry_run_option(yes_option(command)))


# The settings that options and variables say.

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


def profile_names() -> list[str]:
    """The profiles of the settings file as it is now, sorted; none where it cannot be read."""
    try:
        return profiles_of(SettingsFile.read(settings_path(os.environ)))
    except BadOption:
        return []


def settings_of_profile(context: click.Context, profile: str) -> Settings:
    """What is in force on a profile that is named while the console runs. What the command line and
    the environment say of where the jobs are was said of another place; the rest of it stays.

    Raises BadSettings and BadOption.
    """
    file = SettingsFile.read(settings_path(os.environ))
    environment = _given(context, ParameterSource.ENVIRONMENT) | undo_settings(os.environ)
    options = _given(context, ParameterSource.COMMANDLINE)
    said = [{k: v for k, v in each.items() if k not in WHERE} for each in (options, environment)]
    return resolve(file, profile=profile, options=said[0], environment=said[1])


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
