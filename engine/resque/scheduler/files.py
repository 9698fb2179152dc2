"""Schedules from a file: TOML, or YAML as resque-scheduler has it. A table for each schedule, its
name as the key. Errors tell file, line and schedule.

    [nightly]                          nightly:
    cron = "0 3 * * * Europe/Berlin"     cron: "0 3 * * * Europe/Berlin"
    class = "Cleanup"                    class: Cleanup
    queue = "low"                        queue: low

A schedule that cannot be used does not keep the others of its file from running.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resque.scheduler.definition import BadSchedule, Schedule, read


@dataclass(frozen=True, slots=True)
class Bad:
    """A schedule of a file that cannot be used: its name, its file and line, and why."""

    name: str
    place: str
    problem: str


@dataclass(frozen=True, slots=True)
class ScheduleFiles:
    """What a file holds: schedules, and those that cannot be used."""

    schedules: tuple[Schedule, ...] = ()
    bad: tuple[Bad, ...] = ()


def read_file(path: Path) -> ScheduleFiles:
    """Read the schedules of a file (.toml, .yml, .yaml). Raises BadSchedule where it cannot."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSchedule(f"cannot read {path}: {error}") from None
    if path.suffix == ".toml":
        entries, lines = _toml(path, text)
    elif path.suffix in (".yml", ".yaml"):
        entries, lines = _yaml(path, text)
    else:
        raise BadSchedule(f"{path}: a schedule file ends in .toml, .yml or .yaml")
    found, bad = list[Schedule](), list[Bad]()
    for name, config in entries.items():
        try:
            found.append(read(name, config))
        except BadSchedule as error:
            bad.append(Bad(name, f"{path}:{lines.get(name, 1)}", str(error)))
    return ScheduleFiles(tuple(found), tuple(bad))


def _toml(path: Path, text: str) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSchedule(f"{path}: {error}") from None
    return entries, {name: _toml_line(text, name) for name in entries}


def _toml_line(text: str, name: str) -> int:
    """Where a table begins: the parser does not tell, so the first line that looks like it."""
    quoted = re.escape(name)
    header = re.compile(rf"""\s*(\[\s*)?(["']?){quoted}\2\s*([\].=])""")
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, 1) if header.match(line)), 1)


def _yaml(path: Path, text: str) -> tuple[dict[str, Any], dict[str, int]]:
    # Imported here: most schedulers have no YAML file.
    import yaml

    from resque.scheduler.ruby_yaml import RubyLoader

    try:
        loader = RubyLoader(text)
        node = loader.get_single_node()
        entries = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise BadSchedule(_yaml_problem(path, error)) from None
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode) or not isinstance(entries, dict):
        raise BadSchedule(f"{path}:1: a schedule file holds a table of schedules")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(loader.construct_object(key, deep=True)), key.start_mark.line + 1
        if name in lines:
            raise BadSchedule(
                f"{path}:{line}: schedule {name!r} was defined in line {lines[name]} already"
            )
        lines[name] = line
    return {str(name): config for name, config in entries.items()}, lines


def _yaml_problem(path: Path, error: Exception) -> str:
    """What is wrong with a file that is no YAML: what, in the midst of what, and where, in the
    words that the TOML parser has for it."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    if mark is None:
        return f"{path}: {problem}"
    context = getattr(error, "context", None)
    where = f"(at line {mark.line + 1}, column {mark.column + 1})"
    hint = ""
    if context == "while scanning an alias":
        # As in `cron: * * * * *`, of all mistakes the most common.
        hint = ": a text that begins with * stands in quotes"
    return f"{path}: {problem}{f', {context}' if context else ''}{hint} {where}"
