"""Logs of local workers: files are bounded, following reads small parts, the view is bounded."""

import os
from pathlib import Path

import pytest
from tests.support.console import screen_lines, screen_text, until, until_shown
from tests.support.local_workers import StandIns, of_folder
from tests.support.waiting import eventually_async
from textual.app import App, ComposeResult

from qtop.local import logs
from qtop.local.logs import MOST_BEHIND_BYTES, STEP_BYTES, LogFile, Tail, level, without_colours
from qtop.widgets import text_view
from qtop.widgets.text_lines import TextLine
from qtop.widgets.text_view import LogView
from resque.worker.log import WorkerLogLine, as_json, told

# Files


def test_a_full_log_is_rotated_and_one_old_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    log = LogFile(path, most_bytes=1_000)
    for number in range(100):
        log.write(b"%049d\n" % number)
    log.close()
    before, now = path.with_name("w.log.1").read_bytes(), path.read_bytes()
    assert (before + now).splitlines()[-1] == b"%049d" % 99
    assert [len(before), len(now)] == [1_000, 1_000]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["w.log", "w.log.1"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_stops_nothing_and_is_reported(tmp_path: Path) -> None:
    log = LogFile(Path("/dev/full"))
    log.write(b"one\n")
    log.write(b"two\nthree\n")
    assert log.problem == "the log is not kept: No space left on device"
    assert log.said() == ("one", "two", "three")
    log.close()


def test_dropped_lines_are_counted_when_there_is_room_again(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "w.log"
    log = LogFile(path)
    log.write(b"lost\n")
    assert "No such file" in log.problem
    path.parent.mkdir()
    log.write(b"kept\n")
    assert (log.problem, path.read_text()) == ("", "\nqtop: 5 bytes dropped\nkept\n")
    log.close()


def test_a_log_is_never_written_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "w.log").symlink_to(tmp_path / "victim")
    log = LogFile(tmp_path / "w.log")
    log.write(b"x")
    assert log.problem
    assert not (tmp_path / "victim").exists()


# Following


def test_a_tail_begins_with_the_existing_lines_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    follower = Tail(path)
    assert follower.read() == ([], 0)
    path.write_bytes(b"one\ntwo\nthr")
    assert follower.read() == ([b"one", b"two"], 0)
    with path.open("ab") as file:
        file.write(b"ee\n")
    assert follower.read() == ([b"three"], 0)
    assert follower.read() == ([], 0)
    follower.close()


def test_a_tail_goes_on_with_the_file_that_replaces_its_own(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    follower = Tail(path)
    follower.read()
    with path.open("ab") as file:
        file.write(b"two\n")
    path.rename(tmp_path / "log.1")
    path.write_bytes(b"three\n")
    lines = [line for _ in range(4) for line in follower.read().lines]
    assert lines == [b"two", b"three"]
    follower.close()


def test_a_tail_reads_bounded_steps_and_skips_what_is_far_behind(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %06d\n" % number for number in range(500_000)))
    follower = Tail(path)
    piece = follower.read()
    assert piece.passed_over == path.stat().st_size - MOST_BEHIND_BYTES
    assert sum(len(line) + 1 for line in piece.lines) <= STEP_BYTES
    # The first line is a whole one.
    assert piece.lines[0].startswith(b"line ")
    assert len(piece.lines[0]) == len(b"line 000000")
    steps = 1
    while more := follower.read().lines:
        steps += 1
        last = more[-1]
    assert last == b"line 499999"
    assert steps == MOST_BEHIND_BYTES // STEP_BYTES
    follower.close()


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 20_000)
    follower = Tail(path)
    lines = follower.read().lines
    assert {len(line) for line in lines[:-1]} == {logs.LONGEST_LINE_BYTES}
    assert b"".join(lines) == b"x" * 20_000
    follower.close()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("ERROR no answer", "bad"),
        ("[2026-11-23] FATAL -- : gone", "bad"),
        ("Traceback (most recent call last):", "bad"),
        ("ValueError: no", "bad"),
        ("Redis::CannotConnectError: no", "bad"),
        ('{"level":"error","msg":"x"}', "bad"),
        ("level=warning msg=x", "warn"),
        ("WARN slow", "warn"),
        ("2026-11-23T18:20:28Z failed 'Mailers::Welcome' of 'mail' in 0.044 s", "bad"),
        ("2026-11-23T18:20:28Z done 'Mailers::Welcome' of 'mail' in 0.044 s", ""),
        ("WARNING: slow ERROR rate", "warn"),
        ("INFO all is well: 0 ERROR", ""),
        ("DEBUG x", "dim"),
        ("[debug] x", "dim"),
        ("0 errors, information about an error", ""),
        ("TERROR in the ERRORS", ""),
        ("qtop: process 5 exited with 1", "own"),
        ("x" * 1_000 + " ERROR", ""),
    ],
)
def test_the_first_level_word_of_a_line_is_its_level(line: str, wanted: str) -> None:
    assert level(line) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (told("leaves 'ruby' alone: 5 jobs", level="warning"), "warn"),
        (told("still leaves 'ruby' alone", level="warning"), "warn"),
        (told("failed 'A' of 'mail'", level="error", event="failed", message="boom"), "bad"),
        (told("done 'A' of 'mail'", event="done"), ""),
    ],
)
def test_lines_of_our_own_worker_have_their_level_in_either_form(
    text: WorkerLogLine, wanted: str
) -> None:
    assert level(f"2026-11-23T12:00:00Z {text}") == wanted
    assert level(as_json(text)) == wanted


def test_a_coloured_line_is_shown_without_its_colours_and_with_its_level() -> None:
    plain = without_colours(
        b"\x1b[2m12:00\x1b[0m \x1b[1;31mERROR\x1b[0m \x1b[38:5:9mno\x1b[m\x1b[K"
    )
    assert plain == b"12:00 ERROR no"
    assert level(plain.decode()) == "bad"
    # Sequences that do more than colour stay visible.
    assert without_colours(b"\x1b[2J\x1b]52;c;aGk=\x07") == b"\x1b[2J\x1b]52;c;aGk=\x07"


def test_the_last_output_is_reported_without_colours(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "w.log")
    log.write(b"\x1b[31mFATAL\x1b[0m gone\n")
    assert log.said() == ("FATAL gone",)
    assert (tmp_path / "w.log").read_bytes() == b"\x1b[31mFATAL\x1b[0m gone\n"
    log.close()


# The view


class ViewApp(App[None]):
    """An app with only a log view."""

    def __init__(self) -> None:
        super().__init__()
        self.log_view = LogView()

    def compose(self) -> ComposeResult:
        yield self.log_view


def numbered(begin: int, end: int) -> list[TextLine]:
    return [TextLine(f"line {number}") for number in range(begin, end)]


async def test_the_view_follows_the_end_and_forgets_the_oldest() -> None:
    app = ViewApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        for begin in range(0, 10_000, 500):
            app.log_view.append(numbered(begin, begin + 500))
        await until_shown(pilot, "line 9999")
        assert len(app.log_view.lines) == text_view.MOST_LINES
        assert app.log_view.virtual_size.height == text_view.MOST_LINES


async def test_the_text_on_the_screen_stays_while_lines_arrive() -> None:
    app = ViewApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        app.log_view.append(numbered(0, text_view.MOST_LINES))
        await until_shown(pilot, f"line {text_view.MOST_LINES - 1}")
        await pilot.press("pageup", "pageup")
        await pilot.pause()
        before = [line[:20].strip() for line in screen_lines(app)]
        assert not app.log_view.follows
        app.log_view.append(numbered(10_000, 10_500))
        await pilot.pause()
        assert [line[:20].strip() for line in screen_lines(app)] == before
        await pilot.press("G")
        await until_shown(pilot, "line 10499")
        assert app.log_view.follows


async def test_long_lines_are_wrapped_and_a_search_finds_each_line_once() -> None:
    app = ViewApp()
    async with app.run_test(size=(30, 8)) as pilot:
        await pilot.pause()
        wide = TextLine("漢字" * 30 + "needle", "bad")
        app.log_view.append([TextLine("a" * 100 + "NEEDLE"), *numbered(0, 50), wide])
        app.log_view.search("needle")
        assert app.log_view.matches() == 2
        assert app.log_view.to_match(-1)
        await pilot.pause()
        assert "aaaa" in screen_text(app)
        assert app.log_view.to_match(1)
        await until_shown(pilot, "needle")
        assert app.log_view.to_match(1)
        await until_shown(pilot, "NEEDLE")
        app.log_view.search("nowhere")
        assert not app.log_view.to_match(1)
        await pilot.resize_terminal(60, 8)
        await until(pilot, lambda: app.log_view.virtual_size.height < 60, "wider lines")


async def test_a_flood_reaches_the_file_bounded_and_the_worker_never_waits(
    tmp_path: Path,
) -> None:
    stand_ins = StandIns(tmp_path)
    group = await stand_ins.start("--floods")
    log = group.workers[0].log
    follower = Tail(log)
    seen = 0
    while seen < 20:
        piece = follower.read()
        assert sum(map(len, piece.lines)) <= STEP_BYTES + logs.LONGEST_LINE_BYTES
        seen += bool(piece.lines)
        await eventually_async(lambda: True)
    await eventually_async(lambda: log.with_name(f"{log.name}.1").exists())
    names = sorted(each.name for each in group.folder.glob("worker-*"))
    assert names == ["worker-1.log", "worker-1.log.1"]
    assert all(os.stat(group.folder / name).st_size < 5 * 1024 * 1024 for name in names)
    follower.close()
    stand_ins.local.stop_all(now=True)
    assert await stand_ins.local.wait(20)
    await stand_ins.local.close(5)
    await eventually_async(lambda: not of_folder(tmp_path))
