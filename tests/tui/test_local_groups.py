"""Workers started here are real processes that are watched, get signals, and never keep running."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from tests import words
from tests.support.local_workers import SECRET_URL, StandIns, of_folder, script
from tests.support.waiting import eventually_async

from qtop.actions.plan import Refusal
from qtop.actions.request import MOST_PER_START, LaunchRequest
from qtop.local import groups, state_file, worker_slot
from qtop.local.groups import FOLDERS_KEPT, CannotStart, _lock, tidy
from qtop.local.processes import leftovers, quit_leftovers
from qtop.local.state_file import GroupReport, SlotState, StateFile
from qtop.local.workers import MOST_IN_ALL


@pytest.fixture
async def stand_ins(tmp_path: Path) -> AsyncIterator[StandIns]:
    place = StandIns(tmp_path)
    yield place
    place.local.stop_all(now=True)
    (tmp_path / "finish").touch()
    await place.local.close(5)
    await eventually_async(lambda: not of_folder(tmp_path))


async def test_a_group_starts_in_sessions_of_their_own_and_logs_to_private_files(
    stand_ins: StandIns,
) -> None:
    group = await stand_ins.start(queues="mail,low", count=2)
    assert stand_ins.states() == ["running", "running"]
    for worker in group.workers:
        assert worker.pid is not None
        assert os.getsid(worker.pid) == worker.pid
        assert stat.S_IMODE(worker.log.stat().st_mode) == 0o600
        lines = worker.log.read_text().splitlines()
        assert lines[0].endswith(f"started process {worker.pid}")
        assert lines[1] == f"ready mail,low {SECRET_URL} False"
    assert stat.S_IMODE(group.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(group.folder.parent.stat().st_mode) == 0o700
    assert stand_ins.local.pids == {worker.pid for worker in group.workers}


async def test_no_command_line_has_the_password(stand_ins: StandIns) -> None:
    await stand_ins.start()
    lines = [" ".join(process.cmdline()) for process in of_folder(stand_ins.folder)]
    assert len(lines) == 2
    assert not any("secret" in line for line in lines)
    for name in (state_file.ABOUT, state_file.STATE, state_file.OWN_LOG):
        assert b"secret" not in (stand_ins.local.groups[0].folder / name).read_bytes()


async def test_the_first_stop_lets_the_job_finish(stand_ins: StandIns) -> None:
    await stand_ins.start()
    worker = stand_ins.first
    assert stand_ins.local.ask("finishing", [worker]) == 1
    assert stand_ins.states() == ["finishing"]
    await eventually_async(lambda: "finishing" in worker.log.read_text())
    assert stand_ins.local.ending == 1
    stand_ins.finish.touch()
    assert await stand_ins.local.wait(20)
    assert (stand_ins.first.place.state, stand_ins.first.place.ending) == ("ended", "exited with 0")
    await eventually_async(lambda: stand_ins.local.groups[0].is_gone)


async def test_the_second_stop_ends_it_now_and_the_third_kills_it(tmp_path: Path) -> None:
    stand_ins = StandIns(tmp_path, stop_s=0.2)
    await stand_ins.start("--stubborn", count=2)
    gentle, stubborn = stand_ins.local.all
    stand_ins.local.ask("finishing", [stubborn])
    stand_ins.local.ask("stopping", [stubborn])
    await eventually_async(lambda: stand_ins.states() == ["running", "stopping"])
    stand_ins.local.ask("kill", [stand_ins.local.all[1]])
    await eventually_async(lambda: stand_ins.states() == ["running", "ended"])
    assert stand_ins.local.all[1].place.ending == "ended by SIGKILL"
    assert psutil.pid_exists(gentle.pid or 0)
    stand_ins.local.stop_all(now=True)
    assert await stand_ins.local.wait(20)
    await stand_ins.local.close(5)


async def test_a_worker_that_a_script_started_finishes_its_job_after_the_script_has_ended(
    stand_ins: StandIns,
) -> None:
    await stand_ins.start(template=script(stand_ins.folder))
    worker = stand_ins.first
    stand_ins.local.ask("finishing", [worker])
    await eventually_async(lambda: "left" in worker.log.read_text())
    assert "ended by SIGQUIT" in worker.log.read_text()
    await eventually_async(lambda: "finishing" in worker.log.read_text().splitlines())
    assert stand_ins.states() == ["finishing"]
    assert len(of_folder(stand_ins.folder)) == 2
    stand_ins.finish.touch()
    await stand_ins.until_states("ended")
    await eventually_async(lambda: not of_folder(stand_ins.folder))


async def test_a_worker_that_a_script_started_is_stopped_and_killed_like_any_other(
    stand_ins: StandIns,
) -> None:
    await stand_ins.start("--stubborn", count=2, template=script(stand_ins.folder, "--stubborn"))
    stand_ins.local.ask("stopping", [stand_ins.first])
    await eventually_async(lambda: "left" in stand_ins.first.log.read_text())
    assert stand_ins.states() == ["stopping", "running"]
    stand_ins.local.ask("kill", stand_ins.local.all)
    await stand_ins.until_states("ended", "ended")
    assert [w.place.ending for w in stand_ins.local.all] == [
        words.ENDED_BY_TERM,
        "ended by SIGKILL",
    ]
    await eventually_async(lambda: not of_folder(stand_ins.folder))


async def test_processes_that_a_script_leaves_behind_end_before_the_next_worker_starts(
    stand_ins: StandIns,
) -> None:
    await stand_ins.start(template=script(stand_ins.folder))
    os.kill(stand_ins.first.pid or 0, signal.SIGKILL)
    await stand_ins.until_states("finishing")
    stand_ins.finish.touch()
    await eventually_async(
        lambda: stand_ins.first.place.restarts == 1 and stand_ins.states() == ["running"]
    )
    # The script runs; its child is there when it says so.
    await eventually_async(lambda: stand_ins.first.log.read_text().count("ready mail") == 2)
    assert len(of_folder(stand_ins.folder)) == 3


@pytest.mark.parametrize(("is_told", "follows"), [(False, "waiting"), (True, "ended")])
async def test_a_left_over_process_is_killed_and_the_next_worker_starts_unless_ordered_otherwise(
    tmp_path: Path, is_told: bool, follows: str
) -> None:
    command = "trap '' QUIT TERM; echo ready; sleep 300; echo over"
    place = worker_slot.WorkerSlot(1, ["sh", "-c", command], tmp_path, None)
    place.start()
    assert place._process is not None
    leader = place._process.pid
    await eventually_async(lambda: len(leftovers(leader)) == 1)
    os.kill(leader, signal.SIGKILL)
    place._process.wait()
    place.collect()
    assert (place.state, place.look_mono is None) == ("finishing", False)
    assert place.until_mono is not None
    if is_told:
        place.press("finishing")
    place.press_harder(place.until_mono + 5)
    place.collect()
    assert place.state == "stopping"
    place.press_harder(place.until_mono)

    def is_over() -> bool:
        place.collect()
        return place.state != "stopping"

    await eventually_async(is_over)
    assert (place.state, place.place().ending) == (follows, "ended by SIGKILL")
    assert not leftovers(leader)
    place.close()


@pytest.mark.skipif(sys.platform != "linux", reason="nothing tells who ignores a signal")
async def test_processes_left_in_the_background_are_not_waited_for(tmp_path: Path) -> None:
    # A shell lets its background processes ignore QUIT.
    command = "trap 'exit 0' QUIT; sleep 300 & echo ready; while :; do sleep 0.05; done"
    place = worker_slot.WorkerSlot(1, ["sh", "-c", command], tmp_path, None)
    place.start()
    await eventually_async(place.take_output)
    place.press("finishing")

    def is_over() -> bool:
        place.collect()
        return place.state != "finishing"

    await eventually_async(is_over)
    assert (place.state, place.place().ending) == ("ended", "exited with 0")
    place.close()


async def test_a_worker_that_may_not_be_signalled_does_not_end_its_group(
    stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> None:
        raise PermissionError

    place = worker_slot.WorkerSlot(1, [sys.executable, "-c", "input()"], tmp_path, None)
    place.start()
    assert place._process is not None
    monkeypatch.setattr(place._process, "send_signal", refuse)
    place.press("stopping")
    assert place.place().problem == "cannot send SIGTERM: it runs as another user"
    place._process.wait()
    place.collect()
    assert place.state == "ended"
    place.close()


async def test_a_worker_is_paused_and_goes_on(stand_ins: StandIns) -> None:
    await stand_ins.start()
    stand_ins.local.ask("pause", [stand_ins.first])
    await eventually_async(lambda: "paused" in stand_ins.first.log.read_text())
    await stand_ins.until_states("paused")
    stand_ins.local.ask("resume", [stand_ins.first])
    await eventually_async(lambda: "goes on" in stand_ins.first.log.read_text())
    await stand_ins.until_states("running")


async def test_a_request_for_one_process_never_reaches_its_successor(stand_ins: StandIns) -> None:
    await stand_ins.start()
    before = stand_ins.first.place
    os.kill(before.pid or 0, signal.SIGKILL)
    await eventually_async(
        lambda: stand_ins.first.place.restarts == 1 and stand_ins.states() == ["running"]
    )
    group = stand_ins.local.groups[0]
    assert group.ask("kill", number=before.number, pid=before.pid)
    # Requests are obeyed in order: the effect of the next one shows that this one was processed.
    group.ask("scale", wanted=2)
    await eventually_async(
        lambda: len(stand_ins.states()) == 2 and "waiting" not in stand_ins.states()
    )
    assert stand_ins.first.place.restarts == 1


async def test_a_worker_that_dies_by_itself_is_reported_and_started_again(
    stand_ins: StandIns,
) -> None:
    await stand_ins.start()
    os.kill(stand_ins.first.pid or 0, signal.SIGSEGV)
    await eventually_async(lambda: stand_ins.first.place.restarts == 1)
    place = stand_ins.first.place
    assert place.ending == "ended by SIGSEGV"
    assert place.said[0].startswith("ready mail")
    assert place.pid is not None


async def test_a_worker_that_dies_early_is_started_again_and_its_last_output_is_kept(
    stand_ins: StandIns,
) -> None:
    group = await stand_ins.local.start(stand_ins.order("--dies"))
    await eventually_async(lambda: stand_ins.first.place.state in ("waiting", "running"))
    await eventually_async(lambda: stand_ins.first.place.restarts >= 2)
    assert stand_ins.first.place.ending == "exited with 7"
    assert stand_ins.first.place.said[-1] == "\x1b]52;c;aGk=\x07 FATAL it cannot go on"
    assert group.wanted == 1
    stand_ins.local.ask("finishing", [stand_ins.first])
    await eventually_async(lambda: stand_ins.states() == ["ended"])


def test_the_pause_before_a_restart_doubles_until_it_gives_up(tmp_path: Path) -> None:
    place = worker_slot.WorkerSlot(1, [sys.executable, "-c", "raise SystemExit(3)"], tmp_path, None)
    pauses = []
    while place.state == "waiting":
        place.start()
        assert place._process is not None
        place._process.wait()
        place.collect()
        seen = place.place()
        if seen.until_mono is not None:
            pauses.append(round(seen.until_mono - seen.since_mono, 1))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert (seen.state, seen.ending, seen.restarts) == ("gave up", "exited with 3", 7)
    assert "gave up: 8 crashes at start" in (tmp_path / "worker-1.log").read_text()
    place.begin_anew()
    assert (place.state, place.place().restarts) == ("waiting", 0)
    place.close()


@pytest.mark.parametrize("lacking", ["pipe", "fork"])
def test_a_temporary_lack_of_resources_is_no_reason_to_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    place = worker_slot.WorkerSlot(1, ["true"], tmp_path, None)
    before = len(psutil.Process().open_files())
    with monkeypatch.context() as patch:
        if lacking == "pipe":
            patch.setattr(os, "pipe", refuse)
        else:
            patch.setattr(subprocess, "Popen", refuse)
        place.start()
    assert place.state == "waiting"
    assert place.place().ending == "cannot be started: Resource temporarily unavailable"
    assert place.place().pid is None
    place.start()
    assert place._process is not None
    place._process.wait()
    place.collect()
    assert (place.state, place.place().ending) == ("ended", "exited with 0")
    place.close()
    assert len(psutil.Process().open_files()) == before


async def test_a_group_grows_and_shrinks(stand_ins: StandIns) -> None:
    group = await stand_ins.start()
    assert stand_ins.local.scale(group, 3)
    await stand_ins.until_states("running", "running", "running")
    stand_ins.finish.touch()
    # The workers that were started last end first.
    assert stand_ins.local.scale(group, 1)
    await stand_ins.until_states("running", "ended", "ended")
    assert stand_ins.local.scale(group, 2)
    # A free slot is used again.
    await stand_ins.until_states("running", "running", "ended")


async def test_a_group_that_shrinks_to_nothing_ends(stand_ins: StandIns) -> None:
    group = await stand_ins.start()
    stand_ins.finish.touch()
    stand_ins.local.scale(group, 0)
    await eventually_async(lambda: group.is_gone)
    assert stand_ins.states() == ["ended"]
    stand_ins.local.forget(group)
    assert stand_ins.local.all == []


async def test_all_workers_finish_or_stop_at_one_request(stand_ins: StandIns) -> None:
    await stand_ins.start(count=2)
    await stand_ins.start()
    stand_ins.local.stop_all(now=False)
    await stand_ins.until_states("finishing", "finishing", "finishing")
    stand_ins.local.stop_all(now=True)
    assert await stand_ins.local.wait(20)
    assert {worker.place.ending for worker in stand_ins.local.all} == {words.ENDED_BY_TERM}


async def test_workers_that_ignore_the_request_to_end_are_killed(tmp_path: Path) -> None:
    stand_ins = StandIns(tmp_path, stop_s=0.2)
    await stand_ins.start("--stubborn")
    stand_ins.local.stop_all(now=True)
    assert await stand_ins.local.wait(20)
    assert stand_ins.first.place.ending == "ended by SIGKILL"
    await stand_ins.local.close(5)


async def test_too_many_are_refused_with_the_limits(stand_ins: StandIns) -> None:
    with pytest.raises(CannotStart, match=f"1 to {MOST_PER_START}"):
        await stand_ins.local.start(stand_ins.order(count=MOST_PER_START + 1))
    group = await stand_ins.start()
    refused = stand_ins.local.scale(group, MOST_IN_ALL + 1)
    assert refused == Refusal(f"at most {MOST_IN_ALL} workers can run from here; 1 are running")
    assert await stand_ins.local.trouble(stand_ins.order(count=MOST_PER_START)) is None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/nowhere/worker {queues}", "is not found"),
        ("no-such-program-anywhere {queues}", "is not found"),
        ("/etc/passwd {queues}", "may not be run"),
    ],
)
async def test_a_command_that_cannot_run_is_reported_before_anything_starts(
    stand_ins: StandIns, command: str, reason: str
) -> None:
    order = LaunchRequest("mail", template=command)
    assert reason in (await stand_ins.local.trouble(order) or "")
    assert not (stand_ins.folder / "local").exists()


async def test_a_command_that_vanished_meanwhile_is_reported_and_leaves_nothing(
    stand_ins: StandIns,
) -> None:
    with pytest.raises(CannotStart, match="/nowhere/worker cannot be started: No such file"):
        await stand_ins.local.start(LaunchRequest("mail", template="/nowhere/worker {queues}"))
    await eventually_async(lambda: not of_folder(stand_ins.folder))
    assert stand_ins.local.groups == []


async def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path: Path) -> None:
    (tmp_path / "local").write_text("in the way")
    stand_ins = StandIns(tmp_path)
    with pytest.raises(CannotStart, match="File exists"):
        await stand_ins.local.start(stand_ins.order())


async def test_a_full_disk_is_reported_and_nothing_is_started(stand_ins: StandIns) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, before[1]))
    try:
        with pytest.raises(CannotStart, match="File too large"):
            await stand_ins.local.start(stand_ins.order())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((stand_ins.folder / "local").iterdir()) == []


def test_a_full_disk_leaves_room_for_the_report_of_many_workers(tmp_path: Path) -> None:
    StateFile.create(tmp_path)
    state = StateFile.open(tmp_path, os.O_RDWR)
    said = ("\x1b" * 200,) * 3
    places = tuple(SlotState(n, "gave up", n, said=said) for n in range(1, MOST_IN_ALL + 1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (state_file.STATE_BYTES, before[1]))
    try:
        state.write(GroupReport(1, 0.0, False, False, places))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    report = state.read()
    state.close()
    assert report is not None
    assert [(place.state, place.pid) for place in report.places] == [
        ("gave up", number) for number in range(1, MOST_IN_ALL + 1)
    ]


async def test_a_worker_without_redis_says_so_and_is_tried_again(tmp_path: Path) -> None:
    stand_ins = StandIns(tmp_path, url=f"unix://{tmp_path}/nobody")
    await stand_ins.local.start(LaunchRequest("mail"))
    await eventually_async(lambda: stand_ins.first.place.ending != "")
    assert stand_ins.first.place.ending == "exited with 3"
    assert stand_ins.first.place.said[-1].startswith("worker: cannot reach Redis at unix://")
    await eventually_async(lambda: stand_ins.first.place.restarts == 1)
    await stand_ins.local.close(5)
    await eventually_async(lambda: not of_folder(tmp_path))


# The end of the console, and the next one


async def test_a_console_that_closes_ends_its_workers_within_the_time(tmp_path: Path) -> None:
    stand_ins = StandIns(tmp_path, finish_s=0.3, stop_s=0.3)
    await stand_ins.start("--stubborn", count=2)
    await stand_ins.local.close(0)
    await eventually_async(lambda: not of_folder(tmp_path))
    state = StateFile.open(stand_ins.local.groups[0].folder, os.O_RDONLY)
    report = state.read()
    state.close()
    assert report is not None
    assert [place.ending for place in report.places] == ["ended by SIGKILL"] * 2


async def test_detached_workers_keep_running_and_are_found_again(stand_ins: StandIns) -> None:
    await stand_ins.start(count=2)
    pids = stand_ins.local.pids
    assert await stand_ins.local.detach_all()
    await stand_ins.local.close(0)
    other = StandIns(stand_ins.folder)
    assert other.local.adopt() == 2
    assert other.local.pids == pids
    assert other.local.groups[0].is_detached
    assert other.first.log.read_text().count("ready") == 1
    # They run until they are asked to end, also after this console.
    await other.local.close(0)
    third = StandIns(stand_ins.folder)
    assert third.local.adopt() == 2
    third.local.stop_all(now=True)
    assert await third.local.wait(20)
    await third.local.close(5)


async def test_a_console_takes_no_workers_of_another_console_or_of_another_redis(
    stand_ins: StandIns,
) -> None:
    await stand_ins.start()
    assert StandIns(stand_ins.folder).local.adopt() == 0
    await stand_ins.local.detach_all()
    await stand_ins.local.close(0)
    assert StandIns(stand_ins.folder, namespace="elsewhere").local.adopt() == 0
    owner = StandIns(stand_ins.folder)
    assert owner.local.adopt() == 1
    assert StandIns(stand_ins.folder).local.adopt() == 0
    owner.local.stop_all(now=True)
    assert await owner.local.wait(20)
    await owner.local.close(5)


async def test_a_console_that_looks_for_workers_does_not_hinder_another_that_starts_some(
    stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(path: Path, mode: int) -> None:
        os.mkfifo(path, mode)
        monkeypatch.undo()
        owner = _lock(path.parent)
        assert owner is not None
        threading.Timer(0.2, os.close, (owner,)).start()

    monkeypatch.setattr(groups, "os", SimpleNamespace(**{**vars(os), "mkfifo": make}))
    await stand_ins.start()
    assert stand_ins.states() == ["running"]


async def test_when_the_supervisor_is_killed_the_workers_finish_and_that_is_reported(
    stand_ins: StandIns,
) -> None:
    group = await stand_ins.start(count=2)
    assert group.report is not None
    pids = stand_ins.local.pids
    os.kill(group.report.pid, signal.SIGKILL)
    await stand_ins.until_states("lost", "lost")
    assert "its supervisor was killed" in stand_ins.first.place.ending
    stand_ins.finish.touch()
    await eventually_async(lambda: not any(map(psutil.pid_exists, pids)))
    assert stand_ins.local.ask("stopping", stand_ins.local.all) == 0


async def test_when_the_supervisor_is_killed_workers_of_scripts_finish_too(
    stand_ins: StandIns,
) -> None:
    group = await stand_ins.start(template=script(stand_ins.folder))
    assert group.report is not None
    assert len(of_folder(stand_ins.folder)) == 3
    os.kill(group.report.pid, signal.SIGKILL)
    await eventually_async(lambda: not of_folder(stand_ins.folder))


async def test_a_process_that_only_has_the_same_id_is_left_alone(stand_ins: StandIns) -> None:
    group = await stand_ins.start()
    assert group.report is not None
    place = stand_ins.first.place
    assert place.began is not None
    earlier = replace(place, began=place.began - 3600)
    quit_leftovers(replace(group.report, places=(earlier,)), at_once=False)
    stand_ins.local.ask("pause", [stand_ins.first])
    await eventually_async(lambda: "paused" in stand_ins.first.log.read_text())
    assert "finishing" not in stand_ins.first.log.read_text()
    quit_leftovers(group.report, at_once=False)
    await eventually_async(lambda: "finishing" in stand_ins.first.log.read_text())


async def test_the_workers_survive_a_hang_up_and_end_with_a_term_to_the_supervisor(
    stand_ins: StandIns,
) -> None:
    group = await stand_ins.start()
    assert group.report is not None
    os.kill(group.report.pid, signal.SIGHUP)
    os.kill(group.report.pid, signal.SIGTERM)
    await stand_ins.until_states("finishing")
    stand_ins.finish.touch()
    await stand_ins.until_states("ended")


async def test_only_the_newest_folders_are_kept(stand_ins: StandIns) -> None:
    root = stand_ins.folder / "local"
    for number in range(FOLDERS_KEPT + 5):
        (root / f"20200101-{number:06}-1-1").mkdir(parents=True)
    group = await stand_ins.start()
    names = sorted(folder.name for folder in root.iterdir())
    assert len(names) == FOLDERS_KEPT + 1
    assert group.id in names
    assert "20200101-000000-1-1" not in names
    tidy(root, ())
    assert group.folder.is_dir()


@pytest.mark.parametrize("head", [b"0000000001 0000000100", b"0000000001 -000000001", b"\xff"])
async def test_a_half_written_file_is_not_read_as_a_report(
    stand_ins: StandIns, head: bytes
) -> None:
    group = await stand_ins.start()
    await eventually_async(lambda: group.report is not None)
    path = group.folder / state_file.STATE
    with path.open("r+b") as file:
        file.write(head)
    before = group.report
    assert not group.refresh()
    assert group.report is before
