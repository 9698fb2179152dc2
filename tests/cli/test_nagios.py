"""`qtop doctor --nagios` is a monitoring plugin: a status line, performance data, exit statuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.commands import Push, Qtop
from tests.support.direct import Direct
from tests.support.rights import a_user, refused

from qtop.commands.nagios import PlacedFinding, report
from qtop.model.health import Finding, FindingLevel

_LINE = re.compile(r"QTOP (OK|WARNING|CRITICAL|UNKNOWN): [^|\n]* \| (\w+=[\d.]+s? ?)+")


def of(*levels: FindingLevel) -> list[PlacedFinding]:
    return [PlacedFinding(Finding("queues", level, f"it is {level}")) for level in levels]


@pytest.mark.parametrize(
    ("levels", "state", "status"),
    [
        (("OK", "OK"), "OK", 0),
        (("OK", "WARN"), "WARNING", 1),
        (("WARN", "ERROR", "UNKNOWN"), "CRITICAL", 2),
        (("OK", "UNKNOWN"), "UNKNOWN", 3),
        (("UNKNOWN", "WARN"), "WARNING", 1),
        ((), "UNKNOWN", 3),
    ],
)
def test_the_worst_finding_is_the_state_and_the_exit_status(
    levels: tuple[FindingLevel, ...], state: str, status: int
) -> None:
    lines, left_with = report(of(*levels), 0.25)
    assert left_with == status
    assert lines[0].startswith(f"QTOP {state}: ")
    assert _LINE.fullmatch(lines[0])
    assert lines[0].endswith("time=0.250s")
    assert len(lines) == 1 + len(levels)


def test_what_is_wrong_is_in_the_first_line_and_the_worst_comes_first() -> None:
    lines, _ = report(of("OK", "WARN", "ERROR"), 0.0)
    assert "1 error, 1 warning, 1 ok; queues: it is ERROR" in lines[0]
    assert [each.partition(":")[0] for each in lines[1:]] == ["CRITICAL", "WARNING", "OK"]


def test_a_text_of_redis_neither_begins_performance_data_nor_a_line() -> None:
    evil = Finding("queues", "ERROR", "queue a|b=1\nOK: all well\x1b[2J", "remove|it")
    lines, _ = report([PlacedFinding(evil, "mails")], 0.0)
    assert all(each.count("|") == number for each, number in zip(lines, (1, 0), strict=True))
    assert "\n" not in "".join(lines)
    assert "\x1b" not in "".join(lines)
    assert "mails: queue a/b=1" in lines[1]


def test_jobs_without_workers_are_critical(qtop: Qtop, push: Push) -> None:
    push("A")
    done = qtop("doctor", "--nagios")
    assert done.status == 2
    first = done.out.splitlines()[0]
    assert _LINE.fullmatch(first)
    assert "queues: " in first


def test_a_server_that_does_not_answer_is_unknown(qtop: Qtop, tmp_path: Path) -> None:
    done = qtop("doctor", "--nagios", "--url", f"unix://{tmp_path}/none")
    assert done.status == 3
    assert done.out.startswith("QTOP UNKNOWN: ")


def test_a_user_that_only_reads_lacks_nothing_with_read_only(
    qtop: Qtop, direct: Direct, redis_url: str
) -> None:
    reading = "~* +@read +@connection +eval +evalsha +script|load +multi +exec +discard +info +time"
    with a_user(direct, redis_url, *reading.split()) as url:
        words = ("doctor", "--nagios", "--url", url)
        assert "CRITICAL: rights: " in qtop(*words).out
        only_reads = qtop(*words, "--read-only").out
    assert "CRITICAL" not in only_reads
    assert "OK: rights: " in only_reads
    # What is read, and may not be, is found by what reads it.
    with refused(direct, "-hgetall", "-lrange", "-smembers"):
        found = qtop("doctor", "--nagios", "--read-only").out.splitlines()
    assert any(each.startswith("UNKNOWN: queues: ") for each in found)


def test_it_is_one_form_or_the_other(qtop: Qtop) -> None:
    assert qtop("doctor", "--nagios", "--json").status == 2
