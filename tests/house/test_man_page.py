"""The man page and the files for completion are those of the commands. `make docs` renews them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from tests.house.man_page import COMPLETIONS, MADE_WITH, MAN_PAGE, completion, man_page

from qtop.commands.cli import main

SHARE = Path(__file__).resolve().parents[2] / "tui" / "share"
IS_RENEWED = bool(os.environ.get("UPDATE_README"))


def test_the_man_page_is_that_of_the_commands() -> None:
    wanted = man_page()
    path = SHARE / MAN_PAGE
    if IS_RENEWED:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, "utf-8")
    text = path.read_text("utf-8")
    if MADE_WITH not in text:
        pytest.skip("it was made with another version of click, which words ranges in its own way")
    assert text == wanted, "run `make docs`"


def test_the_man_page_has_every_command_and_option() -> None:
    text = man_page().replace("\\-", "-")
    for name, command in main.commands.items():
        assert f".SS {name}\n" in text
        options = (each for each in command.params if isinstance(each, click.Option))
        assert [each.opts[0] for each in options if each.opts[0] not in text] == []


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_man_page_is_valid() -> None:
    shown = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", str(SHARE / MAN_PAGE)], capture_output=True, text=True
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "QTOP(1)" in shown.stdout


@pytest.mark.parametrize(("name", "shell"), COMPLETIONS.items())
def test_a_file_for_completion_asks_the_program(name: str, shell: str) -> None:
    path = SHARE / name
    if IS_RENEWED:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(completion(shell), "utf-8")
    # The text is click's own, and differs from version to version of it.
    assert f"_QTOP_COMPLETE={shell}_complete" in path.read_text("utf-8")


def test_bash_completes_commands_and_options() -> None:
    def completed(*words: str) -> list[str]:
        line = (
            f"source {shlex.quote(str(SHARE / 'bash-completion/completions/qtop'))}; "
            f"COMP_WORDS=({shlex.join(words)} ''); COMP_CWORD={len(words)}; "
            '_qtop_completion qtop; printf "%s\\n" "${COMPREPLY[@]}"; complete -p qtop'
        )
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env={**os.environ, "PATH": path}
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    *commands, registered = completed("qtop")
    assert set(commands) == set(main.commands)
    assert registered.endswith("_qtop_completion qtop")


@pytest.mark.parametrize("name", main.commands)
def test_the_example_of_a_command_can_be_typed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file that an example names has to exist.
    monkeypatch.chdir(tmp_path)
    text = main.commands[name].help or ""
    examples = [line.strip() for line in text.partition("Example:")[2].splitlines() if line.strip()]
    assert examples, "the help has an example"
    for word in shlex.split(examples[0]):
        if word.endswith((".toml", ".yml", ".jsonl", ".json")):
            (tmp_path / word).touch()
    first, *words = shlex.split(examples[0])[1:]
    assert first == name or (name == "console" and "://" in first)
    main.commands[name].make_context(name, words if first == name else [first, *words])
