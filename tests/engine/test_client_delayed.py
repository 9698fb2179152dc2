"""Delaying jobs through the client: as resque-scheduler keeps them, by the client's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.operations import contents

from resque import Job, NoClassError, NoQueueError, Registry, Resque
from resque.errors import EncodeError

NAMES = Registry()
NOW_S = 1_800_000_000
NOW = datetime.fromtimestamp(NOW_S, UTC)


class OkJob(Job, into=NAMES):
    queue = "default"
    name = "OkJob"

    @staticmethod
    def perform(*args: Any) -> None: ...


class SlowJob(OkJob, into=NAMES):
    name = "SlowJob"


@pytest.fixture
def resque(redis_url: str, direct: Direct) -> Iterator[Resque]:
    client = Resque(redis_url, clock=lambda: NOW)
    yield client
    client.close()


def recorded(scenario: str) -> dict[bytes, Any]:
    """A recording in the form of `contents`."""
    found: dict[bytes, Any] = {}
    for key, entry in golden.load(scenario)["keys"].items():
        values = [each[0] if entry["type"] == "zset" else each for each in entry["value"]]
        found[key.encode()] = [str(value).encode() for value in values]
    return found


def test_jobs_are_delayed_and_removed_as_ruby_does_it(resque: Resque, direct: Direct) -> None:
    one, other = 1_900_000_000, 1_900_000_060
    for job, args in ((OkJob, (1, "x")), (SlowJob, (2,)), (OkJob, (1, "x"))):
        assert resque.enqueue_at(one, job, *args) is True
    resque.enqueue_at(datetime.fromtimestamp(other, UTC), OkJob, 1, "x")
    resque.enqueue_at_to("special", other, OkJob, {"k": "é/"})
    resque.enqueue_at(other + 0.75, OkJob)
    assert contents(direct) == recorded("delayed")
    assert resque.remove_delayed(OkJob, 1, "x") == golden.load("delayed_remove")["results"]
    assert contents(direct) == recorded("delayed_remove")
    assert resque.remove_delayed(OkJob, 1, "x") == 0


@pytest.mark.parametrize(
    "when",
    [
        NOW_S - 1,
        NOW_S,
        NOW_S + 0.999,
        0,
        -5,
        NOW,
        datetime(1970, 1, 1, tzinfo=UTC),
        NOW.astimezone(timezone(timedelta(hours=9))),
    ],
)
def test_a_time_that_is_not_to_come_enqueues_at_once(
    resque: Resque, direct: Direct, when: datetime | float
) -> None:
    assert resque.enqueue_at(when, OkJob, "past") is True
    assert contents(direct) == recorded("delayed_past")


@pytest.mark.parametrize("delay_s", [1, 1.9, 60, 10**9])
def test_a_delay_counts_from_the_clients_clock(
    resque: Resque, direct: Direct, delay_s: float
) -> None:
    assert resque.enqueue_in(delay_s, OkJob, 1) is True
    stamp = str(NOW_S + int(delay_s)).encode()
    assert direct("ZRANGE", "resque:delayed_queue_schedule", 0, -1) == [stamp]
    assert direct("LLEN", b"resque:delayed:" + stamp) == 1


@pytest.mark.parametrize("delay_s", [0, -1, 0.5])
def test_no_delay_is_now(resque: Resque, direct: Direct, delay_s: float) -> None:
    assert resque.enqueue_in(delay_s, OkJob, "past") is True
    assert contents(direct) == recorded("delayed_past")


def test_what_cannot_be_a_job_is_not_delayed(resque: Resque, direct: Direct) -> None:
    later = NOW_S + 60
    with pytest.raises(NoQueueError):
        resque.enqueue_at(later, "Bare::Name")
    with pytest.raises(NoClassError):
        resque.enqueue_at_to("q", later, "")
    with pytest.raises(EncodeError):
        resque.enqueue_at(later, OkJob, object())
    with pytest.raises(NoQueueError):
        resque.remove_delayed("Bare::Name")
    assert direct("KEYS", "*") == []


def test_a_job_of_another_queue_is_another_job(resque: Resque, direct: Direct) -> None:
    resque.enqueue_at_to("special", NOW_S + 60, OkJob, 1)
    assert resque.remove_delayed(OkJob, 1) == 0
    resque.enqueue_in(60, OkJob, 1)
    assert resque.remove_delayed(OkJob, 1) == 1
    assert direct("LLEN", f"resque:delayed:{NOW_S + 60}") == 1
