"""Jobs go to a file and come back, byte for byte."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests import words
from tests.support.commands import PATIENCE_S, Qtop
from tests.support.direct import Direct

ENTRY = (
    b'{"failed_at":"2026/11/23 12:00:00 UTC","payload":{"class":"A","args":[%d, 1.50]},'
    b'"exception":"E","error":"\xff%d","backtrace":[],"worker":"w","queue":"mail"}'
)
SECRET = ENTRY.replace(b"1.50", b'{"password":"hunter2"}')


def entries(direct: Direct, *items: bytes) -> list[bytes]:
    for item in items:
        direct("RPUSH", "resque:failed", item)
    return list(items)


def failed(direct: Direct) -> list[bytes]:
    found: list[bytes] = direct("LRANGE", "resque:failed", 0, -1)
    return found


def test_exported_jobs_come_back_byte_for_byte(qtop: Qtop, direct: Direct, tmp_path: Path) -> None:
    before = entries(direct, *(ENTRY % (n, n) for n in range(3)), b"not JSON\xff")
    file = tmp_path / "out.jsonl"
    ran = qtop("export", str(file), "--from", "failed", "--no-redact")
    assert (ran.status, ran.err.strip()) == (0, "exported 4 failed jobs")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().isascii()
    direct("DEL", "resque:failed")
    ran = qtop("load", str(file), "--yes")
    assert ran.out.splitlines()[-1] == "loaded 4, refused 0"
    assert failed(direct) == before


def test_an_export_that_could_read_nothing_leaves_no_file(
    qtop: Qtop, direct: Direct, tmp_path: Path
) -> None:
    direct("SET", "resque:failed", "no list")
    file = tmp_path / "out.jsonl"
    assert qtop("export", str(file), "--from", "failed").status == 3
    assert not file.exists()
    direct("DEL", "resque:failed")
    entries(direct, ENTRY % (1, 1))
    assert qtop("export", str(file), "--from", "failed").status == 0


def test_an_export_that_is_interrupted_says_that_the_rest_is_missing(
    redis_url: str, direct: Direct
) -> None:
    # More than a pipe holds that is not read.
    entries(direct, *(ENTRY % (n, n) for n in range(2_000)))
    process = subprocess.Popen(
        [sys.executable, "-m", "qtop", "export", "-", "--from", "failed"],
        env={**os.environ, "REDIS_URL": redis_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert re.fullmatch(r"interrupted: [\d,]+ failed jobs exported, the rest is missing\n", err)


def test_the_order_of_the_list_comes_back_with_the_lines_in_any_order(
    qtop: Qtop, direct: Direct, tmp_path: Path
) -> None:
    before = entries(direct, *(ENTRY % (n, n) for n in range(12)))
    file = tmp_path / "out.jsonl"
    qtop("export", str(file), "--from", "failed", "--no-redact")
    lines = file.read_text().splitlines(keepends=True)
    assert json.loads(lines[0])["place"] == 11, "an export begins with the newest"
    file.write_text("\n".join(lines[5:] + lines[:5]))
    direct("DEL", "resque:failed")
    assert qtop("load", str(file), "--yes").status == 0
    assert failed(direct) == before
    # Without places, as other tools may write them, the order is that of the lines.
    file.write_text("".join(lines).replace('"place"', '"was"'))
    direct("DEL", "resque:failed")
    assert qtop("load", str(file), "--yes").status == 0
    assert failed(direct) == before[::-1]


def test_jobs_of_failures_are_loaded_onto_their_queues(
    qtop: Qtop, direct: Direct, tmp_path: Path
) -> None:
    entries(direct, ENTRY % (1, 1), b"not JSON")
    file = str(tmp_path / "out.jsonl")
    qtop("export", file, "--from", "failed", "--no-redact")
    dry = qtop("load", file, "--to", "queues", "--dry-run")
    assert dry.out == "would load 1 to queue:mail\n"
    assert "line 1 refused: the entry cannot be read" in dry.err
    assert qtop("load", file, "--to", "queues", "--yes").status == 0
    assert direct("LRANGE", "resque:queue:mail", 0, -1) == [b'{"class":"A","args":[1, 1.50]}']
    assert direct("SMEMBERS", "resque:queues") == [b"mail"]
    (entry,) = qtop("audit", "--json").objects
    assert (entry["action"], entry["done"]) == ("load", 1)


def test_secrets_are_hidden_by_default_and_redacted_lines_are_not_loaded(
    qtop: Qtop, direct: Direct, tmp_path: Path
) -> None:
    entries(direct, SECRET % (1, 1), ENTRY % (2, 2))
    file = tmp_path / "out.jsonl"
    qtop("export", str(file), "--from", "failed")
    assert "hunter2" not in file.read_text()
    ran = qtop("load", str(file), "--yes")
    assert ran.out.splitlines()[-1] == "loaded 1, refused 1"
    assert "redacted" in ran.err
    assert len(failed(direct)) == 3


def test_no_file_is_overwritten_and_a_missing_one_is_reported(
    qtop: Qtop, direct: Direct, tmp_path: Path
) -> None:
    entries(direct, ENTRY % (1, 1))
    file = tmp_path / "out.jsonl"
    file.write_text("mine")
    assert qtop("export", str(file), "--from", "failed").status == 1
    assert file.read_text() == "mine"
    assert "No such file" in qtop("load", str(tmp_path / "none")).err


def test_several_items_are_loaded_only_when_asked_for(
    qtop: Qtop, direct: Direct, tmp_path: Path
) -> None:
    entries(direct, ENTRY % (1, 1), ENTRY % (2, 2))
    file = str(tmp_path / "out.jsonl")
    qtop("export", file, "--from", "failed", "--no-redact")
    ran = qtop("load", file)
    assert ran.status == 1
    assert words.SAY_YES in ran.err
    assert len(failed(direct)) == 2
    assert qtop("load", file, "--yes", "--read-only").status == 1
    assert len(failed(direct)) == 2


def test_waiting_jobs_are_exported_in_their_order(
    qtop: Qtop, direct: Direct, tmp_path: Path
) -> None:
    jobs = [b'{"class":"A","args":[%d]}' % n for n in range(3)]
    direct("RPUSH", "resque:queue:mail", *jobs)
    ran = qtop("export", "-", "--from", "queue:mail", "--no-redact")
    lines = [json.loads(text) for text in ran.out.splitlines()]
    assert [each["raw"].encode() for each in lines] == jobs
    file = tmp_path / "jobs"
    file.write_text(ran.out)
    assert qtop("load", str(file), "--to", "queue:other", "--yes").status == 0
    assert direct("LRANGE", "resque:queue:other", 0, -1) == jobs
    assert qtop("load", str(file), "--to", "failed", "--yes").status == 1
