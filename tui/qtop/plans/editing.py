"""A payload in an editor: as text to read and change, and back, what is unchanged byte for byte."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Timer
from typing import Any, Final

from qtop.display.text import counted, safe
from qtop.plans.changes import BadPayload, checked
from resque.errors import EncodeError
from resque.wire.codec import decode, encode, members

#: Longer payloads are for another tool than a text editor.
MOST_BYTES: Final = 4 << 20
#: How long an editor that is asked to leave has for that.
_PATIENCE_S: Final = 2.0
_MOST_DIFFERENT: Final = 2_000
_NOT_PLAIN: Final = re.compile(r"[^\x20-\x7e\n]")


def pretty(payload: bytes) -> str:
    """A payload as text for an editor. Raises BadPayload when it cannot be edited as text."""
    if len(payload) > MOST_BYTES:
        raise BadPayload(f"the payload: {len(payload):,} bytes are too many for an editor")
    try:
        text = json.dumps(decode(payload), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"the payload: {error}") from None
    return plain(text) + "\n"


def draft(payload: bytes) -> str:
    """As `pretty`; of one that cannot be read, its bytes as far as they are text."""
    if len(payload) <= MOST_BYTES:
        try:
            decode(payload)
        except (ValueError, RecursionError):
            return plain(payload.decode("utf-8", "replace")) + "\n"
    return pretty(payload)


def plain(text: str) -> str:
    """JSON whose characters a terminal draws and never obeys; the others are escaped, which means
    the same."""
    return _NOT_PLAIN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if safe(found[0]) == found[0] else json.dumps(found[0])[1:-1]


def changed(before: bytes, text: str) -> bytes | None:
    """The payload that an edited text makes; None when it says the same as before.

    Members that say the same keep their bytes. Raises BadPayload: what is wrong with the text.
    """
    try:
        was, now = _decoded(before), decode(text.encode("utf-8", "surrogateescape"))
        checked(text.encode("utf-8", "surrogateescape"))
        if _said(was) == _said(now):
            return None
        kept = members(before) if isinstance(was, dict) else {}
        parts = [
            b"%s:%s"
            % (encode(key), kept[key] if key in kept and _same(was, now, key) else encode(value))
            for key, value in now.items()
        ]
    except (EncodeError, ValueError, RecursionError) as error:
        raise BadPayload(f"the payload: {error}") from None
    return b"{%s}" % b",".join(parts)


def _decoded(payload: bytes) -> Any:
    """What a payload says; None of one that cannot be read."""
    try:
        return decode(payload)
    except (ValueError, RecursionError):
        return None


def _said(value: Any) -> str:
    # As text: to Python 1, 1.0 and true are equal.
    return json.dumps(value)


def _same(was: Mapping[str, Any], now: Mapping[str, Any], key: str) -> bool:
    return _said(was[key]) == _said(now[key])


def difference(before: bytes, after: bytes) -> list[str]:
    """What changes, as unified lines of safe text. Bounded."""
    was, now = (draft(payload).split("\n") for payload in (before, after))
    lines = list(difflib.unified_diff(was, now, "before", "after", lineterm=""))
    shown = [safe(line) for line in lines[:_MOST_DIFFERENT]]
    if len(lines) > len(shown):
        more = counted(len(lines) - len(shown), "line")
        shown.append(f"… {more} more")
    return shown


def editor(environ: Mapping[str, str]) -> list[str] | None:
    """The command of the editor that is set, `$VISUAL` before `$EDITOR`; None when none is."""
    for name in ("VISUAL", "EDITOR"):
        try:
            command = shlex.split(environ.get(name, ""))
        except ValueError:
            continue
        if command:
            return command
    return None


def in_editor(command: Sequence[str], text: str) -> str:
    """Let a person change a text in a program. The file is private and gone afterwards.

    Raises OSError when the program cannot be started or ends with an error, and BadPayload when
    what it left is no text. Waits until it ends. To be called by the main thread, whose event loop
    learns of signals afterwards: what asks this process to leave ends the program within seconds.
    """
    # An editor may leave more beside it.
    with tempfile.TemporaryDirectory(prefix="qtop-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "payload.json"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        # The operator's own editor, chosen by the operator's own environment.
        with subprocess.Popen([*command, str(path)]) as program, _signals_to(program):
            program.wait()
        if program.returncode != 0:
            raise OSError(0, f"{command[0]} ended with status {program.returncode}")
        return path.read_bytes().decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _signals_to(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """While a program has the terminal, what asks this process to leave asks it first: two cannot
    share a terminal, and one that is left behind would keep it."""
    patience = Timer(_PATIENCE_S, program.kill)
    patience.daemon = True

    def leave(number: int, frame: object) -> None:
        program.send_signal(number)
        if patience.ident is None:
            patience.start()

    # What is typed to interrupt the program comes to both, and must not end the console.
    before = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:
            before[each] = signal.signal(each, leave)
    try:
        yield
    finally:
        patience.cancel()
        for each, handler in before.items():
            signal.signal(each, handler)
