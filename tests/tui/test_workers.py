"""Actions on workers: grouped by machine, stopped and paused here, unregistered."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests import words
from tests.support.console import (
    assert_snapshot,
    console,
    table_of,
    until,
    until_polled,
    until_shown,
)
from tests.support.console_redis import KEYS, Redis, on
from tests.support.known import known
from tests.support.sample_data import SYSTEM, FakeSystem, fleet, snapshot, worker

from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import WorkerRow, host_rows
from qtop.systems.resque.workers import SIGNALS
from queuecore.exchange import Exchange, single
from queuecore.values import replace

HOST = socket.gethostname()
LONG_AGO = b"2020-01-01T00:00:00+00:00"
JOB = b'{"queue":"mail","run_at":"2020-01-01T00:00:00Z","payload":{"class":"Charge","args":[1.50]}}'
#: Prints the names of the signals it gets; QUIT ends it.
LISTENER = """
import signal, sys
wanted = {signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR2, signal.SIGCONT}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready", flush=True)
while True:
    got = signal.sigwait(wanted)
    print(signal.Signals(got).name, flush=True)
    if got in (signal.SIGTERM,):
        break
"""


async def register(redis: Redis, worker_id: str, beat: bytes, job: bytes | None = None) -> None:
    """Register a worker."""
    started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
    commands: list[tuple[bytes | str, ...]] = [
        ("SADD", KEYS.workers(), worker_id),
        ("HSET", KEYS.heartbeats(), worker_id, beat),
        ("SET", KEYS.worker_started(worker_id), started),
    ]
    if job is not None:
        commands.append(("SET", KEYS.worker(worker_id), job))
    await redis.source.run(Exchange(tuple(commands), list, writes=True))


async def registered(redis: Redis) -> set[bytes]:
    return await redis.source.run(single(("SMEMBERS", KEYS.workers()), set))


def now() -> bytes:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00").encode()


@pytest.fixture
def listener() -> Iterator["subprocess.Popen[str]"]:
    """A process of this machine that calls itself a worker."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENER, "resque-3.0.0: Waiting for mail"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


async def test_dead_workers_are_pruned_after_showing_the_evidence(redis: Redis) -> None:
    await register(redis, "gone-1:7:mail", LONG_AGO, JOB)
    await register(redis, "gone-1:8:mail", LONG_AGO)
    await register(redis, "alive-1:9:mail", now(), JOB)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("3", "D")
        await until_shown(pilot, words.question("Prune", 2, "dead worker"))
        await until_shown(pilot, "runs Charge of mail")
        await until_shown(pilot, "1 job moves to Failed")
        await pilot.press("y")
        await until_shown(pilot, words.pruned(2, failed=1))
    assert await registered(redis) == {b"alive-1:9:mail"}
    assert await redis.failed() == 1


async def test_prune_says_so_when_all_workers_are_alive(redis: Redis) -> None:
    await register(redis, "alive-1:9:mail", now())
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("3", "D")
        await until_shown(pilot, "no dead workers")
    assert await registered(redis) == {b"alive-1:9:mail"}


async def test_a_worker_with_a_heartbeat_after_the_question_is_spared(redis: Redis) -> None:
    await register(redis, "gone-1:7:mail", LONG_AGO, JOB)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("3", "d")
        await until_shown(pilot, "Prune gone-1:7:mail?")
        beat = ("HSET", KEYS.heartbeats(), "gone-1:7:mail", now())
        await redis.source.run(single(beat, int, writes=True))
        await pilot.press("y")
        await until_shown(pilot, "skipped 1 (heartbeat returned)")
    assert await registered(redis) == {b"gone-1:7:mail"}
    assert await redis.failed() == 0


async def test_a_worker_that_may_be_alive_is_unregistered_only_with_the_typed_word(
    redis: Redis,
) -> None:
    await register(redis, "alive-1:9:mail", now(), JOB)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("3", "d")
        await until_shown(pilot, "May be alive: its last heartbeat is only")
        await pilot.press("enter")
        await until_shown(pilot, words.type_to_go_on("prune"))
        await pilot.press(*"prune", "enter")
        await until_shown(pilot, words.pruned(1, failed=1))
    assert await registered(redis) == set()
    assert await redis.failed() == 1


async def test_a_worker_of_this_machine_is_asked_to_finish_then_to_stop(
    redis: Redis, listener: "subprocess.Popen[str]"
) -> None:
    assert listener.stdout is not None
    await register(redis, f"{HOST}:{listener.pid}:mail", now())
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("3", "p")
        await until_shown(pilot, words.signalled("SIGUSR2", "takes no more jobs"))
        assert listener.stdout.readline() == "SIGUSR2\n"
        await pilot.press("p")
        await until_shown(pilot, words.signalled("SIGCONT", "takes jobs again"))
        assert listener.stdout.readline() == "SIGCONT\n"
        await pilot.press("x")
        await until_shown(pilot, words.GETS_QUIT)
        # An answer of no forgets the request: the next press is the first again.
        await pilot.press("n", "x")
        await until_shown(pilot, words.GETS_QUIT)
        await pilot.press("y")
        await until_shown(pilot, words.signalled("SIGQUIT", "finishes its job, then ends"))
        assert listener.stdout.readline() == "SIGQUIT\n"
        await pilot.press("x")
        await until_shown(pilot, "It gets SIGTERM")
        await pilot.press("y")
        assert listener.stdout.readline() == "SIGTERM\n"
    assert listener.wait(30) == 0


async def test_a_worker_elsewhere_cannot_be_signalled_and_that_is_reported(redis: Redis) -> None:
    await register(redis, "elsewhere:17:mail", now())
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("3", "x")
        await until_shown(pilot, "Stop elsewhere:17:mail?")
        await pilot.press("y")
        await until_shown(pilot, "SIGQUIT was not sent; 1 skipped: it runs on elsewhere, not here")
        await pilot.press("p", "p")
        await until_shown(pilot, "was not sent")
        await pilot.press("x")
        await until_shown(pilot, "It gets SIGQUIT")


def row(worker_id: str, **fields: object) -> WorkerRow:
    state = worker(worker_id, **fields)  # type: ignore[arg-type]
    [only] = known(RowBuilder(SYSTEM).add(snapshot([], [state]), 1.0).workers)
    return only


def test_machines_are_sums_of_their_workers() -> None:
    rows = [
        row("a:1:mail", on="mail", processed=5, failed=1),
        row("a:2:mail", processed=7, beat_age_s=500),
        row("nonsense"),
        row("b:3:mail", beat_age_s=None),
    ]
    found = {r.name: (r.workers, r.working, r.troubled, r.processed) for r in host_rows(rows)}
    assert found == {"a": (2, 1, 1, 12), "b": (1, 0, 0, 0), None: (1, 0, 0, 0)}


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_enter_on_a_machine_opens_its_workers(size: tuple[int, int]) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=size) as pilot:
        await until_polled(pilot)
        await pilot.press("3", "t")
        await until_shown(pilot, "ruby2")
        assert_snapshot(app, f"hosts-{size[0]}x{size[1]}")
        await pilot.press("slash", *"web1", "enter", "enter")
        await until_shown(pilot, 'worker:"web1:"')
        assert table_of(app).row_count == 2
        assert len(app.screen_stack) == 1


def test_signals_have_the_meaning_that_ruby_gave_them() -> None:
    assert SIGNALS["finish"] is signal.SIGQUIT
    assert SIGNALS["pause"] is signal.SIGUSR2


async def test_the_usual_duration_of_a_class_is_shown_beside_the_present_one() -> None:
    snapshots = []
    for number in range(30):
        busy = worker("a:1:mail", on="mail", job=("Mail", [number]), run_at="2026-11-23T12:29:55Z")
        snapshots.append(snapshot([], [busy], processed_ever=number))
    app = console(FakeSystem(*snapshots))
    async with app.run_test(size=(160, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("3")
        assert app.state.usual_s(known(known(snapshots[0].processes)[0].jobs)[0]) is None
        for _ in snapshots[1:]:
            seen = app.state.poll.snapshot
            app.poll_now()
            await until(pilot, lambda seen=seen: app.state.poll.snapshot is not seen, "the next")  # type: ignore[misc]
        await until(
            pilot,
            lambda: app.state.usual_s(known(known(snapshots[-1].processes)[0].jobs)[0]) == 5.0,
            "usual",
        )
        app.poll_now()
        await until_shown(pilot, "5 s     5 s")
        await pilot.press("enter")
        await until_shown(pilot, "5 s; p95 5 s")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"beat_age_s": 20.0}, "idle; last heartbeat 20 s ago"),
        ({"beat_age_s": -9_000.0}, "its last heartbeat is ahead of the server's clock"),
        ({"beat_age_s": None, "has_heartbeat": True}, "its last heartbeat cannot be read"),
    ],
)
async def test_the_heartbeat_of_a_worker_is_reported_in_words(
    more: dict[str, Any], text: str
) -> None:
    has_one = more.pop("has_heartbeat", False)
    one = worker("web1:1:mail", **more)
    app = console(FakeSystem(snapshot([], [replace(one, has_beat=True) if has_one else one])))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("3", "enter")
        await until_shown(pilot, text)
