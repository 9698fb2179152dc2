"""`qtop doctor` finds lists that were left turned, and `qtop reorder` puts them in order."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from tests.support.commands import Push, Qtop, everything
from tests.support.direct import Direct
from tests.support.sidekiq_jobs import KEYS as SIDEKIQ_KEYS
from tests.support.sidekiq_jobs import fill_queue, job, waiting_in
from tests.support.turned_lists import leave_turned

from queuecore.keys import turn
from resque.keys import Keys

KEYS = Keys()
FAILED, MAIL = KEYS.failed(), KEYS.queue("mail")


@pytest.fixture
def leave(direct: Direct) -> Callable[[bytes], list[bytes]]:
    """Makes a list of ten, turned by three places; returns its items in order."""

    def leaving(key: bytes) -> list[bytes]:
        direct("RPUSH", key, *(b'{"class":"A","args":[%d]}' % each for each in range(10)))
        return leave_turned(direct, key, 3)

    return leaving


def order(qtop: Qtop) -> dict[str, str]:
    """What the doctor says of the order of lists."""
    ran = qtop("doctor", "--json")
    found: dict[str, str] = next(each for each in ran.objects if each["check"] == "order")
    return found


def test_what_the_doctor_advises_puts_a_list_in_order(
    qtop: Qtop, direct: Direct, leave: Callable[[bytes], list[bytes]]
) -> None:
    assert order(qtop)["level"] == "OK"
    items = leave(FAILED)
    before = everything(direct)
    found = order(qtop)
    assert found["level"] == "WARN"
    assert "failed was left turned" in found["text"]
    assert "3 of 10 items" in found["text"]
    assert found["remedy"] == "qtop reorder failed"
    assert everything(direct) == before
    ran = qtop(*shlex.split(found["remedy"])[1:], "--json")
    assert (ran.status, ran.objects[0]["done"]) == (0, 1)
    assert direct("LRANGE", FAILED, 0, -1) == items
    assert direct("EXISTS", turn(FAILED)) == 0
    assert order(qtop)["level"] == "OK"
    entry = qtop("audit", "--json").objects[0]
    assert (entry["action"], entry["subject"]) == ("reorder", "failed")


def test_without_a_name_all_lists_are_put_in_order_after_a_question(
    qtop: Qtop, direct: Direct, push: Push, leave: Callable[[bytes], list[bytes]]
) -> None:
    ran = qtop("reorder")
    assert (ran.status, ran.out) == (1, "")
    lists = [FAILED, MAIL, KEYS.unreadable("mail"), KEYS.failed_named("mail_failed")]
    direct("SADD", KEYS.queues(), "mail")
    direct("SADD", KEYS.failed_queues(), "mail_failed")
    in_order = {key: leave(key) for key in lists}
    before = everything(direct)
    ran = qtop("reorder", "--dry-run")
    assert (ran.status, ran.out) == (0, "would reorder 4 lists\n")
    for name in ("failed", "queue:mail", "unreadable:mail", "failed:mail_failed"):
        assert f"{name} was left turned" in ran.err
    assert qtop("reorder").status == 1, "no one can be asked"
    assert everything(direct) == before
    assert qtop("reorder", "--yes").status == 0
    assert {key: direct("LRANGE", key, 0, -1) for key in lists} == in_order


def test_a_moment_that_was_left_turned_is_found_and_put_in_order(
    qtop: Qtop, direct: Direct, leave: Callable[[bytes], list[bytes]]
) -> None:
    key = KEYS.delayed("1900000000")
    items = leave(key)
    direct("ZADD", KEYS.delayed_schedule(), 1_900_000_000, 1_900_000_000, 5, "5")
    found = order(qtop)
    assert found["level"] == "WARN"
    assert found["remedy"] == "qtop reorder delayed:1900000000"
    assert qtop(*shlex.split(found["remedy"])[1:]).status == 0
    assert direct("LRANGE", key, 0, -1) == items
    assert order(qtop)["level"] == "OK"


def test_a_list_that_is_not_named_stays_turned(
    qtop: Qtop, direct: Direct, leave: Callable[[bytes], list[bytes]]
) -> None:
    for key in (FAILED, MAIL):
        leave(key)
    assert qtop("reorder", "failed").status == 0
    assert (direct("EXISTS", turn(FAILED)), direct("EXISTS", turn(MAIL))) == (0, 1)


def test_nothing_is_put_in_order_read_only(
    qtop: Qtop, direct: Direct, leave: Callable[[bytes], list[bytes]]
) -> None:
    leave(FAILED)
    before = everything(direct)
    assert qtop("reorder", "failed", "--read-only").status == 1
    assert everything(direct) == before


def test_a_user_who_may_not_look_is_told_that_the_order_is_unknown(
    qtop: Qtop, direct: Direct, redis_url: str, leave: Callable[[bytes], list[bytes]]
) -> None:
    leave(FAILED)
    direct("ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "+@all", "-exists")
    url = redis_url.replace("unix://", "unix://limited:pw@")
    try:
        ran = qtop("doctor", "--json", "--url", url)
        assert next(each for each in ran.objects if each["check"] == "order")["level"] == "UNKNOWN"
    finally:
        direct("ACL", "DELUSER", "limited")


def test_a_queue_of_sidekiqs_that_was_left_turned_is_found_and_put_in_order(
    qtop: Qtop, direct: Direct
) -> None:
    items = [job(number, queue="q") for number in range(10)]
    fill_queue(direct, "q", items)
    key = SIDEKIQ_KEYS.queue("q")
    assert leave_turned(direct, key, 3, "head") == items
    assert waiting_in(direct, "q") != items
    sidekiq = ("--system", "sidekiq")
    found = next(each for each in qtop("doctor", *sidekiq, "--json").objects if is_order(each))
    assert (found["level"], found["remedy"]) == ("WARN", "qtop reorder queue:q")
    shown = qtop("show", *sidekiq, "--from", "queue:q", "--json", "--no-redact").objects
    assert [each["args"] for each in shown] == [[number] for number in range(10)]
    ran = qtop("reorder", *sidekiq, "queue:q", "--json")
    assert (ran.status, ran.objects[0]["done"]) == (0, 1)
    assert waiting_in(direct, "q") == items
    assert direct("EXISTS", turn(key)) == 0
    assert qtop("reorder", *sidekiq).status == 1
    assert qtop("reorder", *sidekiq, "failed").status in (1, 2)


def is_order(found: dict[str, str]) -> bool:
    return found["check"] == "order"
