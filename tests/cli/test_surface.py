"""The command line as a whole: the cost of its start, exit statuses, read-only, help."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest
from click.testing import CliRunner
from tests.support.commands import Push, Qtop, everything
from tests.support.direct import Direct
from tests.support.waiting import eventually

from qtop.commands.cli import main

HEAVY = {"textual", "redis", "asyncio", "ssl"}


def modules_after(program: str) -> set[str]:
    """The modules that a new interpreter has loaded after a program."""
    program += "\nimport sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_command_line_is_light() -> None:
    held = modules_after("import qtop.commands.cli")
    assert held & (HEAVY | {"rich", "hiredis"}) == set()
    assert {name for name in held if name.startswith("qtop.")} == {
        "qtop.commands.cli",
        "qtop.commands",
    }


def test_filters_need_no_screen() -> None:
    assert modules_after("import qtop.search.filter_language") & HEAVY == set()


def test_no_command_loads_the_console_or_the_large_client_before_it_is_needed() -> None:
    held = modules_after("import qtop.commands.cli; list(qtop.commands.cli.main.commands.values())")
    assert held & HEAVY == set()


def test_a_reading_command_needs_only_the_light_connection(redis_url: str) -> None:
    program = f"""
import qtop.commands.cli
try:
    qtop.commands.cli.main(["stats", "--json", "--url", {redis_url!r}])
except SystemExit as left:
    assert not left.code, left.code
"""
    assert modules_after(program) & HEAVY == set()


@pytest.mark.parametrize("words", [["settings"], ["worker", "mail", "--read-only"]])
def test_a_command_that_asks_no_redis_loads_no_connection(words: list[str]) -> None:
    program = f"""
import qtop.commands.cli
try:
    qtop.commands.cli.main({words!r}, standalone_mode=False)
except SystemExit:
    pass
"""
    assert modules_after(f"{program}\nprint()").isdisjoint({"hiredis", "socket"})


def test_every_command_is_in_the_help_and_shows_its_options() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    for name, command in main.commands.items():
        assert f"\n  {name} " in shown
        assert "..." not in command.get_short_help_str(60), name
        words = CliRunner().invoke(main, [name, "--help"]).output
        assert "Example: qtop" in words
        assert ("--namespace" in words) == (name not in ("demo", "server"))


def test_the_version_is_reported(qtop: Qtop) -> None:
    assert qtop("--version").out.startswith("qtop ")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("nonsense",), 2),
        (("queues", "--nonsense"), 2),
        (("queues", "--limit", "-1"), 2),
        (("queues", "--url", "http://localhost"), 2),
        (("queues", "--url", "redis://:secret@localhost:port/0"), 2),
        (("queues", "--url", "redis://:secret@127.0.0.1:1/0"), 3),
        (("requeue", "--from", "failed", "--url", "unix:///nowhere/s"), 3),
        (("--once", "--url", "unix:///nowhere/s"), 3),
        (("worker", "mail", "--read-only"), 2),
        (("scheduler", "--read-only"), 2),
    ],
)
def test_the_exit_status_says_what_was_wrong(
    qtop: Qtop, words: tuple[str, ...], status: int
) -> None:
    ran = qtop(*words)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err
    assert "secret" not in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("queues",),
        ("failed", "--json"),
        ("show", "--from", "queue:mail"),
        ("requeue", "--from", "failed", "--dry-run"),
        ("clear", "queue:mail"),
        ("export", "-", "--from", "failed"),
        ("settings",),
        ("quues",),
        ("failed", "--filter", "class:None"),
        ("queues", "--url", "unix:///nowhere/s"),
    ],
)
def test_the_program_says_and_leaves_as_the_command_does_in_the_process_of_a_test(
    qtop: Qtop, qtop_program: Qtop, push: Push, fail: Push, words: tuple[str, ...]
) -> None:
    push("Mäil", 1)
    fail("Mail", "\udcff\x1b")
    here, there = qtop(*words), qtop_program(*words)
    assert (here.status, here.out) == (there.status, there.out)
    assert here.err == there.err.replace("python -m qtop", "qtop")
    assert here.out or here.err


@pytest.mark.parametrize(
    "words",
    [
        ("enqueue", "Mail", "--queue", "mail"),
        ("requeue", "--from", "failed", "--yes"),
        ("delete", "--from", "queue:mail", "--yes"),
        ("move", "--from", "queue:mail", "--to", "other", "--yes"),
        ("edit", "--from", "failed", "--class", "Other", "--yes"),
        ("clear", "failed", "--yes"),
        ("pause", "mail"),
        ("resume", "--all"),
        ("register", "lost"),
        ("reorder",),
        ("undo",),
        ("prune",),
    ],
)
def test_read_only_changes_nothing(
    qtop: Qtop, direct: Direct, push: Push, fail: Push, words: tuple[str, ...]
) -> None:
    push("Mail")
    fail("Mail")
    before = everything(direct)
    ran = qtop(*words, QTOP_READ_ONLY="1")
    assert (ran.status, ran.out) == (1, "")
    assert "read-only" in ran.err
    assert everything(direct) == before


def test_a_key_of_another_kind_is_reported_with_its_address(qtop: Qtop, direct: Direct) -> None:
    direct("SET", "resque:failed", "text")
    for words in (("failed",), ("clear", "failed", "--yes"), ("delete", "--from", "failed")):
        ran = qtop(*words)
        assert ran.status == 3
        assert "another kind of value" in ran.err
        assert "unix://" in ran.err


def test_a_closed_pipe_is_no_crash(qtop: Qtop, redis_url: str, fail: Push) -> None:
    for number in range(300):
        fail("Mail", "x" * 2000, number)
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "qtop", "show", "--from", "failed", "--limit", "0", "--json"],
        env={**os.environ, "REDIS_URL": redis_url},
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    os.read(reading, 10)
    os.close(reading)
    _, said = process.communicate(timeout=60)
    assert b"Traceback" not in said


def test_the_scheduler_moves_what_is_due_and_leaves_when_asked(
    direct: Direct, redis_url: str
) -> None:
    direct("RPUSH", "resque:delayed:1000000000", '{"class":"A","args":[1],"queue":"mail"}')
    direct("ZADD", "resque:delayed_queue_schedule", 1000000000, "1000000000")
    process = subprocess.Popen(
        [sys.executable, "-m", "qtop", "scheduler", "--interval", "0.05"],
        env={**os.environ, "REDIS_URL": redis_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: direct("LLEN", "resque:queue:mail") == 1, "the job is on its queue")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, said) == (0, b"")
    assert direct("LINDEX", "resque:queue:mail", 0) == b'{"class":"A","args":[1]}'


@pytest.mark.parametrize("words", [("stats",), ("failed", "--json"), ("--help",)])
def test_output_that_cannot_be_written_is_reported_in_a_sentence(
    redis_url: str, fail: Push, words: tuple[str, ...]
) -> None:
    fail("Mail")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "qtop", *words],
            env={**os.environ, "REDIS_URL": redis_url},
            stdout=full,
            stderr=subprocess.PIPE,
        )
    said = b"qtop: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize(
    ("words", "closed", "status"),
    [
        ("failed", ">&-", 0),
        ("requeue --from failed", "<&-", 1),
        ("queues", "2>&-", 0),
        ("requeue --from failed --filter args.0:1", "<&- >&- 2>&-", 0),
    ],
)
def test_a_stream_that_the_caller_closed_is_no_crash(
    redis_url: str, direct: Direct, fail: Push, words: str, closed: str, status: int
) -> None:
    fail("Mail", 1)
    fail("Mail", 2)
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m qtop {words} {closed}"],
        env={**os.environ, "REDIS_URL": redis_url},
        capture_output=True,
    )
    assert done.returncode == status, done.stderr
    assert b"Traceback" not in done.stderr
    assert direct("LLEN", "resque:queue:mail") == ("args" in words)


def test_a_misspelt_command_gets_a_suggestion(qtop: Qtop) -> None:
    ran = qtop("quues")
    assert ran.status == 2
    assert "'quues' is no command: did you mean queues" in ran.err


def test_the_no_color_variable_turns_all_colours_off(
    on_terminal: Callable[..., tuple[int, str]],
) -> None:
    assert "\x1b[32m" in on_terminal("doctor", NO_COLOR="")[1]
    assert "\x1b[" not in on_terminal("doctor", NO_COLOR="1")[1]
    assert "\x1b[" not in on_terminal("stats", NO_COLOR="1")[1]


def test_an_example_stays_in_one_piece_however_narrow_the_terminal() -> None:
    for name in main.commands:
        words = CliRunner().invoke(main, [name, "--help"], terminal_width=40).output
        example = next(line for line in words.splitlines() if "Example: qtop" in line)
        assert words[words.index(example) :].startswith(f"{example}\n\nOptions:"), name


@pytest.mark.parametrize(
    "words",
    [
        ["failed", "redis://u:hunter2@host"],
        ["redis://host", "redis://u:hunter2@host"],
        ["queues", "--limit", "redis://u:hunter2@host"],
        ["frob", "redis://u:hunter2@host"],
        ["settings", "--profile", "redis://u:hunter2@host"],
    ],
)
def test_no_error_about_an_argument_shows_a_password(qtop: Qtop, words: list[str]) -> None:
    ran = qtop(*words)
    assert ran.status == 2
    assert ran.err
    assert "hunter2" not in ran.out + ran.err


def test_a_password_on_the_command_line_is_hidden_from_the_list_of_processes() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://me:pass-word@127.0.0.1:{silent.getsockname()[1]}/0"
        process = subprocess.Popen(
            [sys.executable, "-m", "qtop", "queues", "--url", url], stderr=subprocess.DEVNULL
        )
        try:
            connection, _ = silent.accept()
            shown = " ".join(psutil.Process(process.pid).cmdline())
            connection.close()
        finally:
            process.kill()
            process.wait()
    assert shown.startswith("qtop queues --url redis://127.0.0.1:")
    assert "pass-word" not in shown


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("qtop re", {"requeue", "reschedule", "rescue", "resume", "register", "reorder", "retry"}),
        ("qtop requeue --fi", {"--filter"}),
    ],
)
def test_the_shell_completes_commands_and_options(typed: str, offered: set[str]) -> None:
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "from qtop.commands.cli import main; main(prog_name='qtop')"],
        env={**os.environ, **asked, "_QTOP_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == offered
