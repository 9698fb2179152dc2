"""Settings of the console and the commands: from options, the environment, a profile, the file.

A profile describes one Redis. It is in force when it was named. The profile `default` is also in
force when nothing says which Redis to use.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import stat
import string
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from qtop.config.limits import MOST_UNDO, Thresholds, UndoLimits
from qtop.config.own_commands import OwnCommand, read_own_command
from qtop.config.places import PlaceOptions, labelled
from qtop.keymap import keymap
from qtop.keymap.keymap import ALLOWED, is_key, key_name
from qtop.text.redact import OPEN, Redactor
from qtop.text.safe import unknown
from queuecore.action_record import DEFAULT_UNDO_BYTES, DEFAULT_UNDO_S
from queuecore.address import parse_url
from queuecore.errors import BadOption, BadUrl
from queuecore.home import expanded

# The settings file: TOML, and the line of each value in it.

#: A key at the beginning of a line, or the name of a table: bare or quoted, with dots between.
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_NAME: Final = rf"{_PART}(?:\s*\.\s*{_PART})*"
_LINE: Final = re.compile(
    rf"\s*(?:\[\s*(?P<table>{_NAME})\s*\]|\[\[\s*(?P<item>{_NAME})\s*\]\]|(?P<key>{_NAME})\s*=)"
)
_AT: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


class BadSettings(BadOption):
    """A settings file or a value in it cannot be used. The message names the file, the line and
    what is allowed."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file that was read. If there is none, `tree` is empty, and `path` its place."""

    path: Path
    tree: Mapping[str, Any]
    #: The line of each key and table by its path, found by a simple search of the text.
    lines: Mapping[tuple[str, ...], int]
    is_open_to_others: bool = False  # Other users can read it.
    is_safe_from_others: bool = True  # Only its user and root can change it.

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; one that does not exist has no settings. Raises BadSettings."""
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                raw = file.read()
            text = raw.decode("utf-8-sig")  # Some editors write a byte order mark.
            tree = tomllib.loads(text)
        except (FileNotFoundError, NotADirectoryError):
            return cls(path, {}, {})
        except OSError as error:
            raise BadSettings(
                f"{path} cannot be read ({error.strerror}): make it readable, or name another "
                "file in QTOP_CONFIG"
            ) from None
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise BadSettings(f"{path}:{line}: this is not UTF-8: save it as UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise BadSettings(_not_toml(path, str(error), text)) from None
        is_open = bool(status.st_mode & (stat.S_IRGRP | stat.S_IROTH))
        is_ours = status.st_uid in (os.geteuid(), 0)
        is_safe = is_ours and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        return cls(path, tree, _places(text), is_open, is_safe)

    def place(self, *keys: str) -> str:
        """`file:line` of a key, or of the innermost table around it that can be found."""
        for end in range(len(keys), 0, -1):
            line = self.lines.get(keys[:end])
            if line is not None:
                return f"{self.path}:{line}"
        return str(self.path)


def settings_path(environ: Mapping[str, str]) -> Path:
    """Where the settings are: `$QTOP_CONFIG`, else the platform's place for them, else, where there
    is no home, an empty file. Raises BadOption when the variable cannot be used."""
    if chosen := environ.get("QTOP_CONFIG"):
        return expanded(chosen, "QTOP_CONFIG")
    from platformdirs import user_config_path

    try:
        return user_config_path("qtop") / "qtop.toml"
    except RuntimeError:
        return Path(os.devnull)


def _not_toml(path: Path, error: str, text: str) -> str:
    found = _AT.search(error)
    line = text.count("\n") + 1 if found is None or found[1] is None else int(found[1])
    return f"{path}:{line}: this is not TOML: {_AT.sub('', error)}"


def _places(text: str) -> Mapping[tuple[str, ...], int]:
    """The line of each table and key. A line within a string of several lines may look like a key:
    the first line with a name counts, so at worst a message names the wrong line."""
    table: tuple[str, ...] = ()
    lines: dict[tuple[str, ...], int] = {}
    items: Counter[tuple[str, ...]] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.match(line)
        if found is None:
            continue
        if found["table"] is not None:
            table = _parts(found["table"])
            lines.setdefault(table, number)
        elif found["item"] is not None:
            # Each item of a list of tables has its number in its path.
            of = _parts(found["item"])
            table = (*of, str(items[of]))
            items[of] += 1
            lines.setdefault(of, number)
            lines[table] = number
        else:
            name = (*table, *_parts(found["key"]))
            for end in range(len(table) + 1, len(name) + 1):
                lines.setdefault(name[:end], number)
    return lines


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, name))


# The settings there are, and what each may be.

#: What may be in braces in a command that starts workers.
COMMAND_WORDS: Final = ("queues", "namespace", "url", "interval")

#: Takes the value from TOML and returns that of the setting, or raises ValueError with what is
#: allowed.
ReadSetting = Callable[[Any], Any]


#: What the themes are called: ours, and those of Textual whose states can be read.
THEMES: Final = (
    *("dark", "light", "atom-one-dark", "atom-one-light", "catppuccin-frappe"),
    *("catppuccin-latte", "catppuccin-macchiato", "catppuccin-mocha", "dracula", "flexoki"),
    *("gruvbox", "monokai", "nord", "rose-pine", "rose-pine-dawn", "rose-pine-moon"),
    *("solarized-dark", "solarized-light", "textual-dark", "textual-light", "tokyo-night"),
)


def _one_of(is_allowed: Callable[[Any], bool], allowed: str) -> ReadSetting:
    def read(value: Any) -> Any:
        if not is_allowed(value):
            raise ValueError(f"must be {allowed}")
        return value

    return read


_text = _one_of(lambda value: isinstance(value, str) and value != "", "a text")
_switch = _one_of(lambda value: isinstance(value, bool), "true or false")
_theme = _one_of(lambda value: value in THEMES, f"one of {', '.join(THEMES)}")


def _number(least: float, most: float) -> ReadSetting:
    def read(value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not (math.isfinite(value) and least <= value <= most):
            raise ValueError(f"must be a number from {least:g} to {most:,.10g}")
        return float(value)

    return read


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise ValueError('must be a list of texts, like ["one", "two"]')
    return tuple(value)


def _patterns(value: Any) -> tuple[str, ...] | bool:
    """`true` hides the values of the usual names, `false` hides nothing."""
    if isinstance(value, bool):
        return value
    try:
        return _texts(value)
    except ValueError as error:
        raise ValueError(f"{error}, or false to hide nothing") from None


def _prefixes(value: Any) -> tuple[str, ...]:
    """Beginnings of names, each written with a `*` at its end."""
    texts = _texts(value)
    if any(not text.endswith("*") or "*" in text[:-1] or text == "*" for text in texts):
        raise ValueError('must be beginnings of queues\' names, like ["tenant_*"]')
    return tuple(text[:-1] for text in texts)


def _columns(value: Any) -> tuple[str, ...]:
    shown = _texts(value)
    if not shown or len(set(shown)) < len(shown):
        raise ValueError("must name at least one column, and each once")
    return shown


def _keys(value: Any) -> tuple[str, ...]:
    keys = (value,) if isinstance(value, str) else _texts(value)
    wrong = [key for key in keys if not is_key(key)]
    if wrong or not keys:
        named = f"cannot be {wrong[0]!r}" if wrong else "must have at least one key"
        raise ValueError(f"{named}: {ALLOWED}")
    return tuple(map(key_name, keys))


def _command(value: Any) -> str:
    command: str = _text(value)
    try:
        words = [word for _, word, _, _ in string.Formatter().parse(command) if word is not None]
        shlex.split(command)
    except ValueError as error:
        raise ValueError(f"is no command ({error})") from None
    allowed = " and ".join(f"{{{word}}}" for word in COMMAND_WORDS)
    if not set(words) <= set(COMMAND_WORDS) or "queues" not in words:
        raise ValueError(f"must hold {{queues}}, and in braces nothing but {allowed}")
    return command


#: The systems there are: the namespace that each usually has, and the variable that says another.
SYSTEMS: Final[Mapping[str, tuple[str, str | None]]] = {
    # As Resque calls it.
    "resque": ("resque", "RESQUE_NAMESPACE"),
    "sidekiq": ("", None),
}
#: All systems that are there.
ALL: Final = "all"
_system = _one_of(lambda value: value in (*SYSTEMS, ALL), '"resque", "sidekiq" or "all"')
_system_of_place = _one_of(lambda value: value in SYSTEMS, '"resque" or "sidekiq"')
_namespace_of_place = _one_of(lambda value: isinstance(value, str), "a text")
_label = _one_of(
    lambda value: isinstance(value, str) and re.fullmatch(r"[^\s\"/!]{1,40}", value) is not None,
    'one word of at most 40 characters, without ", / and !',
)

#: The shortest and the longest time between two polls.
INTERVAL_S: Final = (0.25, 60.0)

#: The settings with one value: how it is read, and its default.
_VALUES: Final[Mapping[str, tuple[ReadSetting, Any]]] = {
    "url": (_text, None),
    "namespace": (_text, "resque"),
    "system": (_system, ALL),
    "interval": (_number(*INTERVAL_S), 1.0),
    "theme": (_theme, "dark"),
    "production": (_switch, False),
    "read_only": (_switch, False),
    "ascii": (_switch, False),
    "fold": (_prefixes, ()),
    "fold_from": (_number(0, 1e6), 0.0),
    "redact": (_patterns, True),
    "require": (_texts, ()),
    "undo_hours": (_number(0, MOST_UNDO), DEFAULT_UNDO_S / 3600),
    "undo_mib": (_number(0, MOST_UNDO), DEFAULT_UNDO_BYTES / 2**20),
    "worker_command": (_command, None),
}
SCALARS: Final[Mapping[str, ReadSetting]] = {name: read for name, (read, _) in _VALUES.items()}
DEFAULTS: Final[Mapping[str, Any]] = {name: usual for name, (_, usual) in _VALUES.items()}


class _AnyName(dict[str, ReadSetting]):
    """The readers of a table whose names people choose."""

    def __init__(self, read: ReadSetting) -> None:
        super().__init__()
        self._read = read

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _CHOSEN_NAME.fullmatch(name) is not None

    def __missing__(self, name: str) -> ReadSetting:
        return self._read


#: A name that people choose: a word that can be typed into a line.
_CHOSEN_NAME: Final = re.compile(r"[A-Za-z][\w-]{0,39}")
SCREENS: Final = (*keymap.SCREENS, "jobs")
#: The settings that are tables, and what each may hold.
TABLES: Final[Mapping[str, Mapping[str, ReadSetting]]] = {
    "thresholds": {
        each.name: _number(0, 1 if each.name.endswith("_part") else 1e9)
        for each in fields(Thresholds)
    },
    "columns": dict.fromkeys(SCREENS, _columns),
    "alerts": {"bell": _switch, "notify": _switch, "command": _texts},
    "keys": {action.id: _keys for action in keymap.ACTIONS},
    "filters": _AnyName(_text),
    "commands": _AnyName(read_own_command),
}

#: What each place of a profile says; the first two must be there.
_PLACE: Final[Mapping[str, ReadSetting]] = {
    "system": _system_of_place,
    "url": _text,
    "namespace": _namespace_of_place,
    "label": _label,
}
_NEEDED: Final = ("system", "url")
PLACES: Final = "places"

DEFAULT_PROFILE: Final = "default"
_PROFILES: Final = "profiles"
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
#: Settings that run a program: others who can write them could run it with this user's rights.
_RUNS: Final = ("worker_command", "require", "alerts", "commands")
#: Settings that say where the jobs are: a profile that was named goes before the environment.
WHERE: Final = ("url", "system", "namespace")


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and where it comes from: an option, a variable, a place in the file."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Alerts:
    """What is done about a new CRIT: the bell of the terminal rings, the terminal shows a
    notification (OSC 9), a command is run, whose last argument says what is wrong."""

    bell: bool = False
    notify: bool = False
    command: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return not (self.bell or self.notify or self.command)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, and the profile if there is one."""

    #: Those with one value, by name.
    values: Mapping[str, Any] = field(default_factory=lambda: DEFAULTS)
    #: `thresholds`, `columns`, `alerts`, `keys`, `filters`, `commands`: what was set in them.
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Where each setting comes from that has not its default; `keys.requeue` for one of a table.
    origins: Mapping[str, str] = field(default_factory=dict)
    profile: str | None = None
    #: Those of the profile, if they are in force: `url`, `namespace` and `system` have no meaning
    #: then, except that `system` may choose some of them.
    places: tuple[PlaceOptions, ...] = ()
    #: Where they are in the file.
    place_origin: str = ""

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(**self.tables.get("thresholds", {}))

    @property
    def alerts(self) -> Alerts:
        return Alerts(**self.tables.get("alerts", {}))

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The columns to show, by screen."""
        return self.tables.get("columns", {})

    @property
    def keys(self) -> Mapping[str, tuple[str, ...]]:
        """Rebound keys, by the action's id."""
        return self.tables.get("keys", {})

    @property
    def commands(self) -> tuple[OwnCommand, ...]:
        """The programs that can be run about a row."""
        named = self.tables.get("commands", {})
        return tuple(replace(each, name=name) for name, each in named.items())

    def with_columns(self, screen: str, keys: tuple[str, ...]) -> Settings:
        """The same with other columns of a screen, which a person chose there."""
        tables = {**self.tables, "columns": {**self.columns, screen: keys}}
        return replace(self, tables=tables)

    @property
    def filters(self) -> Mapping[str, str]:
        """The saved filters, by their names."""
        return self.tables.get("filters", {})

    @property
    def redactor(self) -> Redactor:
        patterns = self.values["redact"]
        if isinstance(patterns, bool):
            return Redactor() if patterns else OPEN
        return Redactor(patterns)

    @property
    def undo_limits(self) -> UndoLimits:
        return UndoLimits.of(self.values["undo_hours"], self.values["undo_mib"])

    @property
    def production(self) -> str | None:
        """The word to type before a large action: the profile's name if it is of production, else
        None."""
        return (self.profile or "production") if self.values["production"] else None


def undo_settings(environ: Mapping[str, str]) -> dict[str, Given]:
    """`undo_hours` and `undo_mib` where QTOP_UNDO_HOURS and QTOP_UNDO_MIB set them. Raises
    BadOption."""
    found: dict[str, Given] = {}
    for name in ("undo_hours", "undo_mib"):
        variable = f"QTOP_{name.upper()}"
        if text := environ.get(variable):
            try:
                found[name] = Given(SCALARS[name](float(text)), variable)
            except ValueError:
                allowed = f"a number from 0 to {MOST_UNDO:,}"
                raise BadOption(f"{variable} must be {allowed}, not {text!r}") from None
    return found


def resolve(
    file: SettingsFile,
    *,
    profile: str | None = None,
    options: Mapping[str, Given] | None = None,
    environment: Mapping[str, Given] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Find out which settings are in force.

    The command line (`options`) goes before the environment, that before the profile, that before
    the top of the file, that before the defaults. Except that URL and namespace of a profile that
    was named go before the environment. Without a namespace it is the usual one of the system;
    the variable of another system sets none. A profile with `places` says all of that; only a URL
    of the command line goes before them. `environ` has the variables for `${NAME}` in a URL or a
    place; by default those of this process. Raises BadSettings for anything wrong in the file, in
    any profile.
    """
    options, environment = options or {}, environment or {}
    environ = os.environ if environ is None else environ
    profiles = _profiles(file)
    top = _section(file, ())
    is_named = profile is not None
    if profile is not None and profile not in profiles:
        hint = unknown(profile, sorted(profiles))
        raise BadSettings(f"{file.path}: there is no profile {profile!r}{hint}")
    if profile is None and DEFAULT_PROFILE in profiles and "url" not in {*environment, *options}:
        profile = DEFAULT_PROFILE
    chosen = dict(profiles[profile]) if profile is not None else {}
    listed = chosen.pop(PLACES, None)
    places: tuple[PlaceOptions, ...] = ()
    place_origin = ""
    if listed is not None and "url" not in options:
        place_origin = listed.origin
        places = _places_of(listed, options, environ)
        top, environment = _without_where(top), _without_where(environment)
    if is_named:
        environment = {k: v for k, v in environment.items() if not (k in WHERE and k in chosen)}
    given = {**top, **chosen, **environment, **options}
    system = given["system"].value if "system" in given else DEFAULTS["system"]
    # Where all are looked for, it is Resque's namespace that is said.
    usual, variable = SYSTEMS.get(system, SYSTEMS["resque"])
    named = environment.get("namespace")
    if named is not None and named.origin != variable:
        environment = {name: each for name, each in environment.items() if name != "namespace"}
        given = {**top, **chosen, **environment, **options}
    values: dict[str, Any] = {**DEFAULTS, "namespace": usual}
    tables: dict[str, dict[str, Any]] = {}
    for name, each in given.items():
        table, _, key = name.partition(".")
        if key:
            tables.setdefault(table, {})[key] = each.value
        else:
            values[name] = each.value
    if "url" in given and "url" not in {*environment, *options}:
        values["url"] = _expanded("url", given["url"], environ)
    origins = {k: v.origin for k, v in given.items()}
    return Settings(values, tables, origins, profile, places, place_origin)


def _without_where(given: Mapping[str, Given]) -> dict[str, Given]:
    return {name: each for name, each in given.items() if name not in WHERE}


def _places_of(
    listed: Given, options: Mapping[str, Given], environ: Mapping[str, str]
) -> tuple[PlaceOptions, ...]:
    """The places of a profile, with the variables filled in."""
    if "namespace" in options:
        raise BadOption(
            f"{options['namespace'].origin}: the places of the profile ({listed.origin}) have "
            "namespaces of their own: leave it out, or name a --url"
        )
    found: list[PlaceOptions] = []
    for place in listed.value:
        said = {name: _expanded(name, each, environ) for name, each in place.items()}
        system = said["system"]
        namespace = said.get("namespace", SYSTEMS[system][0])
        if system == "resque" and not namespace:
            where = place["namespace"].origin
            raise BadSettings(f"{where}: namespace must not be empty: Resque always has one")
        address = parse_url(said["url"])
        same = (each for each in found if (each.label and each.label == said.get("label")))
        if next(same, None) is not None:
            raise BadSettings(f"{place['label'].origin}: another place has the same label")
        options_of = PlaceOptions(said.get("label", ""), system, address, namespace, said["url"])
        found.append(options_of)
    return labelled(found)


def warnings(file: SettingsFile) -> list[str]:
    """What is allowed in a file, but unwise."""
    if not file.is_open_to_others:
        return []
    sections = {**_profiles(file), "": _section(file, ())}
    return [
        f"{file.path} can be read by others and holds a password "
        f"({f'profile {name!r}' if name else 'top level'}): chmod 600 {file.path}"
        for name, section in sections.items()
        if any(map(_has_password, _urls(section)))
    ][:1]


def _urls(section: Mapping[str, Given]) -> Iterator[str]:
    if "url" in section:
        yield section["url"].value
    if PLACES in section:
        yield from (place["url"].value for place in section[PLACES].value)


def _has_password(url: str) -> bool:
    try:
        return bool(urlsplit(_VARIABLE.sub("", url)).password)
    except ValueError:
        return "@" in url


def profiles_of(file: SettingsFile) -> list[str]:
    """The names of the profiles in a file, sorted. Raises BadSettings."""
    return sorted(_profiles(file))


def _profiles(file: SettingsFile) -> dict[str, dict[str, Given]]:
    found = file.tree.get(_PROFILES, {})
    if not isinstance(found, dict):
        raise BadSettings(f"{file.place(_PROFILES)}: {_PROFILES} must be tables [{_PROFILES}.NAME]")
    return {name: _section(file, (_PROFILES, name)) for name in found}


def _section(file: SettingsFile, path: tuple[str, ...]) -> dict[str, Given]:
    """The settings at the top of the file or of a profile, each checked."""
    tree: Any = file.tree
    for name in path:
        tree = tree[name]
    if not isinstance(tree, dict):
        raise BadSettings(f"{file.place(*path)}: {path[-1]} must be a table [{'.'.join(path)}]")
    found: dict[str, Given] = {}
    for name, value in tree.items():
        if name in _RUNS and not file.is_safe_from_others:
            raise BadSettings(
                f"{file.place(*path, name)}: others can write this file, and {name} runs with "
                f"your rights: own it, and run chmod go-w {file.path}"
            )
        if name in TABLES:
            found |= _table(file, (*path, name), TABLES[name], value)
        elif name in SCALARS:
            found[name] = _read(file, (*path, name), SCALARS[name], value)
            if name == "url" and not _VARIABLE.search(value):
                _check_url(found[name], value)
        elif path and name == PLACES:
            found[name] = _read_places(file, (*path, name), value, tree)
        elif path or name != _PROFILES:
            more = (PLACES,) if path else (_PROFILES,)
            hint = unknown(name, (*SCALARS, *TABLES, *more))
            raise BadSettings(f"{file.place(*path, name)}: unknown {name!r}{hint}")
    return found


def _read_places(
    file: SettingsFile, path: tuple[str, ...], value: Any, beside: Mapping[str, Any]
) -> Given:
    """The places of a profile, each a value for each of its keys, as they are written."""
    for name in WHERE:
        if name in beside:
            where = file.place(*path[:-1], name)
            raise BadSettings(
                f"{where}: {name} and {PLACES} exclude each other: each place says its own"
            )
    if not isinstance(value, list) or not value or not all(isinstance(p, dict) for p in value):
        raise BadSettings(f"{file.place(*path)}: places must be tables [[{'.'.join(path)}]]")
    found: list[dict[str, Given]] = []
    for number, place in enumerate(value):
        at = (*path, str(number))
        found.append({name: _read_of_place(file, at, name, said) for name, said in place.items()})
        missing = next((name for name in _NEEDED if name not in place), None)
        if missing is not None:
            raise BadSettings(f"{file.place(*at)}: the place has no {missing}")
    return Given(found, file.place(*path))


def _read_of_place(file: SettingsFile, path: tuple[str, ...], name: str, value: Any) -> Given:
    if name not in _PLACE:
        where = file.place(*path, name)
        raise BadSettings(f"{where}: unknown {name!r} in a place{unknown(name, _PLACE)}")
    if isinstance(value, str) and _VARIABLE.search(value):
        return Given(value, file.place(*path, name))
    given = _read(file, (*path, name), _PLACE[name], value)
    if name == "url":
        _check_url(given, value)
    return given


def _table(
    file: SettingsFile, path: tuple[str, ...], readers: Mapping[str, ReadSetting], value: Any
) -> dict[str, Given]:
    if not isinstance(value, dict):
        raise BadSettings(f"{file.place(*path)}: {path[-1]} must be a table")
    found: dict[str, Given] = {}
    for name, inner in _flat(value, readers):
        if name not in readers:
            where, hint = file.place(*path, *name.split(".")), unknown(name, readers)
            raise BadSettings(f"{where}: unknown {name!r} in {path[-1]}{hint}")
        written = (name,) if name in value else tuple(name.split(".", 1))
        given = _read(file, (*path, *written), readers[name], inner)
        found[f"{path[-1]}.{name}"] = given
    return found


def _flat(value: Mapping[str, Any], known: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The pairs of a table. For TOML, `table.down = "n"` without quotes is a table within it."""
    pairs: list[tuple[str, Any]] = []
    for name, inner in value.items():
        if isinstance(inner, dict) and name not in known:
            pairs += [(f"{name}.{rest}", each) for rest, each in inner.items()]
        else:
            pairs.append((name, inner))
    return pairs


def _read(file: SettingsFile, path: tuple[str, ...], reader: ReadSetting, value: Any) -> Given:
    where = file.place(*path)
    try:
        return Given(reader(value), where)
    except ValueError as error:
        raise BadSettings(f"{where}: {path[-1]} {error}") from None


def _expanded(key: str, given: Given, environ: Mapping[str, str]) -> str:
    """A text of the file with the variables of the environment filled in, read as a URL or what
    else the key of a place is."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in environ:
            raise BadSettings(f"{given.origin}: {key} needs the variable {name}, which is not set")
        return environ[name]

    text = _VARIABLE.sub(value, given.value)
    if key == "url":
        _check_url(given, text)
        return text
    try:
        return str(_PLACE[key](text))
    except ValueError as error:
        raise BadSettings(f"{given.origin}: {key} {error}") from None


def _check_url(given: Given, url: str) -> None:
    try:
        parse_url(url)
    except BadUrl as error:
        raise BadSettings(f"{given.origin}: {error}") from None
