"""The jobs of a queue as text, at three sizes: in good times and with errors."""

from typing import Any, TypeVar

import pytest
from tests import words
from tests.support.console import assert_snapshot, console, screen_lines, until_polled, until_shown
from tests.support.known import known
from tests.support.sample_data import SYSTEM, FakeSystem, fleet, queue, snapshot, worker
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.model.fleet import Snapshot
from qtop.monitor.changes import Rates
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import QueueRow
from qtop.screens import list_bars
from qtop.screens.jobs import JobsScreen, SetAsideScreen
from queuecore.exchange import Operation, drive
from queuecore.windows import Item, whole
from resque.codec import encode, encode_job
from resque.errors import Unreachable

T = TypeVar("T")

SIZES = [(80, 24), (120, 40), (200, 60)]
WRAPPER = "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"
HOSTILE = [
    b"",
    b"\x1b[2J\x1b]0;owned\x07{",
    b"[bold red]not markup[/]",
    b"\xff\xfe\x00",
    encode_job("\u202eevil\x1b[31m", ["\x9b31m", {"a\nb": "c\td"}]),
    b'{"class":7,"args":{}}',
    b'{"class":"NoArgs"}',
    b"[" * 3_000,
    encode_job("Wide", ["漢字" * 40]),
]


class JobsSystem(FakeSystem):
    """Returns snapshots, and always the same items of a list."""

    def __init__(self, items: list[Item], *snapshots: Snapshot | Exception) -> None:
        super().__init__(*snapshots)
        self.items = items

    async def run(self, operation: Operation[T]) -> T:
        items: list[object] = [
            item.raw if not item.is_cut else [item.raw, item.size, item.sha.encode()]
            for item in self.items
        ]
        reply = [len(items), items]
        return drive(operation, lambda exchange: exchange.parse([reply]))


def full() -> list[Item]:
    jobs = [
        encode_job("Mailers::Welcome", [number, "ada@example.com", {"locale": "de"}])
        for number in range(40)
    ]
    jobs[2] = encode_job(WRAPPER, [{"job_class": "DigestJob", "arguments": [7, "weekly"]}])
    jobs[5] = b"not JSON at all"
    items = [whole(raw) for raw in jobs]
    large = encode({"class": "Import", "args": ["x" * 5_000]})
    items[7] = Item(large[:4_096], 5_000_000, "f" * 40)
    return items


async def opened(app: QtopApp, pilot: Pilot[None], name: str, text: str) -> None:
    await until_polled(pilot)
    app.push_screen(JobsScreen(name))
    await until_shown(pilot, text)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_waiting_jobs(size: tuple[int, int]) -> None:
    app = console(JobsSystem(full(), fleet()))
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, "mail", words.waiting(1, 40, 40))
        await pilot.press("j", "space")
        assert_snapshot(app, f"jobs-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_hostile_jobs(size: tuple[int, int]) -> None:
    name = b"\xff\x1b[31m[b]evil[/b]\n".decode("utf-8", "surrogateescape")
    look = snapshot([queue(name, len(HOSTILE), unreadable=2)], [worker("h\x1b[2J:1:*")])
    app = console(JobsSystem([whole(raw) for raw in HOSTILE], look))
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, name, "of 9 waiting")
        assert_snapshot(app, f"jobs-hostile-{size[0]}x{size[1]}")
        text = "".join(screen_lines(app))
        assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in text)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_an_empty_queue(size: tuple[int, int]) -> None:
    app = console(JobsSystem([], fleet()))
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, "critical", "No waiting jobs in this queue")
        assert_snapshot(app, f"jobs-empty-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_jobs_stay_when_redis_goes_away(size: tuple[int, int]) -> None:
    now = 1_000.0
    source = JobsSystem(full(), fleet(), Unreachable("connection refused"))
    app = console(source, clock=lambda: now)
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, "mail", words.waiting(1, 40, 40))
        now = 1_010.0
        app.poll_now()
        await until_shown(pilot, words.NO_ANSWER_FROM_REDIS)
        assert_snapshot(app, f"jobs-no-answer-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_items_set_aside(size: tuple[int, int]) -> None:
    app = console(JobsSystem([whole(raw) for raw in HOSTILE[:4]], fleet()))
    async with app.run_test(size=size) as pilot:
        await until_polled(pilot)
        app.push_screen(SetAsideScreen("images"))
        await until_shown(pilot, words.unreadable(1, 4, 4))
        assert_snapshot(app, f"aside-{size[0]}x{size[1]}")


def service_text(row: QueueRow | None, *ids: str) -> str:
    rows = RowBuilder(SYSTEM).add(snapshot([], [worker(each) for each in ids]), 1.0).workers
    left, right = list_bars.service(row, rows)
    return "".join(span.text for span in (*left, *right)).strip()


def row(name: str, depth: int | None, **more: Any) -> QueueRow:
    [only] = known(RowBuilder(SYSTEM).add(snapshot([queue(name, depth, **more)]), 1.0).queues)
    return only


def test_the_line_above_the_jobs_says_who_serves_them_and_how_fast() -> None:
    slow = row("mail", 90)._replace(rates=Rates(1.0, 4.0), empty_in_s=30.0, in_hand=2)
    assert service_text(slow, "web1:1:mail", "web1:2:*", "db:3:mail") == (
        "3 workers on web1 2, db 1, 2 running in 1.0/s  out 4.0/s  empty in 30 s"
    )
    even = slow._replace(rates=Rates(4.0, 4.0), empty_in_s=None)
    assert service_text(even, "db:3:mail").endswith("in 4.0/s  out 4.0/s  is steady")
    assert service_text(row("mail", 90)).startswith("no live workers in –/s")  # noqa: RUF001
    assert words.PAUSED in service_text(row("mail", 0, is_paused=True), "web1:1:mail")
    assert "3 unreadable (b)" in service_text(row("mail", 0, unreadable=3), "web1:1:mail")
    many = [f"host{n}:1:mail" for n in range(5)]
    assert "host2 1, 2 machines more" in service_text(row("mail", 1), *many)
    assert service_text(None) == "not registered"
