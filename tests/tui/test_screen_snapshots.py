"""History and Workers at every size: empty, with hostile data, and without an answer of Redis."""

from datetime import UTC, datetime

import pytest
from tests import words
from tests.support.audit_entries import AUDIT_ENTRIES, audit_entry
from tests.support.console import (
    assert_snapshot,
    console,
    screen_lines,
    screen_text,
    table_of,
    until_mode,
    until_rows,
    until_screen,
    until_shown,
)
from tests.support.sample_data import NOW, FakeSystem, fleet, queue, snapshot, worker

from qtop.model.fleet import Snapshot
from qtop.screens.workers import WorkersScreen
from qtop.text import format
from qtop.text.safe import ago
from queuecore.action_record import Actor
from queuecore.audit import AuditEntry
from resque.errors import Unreachable

SIZES = [(80, 24), (120, 40), (200, 60)]
#: Sets the clipboard, colours, reverses the line, is markup, is wide, breaks the line.
HOSTILE = "\x1b]52;c;aGk=\x07[@click=app.quit][/x]\u202e\x9b31m漢字\n\t👩‍👩‍👧"
#: The oldest heartbeat that can be read: in the year 1.
OLDEST_S = (NOW - datetime.min.replace(tzinfo=UTC)).total_seconds()
GONE = Unreachable("cannot reach Redis at queues.example.com:6379 (connection refused)")

pytestmark = pytest.mark.usefixtures("in_utc")
sizes = pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")


def hostile_workers() -> Snapshot:
    return snapshot(
        [queue(HOSTILE, 3), queue("mail", 3)],
        [
            worker(f"{HOSTILE}:1:{HOSTILE}", on=HOSTILE, job=(HOSTILE, [HOSTILE]), processed=None),
            worker(f"web1:99999999999999999999:{HOSTILE}", beat_age_s=-9_000.0),
            worker(HOSTILE, beat_age_s=None, failed=None),
            worker("::", beat_age_s=400),
            worker("", beat_age_s=OLDEST_S),
            worker("web1:7:" + ",".join(f"queue-{n}" for n in range(99)), processed=10**15),
        ],
    )


def hostile_audit_entries() -> list[AuditEntry]:
    who = Actor(HOSTILE, HOSTILE)
    return [
        audit_entry(1, actor=who, action=HOSTILE, subject=HOSTILE, queue=HOSTILE, id=HOSTILE),
        audit_entry(
            2, subject="x" * 5_000, planned=10**15, done=10**15, undone=10**14, undo_left_s=10**9
        ),
        audit_entry(3, action="", subject="", actor=Actor("", ""), done=None, undo_left_s=None),
    ]


@sizes
@pytest.mark.parametrize(
    ("name", "look", "text"),
    [
        ("empty", snapshot, "No workers yet"),
        ("hostile", hostile_workers, "99999999999999999999"),
    ],
)
async def test_workers(size: tuple[int, int], name: str, look: object, text: str) -> None:
    assert callable(look)
    app = console(FakeSystem(look()))
    async with app.run_test(size=size) as pilot:
        await pilot.press("3")
        await until_screen(pilot, WorkersScreen)
        if name == "empty":
            await until_shown(pilot, text)
        else:
            await until_rows(pilot, 6)
            await pilot.pause()
        assert_snapshot(app, f"workers-{name}-{size[0]}x{size[1]}")
        assert all(line.isprintable() for line in screen_lines(app))


@sizes
@pytest.mark.parametrize(
    ("name", "entries", "text"),
    [("empty", [], "No actions yet"), ("hostile", hostile_audit_entries(), "xxxxx")],
)
async def test_history(
    size: tuple[int, int], name: str, entries: list[AuditEntry], text: str
) -> None:
    source = FakeSystem(fleet())
    source.answers = [entries]
    app = console(source)
    async with app.run_test(size=size) as pilot:
        await pilot.press("7")
        await until_shown(pilot, text)
        assert_snapshot(app, f"history-{name}-{size[0]}x{size[1]}")
        assert all(line.isprintable() for line in screen_lines(app))


@sizes
@pytest.mark.parametrize(("name", "key"), [("workers", "3"), ("history", "7")])
async def test_listed_rows_stay_when_redis_goes_away(
    size: tuple[int, int], name: str, key: str
) -> None:
    now = 1_000.0
    source = FakeSystem(fleet(), GONE)
    source.answers = [AUDIT_ENTRIES]
    app = console(source, clock=lambda: now)
    async with app.run_test(size=size) as pilot:
        await pilot.press(key)
        await until_mode(pilot, name)
        await until_rows(pilot, 5)
        now = 1_010.0
        app.poll_now()
        await until_shown(pilot, words.NO_ANSWER_FROM_REDIS)
        now = 1_017.0
        app.places.first.on_poll(app.state.poll)
        await pilot.pause()
        assert_snapshot(app, f"{name}-no-answer-{size[0]}x{size[1]}")
        assert table_of(app).stale


@pytest.mark.parametrize(("name", "key"), [("workers", "3"), ("history", "7")])
async def test_a_redis_that_never_answered_is_not_shown_as_an_empty_list(
    name: str, key: str
) -> None:
    app = console(FakeSystem(GONE))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await until_mode(pilot, name)
        await until_shown(pilot, words.NO_ANSWER_FROM_REDIS)
        assert "yet" not in screen_text(app)
        assert "connection refused" in screen_text(app)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999_999, "999,999"),
        (1_234_567, "1.235M"),
        (999_999_999_999, "1000G"),
        (10**15, "1P"),
        (2**63, "9.223E"),
        (10**30, ">999E"),
        (-(10**30), "<-999E"),
    ],
)
def test_no_count_is_wider_than_its_column(value: int, text: str) -> None:
    assert format.number(value) == text
    assert len(text) <= 8


@pytest.mark.parametrize(
    ("days", "text"),
    [(999, "999 d"), (1_000, "2 y"), (364_999, "999 y"), (365_000, ">999 y")],
)
def test_no_age_is_wider_than_its_column(days: int, text: str) -> None:
    assert ago(days * 86_400) == text
