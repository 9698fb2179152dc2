"""Launch commands: command lines without secrets, and modules that are checked before."""

import os
import stat
import sys
from pathlib import Path

import pytest
from tests.support.local_workers import StandIns
from tests.support.private_server import is_alive
from tests.support.waiting import eventually_async

from qtop.actions.plan import Refusal
from qtop.actions.request import LaunchCommand, LaunchRequest, QueueClasses
from qtop.local import import_check
from qtop.local.import_check import ModuleMemory
from qtop.screens.dialogs import read_request
from qtop.systems.resque.launch import NAMES_PROGRAM, without_password
from qtop.systems.resque.system import ResqueSystem
from queuecore.address import parse_url
from resque.keys import Keys

URL = "redis://me:se%40cret@queues.example.com:6379/3"
EMPTY = dict.fromkeys(
    ("queues", "count", "modules", "interval", "jobs_per_fork", "time_limit", "template"), ""
)


SYSTEM = ResqueSystem(Keys("ns"), parse_url(URL), url=URL)


def launched(**more: object) -> LaunchCommand | Refusal:
    return SYSTEM.launch(LaunchRequest(**{"queues": "mail,low", **more}))  # type: ignore[arg-type]


def made(**more: object) -> LaunchCommand:
    command = launched(**more)
    assert isinstance(command, LaunchCommand)
    return command


def refusal(**more: object) -> str:
    """What to change in a request."""
    refused = launched(**more)
    assert isinstance(refused, Refusal)
    return refused.text


# Our own worker


def test_our_own_worker_is_started_as_on_the_command_line() -> None:
    command = made(
        modules=("app.jobs", "more"), interval_s=0.5, jobs_per_fork=10, time_limit_s=60.0
    )
    assert command.argv == (
        *(sys.executable, "-m", "qtop", "worker", "--namespace", "ns"),
        *("--require", "app.jobs", "--require", "more"),
        *("--interval", "0.5", "--jobs-per-fork", "10", "--time-limit", "60"),
        *("--", "mail,low"),
    )
    assert command.environment == {"REDIS_URL": URL}
    assert command.shown.endswith("--time-limit 60 -- mail,low")


def test_queues_of_a_launch_request_are_data_and_never_options_or_shell() -> None:
    assert made(queues="--help").argv[-2:] == ("--", "--help")
    command = made(queues="a b;$(rm)", template="QUEUES={queues} work {queues}")
    assert command.argv == ("work", "a b;$(rm)")
    assert command.environment["QUEUES"] == "a b;$(rm)"
    assert command.shown == "QUEUES='a b;$(rm)' work 'a b;$(rm)'"


@pytest.mark.parametrize(
    ("template", "queues"),
    [
        ("sh -c 'QUEUES={queues} exec work'", "$(touch witness)"),
        ("sh -c 'work \"{queues}\"'", "`id`,mail"),
        ("/bin/bash -c {queues}", "a;b"),
        ("env A=1 dash -c 'work {queues}'", "a b"),
        ("ssh host work {queues}", "a|b"),
        ("python3 -c 'import work; work({queues})'", "exit()"),
        ("sh -c 'work {queues}'", "--evil=1"),
        ("work {queues}", "--evil=1"),
        ("work {queues}", "-x,mail"),
    ],
)
def test_names_that_would_be_more_than_a_text_to_the_program_are_refused(
    template: str, queues: str
) -> None:
    assert "QUEUES=" in refusal(template=template, queues=queues)
    # The form that the error message names.
    command = made(template="QUEUES={queues} sh -c 'work \"$QUEUES\"'", queues=queues)
    assert command.environment["QUEUES"] == queues
    assert command.argv == ("sh", "-c", 'work "$QUEUES"')


@pytest.mark.parametrize(
    "template", ["work -- {queues}", "work --queues={queues}", "QUEUES={queues} work"]
)
def test_a_name_like_an_option_is_passed_where_it_is_no_option(template: str) -> None:
    assert made(template=template, queues="--evil=1")


def test_a_script_may_hold_names_that_no_shell_acts_on() -> None:
    command = made(template="sh -c 'exec work {queues}'", queues="mail,low:2,*")
    assert command.argv[-1] == "exec work mail,low:2,*"


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"queues": " "}, "at least one queue"),
        ({"queues": "!a"}, "at least one queue"),
        ({"queues": "a\0b"}, "NUL"),
        ({"count": 0}, "1 to 32"),
        ({"count": 33}, "1 to 32"),
        ({"modules": ("app/jobs.py",)}, "no name of a module"),
        ({"modules": ("--help",)}, "no name of a module"),
        ({"template": "A=1 B=2"}, "no program"),
        ({"template": "work '{queues}"}, "no closing quotation"),
        ({"template": "work {password}"}, "in braces"),
        ({"template": "work {queues.__class__}"}, "in braces"),
        ({"template": "work {queues!r:>9}"}, "in braces"),
        ({"template": "work {"}, "cannot be read"),
    ],
)
def test_an_impossible_request_says_what_to_change(wanted: dict[str, object], reason: str) -> None:
    assert reason in refusal(**wanted)


def test_variables_that_control_workers_are_not_inherited() -> None:
    inherited = {"COUNT": "4", "PIDFILE": "/x", "RESQUE_PARENT_PID": "1", "PATH": "/bin"}
    environment = made().environment_in(inherited)
    assert environment == {"PATH": "/bin", "REDIS_URL": URL}


# Commands of others


def test_a_template_gives_environment_and_arguments() -> None:
    command = made(
        template="QUEUES={queues} RAILS_ENV='pro duction' bundle exec rake resque:work "
        "--ns {namespace} --every {interval} '{{}}'",
        interval_s=2.0,
    )
    assert command.argv == (
        *("bundle", "exec", "rake", "resque:work"),
        *("--ns", "ns", "--every", "2", "{}"),
    )
    assert command.environment == {
        "QUEUES": "mail,low",
        "RAILS_ENV": "pro duction",
        "REDIS_URL": URL,
    }
    assert command.shown.startswith("QUEUES=mail,low RAILS_ENV='pro duction' bundle exec rake")


def test_the_password_goes_into_the_environment_and_nowhere_else() -> None:
    command = made(template="MY_REDIS={url} node worker.js --redis {url} {queues}")
    assert command.environment["MY_REDIS"] == URL
    assert "se%40cret" not in " ".join(command.argv) + command.shown + repr(command)
    assert command.argv[3] == "redis://me@queues.example.com:6379/3"


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("redis://localhost/0", "redis://localhost/0"),
        ("redis://:pw@localhost/0", "redis://localhost/0"),
        ("unix:///tmp/pw/s?db=1", "unix:///tmp/pw/s?db=1"),
        (
            "redis+sentinel://u:pw@a:1,b:2/name/0?sentinel_password=x&sentinel_username=y",
            "redis+sentinel://u@a:1,b:2/name/0?sentinel_username=y",
        ),
        ("redis://[::1", ""),
    ],
)
def test_a_url_loses_its_passwords(url: str, plain: str) -> None:
    assert without_password(url) == plain


# What is typed


def test_typed_values_become_a_launch_request() -> None:
    typed = {**EMPTY, "queues": "a", "count": "3", "modules": "app.jobs, more", "interval": "0.5"}
    assert read_request(typed) == LaunchRequest("a", 3, ("app.jobs", "more"), "", 0.5)
    # Fields that only our own worker understands are not used for another command.
    other = {**typed, "template": "work", "jobs_per_fork": "7", "time_limit": "9"}
    assert read_request(other) == LaunchRequest("a", 3, (), "work", 0.5)


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("count", "0", "1 to 32"),
        ("count", "many", "1 to 32"),
        ("count", "٣", "1 to 32"),
        ("interval", "-1", "seconds"),
        ("interval", "nan", "seconds"),
        ("jobs_per_fork", "1.5", "whole number"),
        ("time_limit", "soon", "seconds"),
    ],
)
def test_wrong_typed_values_are_reported(field: str, text: str, reason: str) -> None:
    refused = read_request({**EMPTY, "queues": "a", field: text})
    assert isinstance(refused, Refusal)
    assert reason in refused.text


# Modules


def test_the_modules_of_a_profile_are_kept_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "modules.json"
    ModuleMemory(path, "profile a").keep(("app.jobs", "more"))
    ModuleMemory(path, "profile b").keep(("other",))
    assert ModuleMemory(path, "profile a").recall() == ("app.jobs", "more")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ModuleMemory(path, "profile a").keep(())
    assert ModuleMemory(path, "profile a").recall() == ()
    assert ModuleMemory(path, "profile b").recall() == ("other",)
    assert os.listdir(tmp_path) == ["modules.json"]


def test_only_the_newest_profiles_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "modules.json"
    for number in range(150):
        ModuleMemory(path, f"profile {number}").keep(("app",))
    assert [ModuleMemory(path, f"profile {n}").recall() for n in (49, 50)] == [(), ("app",)]


@pytest.mark.parametrize("text", ["", "[]", '{"profile a": 5}', '{"profile a": [5]}', "{", "\0"])
def test_a_broken_file_of_remembered_modules_is_ignored(tmp_path: Path, text: str) -> None:
    path = tmp_path / "modules.json"
    path.write_text(text)
    memory = ModuleMemory(path, "profile a")
    assert memory.recall() == ()
    memory.keep(("app",))
    assert memory.recall() == ("app",)


def test_modules_that_cannot_be_remembered_are_forgotten(tmp_path: Path) -> None:
    memory = ModuleMemory(tmp_path / "nowhere" / "modules.json", "profile a")
    memory.keep(("app",))
    assert memory.recall() == ()


@pytest.fixture
def modules(tmp_path: Path) -> dict[str, str]:
    """The environment of workers that can import what a test writes."""
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


async def test_a_module_that_can_be_imported_has_no_problem(
    tmp_path: Path, modules: dict[str, str]
) -> None:
    (tmp_path / "fine.py").write_text("print('hello')")
    assert await import_check.trouble("fine", modules) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("raise ValueError('\\x1b[2J bad')", "it raises ValueError: ␛[2J bad"),
        ("def", "it raises SyntaxError"),
        ("import sys; sys.exit(0)", "it raises SystemExit: 0"),
        ("import os; os._exit(0)", "it ends its process with status 0"),
        ("import os; os.kill(os.getpid(), 11)", "it ends its process with signal 11"),
    ],
)
async def test_a_module_that_cannot_be_imported_says_why(
    tmp_path: Path, modules: dict[str, str], text: str, reason: str
) -> None:
    (tmp_path / "broken.py").write_text(text)
    found = await import_check.trouble("broken", modules)
    assert found is not None
    assert found.startswith(f"broken cannot be imported: {reason}")


async def test_a_module_that_prints_without_end_costs_no_memory(
    tmp_path: Path, modules: dict[str, str]
) -> None:
    (tmp_path / "loud.py").write_text(
        "print('x' * 10_000_000)\nraise RuntimeError('y' * 1_000_000)"
    )
    found = await import_check.trouble("loud", modules)
    assert found is not None
    assert len(found) < 300


async def test_a_module_that_never_returns_is_ended_with_what_it_started(
    tmp_path: Path, modules: dict[str, str]
) -> None:
    pid_file = tmp_path / "pid"
    (tmp_path / "stuck.py").write_text(
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(tmp_path / 'new')!r}, 'w').write(str(child.pid))\n"
        f"os.rename({str(tmp_path / 'new')!r}, {str(pid_file)!r})\n"
        "while True: time.sleep(1)\n"
    )
    limit_s = 1.0
    # On a busy machine the module may reach that point only with a later limit.
    while not pid_file.exists():
        limit_s *= 2
        assert limit_s < 60
        found = await import_check.trouble("stuck", modules, limit_s=limit_s)
        assert found == f"stuck cannot be imported: not finished after {limit_s:g} s"
    # It is killed, and ends a moment after that.
    pid = int(pid_file.read_text())
    await eventually_async(lambda: not is_alive(pid))


JOBS = "from resque import job\n@job(name='Known')\ndef known(): ...\n"


async def test_the_import_check_finds_the_jobs_that_all_modules_declare(
    tmp_path: Path, modules: dict[str, str]
) -> None:
    (tmp_path / "first.py").write_text(f"print('hello')\n{JOBS}")
    (tmp_path / "second.py").write_text(JOBS.replace("Known", "Other"))
    (tmp_path / "broken.py").write_text("raise ValueError")
    assert await import_check.known(NAMES_PROGRAM, ["first", "second"], modules) == frozenset(
        {"Known", "Other"}
    )
    assert await import_check.known(NAMES_PROGRAM, ["first", "broken"], modules) is None
    assert await import_check.known(NAMES_PROGRAM, [], modules) == frozenset()


async def test_our_own_worker_is_not_started_for_classes_that_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs_here.py").write_text(JOBS)
    stand_ins = StandIns(tmp_path)
    stand_ins.local._environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ours = LaunchRequest("mail,low", modules=("jobs_here",))
    known = [QueueClasses("mail", ("::Known",)), QueueClasses("low")]
    unknown = [*known, QueueClasses("ruby", ("Known", "A\x1b[2J", "B"))]
    assert await stand_ins.local.unknown(ours, known) is None
    problem = await stand_ins.local.unknown(ours, unknown)
    assert problem is not None
    assert "ruby: A␛[2J, B" in problem
    # Without modules nothing is known; another program may know all classes.
    assert await stand_ins.local.unknown(LaunchRequest("mail"), known) is not None
    assert await stand_ins.local.unknown(LaunchRequest("mail"), [QueueClasses("mail")]) is None
    assert await stand_ins.local.unknown(stand_ins.order(), unknown) is None


async def test_a_request_with_a_missing_module_starts_nothing(tmp_path: Path) -> None:
    stand_ins = StandIns(tmp_path)
    found = await stand_ins.local.trouble(LaunchRequest("mail", modules=("nowhere.jobs",)))
    assert found is not None
    assert found.startswith("nowhere.jobs cannot be imported: ModuleNotFoundError")
    assert not (tmp_path / "local").exists()
