"""Resque and Sidekiq as a console shows them: jobs, processes and failures of both, and the places
where they are."""

from __future__ import annotations

import json
from typing import Final

from tests.support.both_systems import NOON, RESQUE, SIDEKIQ, resque_failure, sidekiq_failure
from tests.support.console import until
from tests.support.direct import Direct
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.config.places import PlaceOptions
from queuecore.address import parse_url

#: A process of each, on the same machine.
RESQUE_WORKER: Final = "web1:11:mail"
SIDEKIQ_PROCESS: Final = "web1:22:0123456789ab"


def places_at(url: str, **urls: str) -> tuple[PlaceOptions, PlaceOptions]:
    """Both places in one database, or each at the URL of its label."""
    resque, sidekiq = urls.get("resque", url), urls.get("sidekiq", url)
    return (
        PlaceOptions("resque", "resque", parse_url(resque), "resque", resque),
        PlaceOptions("sidekiq", "sidekiq", parse_url(sidekiq), "app", sidekiq),
    )


def fill_resque(direct: Direct) -> None:
    """Two queues, a worker with a job, and three failures."""
    for queue, jobs in (("mail", 3), ("reports", 12)):
        direct("SADD", RESQUE.queues(), queue)
        for number in range(jobs):
            payload = {"class": "Mail", "args": [number]}
            direct("RPUSH", RESQUE.queue(queue), json.dumps(payload).encode())
    direct("SADD", RESQUE.workers(), RESQUE_WORKER)
    job = {
        "queue": "mail",
        "run_at": "2026-11-23T11:00:00Z",
        "payload": {"class": "Mail", "args": [99]},
    }
    direct("SET", RESQUE.worker(RESQUE_WORKER), json.dumps(job).encode())
    for number in range(3):
        direct("RPUSH", RESQUE.failed(), resque_failure(number, 60 - number))


def fill_sidekiq(direct: Direct) -> None:
    """Two queues, one named as one of Resque's; a process with a job, and two retries."""
    for queue, jobs in (("mail", 5), ("default", 2)):
        direct("SADD", SIDEKIQ.queues(), queue)
        for number in range(jobs):
            payload = {
                "class": "Report",
                "args": [number],
                "queue": queue,
                "jid": f"{queue}{number}",
            }
            direct("LPUSH", SIDEKIQ.queue(queue), json.dumps(payload).encode())
    about = {
        "hostname": "web1",
        "pid": 22,
        "concurrency": 5,
        "queues": ["default", "mail"],
        "identity": SIDEKIQ_PROCESS,
        "started_at": NOON - 3_600,
    }
    direct("SADD", SIDEKIQ.processes(), SIDEKIQ_PROCESS)
    beat = (
        "info",
        json.dumps(about).encode(),
        "busy",
        1,
        "beat",
        str(float(NOON)),
        "quiet",
        "false",
    )
    direct("HSET", SIDEKIQ.process(SIDEKIQ_PROCESS), *beat)
    payload = {"class": "Report", "args": [7], "queue": "default", "jid": "running"}
    work = {"queue": "default", "run_at": NOON - 60, "payload": json.dumps(payload)}
    direct("HSET", SIDEKIQ.work(SIDEKIQ_PROCESS), "thread1", json.dumps(work).encode())
    for number in range(2):
        entry = sidekiq_failure(number, 60 - number)
        direct("ZADD", SIDEKIQ.jobs("retry"), NOON + 100 + number, entry)


async def until_all_polled(pilot: Pilot[None]) -> None:
    """Let the console work until it has seen a first snapshot of each place."""
    app = pilot.app
    assert isinstance(app, QtopApp)

    def are_polled() -> bool:
        return all(each.state.view().fleet is not None for each in app.places.monitors)

    await until(pilot, are_polled, "the first snapshot of each place")
