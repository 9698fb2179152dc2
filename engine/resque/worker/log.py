"""What a worker prints: a line for each thing worth telling, while its output can be written. As
text for people, or as one JSON object a line for what collects logs.

A disk that is full, a pipe without a reader, a terminal that was closed, a stream that a job closed
or replaced: none of them is a reason to end a worker, less so to fail a job that was done.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType

from queuecore import times
from queuecore.values import Any, Literal, TextIO
from resque.errors import BadOption

Level = Literal["debug", "info", "warning", "error", "critical"]

#: Takes a line, which may be a `WorkerLogLine`.
Say = Callable[[str], None]
#: The environment variable that says in which form to print, and what it may say.
FORMAT = "RESQUE_LOG_FORMAT"
FORMATS = ("text", "json")
#: Of an error's message so many characters are printed as text, and so many frames.
_LONGEST_TEXT = 500
_FRAMES_AS_TEXT = 3
#: The stream is gone for good; a full disk may have room later.
_GONE = (errno.EPIPE, errno.EIO)


def have_streams() -> None:
    """Put something behind the descriptors 0, 1 and 2 where there is nothing: else the next
    connection would get such a number, and whatever a job prints."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


class WorkerLogLine(str):
    """A line of the log, which says all in its text; and its parts, for those who want them apart.

    `level` is one of `logging`'s, `event` a short word for the kind of thing; `parts` are what
    else JSON has, such as `queue`. A part named `message` takes the text's place there.
    """

    level: Level = "info"
    event = "note"
    parts: Mapping[str, Any] = MappingProxyType({})


def told(text: str, *, level: Level = "info", event: str = "note", **parts: Any) -> WorkerLogLine:
    """A line with its parts."""
    made = WorkerLogLine(text)
    made.level, made.event, made.parts = level, event, parts
    return made


def chosen(environ: Mapping[str, str]) -> Say:
    """What prints lines in the form that the environment asks for. Raises BadOption."""
    wanted = environ.get(FORMAT) or "text"
    if wanted not in FORMATS:
        raise BadOption(f"{FORMAT} must be text or json, not {wanted!r}")
    return say_json if wanted == "json" else say


def say(line: str) -> None:
    """Print a line, with the time. Never raises: what cannot be printed is lost, and what the
    stream's encoding cannot carry is escaped."""
    # Between two jobs each function called costs a fork some pages: the usual line takes none.
    try:
        if not line.isascii() or not line.isprintable():
            line = _carried(plain(line), sys.stdout)
        print(f"{times.run_at(times.utc_now())} {line}", flush=True)
    except OSError as error:
        if error.errno in _GONE:
            _turn_away(1)
    except BaseException:
        # A job in the worker's own process closed the stream, or put its own into its place.
        return


def say_json(line: str) -> None:
    """Print a line as a JSON object, with the time and this process. Never raises, as `say`."""
    _print(as_json(line), sys.stdout)


def refuse(say: Say, who: str, why: object) -> None:
    """Tell on the stream for errors why a program cannot go on, in the form of `say`."""
    if say is say_json:
        _print(as_json(told(str(why), level="critical", event="refused")), sys.stderr)
    else:
        _print(f"{who}: {plain(str(why))}", sys.stderr)


def tell_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """In the place of `sys.excepthook` where JSON is wanted."""
    # Imported here: it is for programs that are about to end.
    from resque import perform

    name, frames = perform.name_of(error), perform.backtrace(trace)
    text = f"{name}: {error}"
    raised = told(text, level="critical", event="raised", exception=name, frames=frames)
    _print(as_json(raised), sys.stderr)


def plain(text: str) -> str:
    """A text in one line without control characters, which are escaped: logs are read on
    terminals. O(n)."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def because(exception: str, message: str, frames: list[str]) -> str:
    """An error in the words that follow what happened, in one line. Pure."""
    where = ", ".join(plain(frame) for frame in frames[:_FRAMES_AS_TEXT])
    text = f": {exception}: {plain(cut(message, _LONGEST_TEXT))}"
    return f"{text} ({where})" if where else text


def cut(text: str, longest: int) -> str:
    """A text, or its beginning with dots when it is longer than that."""
    return text if len(text) <= longest else f"{text[:longest]}..."


def as_json(line: str) -> str:
    """A line as a JSON object in ASCII: `time`, `level`, `event`, `message`, `pid`, and the
    line's other parts."""
    whole = line if isinstance(line, WorkerLogLine) else WorkerLogLine(line)
    head = {
        "time": times.run_at(times.utc_now()),
        "level": whole.level,
        "event": whole.event,
        "message": str(whole),
        "pid": os.getpid(),
    }
    return json.dumps({**head, **whole.parts})


def _print(line: str, stream: TextIO) -> None:
    try:
        print(_carried(line, stream), file=stream, flush=True)
    except OSError as error:
        if error.errno in _GONE:
            _turn_away(1 if stream is sys.stdout else 2)
    except BaseException:
        return


def _carried(line: str, stream: TextIO) -> str:
    encoding = stream.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def flush() -> None:
    """Before a fork: what waits to be printed would be printed by both. Never raises."""
    for stream in (sys.stdout, sys.stderr):
        # Not `suppress`: its three calls are three more pages for each fork to copy.
        try:
            stream.flush()
        except BaseException:  # noqa: S112
            continue


def end() -> None:
    """At the end: let no unprinted rest become an exit status. Never raises."""
    flush()
    # A job of this process may have put something else into their place.
    sys.stdout, sys.stderr = sys.__stdout__ or sys.stdout, sys.__stderr__ or sys.stderr
    for stream, fd in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError):
            _turn_away(fd)


def _turn_away(fd: int) -> None:
    """Let what is printed from now on, and what waits to be, go nowhere."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, fd)
    os.close(nothing)
    flush()
