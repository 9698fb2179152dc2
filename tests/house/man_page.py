"""The man page and the files for completion, made from the commands as `--help` shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from inspect import cleandoc
from typing import Any, Final

import click
from click.shell_completion import get_completion_class

import queuecore
from qtop.commands.cli import main

#: Each file under `share`, and the shell that it is for.
COMPLETIONS: Final[Mapping[str, str]] = {
    "bash-completion/completions/qtop": "bash",
    "zsh/site-functions/_qtop": "zsh",
    "fish/vendor_completions.d/qtop.fish": "fish",
}
MAN_PAGE: Final = "man/man1/qtop.1"
#: Its versions word types and ranges in their own ways.
MADE_WITH: Final = f"Made with click {version('click')}"

_END: Final = """
.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Nothing matched, or the match was refused.
.B doctor
has statuses of its own: see there.
.TP
.B 2
Wrong usage.
.TP
.B 3
Redis cannot be reached, refuses, or leaves a part of the answer unknown.
.TP
.B 130
Interrupted.
.SH FILES
.TP
.I ~/.config/qtop/qtop.toml
The settings; another file with
.BR QTOP_CONFIG .
.B qtop settings \\-\\-path
prints the path.
.SH SEE ALSO
.BR redis\\-cli (1)
"""


def completion(shell: str) -> str:
    """What a shell reads to complete the words of `qtop`: it asks the program itself."""
    found = get_completion_class(shell)
    assert found is not None
    return found(main, {}, "qtop", "_QTOP_COMPLETE").source().strip() + "\n"


def man_page() -> str:
    """The page: every command with its text and its options; those that most share come once."""
    shared = dict(_options(main.commands["queues"], only=_CONNECTION))
    parts = [
        f'.\\" {MADE_WITH}; make docs renews it.',
        f'.TH QTOP 1 "" "qtop {queuecore.__version__}" "User Commands"',
        ".SH NAME",
        "qtop \\- operate Redis job queues from a terminal",
        ".SH SYNOPSIS",
        ".B qtop",
        "[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]",
        ".br",
        ".B qtop",
        "\\fIURL\\fR [\\fIOPTIONS\\fR]",
        ".SH DESCRIPTION",
        *_text(main.help or ""),
        ".SH SHARED OPTIONS",
        "Every command that talks to Redis has these.",
        *_tagged(shared),
        ".SH COMMANDS",
    ]
    for name, command in main.commands.items():
        parts += _command(name, command, shared)
    return "\n".join(parts) + _END


_CONNECTION: Final = ("url", "system", "namespace", "read_only", "profile")


def _command(name: str, command: click.Command, shared: Mapping[str, str]) -> Iterator[str]:
    context = click.Context(command, info_name=f"qtop {name}")
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_escaped(name)}"
    yield f"\\fBqtop {_escaped(name)}\\fR {_escaped(pieces)}"
    yield ".PP"
    yield from _text(command.help or "")
    yield from _tagged({k: v for k, v in _options(command) if shared.get(k) != v})


def _options(command: click.Command, only: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The options of a command, and what each is about, as `--help` has them."""
    context = click.Context(command)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or not record[1] or "--help" in record[0]:
            continue
        if not only or parameter.name in only:
            yield record


def _tagged(options: Mapping[str, str]) -> Iterator[str]:
    for names, text in options.items():
        yield ".TP"
        yield f"\\fB{_escaped(names)}\\fR"
        yield _line(" ".join(text.split()))


def _text(help_text: str) -> Iterator[str]:
    """The paragraphs of a help text; those that click leaves as they are stay so."""
    for paragraph in re.split(r"\n[ \t]*\n", cleandoc(help_text)):
        lines = paragraph.splitlines()
        if lines[0].strip() == "\b":
            yield ".nf"
            yield from map(_line, lines[1:])
            yield ".fi"
        else:
            yield _line(" ".join(" ".join(lines).split()))
        yield ".PP"


def _line(text: str) -> str:
    """A line of text; one that begins as a request would is none."""
    escaped = _escaped(text)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _escaped(text: Any) -> str:
    return str(text).replace("\\", "\\e").replace("-", "\\-")
