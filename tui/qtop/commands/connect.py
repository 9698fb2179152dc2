"""Which Redis a command talks to."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from resque.wire.keys import DEFAULT_NAMESPACE

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Connection:
    """What the options say. `url` is None when neither option nor environment names one: then
    the private server is meant."""

    url: str | None
    namespace: str

    @contextmanager
    def use(self) -> Iterator[str]:
        """The URL to use; the private server is started for it when needed, and stays while
        somebody uses it. Raises NoServer when there is none to be had."""
        if self.url is not None:
            yield self.url
            return
        from resque.server import PrivateServer, default_folder

        with PrivateServer(default_folder(os.environ)) as private:
            yield private.ensure()


def connection_options(command: F) -> F:
    """Give a command URL, `--url` and `--namespace`, handed to it as `connection`."""

    @click.option(
        "--url",
        envvar="REDIS_URL",
        show_envvar=True,
        help="redis://, rediss:// or unix:// URL. Default: a private server.",
    )
    @click.option(
        "--namespace",
        envvar="RESQUE_NAMESPACE",
        default=DEFAULT_NAMESPACE,
        show_default=True,
        help="What Resque's keys begin with.",
    )
    @functools.wraps(command)
    def with_connection(*args: Any, url: str | None, namespace: str, **kwargs: Any) -> Any:
        return command(*args, connection=Connection(url, namespace), **kwargs)

    return with_connection  # type: ignore[return-value]
