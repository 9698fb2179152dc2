"""The settings file: TOML, and the line of each value in it."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from queuecore.errors import BadOption
from queuecore.home import expanded

#: A key at the beginning of a line, or the name of a table: bare or quoted, with dots between.
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_NAME: Final = rf"{_PART}(?:\s*\.\s*{_PART})*"
_LINE: Final = re.compile(rf"\s*(?:\[\s*(?P<table>{_NAME})\s*\]|(?P<key>{_NAME})\s*=)")
_AT: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


class BadSettings(BadOption):
    """A settings file or a value in it cannot be used. The message names the file, the line and
    what is allowed."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file that was read. Without one, `tree` is empty, and `path` is where it would be.

    Attributes:
        path: Where the file is.
        tree: What TOML read.
        lines: The line of each key and table by its path, found by a simple search of the text.
        is_open_to_others: Other users can read it.
        is_safe_from_others: Only its user and root can change it.
    """

    path: Path
    tree: Mapping[str, Any]
    lines: Mapping[tuple[str, ...], int]
    is_open_to_others: bool = False
    is_safe_from_others: bool = True

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
        open_to_others = bool(status.st_mode & (stat.S_IRGRP | stat.S_IROTH))
        return cls(path, tree, dict(_places(text)), open_to_others, _is_ours(status))

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


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _not_toml(path: Path, error: str, text: str) -> str:
    found = _AT.search(error)
    line = text.count("\n") + 1 if found is None or found[1] is None else int(found[1])
    return f"{path}:{line}: this is not TOML: {_AT.sub('', error)}"


def _places(text: str) -> Mapping[tuple[str, ...], int]:
    """The line of each table and key. A line within a string of several lines may look like a key:
    the first line with a name counts, so at worst a message names the wrong line."""
    table: tuple[str, ...] = ()
    lines: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.match(line)
        if found is None:
            continue
        if found["table"] is not None:
            table = _parts(found["table"])
            lines.setdefault(table, number)
        else:
            name = (*table, *_parts(found["key"]))
            for end in range(len(table) + 1, len(name) + 1):
                lines.setdefault(name[:end], number)
    return lines


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, name))
