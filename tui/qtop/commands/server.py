"""`qtop server`."""

from __future__ import annotations

import os
import sys

import click

from queuecore.server import PrivateServer, default_folder


@click.command()
def command() -> None:
    """Run the private server, until INT or TERM.

    \b
    Example: qtop server
    """
    private = PrivateServer(default_folder(os.environ))
    sys.exit(private.run_in_foreground(on_ready=lambda url: click.echo(f"ready at {url}")))
