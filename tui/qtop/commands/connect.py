"""Which Redis a command talks to."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from resque.wire.keys import DEFAULT_NAMESPACE

if TYPE_CHECKING:
    from qtop.commands.session import Session

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Connection:
    """What the options say. `url` is None when neither option nor environment names one: then
    the private server is meant. `is_read_only` refuses every change."""

    url: str | None
    namespace: str
    is_read_only: bool = False

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

    @contextmanager
    def open(self) -> Iterator[Session]:
        """A session on that Redis, closed at the end. Raises BadUrl and NoServer; connects when
        something is run."""
        # Imported here: help and usage errors need none of it.
        from qtop.commands.session import Session

        with self.use() as url, closing(Session(url, self)) as session:
            yield session


def connection_options(command: F) -> F:
    """Give a command `--url`, `--namespace` and `--read-only`, handed to it as `connection`."""

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
    @click.option(
        "--read-only",
        is_flag=True,
        envvar="QTOP_READ_ONLY",
        help="Look, and refuse to change anything.",
    )
    @functools.wraps(command)
    def with_connection(
        *args: Any, url: str | None, namespace: str, read_only: bool, **kwargs: Any
    ) -> Any:
        return command(*args, connection=Connection(url, namespace, read_only), **kwargs)

    return with_connection  # type: ignore[return-value]
