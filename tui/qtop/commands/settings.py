"""`qtop settings`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import click

from qtop.commands.connection import Connection, connection_options
from qtop.commands.options import json_option
from qtop.commands.output import Listing, OutputColumn, line, message
from qtop.config.settings import WHERE, Settings, settings_path
from qtop.text.safe import safe
from queuecore.address import parse_url
from queuecore.errors import BadUrl

_COLUMNS: Final[tuple[OutputColumn[SettingRow], ...]] = (
    OutputColumn("SETTING", lambda row: row[0]),
    OutputColumn("VALUE", lambda row: safe(_words(row[1])), may_shrink=True),
    OutputColumn("FROM", lambda row: safe(row[2]), may_shrink=True),
)
_DEFAULT = "default"

SettingRow = tuple[str, Any, str]


@click.command()
@connection_options
@json_option
@click.option("--path", "only_path", is_flag=True, help="Print the path of the file.")
def settings(connection: Connection, as_json: bool, only_path: bool) -> None:
    """Show the settings in force, and where each comes from.

    They are in a TOML file ($QTOP_CONFIG, else in the user's configuration folder), its top for all
    and [profiles.NAME] for one Redis each. Precedence: option, environment, profile, top of the
    file, default. The profile `default` is used when nothing says which Redis. A profile may list
    [[profiles.NAME.places]] with system and url each instead of a url. A url or a place may hold
    ${VARIABLE}; passwords are never printed.

    \b
    Example: qtop settings --profile production
    """
    path = settings_path(os.environ)
    if only_path:
        line(safe(str(path)))
        return
    in_force = connection.settings
    if any((in_force.keys, in_force.columns, in_force.filters, in_force.commands)):
        # Imported here: the screens are large, and such settings are rare.
        from qtop.screens.base import check_settings

        check_settings(in_force)
    if not path.exists():
        message(f"no {path}: these are the defaults, the environment and the options")
    Listing(_COLUMNS, _fields, as_json=as_json).print_all(list(_rows(connection.settings)))


def _rows(settings: Settings) -> Iterator[SettingRow]:
    origins = settings.origins
    yield "profile", settings.profile, "" if settings.profile is None else "in force"
    for place in settings.places:
        where = f"{place.system}, {place.address}"
        if place.namespace:
            where += f", namespace {place.namespace}"
        yield f"places.{place.label}", where, settings.place_origin
    for name, value in settings.values.items():
        if settings.places and name in WHERE and name not in origins:
            continue
        shown = _without_password(value) if name == "url" else value
        yield name, shown, origins.get(name, _DEFAULT)
    for name, value in asdict(settings.thresholds).items():
        yield f"thresholds.{name}", value, origins.get(f"thresholds.{name}", _DEFAULT)
    for name, value in asdict(settings.alerts).items():
        yield f"alerts.{name}", value, origins.get(f"alerts.{name}", _DEFAULT)
    for table in ("columns", "keys", "filters"):
        for name, value in settings.tables.get(table, {}).items():
            yield f"{table}.{name}", value, origins[f"{table}.{name}"]
    for command in settings.commands:
        name = f"commands.{command.name}"
        yield name, shlex.join(command.run), origins[name]


def _without_password(url: str | None) -> str | None:
    try:
        return None if url is None else str(parse_url(url))
    except BadUrl as error:
        return f"unusable: {error}"


def _words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fields(row: SettingRow) -> dict[str, Any]:
    name, value, origin = row
    return {"setting": name, "value": value, "from": origin or None}
