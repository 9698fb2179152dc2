"""Queues, Failed and Local at every size: empty, with hostile data, and without an answer of Redis.
One console goes through all sizes, as in a terminal whose window is enlarged."""

import pytest
from tests import words
from tests.support.console import (
    SIZES,
    assert_at_every_size,
    console,
    screen_text,
    table_of,
    until_mode,
    until_polled,
    until_rows,
    until_shown,
)
from tests.support.local_screen import still
from tests.support.sample_data import FakeSystem, failure, fleet, queue, snapshot, worker
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.local.processes import Sampler
from qtop.local.state_file import SlotState
from qtop.model.fleet import Snapshot
from queuecore.windows import Item, whole
from resque.errors import Unreachable
from resque.store.failures import read

KEYS = {"queues": "2", "failed": "4", "local": "6"}
#: Sets the clipboard, colours, reverses the line, is markup, is wide, breaks the line.
HOSTILE = "\x1b]52;c;aGk=\x07[@click=app.quit][/x]\u202e\x9b31m漢字\n\t👩‍👩‍👧"
GONE = Unreachable("cannot reach Redis at queues.example.com:6379 (connection refused)")

pytestmark = pytest.mark.usefixtures("in_utc")


@pytest.fixture
def no_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usage of processes is unknown."""
    monkeypatch.setattr(Sampler, "sample", lambda self, pids: {})


def hostile() -> Snapshot:
    name = b"\xff\x1b[31m[b]evil[/b]\n".decode("utf-8", "surrogateescape")
    return snapshot(
        queues=[
            queue(HOSTILE, 10**15, unreadable=10**12),
            queue(name, 3, is_paused=True),
            queue("", 1),
            queue("q" * 4_000, 0),
            queue("漢字キュー" * 9, 88),
            queue("odd", None, problem=f"the key holds {HOSTILE}"),
        ],
        workers=[worker(f"{HOSTILE}:1:{HOSTILE}", on=HOSTILE)],
        failures=[
            failure(1, exception=HOSTILE, error=HOSTILE * 9, queue=HOSTILE, worker=HOSTILE),
            failure(2, payload={"class": HOSTILE, "args": [HOSTILE]}, exception="E" * 4_000),
            failure(-9_999_999, payload=[1], exception=None, error=None, backtrace=7, queue=None),
            read(whole(b"\xff\xfe\x00 no JSON"), -4),
            read(whole(b"[" * 3_000), -5),
            read(Item(b'{"failed_at":"2026/11/23 12:00:00 UTC","pay', 50_000_000, "f" * 40), -6),
            failure(7, failed_at="yesterday", retried_at=HOSTILE),
        ],
    )


async def listed(app: QtopApp, pilot: Pilot[None], screen: str) -> None:
    await until_polled(pilot)
    await pilot.press(KEYS[screen])
    await until_mode(pilot, screen)
    await pilot.pause()


@pytest.mark.parametrize(
    ("screen", "text"),
    [
        ("queues", "No queues yet"),
        ("failed", words.NO_FAILED_JOBS),
        ("local", "No workers were started here"),
    ],
)
async def test_an_empty_list(screen: str, text: str) -> None:
    app = console(FakeSystem(snapshot()))
    async with app.run_test(size=SIZES[0]) as pilot:
        await listed(app, pilot, screen)
        await until_shown(pilot, text)
        await assert_at_every_size(app, pilot, f"{screen}-empty")


@pytest.mark.parametrize("screen", KEYS)
async def test_hostile_data(screen: str, no_usage: None) -> None:
    app = console(FakeSystem(hostile()))
    async with app.run_test(size=SIZES[0]) as pilot:
        said = (f"{HOSTILE}\n",)
        place = SlotState(1, "waiting", 7, until_mono=1_004.0, ending=HOSTILE, said=said)
        app.local.groups = [still(HOSTILE, HOSTILE, place)]
        await listed(app, pilot, screen)
        rows = {"queues": 6, "failed": 7, "local": 2}[screen]
        await until_rows(pilot, rows)
        await assert_at_every_size(app, pilot, f"{screen}-hostile")


@pytest.mark.parametrize("screen", KEYS)
async def test_listed_rows_stay_when_redis_goes_away(screen: str, no_usage: None) -> None:
    now = 1_000.0
    app = console(FakeSystem(fleet(), GONE), clock=lambda: now)
    async with app.run_test(size=SIZES[0]) as pilot:
        app.local.groups = [still("20261123-1", "mail,critical", SlotState(1, "running", 4242))]
        await listed(app, pilot, screen)
        before = table_of(app).row_count
        now = 1_010.0
        app.poll_now()
        await until_shown(pilot, words.NO_ANSWER_FROM_REDIS)
        now = 1_017.0
        app.places.first.on_poll(app.state.poll)
        await pilot.pause()
        assert table_of(app).row_count == before > 0
        assert "connection refused" in screen_text(app)
        await assert_at_every_size(app, pilot, f"{screen}-no-answer")
