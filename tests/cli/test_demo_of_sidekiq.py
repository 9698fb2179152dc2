"""The demo's stand-in for Sidekiq: every list of qtop has something, and what a crash left can be
put back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.support.commands import Qtop
from tests.support.direct import Direct
from tests.support.sample_shop import KEYS, SampleShop, process_of
from tests.support.waiting import eventually

from qtop.demo.sidekiq_feed import QUEUES
from queuecore.stores import Store


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    with Store(redis_url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("words", "least"),
    [
        (("queues",), len(QUEUES) + 1),
        (("workers",), 2),
        (("failed", "--limit", "0"), 6),
        (("show", "--from", "dead"), 5),
        (("delayed",), 5),
        (("schedules",), 2),
        (("show", "--from", "queue:archive"), 1),
    ],
)
def test_every_list_has_something(
    qtop: Qtop, store: Store, direct: Direct, words: tuple[str, ...], least: int
) -> None:
    SampleShop(store, direct).live(40)
    ran = qtop(*words, "--json", QTOP_SYSTEM="sidekiq")
    assert (ran.status, ran.err) == (0, "")
    assert len(ran.objects) >= least


def test_a_process_of_stays_listed_with_its_jobs_beside_the_one_that_took_its_place(
    qtop: Qtop, store: Store, direct: Direct
) -> None:
    SampleShop(store, direct).live(160)
    found = qtop("workers", "--json", QTOP_SYSTEM="sidekiq").objects
    assert len(found) == direct("SCARD", KEYS.processes()) == 3
    killed = process_of(direct, 4101)
    assert direct("HLEN", KEYS.work(killed)) > 0
    assert 0 < direct("TTL", KEYS.process(killed)) <= 60


def test_a_process_that_is_asked_to_be_quiet_takes_no_more_jobs_and_says_so_a_beat_later(
    store: Store, direct: Direct
) -> None:
    shop = SampleShop(store, direct)
    shop.live(3)
    asked = process_of(direct, 4102)
    direct("LPUSH", KEYS.signals(asked), "TSTP")
    shop.live(8)
    running = direct("HGETALL", KEYS.work(asked))
    assert direct("HGET", KEYS.process(asked), "quiet") == b"false"
    shop.live(10)
    assert direct("HGET", KEYS.process(asked), "quiet") == b"true"
    assert set(direct("HGETALL", KEYS.work(asked))) <= set(running)


def test_what_a_stopped_process_runs_waits_at_the_front_and_another_process_starts(
    store: Store, direct: Direct
) -> None:
    shop = SampleShop(store, direct)
    shop.live(3)
    stopped = process_of(direct, 4101)
    direct("LPUSH", KEYS.signals(stopped), "TERM")
    shop.live(9)
    members = direct("SMEMBERS", KEYS.processes())
    assert stopped.encode() not in members
    assert len(members) == 2
    assert direct("EXISTS", KEYS.work(stopped)) == 0


def test_jobs_end_fail_and_are_tried_again(store: Store, direct: Direct) -> None:
    SampleShop(store, direct).live(300)
    processed = int(direct("GET", KEYS.stat("processed")))
    assert 0 < int(direct("GET", KEYS.stat("failed"))) < processed
    retries = direct("ZRANGE", KEYS.jobs("retry"), 0, -1)
    assert any(b'"retry_count":1' in raw for raw in retries)


def test_what_is_there_is_not_filled_again(store: Store, direct: Direct) -> None:
    SampleShop(store, direct)
    before = direct("LLEN", KEYS.queue("archive"))
    SampleShop(store, direct)
    assert direct("LLEN", KEYS.queue("archive")) == before == 1


def test_the_program_works_until_its_parent_is_another(redis_url: str, direct: Direct) -> None:
    def start(parent: int) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "REDIS_URL": redis_url, "RESQUE_PARENT_PID": str(parent)}
        return subprocess.Popen([sys.executable, "-m", "qtop.demo.sidekiq_feed"], env=environ)

    with start(os.getpid()) as feed:
        try:
            eventually(lambda: direct("SCARD", KEYS.processes()) == 2, "its processes beat")
        finally:
            feed.terminate()
    with start(0) as orphan:
        assert orphan.wait(60) == 0
