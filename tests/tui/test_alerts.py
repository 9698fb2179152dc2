"""A new CRIT rings, notifies and runs a command, where the settings say so, and not too often."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from qtop.app import alerts
from qtop.app.alerts import EVERY_S, AlertWatch
from qtop.config.settings import Alerts, BadSettings, SettingsFile, resolve
from qtop.model.health import Acknowledgement
from qtop.monitor.incidents.incident import Incident

ALL = Alerts(bell=True, notify=True)
FIRST = Incident("queues", "crit", "mail: no live workers", "unserved", "mail")
SECOND = replace(FIRST, text="low: no live workers", subject="low")
WARN = replace(FIRST, severity="warn", subject="other")


class Heard:
    """What the terminal was asked to do."""

    def __init__(self) -> None:
        self.rings = 0
        self.texts: list[str] = []

    def bell(self) -> None:
        self.rings += 1

    def notify_terminal(self, text: str) -> None:
        self.texts.append(text)


class Watch:
    """An alert watch whose clock moves by hand."""

    def __init__(self, wanted: Alerts = ALL) -> None:
        self.heard, self.now = Heard(), 0.0
        self.watch = AlertWatch(wanted, self.heard, lambda text: text, lambda: self.now)
        self.watch.look([], is_whole=True)

    def look(self, *incidents: Incident) -> list[str]:
        self.watch.look(incidents, is_whole=True)
        return self.heard.texts


def test_only_what_becomes_crit_is_told_and_once() -> None:
    watch = Watch()
    assert watch.look(WARN) == []
    assert watch.look(FIRST, WARN) == ["qtop: CRIT: mail: no live workers"]
    watch.now += EVERY_S
    assert len(watch.look(FIRST)) == 1
    assert watch.heard.rings == 1


def test_what_there_is_at_the_start_is_no_news() -> None:
    heard = Heard()
    watch = AlertWatch(ALL, heard, lambda text: text, lambda: 0.0)
    watch.look([FIRST], is_whole=False)
    watch.look([FIRST, SECOND], is_whole=True)
    watch.look([FIRST, SECOND], is_whole=True)
    assert heard.texts == []


def test_many_at_once_are_one_alert_and_the_next_waits() -> None:
    watch = Watch()
    watch.look(FIRST)
    third = replace(FIRST, subject="third", text="third: no live workers")
    assert len(watch.look(FIRST, SECOND, third)) == 1
    watch.now += EVERY_S
    assert watch.look(FIRST, SECOND, third)[1:] == ["qtop: CRIT: low: no live workers (and 1 more)"]


def test_what_is_acknowledged_or_over_is_not_told() -> None:
    watch = Watch()
    known = Acknowledgement(FIRST.key, "crit", "ann", "", 0.0, 1.0)
    assert watch.look(replace(FIRST, acknowledged=known), replace(SECOND, is_over=True)) == []


def test_no_control_character_of_a_name_reaches_the_terminal() -> None:
    [text] = Watch().look(replace(FIRST, text="m\x07\x1b]52;c;eA==\x07"))
    assert text.isprintable()


async def test_the_command_gets_the_text_as_one_argument_and_no_shell(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]))"
    watch = Watch(Alerts(command=(sys.executable, "-c", program, str(out))))
    watch.look(replace(FIRST, text="-rf $(id); `id`"))
    task = watch.watch._task
    assert task is not None
    await asyncio.wait_for(task, 30)
    assert out.read_text() == repr(["CRIT: -rf $(id); `id`"])


async def test_a_command_that_takes_too_long_ends_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "COMMAND_S", 1.0)
    held = tmp_path / "held"
    os.mkfifo(held)
    watch = Watch(Alerts(command=("sh", "-c", 'exec >"$0"; sleep 600 & wait', str(held))))
    ours = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    try:
        watch.look(FIRST)
        task = watch.watch._task
        assert task is not None
        await task
        os.set_blocking(ours, True)
        ended = asyncio.to_thread(os.read, ours, 1)
        assert await asyncio.wait_for(ended, 30) == b"", "no process has its other end"
    finally:
        os.close(ours)


async def test_a_command_that_is_not_there_harms_nothing() -> None:
    watch = Watch(Alerts(bell=True, command=("/no/such/program",)))
    watch.look(FIRST)
    task = watch.watch._task
    assert task is not None
    await task
    assert watch.heard.rings == 1


def test_the_settings_say_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "qtop.toml"
    path.write_text('[alerts]\nbell = true\ncommand = ["notify-send", "qtop"]\n')
    settings = resolve(SettingsFile.read(path), environ={})
    assert settings.alerts == Alerts(bell=True, command=("notify-send", "qtop"))
    path.write_text('[alerts]\ncommand = "notify-send qtop"\n')
    with pytest.raises(BadSettings, match="list of texts"):
        resolve(SettingsFile.read(path), environ={})
    path.write_text("[alerts]\nbell = true\n")
    path.chmod(0o666)
    with pytest.raises(BadSettings, match="others can write"):
        resolve(SettingsFile.read(path), environ={})
