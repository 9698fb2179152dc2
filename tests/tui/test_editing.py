"""A payload in an editor: what is unchanged keeps its bytes, what is broken is refused."""

import json
import os
import signal
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtop.screens.payload_editor import editor, in_editor
from qtop.text.payloads import MOST_BYTES, BadPayload, changed, difference, pretty

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=15,
)  # fmt: skip


@given(st.lists(VALUES, max_size=4))
def test_an_unchanged_text_changes_nothing(args: list[object]) -> None:
    payload = json.dumps({"class": "A", "args": args}).encode()
    assert changed(payload, pretty(payload)) is None


@given(st.lists(VALUES, max_size=4))
def test_the_text_to_edit_is_plain_and_has_the_same_content(args: list[object]) -> None:
    payload = json.dumps({"class": "A", "args": args}, ensure_ascii=False)
    text = pretty(payload.encode("utf-8", "surrogatepass"))
    assert json.loads(text)["args"] == args
    assert not set(text) & {"\x1b", "\x9b", "\u202e"}


def test_bytes_that_are_not_text_survive() -> None:
    payload = b'{"class":"A","args":["\xff\xfe"],"n":1.50}'
    text = pretty(payload).replace('"A"', '"B"')
    assert changed(payload, text) == b'{"class":"B","args":["\xff\xfe"],"n":1.50}'


def test_unchanged_members_keep_their_bytes() -> None:
    payload = b'{"class": "A", "args": [1.10, 12345678901234567890], "queue_time": 1.50}'
    text = pretty(payload).replace('"A"', '"B"')
    assert changed(payload, text) == (
        b'{"class":"B","args":[1.10, 12345678901234567890],"queue_time":1.50}'
    )


@pytest.mark.parametrize(("before", "after"), [("1", "1.0"), ("1", "true"), ("0", "false")])
def test_another_type_is_a_change(before: str, after: str) -> None:
    payload = b'{"class":"A","args":[%s]}' % before.encode()
    new = changed(payload, f'{{"class":"A","args":[{after}]}}')
    assert new == b'{"class":"A","args":[%s]}' % after.encode()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not JSON"),
        ("[1]", "a list instead of an object"),
        ("", "not JSON"),
        ('{"args":[]}', '"class"'),
        ('{"class":"","args":[]}', '"class"'),
        ('{"class":5,"args":[]}', '"class"'),
        ('{"class":"A"}', '"args"'),
        ('{"class":"A","args":{}}', '"args"'),
        ('{"class":"A","args":[NaN]}', "NaN is no JSON"),
        ('{"class":"A","args":[{"a":-Infinity}]}', "-Infinity is no JSON"),
        ("[" * 100_000, "deep"),
    ],
)
def test_a_text_that_no_worker_could_perform_is_refused_with_the_reason(
    text: str, word: str
) -> None:
    with pytest.raises(BadPayload, match=word):
        changed(b'{"class":"A","args":[1]}', text)


def test_a_payload_unfit_for_an_editor_is_refused() -> None:
    with pytest.raises(BadPayload, match="too many for an editor"):
        pretty(b'{"class":"A","args":["%s"]}' % (b"x" * MOST_BYTES))
    with pytest.raises(BadPayload):
        pretty(b"not JSON")


def test_the_difference_names_the_lines_that_change() -> None:
    lines = difference(b'{"class":"A","args":[1,2]}', b'{"class":"A","args":[1,\n3]}')
    assert lines[:2] == ["--- before", "+++ after"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ["-    2", "+    3"]


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, None),
        ({"EDITOR": "vi"}, ["vi"]),
        ({"EDITOR": "vi", "VISUAL": "code --wait"}, ["code", "--wait"]),
        ({"EDITOR": "vi", "VISUAL": ""}, ["vi"]),
        ({"EDITOR": "'unclosed"}, None),
    ],
)
def test_the_editor_is_the_one_that_is_set(
    environ: dict[str, str], command: list[str] | None
) -> None:
    assert editor(environ) == command


def test_an_editor_gets_a_private_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    report = tmp_path / "told"
    script = (
        "import sys,os,pathlib;f=pathlib.Path(sys.argv[-1]);"
        f"pathlib.Path({str(report)!r}).write_text(f'{{f}} {{f.stat().st_mode & 0o777:o}} '"
        "f'{f.parent.stat().st_mode & 0o777:o}');"
        "f.write_text(f.read_text().replace('1','2'));"
        "f.with_name('payload.json~').write_text('left over');"
        "f.with_name('folder').mkdir()"
    )
    assert in_editor([sys.executable, "-c", script], "[1]\n") == "[2]\n"
    path, mode, folder_mode = report.read_text().split()
    assert (mode, folder_mode) == ("600", "700")
    assert not Path(path).parent.exists()
    assert stat.S_ISREG(os.stat(report).st_mode)


def test_an_interrupt_reaches_only_the_editor() -> None:
    script = (
        "import os,signal,sys;assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN;"
        "os.kill(os.getppid(), signal.SIGINT)"
    )
    before = signal.getsignal(signal.SIGINT)
    assert in_editor([sys.executable, "-c", script], "x") == "x"
    assert signal.getsignal(signal.SIGINT) is before


def test_an_editor_that_fails_is_reported() -> None:
    with pytest.raises(OSError, match="ended with status 3"):
        in_editor([sys.executable, "-c", "raise SystemExit(3)"], "x")
    with pytest.raises(FileNotFoundError):
        in_editor(["/no/such/editor"], "x")
