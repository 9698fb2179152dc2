"""A payload in an editor: as text to read and change, and back, what is unchanged byte for byte."""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import FrameType
from typing import Any, Final

from qtop.actions.request import Edit
from qtop.model.job import JobSource
from qtop.text.redact import OPEN, Redactor
from qtop.text.safe import counted, safe
from queuecore.bulk import Taking
from queuecore.errors import EncodeError, QueueError
from queuecore.windows import Item, whole
from resque.codec import Payload, decode, decode_payload, encode, members
from resque.store import failures

# What becomes of a job that is edited: class, arguments or the whole payload.


class BadPayload(QueueError):
    """A payload that no worker could perform. The message says what is wrong."""


def job_in(source: JobSource, raw: bytes) -> tuple[str, bytes] | str:
    """The queue and the payload of the job in an item of a list, or why it has none. O(bytes)."""
    return failures.job_of(raw) if source.kind == "failed" else (source.name, raw)


def changed_job(change: Edit, raw: bytes) -> Taking | str:
    """What becomes of an item that is edited: where it goes and as what, or why it cannot be."""
    job = job_in(change.source, raw)
    if isinstance(job, str) and (change.payload is None or change.to is None):
        return job
    queue, payload = ("", b"") if isinstance(job, str) else job
    try:
        return Taking(0, raw, change.to or queue, checked(_changed_payload(change, payload)))
    except (ValueError, QueueError) as error:
        return str(error)


def _changed_payload(change: Edit, payload: bytes) -> bytes:
    """The new payload. What is not changed keeps its bytes. Raises ValueError."""
    if change.payload is not None:
        return change.payload
    parts = members(payload)
    if change.class_name is not None:
        parts["class"] = encode(change.class_name)
    if change.args is not None:
        parts["args"] = change.args
    return b"{%s}" % b",".join(b"%s:%s" % (encode(k), v) for k, v in parts.items())


def checked(payload: bytes) -> bytes:
    """A payload that a worker can perform. Raises BadPayload."""
    job = decode_payload(payload)
    if not isinstance(job, Payload):
        raise BadPayload(f"the payload: {job.reason}")
    if not job.class_name:
        raise BadPayload('the payload has no "class", or it is not a text')
    if not isinstance(job.args, list):
        raise BadPayload('the payload has no "args", or they are not a list')
    return payload


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


def in_editor(
    command: Sequence[str], text: str, is_over: Callable[[], bool] = lambda: False
) -> str:
    """Let a person change a text in a program. The file is private and gone afterwards.

    A signal that asks this process to leave ends the program within seconds, and is handled as
    without a program, too. `is_over` says whether one had come before. To be called by the main
    thread. Raises OSError when the program cannot be started or ends with an error, and BadPayload
    when what it left is no text. Waits until it ends.
    """
    # An editor may leave more beside it.
    with tempfile.TemporaryDirectory(prefix="qtop-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "payload.json"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        # The operator's own editor, chosen by the operator's own environment.
        with _Signals() as signals, subprocess.Popen([*command, str(path)]) as program:
            signals.pass_on(program, was_asked=is_over())
            program.wait()
        if program.returncode != 0:
            raise OSError(0, f"{command[0]} ended with status {program.returncode}")
        return path.read_bytes().decode("utf-8", "surrogateescape")


class _Signals:
    """While a program has the terminal, what asks this process to leave asks the program, too: two
    cannot share a terminal, and one that is left behind would keep it."""

    def __init__(self) -> None:
        self._program: subprocess.Popen[bytes] | None = None
        self._asked: int | None = None
        self._patience: Timer | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        # What is typed to interrupt the program comes to both, and must not end the console.
        self._before = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._leave)
        return self

    def __exit__(self, *_: object) -> None:
        if self._patience is not None:
            self._patience.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def pass_on(self, program: subprocess.Popen[bytes], *, was_asked: bool) -> None:
        """Pass signals on to this program, also what came while it started."""
        self._program = program
        if was_asked or self._asked is not None:
            self._tell(program, self._asked or signal.SIGTERM)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self._asked = number
        if self._program is not None:
            self._tell(self._program, number)
        if callable(handler := self._before[number]):
            handler(number, frame)

    def _tell(self, program: subprocess.Popen[bytes], number: int) -> None:
        program.send_signal(number)
        if self._patience is None:
            self._patience = Timer(_PATIENCE_S, program.kill)
            self._patience.daemon = True
            self._patience.start()


# Jobs and failures in files: one JSON object a line, exact bytes, and back.

FORMAT: Final = 1


class BadExport(QueueError):
    """A line that cannot be loaded. The message says why."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An item from a file. `source` is where it was, as on the command line; `queue` the queue of
    its job, empty when it names none; `place` its place on the list, 0 when that is not said."""

    item: Item
    source: str
    queue: str
    place: int = 0


def line_of(item: Item, source: JobSource, redactor: Redactor = OPEN, *, place: int = 0) -> str:
    """An item as a line of a file, without what `redactor` hides; `place` is where it was on its
    list. O(bytes).

    `raw` is its text; bytes that are no text stand in `base64`. What is redacted says so, and
    cannot be loaded.
    """
    shown = redactor.raw(item.raw)
    fields: dict[str, Any] = {
        "qtop": FORMAT,
        "from": str(source),
        "place": place,
        "queue": source.queue or _queue_of(item.raw),
        "sha": item.sha,
        "size": item.size,
    }
    if shown is not item.raw or item.is_cut:
        fields["redacted" if not item.is_cut else "cut"] = True
    try:
        fields["raw"] = shown.decode("utf-8")
    except UnicodeDecodeError:
        fields["base64"] = base64.b64encode(shown).decode()
    # ASCII only: no terminal that shows the file obeys it.
    return json.dumps(fields).replace("\x7f", "\\u007f")


def read_line(line: str) -> Exported:
    """An item from a line of a file. Raises BadExport."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadExport(f"not JSON: {error}") from None
    if not isinstance(fields, dict) or fields.get("qtop") != FORMAT:
        raise BadExport("not written by qtop's export")
    for name in ("redacted", "cut"):
        if fields.get(name):
            raise BadExport(f"it is {name}: export with secrets to load it back")
    item = whole(_raw(fields))
    if item.sha != fields.get("sha"):
        raise BadExport("its bytes are not those that were exported")
    queue, place = fields.get("queue"), fields.get("place")
    return Exported(
        item,
        str(fields.get("from", "")),
        queue if isinstance(queue, str) else "",
        place if isinstance(place, int) else 0,
    )


def _raw(fields: Mapping[str, Any]) -> bytes:
    try:
        if isinstance(fields.get("base64"), str):
            return base64.b64decode(fields["base64"], validate=True)
        return str(fields["raw"]).encode("utf-8")
    except (KeyError, UnicodeEncodeError, binascii.Error) as error:
        raise BadExport(f"it has no bytes: {error}") from None


def _queue_of(raw: bytes) -> str:
    job = failures.job_of(raw)
    return "" if isinstance(job, str) else job[0]
