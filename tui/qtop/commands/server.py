"""`qtop server`."""

from __future__ import annotations

import os

import click

from resque.server import PrivateServer, default_folder


def run_server() -> int:
    """Run the private server until it is told to stop. Returns its exit status."""
    private = PrivateServer(default_folder(os.environ))
    return private.run_in_foreground(on_ready=lambda url: click.echo(f"ready at {url}"))
