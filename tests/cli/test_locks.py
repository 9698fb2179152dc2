"""Locks of Ruby's plug-ins are deleted with waiting jobs, and doctor finds locks without a job."""

from __future__ import annotations

from typing import Any

from tests.support.commands import Push, Qtop
from tests.support.direct import Direct

from resque.keys import Keys
from resque.store.plugin_locks import waiting_locks


def locks(qtop: Qtop) -> dict[str, Any]:
    """What doctor reports about locks."""
    found = qtop("doctor", "--json").objects
    return next(each for each in found if each["check"] == "locks")


def test_locks_of_ruby_plugins_are_deleted_with_their_waiting_jobs(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    keys = Keys()
    for number in range(4):
        push("Mail", number)
        direct("SET", waiting_locks(keys, "mail", "Mail", [number])[0], 1)
    assert locks(qtop)["level"] == "OK"
    assert qtop("delete", "--from", "queue:mail", "--filter", "args.0:1").status == 0
    move = ("move", "--from", "queue:mail", "--to", "later", "--filter", "args.0:2")
    assert qtop(*move).status == 0
    edit = ("edit", "--from", "queue:mail", "--filter", "args.0:3", "--args", "[7]")
    assert qtop(*edit).status == 0
    assert direct("KEYS", "resque:loners:*") == [waiting_locks(keys, "mail", "Mail", [0])[0]]
    assert qtop("clear", "queue:mail", "--yes").status == 0
    assert direct("KEYS", "resque:loners:*") == []


def test_the_doctor_finds_locks_without_a_job(qtop: Qtop, direct: Direct, push: Push) -> None:
    push("Mail", 1)
    for number in (1, 2):
        direct("SET", waiting_locks(Keys(), "mail", "Mail", [number])[0], 1)
    finding = locks(qtop)
    lock = waiting_locks(Keys(), "mail", "Mail", [2])[0].decode()
    assert finding["level"] == "WARN"
    assert lock in finding["text"]
    assert finding["remedy"].endswith(f"DEL {lock}")
