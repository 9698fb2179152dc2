"""What ActiveJob writes into a payload: since when its job waits."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests import words
from tests.support.console import SIZES, screen_text, until, until_checked, until_shown
from tests.support.console_redis import KEYS, Redis, on
from tests.support.known import known
from tests.support.sample_data import NOW, SYSTEM, queue, snapshot

from qtop.monitor.row_builder import RowBuilder
from qtop.search.failure_groups import FailureGroups, KeyMaker, KnownEntry
from qtop.systems.resque.health import next_jobs
from qtop.systems.resque.job_reader import failed_job
from queuecore.active_job import WRAPPER, unwrapped
from queuecore.windows import whole
from resque.store import queues

AT = "2026-11-23T12:20:00Z"
LATER = "2026-11-23T12:25:00.250000000Z"


def payload(class_name: Any = WRAPPER, **times: Any) -> bytes:
    job = {"job_class": "Welcome", "arguments": [{"enqueued_at": "1999-01-01T00:00:00Z"}]}
    return json.dumps({"class": class_name, "args": [job | times]}).encode()


def rails(job_class: str, *arguments: Any) -> list[Any]:
    return [{"job_class": job_class, "arguments": list(arguments)}]


USER = {"_aj_globalid": "gid://app/User/7"}


@pytest.mark.parametrize(
    ("args", "job", "arguments"),
    [
        (rails("Welcome", 1, "two"), "Welcome", [1, "two"]),
        # Rails 4 and 5
        (
            rails("ActionMailer::DeliveryJob", "UserMailer", "welcome", "deliver_now", USER, 5),
            "UserMailer#welcome",
            [USER, 5],
        ),
        # Rails 6 and later; 6.0 without the mark of keywords
        (
            rails(
                *("ActionMailer::MailDeliveryJob", "UserMailer", "welcome", "deliver_now"),
                {"args": [USER], "_aj_ruby2_keywords": ["args"]},
            ),
            "UserMailer#welcome",
            [USER],
        ),
        (
            rails(
                *("ActionMailer::MailDeliveryJob", "Admin::UserMailer", "bill", "deliver_now!"),
                {"params": {"tenant": 3}, "args": [], "_aj_symbol_keys": ["params", "args"]},
            ),
            "Admin::UserMailer#bill",
            [{"tenant": 3}],
        ),
        # A job class of the application's own, for all its mails
        (rails("MailJob", "UserMailer", "bye", "deliver_now", {"args": []}), "UserMailer#bye", []),
        # No mails
        (rails("Copy", "a", "b", "c"), "Copy", ["a", "b", "c"]),
        (rails("Copy", 1, "b", "deliver_now"), "Copy", [1, "b", "deliver_now"]),
        (rails("Copy", "a", "b"), "Copy", ["a", "b"]),
    ],
)
def test_a_job_is_named_by_its_own_class(args: Any, job: str, arguments: Any) -> None:
    assert unwrapped(WRAPPER, args) == (job, arguments)
    assert unwrapped("Other", args) == ("Other", args)


def test_failed_mails_make_one_group_for_each_kind_of_mail() -> None:
    groups = FailureGroups(NOW)
    for place, mail in enumerate(["welcome", "bill", "welcome"]):
        args = rails("ActionMailer::MailDeliveryJob", "UserMailer", mail, "deliver_now")
        entry = {"payload": {"class": WRAPPER, "args": args}, "exception": "E", "error": "no"}
        job = failed_job(whole(json.dumps(entry).encode()), place)
        groups.add(KnownEntry(job, KeyMaker()))
    found = [(group.fingerprint.class_name, group.count) for group in groups.groups()]
    assert found == [("UserMailer#welcome", 2), ("UserMailer#bill", 1)]


@pytest.mark.parametrize(
    ("raw", "since"),
    [
        (payload(enqueued_at=AT), datetime(2026, 11, 23, 12, 20, tzinfo=UTC)),
        (payload(enqueued_at=AT, scheduled_at=None), datetime(2026, 11, 23, 12, 20, tzinfo=UTC)),
        # A delayed job begins to wait when it comes due.
        (
            payload(enqueued_at=AT, scheduled_at=LATER),
            datetime(2026, 11, 23, 12, 25, 0, 250_000, tzinfo=UTC),
        ),
        (payload(), None),
        (payload(enqueued_at="yesterday"), None),
        (payload(enqueued_at=[AT]), None),
        (payload("Welcome", enqueued_at=AT), None),
        (b'{"class":"Welcome","args":[{"enqueued_at":"2026-11-23T12:20:00Z"}]}', None),
        (b"enqueued_at, but no JSON", None),
        (b"\xff", None),
    ],
)
def test_a_job_waits_from_the_time_it_entered_its_queue(raw: bytes, since: datetime | None) -> None:
    job = next_jobs({"q": raw}).get("q")
    assert (None if job is None else job.since) == since


def test_rows_show_how_long_the_next_job_has_waited() -> None:
    history = RowBuilder(SYSTEM)
    look = snapshot(queues=[queue("mail", 3), queue("rails", 7), queue("gone", 0)])
    first = history.add(look, 1.0)
    assert {row.next_waits_s for row in known(first.queues)} == {None}
    raw = payload(enqueued_at=AT)
    jobs = {"rails": raw, "gone": raw, "mail": b'{"class":"Mail","args":[]}'}
    history.note_next_jobs(next_jobs(jobs))
    fleet = history.add(look, 2.0)
    waits = {row.name: row.next_waits_s for row in known(fleet.queues)}
    assert (NOW - datetime(2026, 11, 23, 12, 20, tzinfo=UTC)).total_seconds() == 600
    # A queue that was emptied since then has no next job.
    assert waits == {"mail": None, "rails": 600, "gone": None}


async def test_the_queues_screen_has_that_column_as_soon_as_one_queue_knows_it(
    redis: Redis,
) -> None:
    await redis.push("mail", 1)
    now = 1_000.0
    app = on(redis, clock=lambda: now)
    async with app.run_test(size=SIZES[1]) as pilot:
        await until_checked(pilot)
        await pilot.press("2")
        app.poll_now()
        await until_shown(pilot, "mail")
        assert words.OLDEST_AGE not in screen_text(app)
        since = datetime.now(UTC) - timedelta(hours=2, minutes=1)
        raw = payload(enqueued_at=since.isoformat())
        await redis.source.run(queues.push(KEYS, "rails", [raw]))
        first, now = app.state.reported, 1_010.0
        app.poll_now()
        await until(pilot, lambda: app.state.reported is not first, "the next report")
        app.poll_now()
        await until_shown(pilot, words.OLDEST_AGE)
        assert re.search(r"rails +1 .* 2 h ", screen_text(app))
