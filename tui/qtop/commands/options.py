"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from resque.errors import ResqueError

if TYPE_CHECKING:
    from qtop.search.filter_language import Filter

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_LIMIT = 100


class _FilterType(click.ParamType["Filter"]):
    """Text of the filter language; see `qtop.search.filter_language`."""

    name = "filter"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Filter:
        # Imported here: showing the help needs none of it.
        from qtop.search.filter_language import Filter, parse

        if isinstance(value, Filter):
            return value
        try:
            return parse(value)
        except ResqueError as error:
            self.fail(str(error), param, ctx)


class _SpanType(click.ParamType[float]):
    """A length of time: `90`, `30s`, `5m`, `1h30m`."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from qtop.search.filter_language import duration_s

        if isinstance(value, float):
            return value
        try:
            return float(value) if str(value).isdecimal() else duration_s(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


FILTER = _FilterType()
SPAN = _SpanType()

filter_option = click.option(
    "--filter",
    "wanted",
    type=FILTER,
    default="",
    help="Which ones, e.g. 'class:Mailers::* age<1h !error:timeout'. Fields: class, error, "
    "exception, queue, worker, args, args.0.key, id, retried:no, age>1h; /regex/; words.",
)


def _remember(context: click.Context, parameter: click.Parameter, value: bool | None) -> None:
    context.meta[REDACT] = value


REDACT = "qtop.text.redact"
"""Where a command's context keeps what was said about secrets: yes, no or nothing."""

redact_option = click.option(
    "--redact/--no-redact",
    default=None,
    expose_value=False,
    callback=_remember,
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
    """`--limit`: how many to show at most; 0 is all."""
    return click.option(
        "--limit",
        type=click.IntRange(0),
        default=default,
        show_default=default > 0,
        help="How many at most; 0: all.",
    )


def listing_options(default_limit: int = 0) -> Callable[[F], F]:
    """`--filter`, `--limit`, `--json` and `--redact`."""

    def decorate(command: F) -> F:
        return filter_option(limit_option(default_limit)(json_option(redact_option(command))))

    return decorate
