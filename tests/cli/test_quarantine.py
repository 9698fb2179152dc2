"""`qtop quarantine` moves the copies of a job, and lists what is in quarantine."""

from __future__ import annotations

from tests.support.commands import Qtop
from tests.support.direct import Direct

PAYLOAD = b'{"class":"ExportCsv","args":[4711]}'
ENTRY = (
    b'{"failed_at":"2026/11/23 12:00:00 UTC","payload":%s,"exception":"Resque::DirtyExit",'
    b'"error":"SIGKILL","backtrace":[],"worker":"w:1:csv","queue":"csv"}' % PAYLOAD
)


def test_a_failure_named_by_its_id_goes_with_its_copies_and_comes_back(
    qtop: Qtop, direct: Direct
) -> None:
    direct("SADD", "resque:queues", "csv")
    direct("RPUSH", "resque:queue:csv", PAYLOAD)
    direct("RPUSH", "resque:failed", ENTRY, ENTRY, ENTRY)
    poison = [each for each in qtop("doctor", "--json").objects if "kills its" in each["text"]]
    [remedy] = {each["remedy"] for each in poison if each["check"] == "failures"}
    _, command, failure_id = remedy.split()
    would = qtop(command, failure_id, "--dry-run", "--json")
    assert would.status == 0, would.err
    assert would.objects[0]["would"] == 4
    assert direct("LLEN", "resque:failed") == 3
    assert qtop(command, failure_id, "--yes").status == 0
    assert direct("LRANGE", "resque:qtop:quarantine:csv", 0, -1) == [PAYLOAD] * 4
    assert qtop(command, "--json").objects == [{"queue": "csv", "quarantined": 4}]
    assert len(qtop("show", "--from", "quarantine:csv", "--json").objects) == 4
    moved = qtop("move", "--from", "quarantine:csv", "--to", "csv", "--yes")
    assert moved.status == 0, moved.err
    assert direct("LRANGE", "resque:queue:csv", 0, -1) == [PAYLOAD] * 4
    assert qtop(command).status == 1


def test_an_id_that_no_failure_has_changes_nothing(qtop: Qtop) -> None:
    done = qtop("quarantine", "0123456789", "--yes")
    assert done.status == 1
    assert "no failure" in done.err


def test_the_beginning_of_several_ids_is_refused_and_that_of_one_is_enough(
    qtop: Qtop, direct: Direct
) -> None:
    others = [ENTRY.replace(b"4711", str(number).encode()) for number in range(17)]
    direct("RPUSH", "resque:failed", *others)
    ids = [each["id"] for each in qtop("failed", "--json").objects]
    # Of 17 ids two begin with the same of 16 digits.
    shared = next(each[0] for each in ids if sum(other[0] == each[0] for other in ids) > 1)
    done = qtop("quarantine", shared, "--yes")
    assert done.status == 1
    assert "more than one" in done.err
    assert direct("LLEN", "resque:failed") == 17
    assert qtop("quarantine", ids[0][:30], "--yes").status == 0
    assert direct("LLEN", "resque:failed") == 16
