"""`qtop metrics`: what Prometheus reads is what is in Redis, and what is unknown has no sample."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.samples import Sample
from tests.support.commands import PATIENCE_S, Push, Qtop, encoded
from tests.support.direct import Direct
from tests.support.own_redis import OwnRedis
from tests.support.rights import a_user
from tests.support.sidekiq_databases import resque, sidekiq
from tests.support.waiting import eventually

from qtop.commands.metrics_server import MetricsServer
from qtop.commands.metrics_watch import MetricsWatch
from qtop.config.places import PlaceOptions
from qtop.config.settings import SettingsFile, resolve
from qtop.monitor.open_metrics import SeriesBounds
from qtop.systems.finding import Sought
from queuecore.address import parse_url
from queuecore.server import Binary

_MANUAL = (Path(__file__).parents[2] / "tui" / "README.md").read_text("utf-8")
_OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Figures:
    """The samples of one answer, which the parser of the official client has read."""

    def __init__(self, text: str, *, is_openmetrics: bool = True) -> None:
        read = openmetrics_parser if is_openmetrics else parser
        families = read.text_string_to_metric_families(text)
        self.samples: list[Sample] = [each for family in families for each in family.samples]
        spots = Counter((each.name, *sorted(each.labels.items())) for each in self.samples)
        assert set(spots.values()) <= {1}, "no series is there twice"

    def by(self, name: str, label: str = "system", **labels: str) -> dict[str, float]:
        """The samples of a family by one of their labels; `labels` are those that all have."""
        found = [each for each in self.samples if each.name == name]
        chosen = [each for each in found if labels.items() <= each.labels.items()]
        return {each.labels[label]: each.value for each in chosen}


def read(qtop: Qtop, *words: str, status: int = 0) -> Figures:
    done = qtop("metrics", *words)
    assert done.status == status, done.err
    return Figures(done.out)


def test_depth_workers_and_counters_are_those_of_redis(
    qtop: Qtop, push: Push, direct: Direct
) -> None:
    for number in range(3):
        push("Mailer", number)
    direct("SADD", "resque:queues", "empty")
    direct("SADD", "resque:workers", "h:1:mail")
    direct("SET", "resque:stat:processed", "41")
    direct("SET", "resque:stat:failed", "7")
    figures = read(qtop)
    assert figures.by("qtop_up") == {"resque": 1}
    assert figures.by("qtop_queue_jobs_waiting", "queue") == {"mail": 3, "empty": 0}
    assert figures.by("qtop_jobs_waiting") == {"resque": 3}
    assert figures.by("qtop_queue_oldest_age_seconds", "queue") == {"empty": 0}, "mail's is unknown"
    assert figures.by("qtop_jobs_processed_total") == {"resque": 41}
    assert figures.by("qtop_jobs_failed_total") == {"resque": 7}
    states = figures.by("qtop_workers", "state")
    assert states["no_heartbeat"] == 1
    assert sum(states.values()) == 1
    assert not figures.by("qtop_queue_jobs_in_total", "queue"), "they are counted from poll to poll"


def test_failures_are_counted_by_class_and_say_whether_that_is_all(
    qtop: Qtop, direct: Direct
) -> None:
    for name, number in (("A", 3), ("B", 2), ("C", 1)):
        entry = encoded({"payload": {"class": name, "args": []}, "queue": "mail"})
        direct("RPUSH", "resque:failed", *[entry] * number)
    counts = read(qtop).by("qtop_failures_by_class", "class", complete="1")
    assert counts == {"A": 3, "B": 2, "C": 1}
    bounded = read(qtop, "--max-classes", "2")
    assert bounded.by("qtop_failures_by_class", "class") == {"A": 3, "B": 2}
    assert bounded.by("qtop_classes_left_out") == {"resque": 1}
    direct("RPUSH", "resque:failed", *[entry] * 500)
    assert set(read(qtop).by("qtop_failures_by_class", "complete")) == {"0"}


def test_queues_beyond_the_bound_are_in_the_sums_and_counted(qtop: Qtop, push: Push) -> None:
    for number, name in enumerate(("short", "long", "longer"), 1):
        for _ in range(number):
            push("A", queue=name)
    figures = read(qtop, "--max-queues", "2")
    assert figures.by("qtop_queue_jobs_waiting", "queue") == {"long": 2, "longer": 3}
    assert figures.by("qtop_queues_left_out") == {"resque": 1}
    assert figures.by("qtop_jobs_waiting") == {"resque": 6}


def test_names_that_are_no_text_make_valid_labels_which_differ(qtop: Qtop, direct: Direct) -> None:
    names = [b'a"b\\\n\x1b[31m', b"\xff", b"\\xff", b"", "ä😀".encode(), b"x" * 5_000]
    direct("SADD", "resque:queues", *names)
    for name in names:
        direct("RPUSH", b"resque:queue:" + name, encoded({"class": "A", "args": []}))
    depths = read(qtop).by("qtop_queue_jobs_waiting", "queue")
    assert len(depths) == len(names)
    assert {'a"b\\\n\x1b[31m', "ä😀", ""} < set(depths)
    assert max(map(len, depths)) <= 200


def test_resque_and_sidekiq_are_told_apart(qtop: Qtop, direct: Direct) -> None:
    resque(direct)
    sidekiq(direct)
    figures = read(qtop)
    assert figures.by("qtop_up") == {"resque": 1, "sidekiq": 1}
    assert figures.by("qtop_workers", "state", system="resque")["dead"] == 1
    assert set(figures.by("qtop_set_jobs", "set", system="sidekiq")) >= {
        "retry",
        "dead",
        "schedule",
    }
    assert set(figures.by("qtop_delayed_overdue_seconds", "set")) == {
        *("delayed", "retry", "schedule")
    }


def test_delayed_jobs_that_are_late_say_how_late(qtop: Qtop, direct: Direct) -> None:
    direct("RPUSH", "resque:delayed:1000", encoded({"class": "A", "args": [], "queue": "mail"}))
    direct("ZADD", "resque:delayed_queue_schedule", 1000, "1000")
    late_s = read(qtop).by("qtop_delayed_overdue_seconds", "set")["delayed"]
    assert late_s > 1_700_000_000


def test_incidents_are_counted_by_severity(qtop: Qtop, push: Push) -> None:
    push("A")
    figures = read(qtop)
    counts = figures.by("qtop_incidents", "severity", acknowledged="0")
    assert set(counts) == {"crit", "warn", "info"}
    assert counts["crit"] == 1, "nothing serves the queue"
    assert set(figures.by("qtop_incidents", "severity", acknowledged="1").values()) == {0}


def test_a_part_that_cannot_be_read_has_no_samples_and_is_named(
    qtop: Qtop, push: Push, direct: Direct
) -> None:
    push("A")
    direct("SET", "resque:failed", "no list")
    figures = read(qtop, status=3)
    assert figures.by("qtop_up") == {"resque": 0}
    assert set(figures.by("qtop_unread", "part")) == {"failures"}
    assert not figures.by("qtop_failures")
    assert figures.by("qtop_queue_jobs_waiting", "queue") == {"mail": 1}


def test_a_server_that_does_not_answer_is_down_and_nothing_else(qtop: Qtop, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none"
    figures = read(qtop, "--url", url, status=3)
    assert {each.name for each in figures.samples} == {"qtop_up", "qtop_unread"}
    assert figures.by("qtop_up") == {"resque": 0}
    # For node_exporter, too: the figures of the time before would look like those of now.
    path = tmp_path / "qtop.prom"
    assert qtop("metrics", "--url", url, "--textfile", str(path)).status == 3
    assert Figures(path.read_text(), is_openmetrics=False).by("qtop_up") == {"resque": 0}


def test_a_textfile_is_written_at_once_or_not_at_all(
    qtop: Qtop, push: Push, tmp_path: Path
) -> None:
    push("A")
    path = tmp_path / "qtop.prom"
    path.write_text("before")
    assert qtop("metrics", "--textfile", str(path)).status == 0
    figures = Figures(path.read_text(), is_openmetrics=False)
    assert figures.by("qtop_queue_jobs_waiting", "queue") == {"mail": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["qtop.prom"]
    done = qtop("metrics", "--textfile", str(tmp_path / "none" / "qtop.prom"))
    assert done.status == 2
    assert "qtop.prom" in done.err


def test_the_user_of_the_manual_that_only_reads_can_read_all(
    direct: Direct, redis_url: str, qtop: Qtop, push: Push
) -> None:
    push("A")
    [rights] = re.findall(r"`ACL SETUSER looker on >PASSWORD (.*?)`", _MANUAL)
    with a_user(direct, redis_url, *rights.split()) as url:
        assert read(qtop, "--url", url).by("qtop_up") == {"resque": 1}
        assert qtop("--once", "--url", url).status == 0
        assert qtop("clear", "queue:mail", "--yes", "--url", url).status == 3
    assert direct("LLEN", "resque:queue:mail") == 1


# --listen


class Scraped:
    """A server under scrapes, in threads of this process."""

    def __init__(self, url: str, sought: Sought | None, every_s: float = 0.25) -> None:
        place = PlaceOptions("resque", "resque", parse_url(url), "resque", url)
        settings = resolve(SettingsFile.read(Path("/nonexistent")), environ={})
        bounds = SeriesBounds()
        self.watch = MetricsWatch(settings, [place], bounds, every_s, is_counting=True)
        # Longer than a test waits: a timer that is not cancelled is still there at its end.
        self.server = MetricsServer("127.0.0.1", 0, self.watch, longest_s=3 * PATIENCE_S)
        self._loop = asyncio.new_event_loop()
        self._ending, self._sought = asyncio.Event(), sought
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self._loop.run_until_complete(self.watch.run(self._ending, self._sought))
        self._loop.close()

    def start(self) -> None:
        self.server.start()
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(PATIENCE_S)
        self.server.stop()

    def scrape(self, *, is_openmetrics: bool = True) -> Figures:
        accept = _OPENMETRICS if is_openmetrics else "text/plain"
        return Figures(fetched(self.server.url, Accept=accept), is_openmetrics=is_openmetrics)


def fetched(url: str, **headers: str) -> str:
    asked = urllib.request.Request(url, headers=headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310
        return str(answer.read().decode())


@contextmanager
def scraped(url: str, sought: Sought | None = None) -> Iterator[Scraped]:
    running = Scraped(url, sought)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def test_a_thousand_queues_that_change_can_be_scraped_in_both_formats(
    direct: Direct, redis_url: str
) -> None:
    names = [f"queue-{number}" for number in range(1_000)]
    direct("SADD", "resque:queues", *names)

    def push_some(at: int) -> None:
        for number in range(at, at + 100):
            job = encoded({"class": "A", "args": [at, number]})
            direct("RPUSH", f"resque:queue:{names[number % 1_000]}", job)

    with scraped(redis_url) as running:
        eventually(lambda: running.scrape().by("qtop_up") == {"resque": 1}, "all was read")
        for turn in range(10):
            push_some(turn * 100)
            figures = running.scrape(is_openmetrics=turn % 2 == 0)
            depths = figures.by("qtop_queue_jobs_waiting", "queue")
            assert len(depths) == 1_000
            assert figures.by("qtop_jobs_waiting") == {"resque": sum(depths.values())}

        def is_counted() -> bool:
            figures = running.scrape()
            came = figures.by("qtop_queue_jobs_in_total", "queue")
            left = figures.by("qtop_queue_jobs_out_total", "queue")
            return set(came.values()) == {1} and set(left.values()) == {0}

        eventually(is_counted, "one job came to each queue")


def test_a_scrape_without_redis_says_so_and_keeps_what_was_counted(redis_binary: Binary) -> None:
    redis = OwnRedis(redis_binary.path)
    try:
        redis.start()
        with redis.direct() as direct:
            direct("SADD", "resque:queues", "mail")
            direct("SET", "resque:stat:processed", "5")
        with scraped(redis.url) as running:
            eventually(lambda: running.scrape().by("qtop_up") == {"resque": 1}, "it was read")
            redis.stop()
            eventually(lambda: running.scrape().by("qtop_up") == {"resque": 0}, "it is down")
            figures = running.scrape()
            assert {each.name for each in figures.samples} == {
                *("qtop_up", "qtop_unread", "qtop_last_read_timestamp_seconds"),
                *("qtop_queue_jobs_in_total", "qtop_queue_jobs_out_total"),
            }
    finally:
        redis.end()


def test_a_system_that_is_found_later_takes_the_place_of_the_one_that_was_expected(
    redis_url: str, direct: Direct
) -> None:
    # As after a start while Redis did not answer: Resque is expected then.
    sidekiq(direct)
    sought = Sought(parse_url(redis_url), "resque", url=redis_url)
    with scraped(redis_url, sought) as running:
        eventually(lambda: running.scrape().by("qtop_up") == {"sidekiq": 1}, "it was found")


def test_only_so_many_scrapes_are_answered_at_once(redis_url: str) -> None:
    with scraped(redis_url) as running:
        before = threading.active_count()
        asking = [threading.Thread(target=fetched, args=(running.server.url,)) for _ in range(12)]
        for each in asking:
            each.start()
        for each in asking:
            each.join(PATIENCE_S)
        threads = [each for each in threading.enumerate() if each.name.startswith("metrics_")]
        assert 0 < len(threads) <= 4
        # The cancelled timer of an answer ends a moment after the answer was given.
        eventually(lambda: threading.active_count() <= before + 4, "no other thread is left")


def test_a_client_that_sends_its_question_byte_by_byte_is_given_up() -> None:
    server = MetricsServer("127.0.0.1", 0, CollectorRegistry(), longest_s=0.2)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.server_port)) as client:
            client.settimeout(0.05)

            def is_given_up() -> bool:
                try:
                    client.sendall(b"G")
                    return client.recv(1) == b""
                except TimeoutError:
                    return False
                except OSError:
                    return True

            eventually(is_given_up, "its connection ends although it goes on")
        assert fetched(server.url) == "", "others are answered"
    finally:
        server.stop()


def test_listening_ends_with_term_and_status_0(redis_url: str) -> None:
    process: Any = subprocess.Popen(
        [sys.executable, "-m", "qtop", "metrics", "--listen", "0", "--url", redis_url],
        env=os.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = process.stderr.readline().split()[-1]
        assert url.startswith("http://127.0.0.1:"), "nobody else can reach it"
        eventually(lambda: "qtop_up" in fetched(url), "it answers")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--listen", "0", "--textfile", "x"), "exclude each other"),
        (("--listen", "0", "--address", "192.0.2.1"), "cannot listen at 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_refused(qtop: Qtop, words: tuple[str, ...], reason: str) -> None:
    done = qtop("metrics", *words)
    assert (done.status, reason in done.err) == (2, True)
