"""`qtop settings`, profiles on every command, and secrets in what commands print."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests import words as texts
from tests.support.commands import Push, Qtop, everything
from tests.support.direct import Direct

from qtop.commands.cli import main

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the settings file that the commands read."""
    path = tmp_path / "qtop.toml"
    monkeypatch.setenv("QTOP_CONFIG", str(path))

    def writing(text: str) -> Path:
        path.write_text(text)
        path.chmod(0o600)
        return path

    return writing


def test_settings_say_where_each_value_comes_from(qtop: Qtop, write: Write) -> None:
    path = write('theme = "light"\n[profiles.p]\nurl = "redis://:hunter2@h/1"\nproduction = true\n')
    ran = qtop(
        "settings",
        *("--profile", "p", "--read-only", "--json"),
        RESQUE_NAMESPACE="ns",
        QTOP_UNDO_HOURS="2",
    )
    assert (ran.status, ran.err) == (0, "")
    values = {each["setting"]: (each["value"], each["from"]) for each in ran.objects}
    assert values["profile"] == ("p", "in force")
    assert values["url"] == ("redis://h:6379/1", f"{path}:3")
    assert values["production"] == (True, f"{path}:4")
    assert values["theme"] == ("light", f"{path}:1")
    assert values["namespace"] == ("ns", "RESQUE_NAMESPACE")
    assert values["undo_hours"] == (2.0, "QTOP_UNDO_HOURS")
    assert values["read_only"] == (True, "--read-only")
    assert values["interval"] == (1.0, "default")
    assert "hunter2" not in ran.out


def test_settings_are_a_table_for_people(qtop: Qtop, write: Write) -> None:
    path = write('[keys]\nrequeue = "f9"\ndelete = ["f8", "d"]\n')
    ran = qtop("settings")
    assert ["keys.delete", "f8, d", f"{path}:3"] in ran.rows
    assert ["ascii", "no", "default"] in ran.rows


def test_the_path_of_a_missing_file_is_reported(qtop: Qtop, tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert qtop("settings", "--path", QTOP_CONFIG=str(path)).out == f"{path}\n"
    ran = qtop("settings", QTOP_CONFIG=str(path))
    assert ran.status == 0
    assert f"no {path}: these are the defaults" in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("interval = 0\n", "qtop.toml:1: interval must be a number from 0.25 to 60"),
        ('[keys]\nrequeue = "d"\n', "qtop.toml:2: requeue: the key 'd' is that of delete, too"),
        ('[columns]\nqueues = ["x"]\n', "qtop.toml:2: there is no column 'x'"),
    ],
)
def test_bad_settings_are_a_usage_error_with_their_place(
    qtop: Qtop, write: Write, text: str, words: str
) -> None:
    write(text)
    ran = qtop("settings")
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.err


@pytest.mark.parametrize(
    "command", ["queues", "doctor", "enqueue Mail --queue mail", "--once", "demo"]
)
def test_every_command_refuses_a_bad_file(qtop: Qtop, write: Write, command: str) -> None:
    write("nonsense = 1\n")
    ran = qtop(*command.split())
    assert ran.status == 2
    assert "qtop.toml:1: unknown 'nonsense'" in ran.err


def test_every_command_that_takes_a_url_takes_a_profile() -> None:
    for name in main.commands:
        words = CliRunner().invoke(main, [name, "--help"]).output
        assert ("--profile" in words) == ("--url" in words), name


def test_a_profile_says_which_redis_and_namespace(
    qtop: Qtop, write: Write, direct: Direct, redis_url: str
) -> None:
    direct("SADD", "other:queues", "mail")
    direct("RPUSH", "other:queue:mail", "{}")
    write('[profiles.p]\nurl = "${WHERE}"\nnamespace = "other"\n')
    ran = qtop(
        *("queues", "--profile", "p", "--json"),
        REDIS_URL="unix:///nowhere/s",
        RESQUE_NAMESPACE="wrong",
        WHERE=redis_url,
    )
    assert [each["queue"] for each in ran.objects] == ["mail"]
    assert qtop("queues", "--profile", "p", REDIS_URL="").status == 2
    assert qtop("queues", "--profile", "q").status == 2


def test_a_profile_named_default_is_used_when_no_redis_is_named(
    qtop: Qtop, write: Write, redis_url: str
) -> None:
    write(f'[profiles.default]\nurl = "{redis_url}"\n')
    assert qtop("stats", REDIS_URL="").status == 0
    assert qtop("stats", REDIS_URL="unix:///nowhere/s").status == 3


def test_a_read_only_profile_changes_nothing(
    qtop: Qtop, write: Write, direct: Direct, push: Push
) -> None:
    path = write("[profiles.p]\nread_only = true\n")
    push("Mail")
    before = everything(direct)
    ran = qtop("clear", "queue:mail", "--yes", "--profile", "p")
    assert ran.status == 1
    assert f"read-only ({path}:2): nothing was changed" in ran.err
    assert everything(direct) == before


def test_the_settings_say_how_much_an_undo_keeps(qtop: Qtop, write: Write, push: Push) -> None:
    write("undo_mib = 0\n")
    push("Mail")
    ran = qtop("clear", "queue:mail", "--yes")
    assert ran.status == 0
    assert texts.CANNOT_BE_UNDONE in ran.err
    assert qtop("undo").status == 1


def test_a_password_that_everyone_can_read_is_reported(qtop: Qtop, write: Write) -> None:
    path = write('url = "redis://:hunter2@h/0"\n')
    path.chmod(0o644)
    ran = qtop("settings")
    assert ran.status == 0
    assert "can be read by others and holds a password" in ran.err
    assert "hunter2" not in ran.err + ran.out


# Secrets


def test_tables_hide_secrets_and_json_hides_them_on_request(qtop: Qtop, fail: Push) -> None:
    fail("Mail", {"password": "hunter2"}, error="401 for https://x/?token=hunter2&a=1")
    assert "hunter2" not in qtop("failed").out
    assert "token=[redacted]&a=1" in qtop("failed").out
    assert "hunter2" in qtop("failed", "--no-redact").out
    assert "hunter2" in qtop("failed", "--json").out
    hidden = qtop("failed", "--json", "--redact").objects[0]
    assert hidden["args"] == [{"password": texts.REDACTED}]
    assert "hunter2" not in json.dumps(hidden)


def test_show_hides_secrets_on_request(qtop: Qtop, fail: Push, push: Push) -> None:
    fail("Mail", {"api_key": "hunter2"}, error="{:token=>'hunter2'}", backtrace=["key='hunter2'"])
    assert "hunter2" in qtop("show", "--from", "failed").out
    hidden = qtop("show", "--from", "failed", "--redact").out
    assert "hunter2" not in hidden
    assert texts.REDACTED in hidden
    assert "hunter2" not in qtop("show", "--from", "failed", "--redact", "--json").out
    push("Mail", {"api_key": "hunter2"})
    assert "hunter2" not in qtop("show", "--from", "failed", "--from", "queue:mail", "--redact").out


def test_one_poll_and_workers_hide_secrets(qtop: Qtop, direct: Direct, fail: Push) -> None:
    fail("Mail", error="password: hunter2")
    direct("SADD", "resque:workers", "h:1:mail")
    record = {"queue": "mail", "run_at": "2026-11-23T12:00:00Z"}
    payload = {"class": "Mail", "args": [{"secret": "hunter2"}]}
    direct("SET", "resque:worker:h:1:mail", json.dumps({**record, "payload": payload}))
    assert "hunter2" not in qtop("--once").out
    assert texts.REDACTED in qtop("--once").out
    assert "hunter2" not in qtop("workers").out
    assert "hunter2" in qtop("workers", "--json").out


def test_the_settings_say_what_is_secret(qtop: Qtop, write: Write, fail: Push) -> None:
    fail("Mail", error="iban=hunter2 password=visible")
    write('redact = ["iban"]\n')
    out = qtop("failed").out
    assert "iban=[redacted] password=visible" in out
    write("redact = false\n")
    assert "iban=hunter2" in qtop("failed").out


def test_a_command_takes_a_saved_filter_by_its_name(qtop: Qtop, write: Write) -> None:
    write('[filters]\nslow = "age>1h"\n[profiles.p.filters]\nbad = "age>2h"\n')
    assert "nothing matches" in qtop("failed", "--filter", "@slow").err
    assert "there is no saved filter 'bad'" in qtop("failed", "--filter", "@bad").err
    assert "nothing matches" in qtop("failed", "--filter", "@bad", "--profile", "p").err
