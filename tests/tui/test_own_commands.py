"""Programs of the settings that are run about the row under the cursor."""

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.console import console, until, until_polled, until_screen, until_shown
from tests.support.sample_data import FakeSystem, failure, queue, snapshot

from qtop.app.app import QtopApp
from qtop.config.own_commands import OwnCommand, read_own_command
from qtop.config.settings import BadSettings, Settings, SettingsFile, resolve
from qtop.screens.base import check_settings
from qtop.screens.dialogs import ConfirmDialog
from queuecore.errors import BadOption

#: Writes its arguments, one a line, into the file that it is given first.
WRITER = (
    "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('\\n'.join(sys.argv[2:])); "
    "print('traced'); sys.exit(len(sys.argv[2:]) > 2)"
)


def settings(file: Path, *arguments: str, **more: Any) -> Settings:
    run = (sys.executable, "-c", WRITER, str(file), *arguments)
    command = OwnCommand(run, ("queues", "failed", "failure"), "f6", **more)
    return Settings(tables={"commands": {"trace": command}})


def shop(configured: Settings, **more: Any) -> QtopApp:
    look = snapshot([queue("mail; rm -rf /", 3)], [], [failure(1)])
    return console(FakeSystem(look), settings=configured, **more)


async def test_the_row_goes_into_the_words_and_no_shell_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "words"
    app = shop(settings(file, "--queue={queue}", "$HOME"))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "f6")
        await until_screen(pilot, ConfirmDialog)
        assert not file.exists()
        await pilot.press("y")
        await until_shown(pilot, "trace ended with status 0: traced")
        assert file.read_text() == "--queue=mail; rm -rf /\n$HOME"


async def test_a_program_that_fails_says_its_status(tmp_path: Path) -> None:
    app = shop(settings(tmp_path / "words", "a", "b", "c", confirm=False))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "f6")
        await until_shown(pilot, "trace ended with status 1")


async def test_the_command_line_runs_it_too(tmp_path: Path) -> None:
    file = tmp_path / "words"
    app = shop(settings(file, "{class}", confirm=False))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "enter")
        await until_shown(pilot, "Backtrace")
        await pilot.press("colon", *"trace", "enter")
        await until(pilot, file.exists)
        await until_shown(pilot, "trace ended")
        assert file.read_text() == "Mailers::Welcome"


@pytest.mark.parametrize(
    ("argument", "more", "why"),
    [("{jid}", {}, "this row has no jid"), ("x", {"read_only": True}, "read-only")],
)
async def test_what_cannot_be_run_says_why(
    tmp_path: Path, argument: str, more: dict[str, Any], why: str
) -> None:
    file = tmp_path / "words"
    app = shop(settings(file, argument, confirm=False), **more)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "f6")
        await until_shown(pilot, why)
        assert not file.exists()


def test_data_never_becomes_an_option() -> None:
    command = OwnCommand(("show", "{queue}", "--queue={queue}"), ("queues",))
    with pytest.raises(BadOption, match="begins with -"):
        command.words({"queue": "--help"})
    assert command.words({"queue": "mail"}) == ["show", "mail", "--queue=mail"]


GOOD = {"run": ["show", "{id}"], "where": ["failed"], "key": "f6"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"run": "show {id}"}, "list of words"),
        ({"run": ["{id}"]}, "only"),
        ({"run": ["show", "{password}"]}, "only"),
        ({"where": ["everywhere"]}, "where must be"),
        ({"key": "shift+x"}, "key cannot be"),
        ({"confirm": "no"}, "true or false"),
        ({"shell": True}, "unknown 'shell'"),
    ],
)
def test_a_command_that_is_none_says_what_is_allowed(change: dict[str, Any], why: str) -> None:
    assert read_own_command(GOOD).where == ("failed",)
    with pytest.raises(ValueError, match=why):
        read_own_command({**GOOD, **change})


def written(folder: Path, text: str) -> Settings:
    path = folder / "qtop.toml"
    path.write_text(text)
    path.chmod(0o600)
    return resolve(SettingsFile.read(path))


COMMAND = '[commands.{}]\nkey = "{}"\nrun = ["show"]\nwhere = ["failed"]\n'


@pytest.mark.parametrize("key", ["r", "?", "j"])
def test_a_key_that_does_something_else_is_refused_with_its_line(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadSettings, match=r"qtop.toml:1: show: the key .* is that of"):
        check_settings(written(tmp_path, COMMAND.format("show", key)))


def test_two_commands_have_not_the_same_key(tmp_path: Path) -> None:
    both = COMMAND.format("one", "f6") + COMMAND.format("two", "f6")
    with pytest.raises(BadSettings, match=r"qtop.toml:5: two: the key 'f6' is that of one, too"):
        check_settings(written(tmp_path, both))
    check_settings(written(tmp_path, COMMAND.format("one", "f6")))


def test_a_file_that_others_can_write_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "qtop.toml"
    path.write_text(COMMAND.format("show", "f6"))
    path.chmod(0o666)
    with pytest.raises(BadSettings, match="others can write this file, and commands runs"):
        resolve(SettingsFile.read(path))
