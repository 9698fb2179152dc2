"""Where the `qtop` command begins: before anything is imported that takes a while."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line. An interrupt (ctrl+c) while Python still loads ends the process at
    once, without a traceback."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from qtop.commands.cli import main as command

    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command()
