"""Ten drills of an operator, at the usual size of a terminal: what is wrong is found and mended in
at most so many keys, and what is in Redis then is what was meant."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import words
from tests.support.console import (
    console,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_checked,
    until_mode,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from tests.support.local_workers import of_folder
from tests.support.registered_workers import hire
from tests.support.sample_data import failure_entry
from tests.support.waiting import eventually_async
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.screens.bulk_edit import ChangeDialog
from qtop.screens.dialogs import ConfirmDialog, DateDialog, StartDialog
from qtop.widgets.table import Table

pytestmark = pytest.mark.redis

SIZE = (80, 24)
SAMPLE_JOBS = "tests.support.jobs.sample_jobs"


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is about noon: no test runs into another day."""
    monkeypatch.setenv("TZ", f"XXX{datetime.now(UTC).hour - 12:+d}")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Operator:
    """Presses keys, and counts them. A key that is meant for what comes next waits until that is
    on the screen, as a person does."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.keys = 0

    @property
    def app(self) -> QtopApp:
        app = self.pilot.app
        assert isinstance(app, QtopApp)
        return app

    async def press(self, *keys: str) -> None:
        self.keys += len(keys)
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def go_to(self, is_it: Callable[[Any], bool]) -> None:
        """Go down to a row of the table in front."""
        table = table_of(self.app)
        await until(self.pilot, lambda: any(map(is_it, rows_of(table))), "the row")
        while not is_it(table.cursor_row):
            await self.press("j")

    async def see(self, text: str) -> None:
        await until_shown(self.pilot, text)

    async def polled(self) -> None:
        """Let the console look once more."""
        before = self.app.state.poll.snapshot
        self.app.poll_now()
        await until(
            self.pilot, lambda: self.app.state.poll.snapshot is not before, "another snapshot"
        )
        await self.pilot.pause()


def rows_of(table: Table[Any]) -> list[Any]:
    return [table.rows[at] for at in range(table.row_count)]


def on(direct: Direct, url: str, **more: Any) -> QtopApp:
    """A console on the server that the test fills; its clock goes, for rates and times."""
    del direct
    return console(url=url, clock=time.monotonic, **more)


def job(name: str, *args: Any) -> bytes:
    return json.dumps({"class": name, "args": args}, separators=(",", ":")).encode()


def push(direct: Direct, queue: str, *jobs: bytes) -> None:
    direct("SADD", "resque:queues", queue)
    direct("RPUSH", f"resque:queue:{queue}", *jobs)


def fail(direct: Direct, name: str, args: list[Any], at: datetime, **fields: Any) -> None:
    """A failed job, the newest one; of the queue mail, if the test does not say otherwise."""
    failed_at = at.astimezone(UTC).strftime("%Y/%m/%d %H:%M:%S UTC")
    payload = {"class": name, "args": args}
    entry = failure_entry(0, failed_at=failed_at, payload=payload, **fields)
    direct("RPUSH", "resque:failed", entry)


def items(direct: Direct, key: str) -> list[bytes]:
    found: list[bytes] = direct("LRANGE", f"resque:{key}", 0, -1)
    return found


def beat(ago: timedelta = timedelta(0)) -> str:
    return (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def running(name: str, queue: str, ago: timedelta) -> bytes:
    at = (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(
        {"queue": queue, "run_at": at, "payload": {"class": name, "args": [1]}}
    ).encode()


NOW = datetime.now(UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def test_emails_that_are_not_sent_are_explained_in_the_first_row(
    direct: Direct, redis_url: str
) -> None:
    push(direct, "mailers", *(job("Mailers::Welcome", n) for n in range(40)))
    push(direct, "critical", job("ChargeCard", 1))
    hire(direct, "web-1.example.com:9:critical", beat=beat())
    silent = [f"mail-1.example.com:{n}:mailers" for n in range(6)]
    hire(direct, *silent, beat=beat(18 * MINUTE))
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_checked(pilot)
        row: Any = table_of(app).cursor_row
        assert (row.incident.subject, row.incident.severity) == ("mailers", "crit")
        # The cause, beside it: which workers, where, for how long.
        shown = [line for line in screen_lines(app) if "mail-1" in line]
        assert "6" in shown[0]
        assert "18 min" in shown[0]
        await operator.press("enter")
        await until_mode(pilot, "workers")
        await until(pilot, lambda: table_of(app).row_count == 6, "the silent workers")
        assert {each.id for each in rows_of(table_of(app))} == set(silent)
        assert operator.keys <= 2


def filled_with_timeouts(direct: Direct, wanted: int) -> None:
    """Timeouts of yesterday, among failures of another class, kind or day."""
    noon = datetime.now().astimezone()
    for number in range(wanted):
        for name, error, at in (
            ("ChargeCard", "Net::ReadTimeout", noon - DAY),
            ("ChargeCard", "Stripe::CardError", noon - DAY),
            ("WebhookDelivery", "Net::ReadTimeout", noon - DAY),
            ("ChargeCard", "Net::ReadTimeout", noon),
        ):
            fail(direct, name, [number, error, at == noon], at, exception=error, queue="billing")


async def test_timeouts_of_yesterday_of_one_class_are_requeued_at_ten_a_second(
    direct: Direct, redis_url: str
) -> None:
    filled_with_timeouts(direct, 8)
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_polled(pilot)
        await operator.press("4")
        await operator.see("3 groups of 32")
        await operator.go_to(
            lambda row: (
                row is not None
                and row.group.fingerprint.class_name == "ChargeCard"
                and row.group.fingerprint.exception == "Net::ReadTimeout"
            )
        )
        await operator.press("enter")
        await operator.see("16 match")
        await operator.press("slash", *"failed:y", "tab", "enter")
        await operator.see("8 of 32")
        await operator.press("R")
        await until_screen(pilot, ConfirmDialog)
        await operator.press("1", "0", "enter", "enter")
        await operator.see(words.done("requeued", 8))
        assert operator.keys <= 35
    wanted = {job("ChargeCard", n, "Net::ReadTimeout", False) for n in range(8)}
    assert {*items(direct, "queue:billing")} == wanted
    assert len(items(direct, "failed")) == 24


async def test_u_during_a_run_stops_it_and_takes_it_back_after_a_question(
    direct: Direct, redis_url: str
) -> None:
    for number in range(300):
        fail(direct, "ChargeCard", [number], NOW - DAY, queue="billing")
    before = items(direct, "failed")
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_polled(pilot)
        await operator.press("4")
        await operator.see("1 group of 300")
        await operator.press("R")
        await until_screen(pilot, ConfirmDialog)
        await operator.press("1", "0", "enter", "enter")
        # How far, as a bar and in figures, how fast, and how long it still takes.
        await until(pilot, lambda: "left" in screen_lines(app)[-2], "the time that is left")
        progress = screen_lines(app)[-2]
        assert "█" in progress or "·" in progress
        assert "of 300" in progress
        assert "/s" in progress
        operator.keys = 0
        await operator.press("u")
        await until_screen(pilot, ConfirmDialog)
        moved = len(items(direct, "queue:billing"))
        assert 0 < moved < 300
        assert len(items(direct, "failed")) == 300 - moved
        # The question is about what was done, not about all that was meant.
        question = app.screen
        assert isinstance(question, ConfirmDialog)
        assert question.plan.many == moved
        await operator.press(*(("y",) if moved <= 50 else ("tab", "enter")))
        await operator.see(words.UNDONE)
        assert operator.keys <= 3
    assert items(direct, "failed") == before
    assert not items(direct, "queue:billing")


async def test_what_a_stopped_run_has_done_is_said_where_it_is_kept(
    direct: Direct, redis_url: str
) -> None:
    for number in range(300):
        fail(direct, "ChargeCard", [number], NOW - DAY, queue="billing")
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_polled(pilot)
        await operator.press("4")
        await operator.see("1 group of 300")
        await operator.press("R")
        await until_screen(pilot, ConfirmDialog)
        await operator.press("1", "0", "enter", "enter")
        await operator.see(words.STOP_KEY)
        await until(pilot, lambda: bool(items(direct, "queue:billing")), "the first step")
        await operator.press("u")
        await until_screen(pilot, ConfirmDialog)
        moved = len(items(direct, "queue:billing"))
        await operator.press("escape")
        await operator.see(words.done("requeued", moved))
        assert words.NOTHING_CHANGED not in screen_text(app)
    assert len(items(direct, "queue:billing")) == moved


async def test_a_job_that_kills_its_workers_goes_to_quarantine_with_its_waiting_copies(
    direct: Direct, redis_url: str
) -> None:
    args = [4711, {"account": 77, "format": "xlsx"}]
    error = "Child process received unhandled signal pid 3000 SIGKILL (signal 9)"
    for number in range(5):
        at = NOW - (6 - number) * MINUTE
        died = {"exception": "Resque::DirtyExit", "error": error, "backtrace": []}
        fail(direct, "ExportCsv", args, at, queue="exports", worker=f"web-{number}:1:*", **died)
    other = job("ExportCsv", 1)
    push(direct, "exports", job("ExportCsv", *args), other, job("ExportCsv", *args))
    hire(direct, "web-1:9:exports", beat=beat())
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_checked(pilot)
        await operator.go_to(lambda row: row is not None and row.incident.kind == "poison")
        # The key is beside it, with what it does.
        assert "X quarantine" in screen_text(app)
        operator.keys = 0
        await operator.press("X")
        await until_screen(pilot, ConfirmDialog)
        await operator.press("y")
        await until(pilot, lambda: not items(direct, "failed"), "the quarantine")
        assert operator.keys <= 2
        assert items(direct, "queue:exports") == [other]
        assert items(direct, "qtop:quarantine:exports") == [job("ExportCsv", *args)] * 7
        await operator.see("7")
        await operator.press("u")
        await until(pilot, lambda: len(items(direct, "failed")) == 5, "the undo")


async def test_a_paused_queue_shows_that_it_drains_and_that_it_is_drained(
    direct: Direct, redis_url: str
) -> None:
    push(direct, "critical", job("ChargeCard", 1), job("ChargeCard", 2))
    worker = "web-1:9:critical"
    hire(direct, worker, beat=beat())
    direct("SET", f"resque:worker:{worker}", running("ChargeCard", "critical", MINUTE))
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_polled(pilot)
        await operator.press("2", "p")
        await operator.see("paused, draining 1")
        assert direct("EXISTS", "resque:pause:queue:critical") == 1
        direct("DEL", f"resque:worker:{worker}")
        await operator.polled()
        await operator.see("paused, drained")
        await operator.press("p")
        await operator.see(words.resumed("critical"))
        assert direct("EXISTS", "resque:pause:queue:critical") == 0
        assert operator.keys <= 9


async def test_all_evidence_for_pruning_can_be_read_before(direct: Direct, redis_url: str) -> None:
    dead = [f"worker-old{n:02}:1:critical,default" for n in range(14)]
    hire(direct, *dead, beat=beat(66 * MINUTE))
    direct("SET", f"resque:worker:{dead[0]}", running("ExportCsv", "default", 70 * MINUTE))
    hire(direct, "web-1:9:critical", beat=beat())
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_polled(pilot)
        await operator.press("3")
        await until(pilot, lambda: table_of(app).row_count == 15, "the workers")
        await operator.press("D")
        await until_screen(pilot, ConfirmDialog)
        seen = {name for name in dead if name in screen_text(app)}
        assert len(seen) < len(dead)
        while len(seen) < len(dead):
            await operator.press("pagedown")
            assert operator.keys <= 9
            seen |= {name for name in dead if name in screen_text(app)}
        await operator.press("y")
        await operator.see(words.pruned(14, failed=1))
        assert operator.keys <= 10
    assert direct("SMEMBERS", "resque:workers") == [b"web-1:9:critical"]
    [(_, fields)] = direct("XREVRANGE", "resque:qtop:audit", "+", "-", "COUNT", 1)
    noted = dict(zip(fields[::2], fields[1::2], strict=True))
    assert (noted[b"action"], noted[b"subject"]) == (b"prune", b"14 dead workers")
    assert len(items(direct, "failed")) == 1


async def test_one_delayed_job_runs_now_and_one_tomorrow_at_nine(
    direct: Direct, redis_url: str
) -> None:
    soon = int(time.time()) + 3_600
    for number in range(3):
        member, at = job("Report", number)[:-1] + b',"queue":"reports"}', soon + number
        direct("ZADD", "resque:delayed_queue_schedule", at, at)
        direct("RPUSH", f"resque:delayed:{at}", member)
        direct("SADD", b"resque:timestamps:" + member, f"delayed:{at}")
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_polled(pilot)
        await operator.press("5")
        await operator.see("Report")
        await operator.press("r")
        await operator.see(words.done("ran now", 1))
        await until(pilot, lambda: table_of(app).row_count == 2, "the others")
        await operator.press("m")
        await until_screen(pilot, DateDialog)
        await operator.press(*"tomorrow 9:00", "enter")
        nine = datetime.now().astimezone().replace(hour=9, minute=0, second=0, microsecond=0) + DAY
        stamp = int(nine.timestamp())
        await until(pilot, lambda: bool(items(direct, f"delayed:{stamp}")), "the new time")
        assert operator.keys <= 31
    assert [json.loads(each)["args"] for each in items(direct, "queue:reports")] == [[0]]
    assert [json.loads(each)["args"] for each in items(direct, f"delayed:{stamp}")] == [[1]]
    assert [json.loads(each)["args"] for each in items(direct, f"delayed:{soon + 2}")] == [[2]]


async def test_one_value_of_many_jobs_is_edited_and_comes_back(
    direct: Direct, redis_url: str
) -> None:
    for number in range(60):
        amount = {"currency": "EURO" if number else "USD", "amount": number}
        fail(direct, "ImportRow", [number, amount], NOW, queue="imports")
    before = items(direct, "failed")
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_polled(pilot)
        await operator.press("4")
        await operator.see("1 group of 60")
        await operator.press("E")
        await until_screen(pilot, ChangeDialog)
        # What is offered behind what was typed is taken over.
        await operator.press(*"args.1.c", "enter", *"EURO", "enter", *"EUR", "enter")
        await until_screen(pilot, ConfirmDialog)
        question = app.screen
        assert isinstance(question, ConfirmDialog)
        assert question.plan.many == 59
        assert screen_text(app).count('args.1.currency: "EURO" → "EUR"') >= 3
        await operator.press("9", "9", "9", "enter", "enter")
        await until(pilot, lambda: len(items(direct, "queue:imports")) == 59, "the edit")
        await operator.see(words.done("edited and requeued", 59))
        assert operator.keys <= 30
        pushed = [json.loads(each)["args"] for each in items(direct, "queue:imports")]
        assert sorted(args[0] for args in pushed) == list(range(1, 60))
        assert all(args[1] == {"currency": "EUR", "amount": args[0]} for args in pushed)
        assert items(direct, "failed") == before[:1]
        await operator.press("u")
        await operator.see(words.UNDONE)
    assert items(direct, "failed") == before
    assert not items(direct, "queue:imports")


async def test_four_workers_start_here_once_they_know_the_waiting_classes(
    direct: Direct, redis_url: str, tmp_path: Path
) -> None:
    push(direct, "default", *(job("OkJob", n) for n in range(3)))
    app = on(direct, redis_url, folder=tmp_path / "log")
    try:
        async with app.run_test(size=SIZE) as pilot:
            operator = Operator(pilot)
            await until_checked(pilot)
            # The first incident: no worker takes them.
            await operator.press("s")
            await until_screen(pilot, StartDialog)
            await operator.press("tab", "4", "enter")
            await operator.see("default: OkJob")
            assert app.local.groups == []
            assert len(items(direct, "queue:default")) == 3
            started = operator.keys
            await operator.press("tab", *SAMPLE_JOBS, "enter")
            await operator.see(words.started(4))
            # The name of the module is as long as it is.
            assert started + 2 <= 20
            await until(pilot, lambda: direct("GET", "resque:stat:processed") == b"3", "the jobs")
            assert len(app.local.alive) == 4
            app.local.stop_all(now=True)
            await until(pilot, lambda: not app.local.alive, "the end of the workers")
    finally:
        await eventually_async(lambda: not of_folder(tmp_path))
    assert not items(direct, "failed")


async def test_evidence_for_a_ticket_takes_one_key(direct: Direct, redis_url: str) -> None:
    for number in range(5):
        fail(direct, "ChargeCard", [number, {"token": "hush"}], NOW - number * MINUTE)
    app = on(direct, redis_url)
    async with app.run_test(size=SIZE) as pilot:
        operator = Operator(pilot)
        await until_polled(pilot)
        await operator.press("4")
        await operator.see("1 group of 5")
        await operator.press("Y")
        await until(pilot, lambda: bool(app.clipboard), "the ticket")
        lines = app.clipboard.splitlines()
        assert any("5" in line for line in lines)
        assert sum(line.startswith("- ") for line in lines) == 3
        assert "hush" not in app.clipboard
        await operator.press("t", "enter", "y")
        await until(pilot, lambda: app.clipboard.splitlines() != lines, "the error")
        assert app.clipboard.startswith("Net::ReadTimeout")
        assert "hush" not in app.clipboard
        assert operator.keys <= 7
