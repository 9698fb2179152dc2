"""What a worker's log says of each job: why it failed, as text and as JSON, and what it said."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.worker_process import WorkerProcess

from resque.errors import BadOption
from resque.worker import log

WAYS = [{}, {"FORK_PER_JOB": "false"}, {"JOBS_PER_FORK": "3"}]
LOGGING = "tests.support.jobs.sample_jobs,tests.support.jobs.logging_jobs"
LATE = "tests.support.jobs.sample_jobs,tests.support.jobs.late_logging_jobs"


def ended(worker: WorkerProcess) -> list[str]:
    """The lines of a worker's log, after its end."""
    assert worker.wait() == 0, worker.log()
    return worker.log().splitlines()


def objects(worker: WorkerProcess, event: str) -> list[dict[str, Any]]:
    """The lines of one kind, each an object; every other line is one, too."""
    found = [json.loads(line) for line in ended(worker)]
    assert all({"time", "level", "event", "message", "pid"} <= each.keys() for each in found)
    return [each for each in found if each["event"] == event]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_failed_job_is_one_line_with_its_class_message_and_first_frames(
    push: Push, start_worker: StartWorker, way: dict[str, str]
) -> None:
    push("FailJob", "boom")
    [line] = [line for line in ended(start_worker(INTERVAL="0", **way)) if " failed " in line]
    assert "'FailJob' of 'default'" in line
    assert ": RuntimeError: boom (" in line
    assert "sample_jobs.py:" in line
    assert "in `perform'" in line


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_as_json_each_line_is_an_object_and_a_failure_has_its_parts(
    push: Push, start_worker: StartWorker, way: dict[str, str]
) -> None:
    push("FailJob", "boom")
    push("OkJob")
    worker = start_worker(INTERVAL="0", RESQUE_LOG_FORMAT="json", **way)
    [failed] = objects(worker, "failed")
    assert (failed["level"], failed["queue"], failed["class"]) == ("error", "default", "FailJob")
    assert (failed["exception"], failed["message"]) == ("RuntimeError", "boom")
    assert "sample_jobs.py:" in failed["frames"][0]
    [done] = objects(worker, "done")
    assert (done["level"], done["class"]) == ("info", "OkJob")
    assert done["seconds"] >= 0


def test_what_an_error_says_cannot_break_the_line_nor_reach_the_terminal(
    push: Push, start_worker: StartWorker
) -> None:
    push("EndBadly", "controls")
    push("EndBadly", "surrogate")
    push("EndBadly", "huge")
    worker = start_worker(INTERVAL="0")
    lines = [line for line in ended(worker) if " failed " in line]
    assert len(lines) == 3
    assert "nul \\x00 esc \\x1b[2J" in lines[0]
    assert "line\\nend" in lines[0]
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 2_000


def test_a_job_whose_process_died_says_how(push: Push, start_worker: StartWorker) -> None:
    push("KillSelf", "KILL")
    worker = start_worker(INTERVAL="0", RESQUE_LOG_FORMAT="json")
    [failed] = objects(worker, "failed")
    assert failed["exception"] == "Resque::DirtyExit"
    assert "SIGKILL" in failed["message"]


def test_an_attempt_whose_failure_is_on_no_list_says_why(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Suppressed")
    worker = start_worker(INTERVAL="0", RESQUE_LOG_FORMAT="json", RESQUE_REQUIRE=LOGGING)
    [retry] = objects(worker, "retry")
    assert (retry["class"], retry["exception"]) == ("Suppressed", "RuntimeError")
    assert retry["message"] == "not yet"
    assert direct("EXISTS", "resque:failed") == 0


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_what_a_job_logs_goes_into_the_workers_log(
    push: Push, start_worker: StartWorker, way: dict[str, str]
) -> None:
    push("Speaks", "a word")
    lines = ended(start_worker(INTERVAL="0", RESQUE_REQUIRE=LOGGING, **way))
    assert [line for line in lines if "INFO tests.support.jobs.logging_jobs: said a word" in line]
    [error] = [line for line in lines if "ERROR tests.support.jobs.logging_jobs: went on" in line]
    assert "ValueError: bad\\x1b[2J figure (" in error
    assert not [line for line in lines if "too much detail" in line]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_so_it_does_where_logging_is_loaded_by_the_job_itself(
    push: Push, start_worker: StartWorker, way: dict[str, str]
) -> None:
    push("SpeaksLate")
    worker = start_worker(INTERVAL="0", RESQUE_REQUIRE=LATE, RESQUE_LOG_FORMAT="json", **way)
    [said] = objects(worker, "log")
    assert (said["level"], said["logger"], said["message"]) == ("info", "late", "said late")


def test_an_application_that_configures_logging_is_left_alone(
    push: Push, start_worker: StartWorker
) -> None:
    push("Configures")
    lines = ended(start_worker(INTERVAL="0", RESQUE_REQUIRE=LOGGING))
    assert [line for line in lines if "once" in line] == ["own once"]


def test_a_pool_prints_json_too(push: Push, start_worker: StartWorker) -> None:
    push("FailJob", "boom")
    worker = start_worker(INTERVAL="0", COUNT="2", RESQUE_LOG_FORMAT="json")
    [failed] = objects(worker, "failed")
    assert failed["message"] == "boom"


@pytest.mark.parametrize("module", ["resque.worker", "resque.scheduler"])
def test_why_a_program_cannot_start_is_an_object_too(module: str) -> None:
    for url, status in (("nonsense", 2), ("unix:///nowhere/s", 3)):
        process = subprocess.run(
            [sys.executable, "-m", module],
            env={"REDIS_URL": url, "QUEUES": "q", "RESQUE_LOG_FORMAT": "json", "TZ": "UTC"},
            capture_output=True,
            check=False,
        )
        assert process.returncode == status
        found = [json.loads(line) for line in (process.stdout + process.stderr).splitlines()]
        assert ("critical", "refused") in [(each["level"], each["event"]) for each in found]


def test_a_module_that_raises_is_an_object_with_frames(start_worker: StartWorker) -> None:
    worker = start_worker(RESQUE_REQUIRE="tests.support.jobs.broken_jobs", RESQUE_LOG_FORMAT="json")
    assert worker.wait() == 2
    raised, refused = (json.loads(line) for line in worker.log().splitlines())
    assert (raised["event"], raised["exception"]) == ("raised", "RuntimeError")
    assert "broken_jobs.py" in raised["frames"][0]
    assert refused["event"] == "refused"


def test_another_form_is_refused() -> None:
    assert log.chosen({}) is log.say
    assert log.chosen({"RESQUE_LOG_FORMAT": "json"}) is log.say_json
    with pytest.raises(BadOption, match="RESQUE_LOG_FORMAT"):
        log.chosen({"RESQUE_LOG_FORMAT": "xml"})
