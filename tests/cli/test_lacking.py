"""Commands on servers without optional parts, and on servers that are no Redis."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner
from tests.support.commands import Qtop
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis as StartRedis
from tests.support.engine_fixtures import start_redis as start_redis
from tests.support.fake_server import Peer, each
from tests.support.rights import OPTIONAL

from qtop.commands.cli import main
from qtop.model.fleet import Snapshot
from qtop.systems.resque.system import ResqueSystem
from queuecore.cooperative import Slices
from queuecore.exchange import Steps


def test_every_command_works_without_optional_parts_of_a_server(
    qtop: Qtop, start_redis: StartRedis
) -> None:
    options = (part for name in OPTIONAL for part in ("--rename-command", name, ""))
    url = start_redis(*options).url
    does_all(qtop, url)


def test_every_command_works_without_rights_that_may_be_forbidden(
    qtop: Qtop, direct: Direct, redis_url: str
) -> None:
    forbidden = [f"-{name.lower()}" for name in OPTIONAL]
    direct("ACL", "SETUSER", "modest", "reset", "on", ">pw", "~*", "+@all", *forbidden)
    try:
        does_all(qtop, redis_url.replace("unix://", "unix://modest:pw@"))
    finally:
        direct("ACL", "DELUSER", "modest")


def does_all(qtop: Qtop, url: str) -> None:
    for line in (
        "enqueue Mail 1 --queue q",
        "queues",
        "stats",
        "delayed",
        "schedules",
        "find Mail",
        "show --from queue:q",
        "move --from queue:q --to other --yes",
        "pause q",
        "resume q",
        "clear queue:other --remove --yes",
        "undo",
        "audit",
        "--once",
    ):
        ran = qtop(*shlex.split(line), "--url", url)
        assert ran.status == 0, (line, ran.err)


@pytest.mark.parametrize("answer", [b"+OK\r\n", b":1\r\n", b"*0\r\n"])
@pytest.mark.parametrize("command", ["queues", "doctor", "worker q", "scheduler"])
def test_senseless_answers_are_reported_in_a_sentence(
    qtop: Qtop, qtop_program: Qtop, command: str, answer: bytes
) -> None:
    run = qtop if command in ("queues", "doctor") else qtop_program
    with Peer(each(answer)) as peer:
        ran = run(*command.split(), "--url", peer.url)
    assert "Traceback" not in ran.err
    assert ran.status == 3
    assert "Redis" in ran.out + ran.err


@pytest.mark.parametrize("command", ["queues", "workers", "stats", "find Mail", "doctor", "--once"])
def test_an_answer_that_makes_no_sense_where_it_is_read_last_is_reported_in_a_sentence(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def snapshot(system: ResqueSystem) -> Steps[Slices[Snapshot]]:
        yield from ()
        return slices()

    def slices() -> Slices[Snapshot]:
        yield
        raise ValueError("fewer replies than commands")

    monkeypatch.setattr(ResqueSystem, "snapshot", snapshot)
    ran = CliRunner().invoke(main, [*command.split(), "--url", redis_url])
    assert ran.exit_code == (1 if command == "doctor" else 3)
    assert "unexpected answer (ValueError)" in ran.output
