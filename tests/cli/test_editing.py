"""edit: it changes what was edited, and the rest keeps its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests import words
from tests.support.commands import Push, Qtop, encoded
from tests.support.direct import Direct

FAILED = ("--from", "failed")


def queue(direct: Direct, name: str = "mail") -> list[bytes]:
    return list(direct("LRANGE", f"resque:queue:{name}", 0, -1))


def failed(direct: Direct) -> list[bytes]:
    return list(direct("LRANGE", "resque:failed", 0, -1))


def test_an_item_set_aside_can_be_edited(qtop: Qtop, direct: Direct) -> None:
    direct("RPUSH", "resque:unreadable:mail", b'{"class":"Mail" \xff')
    (item,) = qtop("show", "--from", "unreadable:mail", "--json").objects
    assert "not JSON" in item["problem"]
    good = '{"class":"Mail","args":[1]}'
    ran = qtop(
        "edit", "--from", "unreadable:mail", "--filter", f"id:{item['id']}", "--payload", good
    )
    assert ran.status == 0
    assert queue(direct) == [good.encode()]
    assert direct("EXISTS", "resque:unreadable:mail") == 0


def test_editing_keeps_the_bytes_of_unchanged_members(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    payload = b'{"class":"Mail","args":[1.00],"queue_time": 1e3,"note":"\xff"}'
    entry = b'{"payload":%s,"queue":"mail"}' % payload
    direct("RPUSH", "resque:failed", entry)
    assert qtop("edit", *FAILED, "--class", "Mail::Ö").status == 0
    assert queue(direct) == [
        '{"class":"Mail::Ö","args":[1.00],"queue_time":1e3,"note":"'.encode() + b'\xff"}'
    ]
    assert qtop("undo").status == 0
    assert failed(direct) == [entry]
    assert queue(direct) == []


def test_numbers_that_ruby_cannot_read_are_refused(qtop: Qtop, direct: Direct, push: Push) -> None:
    kept = push("Mail", 1)
    for number in ("NaN", "Infinity", "-Infinity"):
        ran = qtop("edit", "--from", "queue:mail", "--args", f"[{number}]")
        assert (ran.status, f"{number} is no JSON" in ran.err) == (1, True)
    assert queue(direct) == [kept]
    # In a text they are words.
    assert qtop("edit", "--from", "queue:mail", "--args", '["NaN"]').status == 0
    assert [json.loads(raw)["args"] for raw in queue(direct)] == [["NaN"]]


def test_several_jobs_are_edited_at_once_each_from_its_own_payload(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail", 1)
    push("Mail", 2)
    kept = push("Report", 3)
    ran = qtop(
        "edit",
        "--from",
        "queue:mail",
        "--filter",
        "class:Mail",
        "--class",
        "Post",
        "--to",
        "post",
        "--yes",
    )
    assert ran.out == f"{words.outcome('edited', 2)}\n"
    assert sorted(json.loads(raw)["args"] for raw in queue(direct, "post")) == [[1], [2]]
    assert queue(direct) == [kept]


def test_an_editor_opens_for_a_single_job(
    direct: Direct, fail: Push, on_terminal: Callable[..., tuple[int, str]]
) -> None:
    fail("Mail", 1)
    status, _ = on_terminal("edit", *FAILED, EDITOR="sed -i s/Mail/Post/")
    assert status == 0
    assert queue(direct) == [encoded({"class": "Post", "args": [1]})]
    fail("Mail", 1)
    status, shown = on_terminal("edit", *FAILED, EDITOR="true")
    assert status == 1
    assert words.NOTHING_CHANGED in shown
    status, shown = on_terminal("edit", *FAILED, EDITOR="sed -i s/]/")
    assert status == 1
    assert len(failed(direct)) == 1


SET = ("--set", "args.1.currency=EUR")


def test_one_value_is_set_in_all_that_match_and_the_others_are_counted(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    euro = [fail("Charge", n, {"currency": "EURO", "token": "x"}) for n in range(2)]
    missing = fail("Charge", 2)
    before = failed(direct)
    told = qtop("edit", *FAILED, *SET, "--dry-run")
    assert told.status == 0
    assert "would edit 2" in told.out
    assert "refused 1: args.1.currency is missing" in told.out
    assert 'args.1.currency: "EURO" → "EUR"' in told.out
    assert failed(direct) == before
    ran = qtop("edit", *FAILED, *SET, "--yes", "--json")
    assert [ran.objects[0][name] for name in ("done", "refused")] == [2, 1]
    assert failed(direct) == [missing]
    assert queue(direct) == [
        encoded(json.loads(each)["payload"]).replace(b"EURO", b"EUR") for each in euro
    ]
    assert qtop("undo").status == 0
    assert sorted(failed(direct)) == sorted(before)


def test_a_secret_is_not_among_the_samples(qtop: Qtop, fail: Push) -> None:
    fail("Charge", {"token": "hush"})
    told = qtop("edit", *FAILED, "--set", "args.0.token=other", "--dry-run")
    assert "args.0.token" in told.out
    assert "hush" not in told.out


def test_a_change_that_is_none_is_a_usage_error(qtop: Qtop, fail: Push) -> None:
    fail("Charge", 1)
    for words_of in (["--set", "args.0"], ["--was", "1"], ["--set", "class=X"]):
        assert qtop("edit", *FAILED, *words_of).status == 2
    assert qtop("edit", *FAILED, "--set", "args.0=2", "--class", "X").status == 2
