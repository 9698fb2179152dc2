"""What a signal does to the row of its process: asked, read, quiet; and what a process that is gone
ran when it was last seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.console import (
    console,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_checked,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from tests.support.sidekiq_jobs import KEYS, job
from tests.support.sidekiq_processes import beat, crash, leave, work
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.screens.dialogs import ConfirmDialog
from qtop.screens.workers import WorkerScreen
from qtop.systems.runner import RedisRunner
from qtop.systems.sidekiq.signal_watch import SignalWatch
from qtop.systems.sidekiq.system import SidekiqSystem
from qtop.systems.sidekiq.work_watch import WorkWatch
from queuecore.address import parse_url
from queuecore.exchange import Steps
from queuecore.stores import Store
from queuecore.values import replace
from sidekiq.store import processes, signals

pytestmark = pytest.mark.redis
NAME = "far:1:0123456789ab"
SIGNALS = KEYS.signals(NAME)


@pytest.fixture
async def app(redis_url: str) -> AsyncIterator[QtopApp]:
    """A console on Sidekiq, on an empty database."""
    source = RedisRunner(SidekiqSystem(KEYS), parse_url(redis_url))
    yield console(source, url=redis_url, namespace="")
    await source.close()


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    with Store(parse_url(redis_url)) as store:
        yield store


async def asked(pilot: Pilot[None], key: str) -> None:
    """Show the processes, press a key there and say yes."""
    await until_polled(pilot)
    await pilot.press("3")
    await until_shown(pilot, "h:1")
    await pilot.press(key)
    await until_screen(pilot, ConfirmDialog)
    await pilot.press("y")
    await until_shown(pilot, "asked to")


def state_of(app: QtopApp) -> str:
    """What the first row of the table says."""
    app.poll_now()
    table = table_of(app)
    return table.row_text(table.cursor_row).split("\t")[0].strip() if table.cursor_row else ""


async def until_state(app: QtopApp, pilot: Pilot[None], state: str) -> None:
    await until(pilot, lambda: state_of(app).startswith(state), f"the state {state!r}")


async def test_a_quieted_process_is_asked_reads_it_and_is_quiet(
    app: QtopApp, direct: Direct
) -> None:
    beat(direct, NAME, "1.5")
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, "p")
        await until_state(app, pilot, "quiet asked")
        direct("RPOP", SIGNALS)
        beat(direct, NAME, "2.5")
        await until_state(app, pilot, "read")
        beat(direct, NAME, "3.5", quiet=True)
        await until_state(app, pilot, "quiet")
        await pilot.press("p")
        await until_shown(pilot, "stays quiet as long as it lives")


async def test_a_stopped_process_is_asked_reads_it_and_is_gone_from_the_list(
    app: QtopApp, direct: Direct
) -> None:
    beat(direct, NAME, "1.5")
    async with app.run_test(size=(140, 30)) as pilot:
        await asked(pilot, "x")
        await until_state(app, pilot, "stop asked")
        await pilot.press("enter")
        await until_screen(pilot, WorkerScreen)
        await until_shown(pilot, "stop asked; idle")
        await pilot.press("escape")
        direct("RPOP", SIGNALS)
        beat(direct, NAME, "2.5")
        await until_state(app, pilot, "read")
        leave(direct, NAME)
        await until(pilot, lambda: state_of(app) == "", "no process")


async def test_what_is_taken_back_leaves_the_row_as_it_was(app: QtopApp, direct: Direct) -> None:
    beat(direct, NAME, "1.5")
    async with app.run_test(size=(140, 30)) as pilot:
        await asked(pilot, "p")
        await until_state(app, pilot, "quiet asked")
        await pilot.press("u")
        await until_state(app, pilot, "idle")
        assert direct("EXISTS", SIGNALS) == 0


async def test_threads_are_dumped_by_a_key_of_its_own(app: QtopApp, direct: Direct) -> None:
    beat(direct, NAME, "1.5")
    async with app.run_test(size=(140, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "h:1")
        await pilot.press("i")
        await until(pilot, lambda: direct("LRANGE", SIGNALS, 0, -1) == [b"TTIN"], "its signal")
        await until_state(app, pilot, "dump asked")


def told(store: Store, watch: SignalWatch) -> str | None:
    """What a watch says of the process at one more poll."""

    def nothing() -> Steps[object]:
        return (yield signals.looks(KEYS, []))

    store.run(watch.beside(nothing()))
    found = watch.told(store.run(processes.read(KEYS)))
    facts = found[NAME].facts if NAME in found else None
    return None if facts is None else facts.signal


def test_a_signal_that_nobody_read_within_a_minute_has_expired(
    direct: Direct, store: Store
) -> None:
    beat(direct, NAME, "1.5")
    watch = SignalWatch(KEYS)
    [before] = store.run(signals.looks(KEYS, [NAME]))
    watch.note(NAME, "TSTP", replace(before, at_s=before.at_s - 61))
    assert told(store, watch) == "signal expired"
    watch.note(NAME, "TSTP", replace(before, at_s=before.at_s - 301))
    assert told(store, watch) is None
    assert watch.told(store.run(processes.read(KEYS))) == {}


@pytest.mark.parametrize(
    ("more", "why"),
    [({"embedded": True}, "embedded in another program"), ({}, "it has no heartbeat")],
)
async def test_a_process_that_reads_no_signal_gets_none_and_the_reason_is_said(
    app: QtopApp, direct: Direct, more: dict[str, bool], why: str
) -> None:
    beat(direct, NAME, "1.5", **more)
    if not more:
        direct("HDEL", NAME, "beat")
    async with app.run_test(size=(140, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "h:1")
        for key in "pxi":
            app.say("")
            await pilot.press(key)
            await until_shown(pilot, why)
        assert direct("EXISTS", SIGNALS) == 0


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_the_footer_has_sidekiqs_words(
    app: QtopApp, direct: Direct, size: tuple[int, int]
) -> None:
    beat(direct, NAME)
    async with app.run_test(size=size) as pilot:
        await until_polled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "h:1")
        words = {*screen_lines(app)[-1].split()}
        assert {"stop", "quiet", "dump", "rescue", "hosts"} <= words
        assert not {"pause", "unregister", "prune"} & words
        await pilot.press("question_mark")
        await until_shown(pilot, "take no more jobs")


async def test_the_row_of_a_crashed_process_says_what_it_ran(app: QtopApp, direct: Direct) -> None:
    beat(direct, NAME)
    work(direct, NAME, {"a": job(1, queue="q"), "b": job(2, queue="q")})
    async with app.run_test(size=(140, 40)) as pilot:
        await until_checked(pilot)
        crash(direct, NAME)
        app.poll_now()
        await pilot.press("3")
        await until_shown(pilot, "gone")
        await until_shown(pilot, "ran HardJob")
        table = table_of(app)
        assert "and 1 more" in table.row_text(table.cursor_row)
        await pilot.press("enter")
        await until_screen(pilot, WorkerScreen)
        assert screen_text(app).count("Job at its last heartbeat") == 2


async def test_a_console_that_comes_after_a_crash_shows_what_a_watch_kept(
    app: QtopApp, direct: Direct, store: Store
) -> None:
    beat(direct, NAME)
    work(direct, NAME, {"a": job(1, queue="q")})
    watch = WorkWatch(KEYS)
    [seen] = store.run(watch.keep())
    assert (seen.identity, seen.event, seen.jobs) == (NAME, "seen", 1)
    assert store.run(watch.keep()) == ()
    crash(direct, NAME)
    async with app.run_test(size=(140, 40)) as pilot:
        await until_checked(pilot)
        app.poll_now()
        await pilot.press("3")
        await until_shown(pilot, "ran HardJob")
