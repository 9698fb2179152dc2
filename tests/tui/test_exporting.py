"""Exports keep exact bytes, hide secrets, and say what cannot be loaded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sample_data import failure

from qtop.model.job import JobSource
from qtop.model.job_file import BadExport, line_of, read_line
from qtop.systems.resque.job_lists import ResqueList
from qtop.systems.resque.job_reader import failed_job
from qtop.text.redact import OPEN, Redactor
from queuecore.windows import Item, whole
from resque.keys import Keys

FAILED = ResqueList(Keys(), JobSource("failed", "failed"))


def written(item: Item, redactor: Redactor = OPEN) -> str:
    """A failure as a line of a file."""
    return line_of(FAILED, failed_job(item, 0), redactor)


@given(st.binary(max_size=200))
def test_any_bytes_come_back(raw: bytes) -> None:
    line = written(whole(raw))
    assert line.isascii()
    assert line.isprintable()
    assert read_line(line).item.raw == raw


def test_a_line_says_what_it_holds() -> None:
    item = failure(1).item
    fields = json.loads(written(item))
    assert fields["from"] == "failed"
    assert fields["queue"] == "mail"
    assert fields["sha"] == item.sha
    assert fields["raw"].encode() == item.raw


def test_secrets_are_hidden_and_such_a_line_is_not_loaded() -> None:
    item = failure(1, payload={"class": "A", "args": [{"password": "hunter2"}]}).item
    line = written(item, Redactor())
    assert "hunter2" not in line
    with pytest.raises(BadExport, match="redacted"):
        read_line(line)
    assert read_line(written(failure(1).item, Redactor())).queue == "mail"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("5", "not written by qtop"),
        ('{"qtop": 2}', "not written by qtop"),
        ('{"qtop": 1, "sha": "x"}', "no bytes"),
        ('{"qtop": 1, "raw": "x", "sha": "y"}', "changed after the export"),
        ('{"qtop": 1, "base64": "!", "sha": "y"}', "no bytes"),
        ('{"qtop": 1, "raw": "\\ud800", "sha": "y"}', "no bytes"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_line_that_cannot_be_loaded_gets_a_reason(line: str, why: str) -> None:
    with pytest.raises(BadExport, match=why):
        read_line(line)


def test_a_cut_item_is_not_loaded() -> None:
    with pytest.raises(BadExport, match="cut"):
        read_line(written(Item(b"begin", 10**6, "a" * 40)))
