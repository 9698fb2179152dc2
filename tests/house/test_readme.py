"""README and the manuals: what they show can be typed, what they link to exists. The tables of keys
in the console's manual are made from the code: `make docs` renews them."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.house.key_tables import PARTS, key_tables

from qtop.commands.cli import main
from qtop.keymap.keymap import ACTIONS
from resque.scheduler.files import read_file

_ROOT = Path(__file__).parents[2]
_README = _ROOT / "README.md"
_CONSOLE = _ROOT / "tui" / "README.md"
_ENGINE = _ROOT / "engine" / "README.md"
_TEXTS = {path: path.read_text("utf-8") for path in (_README, _CONSOLE, _ENGINE)}
#: A command as it is typed, in an indented line, after the folder it is in or what runs it.
_TYPED = re.compile(r"^ {4,}(?:\S*/|ssh -t \S+ |kubectl exec .* -- )?(qtop .+)$", re.MULTILINE)
_BLOCK = re.compile(r"(?<=<!-- keys -->\n).*(?=<!-- /keys -->)", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
#: Code between fences, by its language.
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_manual_lists_the_keys_that_the_console_has() -> None:
    text = _TEXTS[_CONSOLE]
    wanted = f"\n{key_tables()}\n"
    if os.environ.get("UPDATE_README"):
        _CONSOLE.write_text(_BLOCK.sub(lambda _: wanted, text), "utf-8")
        return
    assert _BLOCK.search(text), "the manual has lost its <!-- keys --> block"
    assert _BLOCK.findall(text) == [wanted], "run `make docs`"


def test_every_key_is_in_one_of_the_tables() -> None:
    listed = [action for actions in PARTS.values() for action in actions]
    assert sorted(action.id for action in listed) == sorted(action.id for action in ACTIONS)


def test_a_table_says_where_a_key_works_and_what_comes_before_the_action() -> None:
    lines = key_tables().splitlines()
    requeue = next(line for line in lines if line.startswith("| `r` | Requeue the marked failed"))
    assert requeue.endswith(
        "| on Failed, a group of failures, one failure | asks first | `requeue` |"
    )
    assert "| Key | Does | Id |" in lines, "a place that the heading names is not said again"


def fenced(language: str) -> list[str]:
    """All code of a language in the manuals."""
    found = (_FENCED.findall(text) for text in _TEXTS.values())
    return [code for blocks in found for name, code in blocks if name == language]


def commands() -> Iterator[str]:
    """Every command of qtop that the manuals show."""
    for text in _TEXTS.values():
        yield from _TYPED.findall(text)
    for unit in fenced("ini"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(unit)
        yield "qtop " + parser["Service"]["ExecStart"].partition("/qtop ")[2]
    for image in fenced("dockerfile"):
        yield shlex.join(json.loads(image.partition("\nCMD ")[2]))


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_a_command_of_the_manuals_can_be_typed(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file that a command names has to exist.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schedule.toml").touch()
    name, *words = shlex.split(line, comments=True)[1:]
    known = name if name in main.commands else "console"
    command = main.commands[known]
    with contextlib.suppress(click.exceptions.Exit):  # the one of --help
        command.make_context(known, words if known == name else [name, *words])


def test_the_readme_has_the_command_that_tests_everything() -> None:
    assert "    make test " in _TEXTS[_README], "`.ci/run` runs what the README says"
    assert (_ROOT / ".ci" / "run").read_text("utf-8").endswith("\nmake test\n")


def test_the_readme_is_short() -> None:
    assert len(_TEXTS[_README].splitlines()) <= 200


def links() -> list[tuple[Path, str]]:
    """The links of the manuals, each with the file that has it."""
    return [(path, link) for path, text in _TEXTS.items() for link in _LINK.findall(text)]


@pytest.mark.parametrize(("path", "link"), sorted(set(links())))
def test_a_link_leads_to_a_file_and_a_heading(path: Path, link: str) -> None:
    name, _, heading = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    assert target.is_file()
    if heading:
        titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
        assert heading in [re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles]


def test_each_example_of_schedules_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "schedule.toml"
    [example] = (code for code in fenced("toml") if "cron =" in code)
    path.write_text(example)
    found = read_file(path)
    assert not found.bad
    assert [schedule.name for schedule in found.schedules] == ["nightly", "poll"]


@pytest.mark.parametrize("code", fenced("python"))
def test_python_of_the_manuals_can_be_compiled(code: str) -> None:
    compile(code, "manual", "exec")


def test_the_source_distribution_has_what_the_manuals_name() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))
    include = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    targets = [(path.parent / link.partition("#")[0]).resolve() for path, link in links()]
    needed = {
        "Makefile",
        *(target.relative_to(_ROOT).parts[0] for target in targets if target.is_file()),
    }
    assert needed <= {path.strip("/") for path in include}
